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


def sizes_of(wanted: list[int | None], sizes: list[int]) -> list[int]:
    """The last of the sizes, but for those that are wanted otherwise."""
    kept = sizes[len(sizes) - len(wanted) :]
    for index in range(len(wanted)):
        size = wanted[index]
        if size is not None:
            kept[index] = size
    return kept


def adaptive_avg_pool2d(input: Tensor, output_size: list[int | None]) -> Tensor:
    result: Tensor = torch.ops.aten.adaptive_avg_pool2d(input, sizes_of(output_size, list(input.size())))
    return result


def adaptive_avg_pool3d(input: Tensor, output_size: list[int | None]) -> Tensor:
    result: Tensor = torch.ops.aten.adaptive_avg_pool3d(input, sizes_of(output_size, list(input.size())))
    return result


def adaptive_max_pool2d(input: Tensor, output_size: list[int | None], return_indices: bool = False) -> Tensor:
    return adaptive_max_pool2d_with_indices(input, output_size)[0]


def adaptive_max_pool3d(input: Tensor, output_size: list[int | None], return_indices: bool = False) -> Tensor:
    return adaptive_max_pool3d_with_indices(input, output_size)[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: list[int | None], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    values, indices = torch.ops.aten.adaptive_max_pool2d(input, sizes_of(output_size, list(input.size())))
    return values, indices


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: list[int | None], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    values, indices = torch.ops.aten.adaptive_max_pool3d(input, sizes_of(output_size, list(input.size())))
    return values, indices


class EnableGrad:
    """`torch.enable_grad`, which PyTorch wrote without the `__init__` that a script class needs."""

    def __init__(self) -> None:
        self.previous = False

    def __enter__(self) -> None:
        self.previous = torch.is_grad_enabled()
        torch.set_grad_enabled(True)

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        torch.set_grad_enabled(self.previous)


class InferenceMode:
    """`torch.inference_mode`, of which TorchScript has what it does to the recording of gradients."""

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.previous = False

    def __enter__(self) -> None:
        self.previous = torch.is_grad_enabled()
        torch.set_grad_enabled(not self.mode)

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        torch.set_grad_enabled(self.previous)


class SetGradEnabled:
    """`torch.set_grad_enabled` as a context: it takes effect when it is made."""

    def __init__(self, mode: bool) -> None:
        self.previous = torch.is_grad_enabled()
        torch.set_grad_enabled(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        torch.set_grad_enabled(self.previous)


_CLASSES: dict[type, type] = {torch.enable_grad: EnableGrad, torch.inference_mode: InferenceMode}
_SUBSTITUTES: dict[object, Callable[..., object]] = {
    getattr(functional, "_no_grad_embedding_renorm_", None): embedding_renorm,
    getattr(functional, "_check_unpool_output_size", None): check_unpool_output_size,
}


_WITH_OPTIONAL_SIZES: dict[object, Callable[..., object]] = {
    functional.adaptive_avg_pool2d: adaptive_avg_pool2d,
    functional.adaptive_avg_pool3d: adaptive_avg_pool3d,
    functional._adaptive_max_pool2d: adaptive_max_pool2d,  # type: ignore[attr-defined]  # a function without return_indices
    functional._adaptive_max_pool3d: adaptive_max_pool3d,  # type: ignore[attr-defined]
    functional.adaptive_max_pool2d_with_indices: adaptive_max_pool2d_with_indices,
    functional.adaptive_max_pool3d_with_indices: adaptive_max_pool3d_with_indices,
}
"""Functions declared to take ints, of which some may be None in Python: the same with an honest declaration."""


def with_optional_sizes(function: Callable[..., object]) -> Callable[..., object] | None:
    """The function to call where some of the sizes are None; None if there is no such case."""
    return _WITH_OPTIONAL_SIZES.get(function)


def substitute_for(function: Callable[..., object]) -> Callable[..., object]:
    """The function to compile in place of another: usually that one itself."""
    return _SUBSTITUTES.get(function, function)


def class_substitute_for(cls: type) -> type:
    """The class to compile in place of another: usually that one itself."""
    return _CLASSES.get(cls, cls)
