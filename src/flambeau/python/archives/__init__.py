"""Archives of modules whose tensors are PyTorch's."""
