"""Python classes as script classes and interfaces."""
