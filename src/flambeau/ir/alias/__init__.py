"""Alias analysis: which values may share memory, who writes to it, what may move."""
