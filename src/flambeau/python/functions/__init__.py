"""Python functions as script functions: source text, parameters, calls that stay Python."""
