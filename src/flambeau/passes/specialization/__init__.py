"""Graphs rewritten for what is known of tensors: dtypes, ranks, layouts, sizes that stay."""
