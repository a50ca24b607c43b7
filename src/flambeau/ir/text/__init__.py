"""The text of graphs, schemas, types and constants, and back."""
