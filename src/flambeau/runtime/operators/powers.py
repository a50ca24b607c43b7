"""`**` and `pow`. Of ints it is a float; a negative number to a fraction is NaN; zero to a negative number an error.

Complex powers are those of C: the exponential of the product of exponent and logarithm, with the zeros, infinities and
NaNs that Annex G of the C standard (ISO/IEC 9899:2011) gives to each of the three.
"""

from __future__ import annotations

import cmath
import math

from flambeau.runtime.integers import from_float
from flambeau.runtime.operators.arithmetic import INVALID, Number
from flambeau.runtime.registry import implements

ZERO_TO_NEGATIVE = "0.0 cannot be raised to a negative power"
_NAN = complex(math.nan, math.nan)


# --- real numbers


@implements("aten::pow.int", "aten::pow.float", "aten::pow.int_float", "aten::pow.float_int")
def pow_float(a: float, b: float) -> float:
    if a == 0 and b < 0:
        raise ZeroDivisionError(ZERO_TO_NEGATIVE)
    return _pow(float(a), float(b))


def _pow(base: float, exponent: float) -> float:
    is_odd = math.fmod(exponent, 2) in (1, -1) if math.isfinite(exponent) else False
    if base == 0 and exponent < 0:
        return math.copysign(math.inf, base) if is_odd else math.inf
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and is_odd else math.inf
    except ValueError:  # a negative number to a fraction
        return INVALID


@implements("aten::pow.int_to_int")
def pow_int_to_int(a: int, b: int) -> int:
    return from_float(pow_float(a, b))


@implements("aten::pow.Scalar_Scalar")
def pow_number(a: Number, b: Number) -> Number:
    if isinstance(a, complex) or isinstance(b, complex):
        return pow_complex(complex(a), complex(b))
    return _pow(float(a), float(b))


# --- complex numbers


@implements("aten::pow.complex")
def pow_complex(a: complex, b: complex) -> complex:
    return _exp(_product(b, _log(a)))


@implements("aten::pow.complex_float")
def pow_complex_float(a: complex, b: float) -> complex:
    if a.imag == 0 and a.real > 0:
        return complex(_pow(a.real, b))
    logarithm = _log(a)
    return _polar(_real_exp(b * logarithm.real), b * logarithm.imag)


@implements("aten::pow.float_complex")
def pow_float_complex(a: float, b: complex) -> complex:
    if a > 0:
        return _polar(_pow(a, b.real), b.imag * math.log(a))
    return pow_complex(complex(a), b)


def _polar(radius: float, angle: float) -> complex:
    if not math.isfinite(angle):
        return _NAN
    return complex(radius * math.cos(angle), radius * math.sin(angle))


def _real_exp(a: float) -> float:
    try:
        return math.exp(a)
    except OverflowError:
        return math.inf


def _log(a: complex) -> complex:
    return cmath.log(a) if a != 0 else complex(-math.inf, math.atan2(a.imag, a.real))


def _exp(a: complex) -> complex:
    if a.real == -math.inf and not math.isfinite(a.imag):  # zero in no direction; C keeps the sign even of a NaN
        return complex(0.0, math.copysign(0.0, a.imag))
    try:
        return cmath.exp(a)
    except OverflowError:
        return complex(_infinite(math.cos(a.imag)), _infinite(math.sin(a.imag)))
    except ValueError:  # an infinite angle
        return complex(math.inf if a.real == math.inf else math.nan, math.nan)


def _infinite(direction: float) -> float:
    return math.copysign(math.inf, direction) if direction else direction


def _product(a: complex, b: complex) -> complex:
    """A product is infinite if a factor is, whatever NaN the other has."""
    terms = (a.real * b.real, a.imag * b.imag, a.real * b.imag, a.imag * b.real)
    result = complex(terms[0] - terms[1], terms[2] + terms[3])
    if not (math.isnan(result.real) and math.isnan(result.imag)):
        return result
    if cmath.isinf(a) or cmath.isinf(b):
        left, right = _direction(a, b), _direction(b, a)
    elif any(map(math.isinf, terms)):
        left, right = _without_nan(a), _without_nan(b)
    else:
        return result
    return complex(
        math.inf * (left.real * right.real - left.imag * right.imag),
        math.inf * (left.real * right.imag + left.imag * right.real),
    )


def _direction(value: complex, other: complex) -> complex:
    """An infinite number brought to the corners of a unit square; one beside an infinite one, with zeros for NaNs."""
    if cmath.isinf(value):
        value = complex(_unit(value.real), _unit(value.imag))
    return _without_nan(value) if cmath.isinf(other) else value


def _unit(part: float) -> float:
    return math.copysign(1.0 if math.isinf(part) else 0.0, part)


def _without_nan(value: complex) -> complex:
    return complex(*(math.copysign(0.0, part) if math.isnan(part) else part for part in (value.real, value.imag)))
