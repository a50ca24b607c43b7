"""Numbers as TorchScript has them: ints of 64 bits, two's complement, wrapping around.

Some operators of PyTorch compute in narrower types; those results are part of what programs see.
"""

from __future__ import annotations

import math
import struct

__all__ = ["INT_MAX", "INT_MIN", "from_float", "single", "wrapped", "wrapped_to_32_bits"]

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


def wrapped_to_32_bits(value: int) -> int:
    """`value` modulo 2**32, as a signed number."""
    return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


_SINGLE = struct.Struct("f")


def single(value: float) -> float:
    """The nearest float of 32 bits."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded
