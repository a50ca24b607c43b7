"""The container of an archive: a zip of aligned records, read without trusting it."""
