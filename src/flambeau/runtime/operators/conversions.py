"""From one scalar type to another; those that read tensors are in `flambeau.runtime.aten`."""

from __future__ import annotations

import math
import re

from flambeau.runtime.integers import INT_MAX, INT_MIN, from_float, wrapped_to_32_bits
from flambeau.runtime.operators.arithmetic import Number
from flambeau.runtime.registry import implements
from flambeau.runtime.text import text_of

_INT = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(
    r"\s*[+-]?(?:inf(?:inity)?|nan(?:\(\w*\))?|0x(?:[\da-f]+\.?[\da-f]*|\.[\da-f]+)(?:p[+-]?\d+)?"
    r"|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)",
    re.IGNORECASE | re.ASCII,
)


@implements("aten::Bool.int", "aten::Bool.float")
def to_bool(a: float) -> bool:
    return bool(a)


@implements("aten::Int.bool")
def bool_to_int(a: bool) -> int:
    return int(a)


@implements("aten::Int.float")
def float_to_int(a: float) -> int:
    return from_float(a)


@implements("aten::Int.Scalar")
def number_to_int(a: Number) -> int:
    if a.imag != 0:
        raise RuntimeError("value cannot be converted to type int without overflow")
    return int(a) if isinstance(a, int) else from_float(a.real)


@implements("aten::Int.str")
def str_to_int(a: str) -> int:
    found = _INT.match(a)
    if found is None or not INT_MIN <= int(found[0]) <= INT_MAX:
        raise ValueError("stoll")
    if found.end() != len(a):
        raise ValueError(f"invalid literal for int() with base 10: '{a}'")
    return int(found[0])


@implements("aten::Float.int", "aten::Float.bool")
def to_float(a: float) -> float:
    return float(a)


@implements("aten::Float.Scalar")
def number_to_float(a: Number) -> float:
    return a.real if isinstance(a, complex) else float(a)


@implements("aten::Float.str")
def str_to_float(a: str) -> float:
    """Subnormal numbers, which C++ calls out of range, are numbers."""
    found = _FLOAT.match(a)
    if found is None:
        raise ValueError("stod")
    if found.end() != len(a):
        raise ValueError(f"could not convert string to float: '{a}'")
    text = found[0].strip().lower()
    if "x" in text:
        return float.fromhex(text)
    value = float(text.partition("(")[0])
    if math.isinf(value) and "inf" not in text:
        raise ValueError("stod")
    return value


@implements("aten::Complex.Scalar")
def to_complex(a: Number) -> complex:
    return complex(a)


@implements(
    *("aten::Complex.int_bool", "aten::Complex.bool_int", "aten::Complex.float_bool", "aten::Complex.bool_float"),
    *("aten::Complex.float_int", "aten::Complex.int_float", "aten::Complex.int_int", "aten::Complex.bool_bool"),
    "aten::Complex.float_float",
)
def pair_to_complex(x: float, y: float) -> complex:
    """Ints are cut to 32 bits."""
    return complex(_narrow(x), _narrow(y))


def _narrow(value: float) -> float:
    return wrapped_to_32_bits(value) if isinstance(value, int) else value


@implements("aten::str")
def to_str(elem: object) -> str:
    return text_of(elem)


@implements("aten::bin")
def to_bin(i: int) -> str:
    return bin(i)


@implements("aten::hex")
def to_hex(i: int) -> str:
    return hex(i)


@implements("aten::oct")
def to_oct(i: int) -> str:
    return oct(i)


@implements("aten::hash.generic")
def hash_(value: object) -> int:
    """An int is its own hash, as -1 is not in Python."""
    if isinstance(value, int):
        return int(value)
    return hash(value)
