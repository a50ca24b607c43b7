"""The code of an archive: source text to types and functions, and the records that it is written to."""
