"""`torch.finfo` and `torch.iinfo` in scripts: functions of the dtype, which a run may be the first to know.

scores.masked_fill(mask, -torch.finfo(scores.dtype).max)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch


class FloatLimits(NamedTuple):
    """What `torch.finfo` says of a type."""

    bits: int
    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float


class IntLimits(NamedTuple):
    """What `torch.iinfo` says of a type."""

    bits: int
    max: int
    min: int


def _float_limits(dtype: torch.dtype) -> tuple[object, ...]:
    return tuple(getattr(torch.finfo(dtype), name) for name in FloatLimits._fields)


def _int_limits(dtype: torch.dtype) -> tuple[object, ...]:
    return tuple(getattr(torch.iinfo(dtype), name) for name in IntLimits._fields)


_HALF, _BFLOAT16 = _float_limits(torch.float16), _float_limits(torch.bfloat16)
_FLOAT, _DOUBLE = _float_limits(torch.float32), _float_limits(torch.float64)
_BYTE, _CHAR, _SHORT = _int_limits(torch.uint8), _int_limits(torch.int8), _int_limits(torch.int16)
_INT, _LONG = _int_limits(torch.int32), _int_limits(torch.int64)


def finfo(type: torch.dtype) -> FloatLimits:
    if type == torch.float32 or type == torch.complex64:
        return FloatLimits(*_FLOAT)  # type: ignore[arg-type]
    if type == torch.float64 or type == torch.complex128:
        return FloatLimits(*_DOUBLE)  # type: ignore[arg-type]
    if type == torch.float16:
        return FloatLimits(*_HALF)  # type: ignore[arg-type]
    if type == torch.bfloat16:
        return FloatLimits(*_BFLOAT16)  # type: ignore[arg-type]
    raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")


def iinfo(type: torch.dtype) -> IntLimits:
    if type == torch.int64:
        return IntLimits(*_LONG)  # type: ignore[arg-type]
    if type == torch.int32:
        return IntLimits(*_INT)  # type: ignore[arg-type]
    if type == torch.int16:
        return IntLimits(*_SHORT)  # type: ignore[arg-type]
    if type == torch.int8:
        return IntLimits(*_CHAR)  # type: ignore[arg-type]
    if type == torch.uint8:
        return IntLimits(*_BYTE)  # type: ignore[arg-type]
    raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")


_FUNCTIONS: dict[object, Callable[..., object]] = {torch.finfo: finfo, torch.iinfo: iinfo}


def limits_function(cls: type) -> Callable[..., object] | None:
    """The function that does what `torch.finfo` or `torch.iinfo` does; None for other classes."""
    return _FUNCTIONS.get(cls)
