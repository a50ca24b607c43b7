"""Statements, a family of syntax a file."""
