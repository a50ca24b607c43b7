"""The current CUDA device, in builds of PyTorch that have CUDA.

PyTorch declares these operators with a type that `torch.ops` cannot convert to (`int64_t`).
"""

from __future__ import annotations

import torch

from flambeau.runtime.registry import implements


def _number(index: int) -> int:
    """The number of a device, which has 8 bits; RuntimeError if that is negative."""
    number = (index + 128) % 256 - 128
    if number < 0:
        raise RuntimeError(f"there is no CUDA device of number {number}")
    return number


def set_device(val: int) -> None:
    torch._C._cuda_setDevice(_number(val))


def exchange_device(index: int) -> int:
    return -1 if index < 0 else torch._C._cuda_exchangeDevice(_number(index))


def maybe_exchange_device(index: int) -> int:
    return -1 if index < 0 else torch._C._cuda_maybeExchangeDevice(_number(index))


if hasattr(torch._C, "_cuda_setDevice"):
    implements("cuda::_set_device")(set_device)
    implements("cuda::_exchange_device")(exchange_device)
    implements("cuda::_maybe_exchange_device")(maybe_exchange_device)
