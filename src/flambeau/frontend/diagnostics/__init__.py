"""What errors say: how messages spell things, names that may have been meant, remedies."""
