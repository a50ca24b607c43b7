"""Max pooling of images whose channels lie one after another.

PyTorch compares such images number by number; where the channels of a pixel are neighbours it compares them together,
which takes an eighth to a third of the time, two copies included. Which number is the largest does not depend on how
they lie, so the result is the same, to the bit (the same windows in the same order: NaN and zeros of either sign too).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from flambeau.runtime.aten.modes import is_intercepted

__all__ = ["max_pool2d"]

_Sizes: TypeAlias = "int | Sequence[int]"

_pool: Callable[..., Any] = torch._C._VariableFunctions.max_pool2d
_FEWEST_CHANNELS = 8
_FEWEST, _MOST = 1 << 13, 1 << 24
"""How many numbers are worth two more calls, and how many are not too much memory for another copy."""


def max_pool2d(
    images: Any,
    kernel_size: _Sizes,
    stride: _Sizes = (),
    padding: _Sizes = 0,
    dilation: _Sizes = 1,
    ceil_mode: bool = False,
) -> Any:
    """`aten::max_pool2d`, by way of the other memory format where that is faster."""
    if not _gains(images):
        return _pool(images, kernel_size, stride, padding, dilation, ceil_mode)
    together = images.contiguous(memory_format=torch.channels_last)
    pooled = _pool(together, kernel_size, stride, padding, dilation, ceil_mode)
    return pooled.clone(memory_format=torch.contiguous_format)


def _gains(images: Any) -> bool:
    """Whether they are plain images of 32-bit floats, enough of them, of which no gradient is recorded (it would be
    added up in another order), nor anything that operators do (`is_intercepted`)."""
    return (
        images.__class__ is torch.Tensor
        and images.dtype is torch.float32
        and images.is_cpu
        and images.layout is torch.strided
        and not is_intercepted()
        and images.dim() == 4
        and (count := images.numel()).__class__ is int  # PyTorch's tracer, which records all calls, gives others
        and _FEWEST <= count <= _MOST
        and images.shape[1] >= _FEWEST_CHANNELS
        and images.is_contiguous()
        and not images.is_contiguous(memory_format=torch.channels_last)
        and not (images.requires_grad and torch.is_grad_enabled())
    )
