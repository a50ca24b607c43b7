"""Functions and classes of PyTorch in whose place others are compiled: their own text or operator will not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


class EnableGrad:
    """`torch.enable_grad`, which PyTorch wrote without the `__init__` that a script class needs."""

    def __init__(self) -> None:
        self.previous = False

    def __enter__(self) -> None:
        self.previous = torch.is_grad_enabled()
        torch.set_grad_enabled(True)

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        torch.set_grad_enabled(self.previous)


_CLASSES: dict[type, type] = {torch.enable_grad: EnableGrad}
_SUBSTITUTES: dict[object, Callable[..., object]] = {
    getattr(functional, "_no_grad_embedding_renorm_", None): embedding_renorm,
    getattr(functional, "_check_unpool_output_size", None): check_unpool_output_size,
}


def substitute_for(function: Callable[..., object]) -> Callable[..., object]:
    """The function to compile in place of another: usually that one itself."""
    return _SUBSTITUTES.get(function, function)


def class_substitute_for(cls: type) -> type:
    """The class to compile in place of another: usually that one itself."""
    return _CLASSES.get(cls, cls)
