"""Arithmetic on numbers.

Ints wrap at 64 bits. Floats follow IEEE 754 where Python raises: division by zero gives an infinity or NaN, an overflow
an infinity. `//` and `%` have the sign rules of Python. (Powers: see `powers`.)
"""

from __future__ import annotations

import math
from typing import TypeAlias

from flambeau.runtime.integers import INT_MAX, INT_MIN, single, wrapped, wrapped_to_32_bits
from flambeau.runtime.registry import implements

Number: TypeAlias = "int | float | complex"
Real: TypeAlias = "int | float"

DIVISION_BY_ZERO = "division by 0"
INVALID = math.inf - math.inf
"""The NaN of invalid operations on this machine: its sign, which texts show, is not everywhere the same."""


def real(value: Number) -> Real:
    """The number itself; TypeError if it is complex."""
    if isinstance(value, complex):
        raise TypeError("must be real number, not complex")
    return value


# --- add, sub, mul


@implements("aten::add.int")
def add_int(a: int, b: int) -> int:
    return wrapped(a + b)


@implements("aten::sub.int")
def sub_int(a: int, b: int) -> int:
    return wrapped(a - b)


@implements("aten::mul.int")
def mul_int(a: int, b: int) -> int:
    return wrapped(a * b)


@implements("aten::add.float", "aten::add.int_float", "aten::add.float_int")
def add_float(a: float, b: float) -> float:
    return a + b


@implements("aten::sub.float", "aten::sub.int_float", "aten::sub.float_int")
def sub_float(a: float, b: float) -> float:
    return a - b


@implements("aten::mul.float", "aten::mul.int_float", "aten::mul.float_int")
def mul_float(a: float, b: float) -> float:
    return a * b


@implements("aten::add.complex")
def add_complex(a: complex, b: complex) -> complex:
    return a + b


@implements("aten::sub.complex")
def sub_complex(a: complex, b: complex) -> complex:
    return a - b


@implements("aten::mul.complex")
def mul_complex(a: complex, b: complex) -> complex:
    return a * b


# A real operand has no imaginary part, not one of zero: signs of zeros and NaNs show the difference.


@implements("aten::add.complex_int", "aten::add.complex_float")
def add_complex_real(a: complex, b: float) -> complex:
    return complex(a.real + b, a.imag)


@implements("aten::add.int_complex", "aten::add.float_complex")
def add_real_complex(a: float, b: complex) -> complex:
    return complex(a + b.real, b.imag)


@implements("aten::sub.complex_int", "aten::sub.complex_float")
def sub_complex_real(a: complex, b: float) -> complex:
    return complex(a.real - b, a.imag)


@implements("aten::sub.int_complex", "aten::sub.float_complex")
def sub_real_complex(a: float, b: complex) -> complex:
    return complex(a - b.real, -b.imag)


@implements("aten::mul.complex_int", "aten::mul.complex_float")
def mul_complex_real(a: complex, b: float) -> complex:
    return complex(a.real * b, a.imag * b)


@implements("aten::mul.int_complex", "aten::mul.float_complex")
def mul_real_complex(a: float, b: complex) -> complex:
    return complex(a * b.real, a * b.imag)


def _narrow(value: Number) -> Number:
    """An int of 32 bits, a float of 32 bits; complex numbers stay what they are."""
    if isinstance(value, complex):
        return value
    return wrapped_to_32_bits(value) if isinstance(value, int) else single(value)


def _wrapped_number(value: Number) -> Number:
    return wrapped(value) if isinstance(value, int) else value


@implements("aten::add")
def add(a: Number, b: Number) -> Number:
    if isinstance(a, complex) != isinstance(b, complex):
        return add_complex_real(a, b) if isinstance(a, complex) else add_real_complex(a, b)  # type: ignore[arg-type]
    return _wrapped_number(a + b)


@implements("aten::sub")
def sub(a: Number, b: Number) -> Number:
    if isinstance(a, complex) != isinstance(b, complex):
        return sub_complex_real(a, b) if isinstance(a, complex) else sub_real_complex(a, b)  # type: ignore[arg-type]
    return _wrapped_number(a - b)


@implements("aten::mul")
def mul(a: Number, b: Number) -> Number:
    if isinstance(a, complex) != isinstance(b, complex):
        return mul_complex_real(a, b) if isinstance(a, complex) else mul_real_complex(a, b)  # type: ignore[arg-type]
    return _wrapped_number(a * b)


# --- division


@implements("aten::div.int", "aten::div.float")
def div_float(a: float, b: float) -> float:
    if b != 0:
        return float(a) / b
    if a == 0 or math.isnan(a):
        return INVALID if a == 0 else a
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


@implements("aten::div.complex")
def div_complex(a: complex, b: complex) -> complex:
    if b != 0:
        return a / b
    return complex(div_float(a.real, math.fabs(b.real)), div_float(a.imag, math.fabs(b.real)))


@implements("aten::div")
def div(a: Number, b: Number) -> Number:
    if isinstance(a, complex) or isinstance(b, complex):
        return div_complex(complex(a), complex(b))
    return div_float(a, b)


@implements("aten::floordiv.int")
def floordiv_int(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError(DIVISION_BY_ZERO)
    return wrapped(a // b)


@implements("aten::floordiv.float", "aten::floordiv.int_float", "aten::floordiv.float_int")
def floordiv_float(a: float, b: float) -> float:
    quotient = div_float(a, b)
    # `math.floor` gives an int; a float that large has no fraction.
    if abs(quotient) < 2.0**53:
        return math.copysign(float(math.floor(quotient)), quotient)
    return quotient


@implements("aten::floordiv")
def floordiv(a: Real, b: Real) -> Real:
    if isinstance(a, int) and isinstance(b, int):
        return floordiv_int(a, b)
    return floordiv_float(a, b)


@implements("aten::remainder.int")
def remainder_int(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError(DIVISION_BY_ZERO)
    return a % b


@implements("aten::remainder.float", "aten::remainder.int_float", "aten::remainder.float_int")
def remainder_float(a: float, b: float) -> float:
    return fmod(b + fmod(a, b), b)


@implements("aten::remainder")
def remainder(a: Number, b: Number) -> Real:
    if isinstance(a, int) and isinstance(b, int):
        return remainder_int(a, b)
    return remainder_float(real(a), real(b))


@implements("aten::fmod.int", "aten::fmod.float", "aten::fmod.int_float", "aten::fmod.float_int")
def fmod(a: float, b: float) -> float:
    """The remainder with the sign of `a`."""
    if math.isnan(a) or math.isnan(b):
        return a + b
    if b == 0 or math.isinf(a):
        return INVALID
    return math.fmod(a, b)


@implements("aten::fmod")
def fmod_number(a: Number, b: Number) -> float:
    return fmod(real(a), real(b))


@implements("aten::divmod.int")
def divmod_int(x: int, y: int) -> tuple[int, int]:
    if y == 0:
        raise ZeroDivisionError("ZeroDivisionError: integer division or modulo by zero")
    return wrapped(x // y), x % y


@implements("aten::divmod.int_float")
def divmod_int_float(x: int, y: float) -> tuple[float, float]:
    return _divmod_narrow(wrapped_to_32_bits(x), single(y))


@implements("aten::divmod.float_int")
def divmod_float_int(x: float, y: int) -> tuple[float, float]:
    return _divmod_narrow(single(x), wrapped_to_32_bits(y))


def _divmod_narrow(x: float, y: float) -> tuple[float, float]:
    """The quotient of 32-bit floats, as an int; the rest of it in 64 bits."""
    if y == 0:
        raise ZeroDivisionError("ZeroDivisionError: float divmod()")
    ratio = single(single(x) / single(y))
    if not math.isfinite(ratio) or not INT_MIN <= ratio <= INT_MAX:
        raise OverflowError(f"Cannot convert float {ratio} to integer")
    quotient = float(math.floor(ratio))
    return quotient, x - quotient * y


@implements("aten::divmod.float")
def divmod_float(x: float, y: float) -> tuple[float, float]:
    if y == 0:
        raise ZeroDivisionError("ZeroDivisionError: float divmod()")
    rest = fmod(x, y)
    if rest and (rest < 0) != (y < 0):
        rest += y
    return div_float(x - rest, y), rest


@implements("aten::__round_to_zero_floordiv.int")
def round_to_zero_floordiv(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError(DIVISION_BY_ZERO)
    quotient = abs(a) // abs(b)
    return wrapped(quotient if (a < 0) == (b < 0) else -quotient)


# --- signs, extremes


@implements("aten::neg.int")
def neg_int(a: int) -> int:
    return wrapped(-a)


@implements("aten::neg.float")
def neg_float(a: float) -> float:
    return -a


@implements("aten::neg.complex")
def neg_complex(a: complex) -> complex:
    return -a


@implements("aten::neg.Scalar")
def neg(a: Number) -> Number:
    return _narrow(-a)


@implements("prim::abs.int")
def abs_int(a: int) -> int:
    return wrapped(abs(a))


@implements("prim::abs.float")
def abs_float(a: float) -> float:
    return abs(a)


@implements("prim::abs.complex")
def abs_complex(a: complex) -> float:
    try:
        return abs(a)
    except OverflowError:
        return math.inf


@implements("prim::abs.Scalar")
def abs_number(a: Number) -> Number:
    return single(abs_complex(a)) if isinstance(a, complex) else _narrow(abs(a))


@implements("prim::min.int")
def min_int(a: int, b: int) -> int:
    return min(a, b)


@implements("prim::max.int")
def max_int(a: int, b: int) -> int:
    return max(a, b)


@implements("prim::min.float", "prim::min.int_float", "prim::min.float_int")
def min_float(a: float, b: float) -> float:
    return float(a if a < b else b)


@implements("prim::max.float", "prim::max.int_float", "prim::max.float_int")
def max_float(a: float, b: float) -> float:
    return float(a if a > b else b)


@implements("prim::min")
def min_number(a: Real, b: Real) -> Real:
    return min_int(a, b) if isinstance(a, int) and isinstance(b, int) else min_float(a, b)


@implements("prim::max")
def max_number(a: Real, b: Real) -> Real:
    return max_int(a, b) if isinstance(a, int) and isinstance(b, int) else max_float(a, b)


# --- bits


@implements("aten::__and__.bool")
def and_bool(a: bool, b: bool) -> bool:
    return a and b


@implements("aten::__or__.bool")
def or_bool(a: bool, b: bool) -> bool:
    return a or b


@implements("aten::__xor__.bool")
def xor_bool(a: bool, b: bool) -> bool:
    return a != b


@implements("aten::__and__.int")
def and_int(a: int, b: int) -> int:
    return a & b


@implements("aten::__or__.int")
def or_int(a: int, b: int) -> int:
    return a | b


@implements("aten::__xor__.int")
def xor_int(a: int, b: int) -> int:
    return a ^ b


@implements("aten::__lshift__.int")
def lshift(a: int, b: int) -> int:
    """The shift counts modulo 64, as the machine does it."""
    return wrapped(a << (b & 63))


@implements("aten::__rshift__.int")
def rshift(a: int, b: int) -> int:
    return a >> (b & 63)
