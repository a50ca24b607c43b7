"""Text of values: f-strings, `str.format`, `%`, `str(x)`."""
