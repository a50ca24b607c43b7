"""Expressions, a family of syntax a file, and the built-in names that see the syntax of their arguments."""
