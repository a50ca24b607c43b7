"""Integers as TorchScript has them: 64 bits, two's complement, wrapping around."""

from __future__ import annotations

import math

__all__ = ["INT_MAX", "INT_MIN", "from_float", "wrapped"]

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
_MASK = (1 << 64) - 1


def wrapped(value: int) -> int:
    """`value` modulo 2**64, as a signed number."""
    if INT_MIN <= value <= INT_MAX:
        return value
    return ((value - INT_MIN) & _MASK) + INT_MIN


def from_float(value: float) -> int:
    """A float cut towards zero; what does not fit becomes the smallest int, as x86 converts."""
    if math.isfinite(value):
        result = int(value)
        if INT_MIN <= result <= INT_MAX:
            return result
    return INT_MIN
