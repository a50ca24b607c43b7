"""Functions of PyTorch for which another Python function is compiled: their own text or operator will not do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def embedding_renorm(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> Tensor:
    # The operator that TorchScript has for this does not say that it writes to the weight, so its call would be
    # dropped.
    return torch.embedding_renorm_(weight.detach(), input, max_norm, norm_type)


def check_unpool_output_size(output_size: list[int], dim: int) -> None:
    # Marked `@unused` for PyTorch's own compiler, which makes a raise of each call.
    if output_size[dim] < 0:
        raise ValueError(
            "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
            + f"output_size[{dim}]={output_size[dim]}"
        )


_SUBSTITUTES: dict[object, Callable[..., object]] = {
    getattr(functional, "_no_grad_embedding_renorm_", None): embedding_renorm,
    getattr(functional, "_check_unpool_output_size", None): check_unpool_output_size,
}


def substitute_for(function: Callable[..., object]) -> Callable[..., object]:
    """The function to compile in place of another: usually that one itself."""
    return _SUBSTITUTES.get(function, function)
