"""Types of Python annotations and values, and values as scripts hold them."""
