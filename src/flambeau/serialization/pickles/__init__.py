"""The pickles of an archive: values and tensors, read without executing anything, and written."""
