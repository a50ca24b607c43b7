"""Calls of operators: which overload is meant, and what its arguments become."""
