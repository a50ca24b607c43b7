"""Python's `math` and `cmath` on numbers, with the results of C++: a pole is an infinity, a domain error NaN.

Where Python's complex functions raise, NumPy's give the value.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

from flambeau.runtime.integers import INT_MAX, INT_MIN, from_float, single, wrapped, wrapped_to_32_bits
from flambeau.runtime.operators.arithmetic import INVALID, Number, Real, div_complex, div_float, real
from flambeau.runtime.registry import implements

_NAN = complex(math.nan, math.nan)
_NUMPY_NAMES = {"acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh"} | {
    "atan": "arctan",
    "atanh": "arctanh",
}


def _limit(name: str, a: complex) -> complex:
    """The value at a pole, or beyond the range of floats."""
    import numpy

    with numpy.errstate(all="ignore"):
        return complex(getattr(numpy, _NUMPY_NAMES.get(name, name))(a))


def _real(name: str, function: Callable[[float], float]) -> None:
    """Register a function of one real number, all overloads of it but `complex`."""

    @implements(f"aten::{name}.int", f"aten::{name}.float")
    def kernel(a: float) -> float:
        return function(float(a))

    @implements(f"aten::{name}.Scalar")
    def number_kernel(a: float) -> float:
        return single(function(float(a)))


def _complex(name: str, function: Callable[[float], float], complex_function: Callable[[complex], complex]) -> None:
    """Register a function of one real or complex number."""

    @implements(f"aten::{name}.int", f"aten::{name}.float")
    def kernel(a: float) -> float:
        return function(float(a))

    @implements(f"aten::{name}.complex")
    def complex_kernel(a: complex) -> complex:
        try:
            return complex_function(a)
        except (OverflowError, ValueError, ZeroDivisionError):
            return _limit(name, a)

    @implements(f"aten::{name}.Scalar")
    def number_kernel(a: Number) -> Number:
        return complex_kernel(a) if isinstance(a, complex) else single(function(float(a)))


def _or_nan(function: Callable[[float], float], outside: float = INVALID) -> Callable[[float], float]:
    """A NaN stays what it is; outside of the domain another stands for the result."""

    def total(a: float) -> float:
        if math.isnan(a):
            return a
        try:
            return function(a)
        except ValueError:
            return outside

    return total


def _or_infinity(function: Callable[[float], float]) -> Callable[[float], float]:
    """For functions that only overflow upwards."""

    def total(a: float) -> float:
        try:
            return function(a)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return total


def _log(function: Callable[[float], float], pole: float, outside: float) -> Callable[[float], float]:
    def total(a: float) -> float:
        if a > pole:
            return function(a)
        if math.isnan(a):
            return a
        return -math.inf if a == pole else outside

    return total


def _sinh(a: float) -> float:
    try:
        return math.sinh(a)
    except OverflowError:
        return math.copysign(math.inf, a)


def _atanh(a: float) -> float:
    return math.copysign(math.inf, a) if abs(a) == 1 else _or_nan(math.atanh)(a)


def _gamma(a: float) -> float:
    if a == 0:
        return math.copysign(math.inf, a)
    return _or_infinity(math.gamma)(a)


def _lgamma(a: float) -> float:
    try:
        return math.lgamma(a)
    except (OverflowError, ValueError):
        return math.inf


_log_of = _log(math.log, 0.0, math.nan)
_log10_of = _log(math.log10, 0.0, math.nan)


def _sqrt(a: float) -> float:
    if math.isnan(a):
        return a
    return math.sqrt(a) if a >= 0 else INVALID


_complex("acos", _or_nan(math.acos, math.nan), cmath.acos)
_complex("acosh", _or_nan(math.acosh), cmath.acosh)
_complex("asin", _or_nan(math.asin, math.nan), cmath.asin)
_complex("asinh", math.asinh, cmath.asinh)
_complex("atan", math.atan, cmath.atan)
_complex("atanh", _atanh, cmath.atanh)
_complex("cos", _or_nan(math.cos), cmath.cos)
_complex("cosh", _or_infinity(math.cosh), cmath.cosh)
_complex("exp", _or_infinity(math.exp), cmath.exp)
_complex("log", _log_of, cmath.log)
_complex("log10", _log10_of, cmath.log10)
_complex("sin", _or_nan(math.sin), cmath.sin)
_complex("sinh", _sinh, cmath.sinh)
_complex("sqrt", _sqrt, cmath.sqrt)
_complex("tan", _or_nan(math.tan), cmath.tan)
_complex("tanh", math.tanh, cmath.tanh)
_real("degrees", math.degrees)
_real("radians", math.radians)
_real("erf", math.erf)
_real("erfc", math.erfc)
_real("expm1", _or_infinity(math.expm1))
_real("fabs", math.fabs)
_real("gamma", _gamma)
_real("lgamma", _lgamma)
_real("log1p", _log(math.log1p, -1.0, INVALID))


@implements("aten::round.int", "aten::round.float")
def round_(a: float) -> float:
    """To the nearest integer, ties to the even one."""
    return math.copysign(float(round(a)), a) if math.isfinite(a) else a


@implements("aten::round.Scalar")
def round_number(a: Real) -> Real:
    return single(round_(a))


@implements("aten::ceil.int")
def whole(a: int) -> int:
    return a


@implements("aten::floor.int")
def whole_by_way_of_float(a: int) -> int:
    return from_float(float(a))


@implements("aten::ceil.float")
def ceil(a: float) -> int:
    return _whole(a, math.ceil)


@implements("aten::floor.float")
def floor(a: float) -> int:
    return _whole(a, math.floor)


def _whole(a: float, rounding: Callable[[float], int]) -> int:
    if math.isfinite(a):
        result = rounding(a)
        if INT_MIN <= result <= INT_MAX:
            return result
    raise OverflowError(f"Cannot convert float {a} to integer")


@implements("aten::ceil.Scalar")
def ceil_number(a: Real) -> Real:
    return wrapped_to_32_bits(a if isinstance(a, int) else ceil(a))


@implements("aten::floor.Scalar")
def floor_number(a: Real) -> Real:
    return wrapped_to_32_bits(a if isinstance(a, int) else floor(a))


@implements("aten::isfinite.float")
def isfinite(a: float) -> bool:
    return math.isfinite(a)


@implements("aten::isinf.float")
def isinf(a: float) -> bool:
    return math.isinf(a)


@implements("aten::isnan.float")
def isnan(a: float) -> bool:
    return math.isnan(a)


@implements("aten::isfinite.complex")
def isfinite_complex(a: complex) -> bool:
    return cmath.isfinite(a)


@implements("aten::isinf.complex")
def isinf_complex(a: complex) -> bool:
    return cmath.isinf(a)


@implements("aten::isnan.complex")
def isnan_complex(a: complex) -> bool:
    return cmath.isnan(a)


@implements("aten::angle.Scalar")
def angle_number(a: Number) -> float:
    return single(angle(a))


@implements("aten::angle.int", "aten::angle.float", "aten::angle.complex")
def angle(a: Number) -> float:
    if isinstance(a, complex):
        return cmath.phase(a)
    return math.pi if math.copysign(1.0, a) < 0 else 0.0


# --- two arguments


@implements("aten::log.int_int", "aten::log.float_float", "aten::log.int_float", "aten::log.float_int")
def log_base(a: float, b: float) -> float:
    return div_float(_log_of(float(a)), _log_of(float(b)))


@implements("aten::log.int_complex", "aten::log.float_complex")
def log_of_real_to_complex_base(a: float, b: complex) -> complex:
    return div_complex(complex(_log_of(float(a))), _log_of_complex(b))


@implements("aten::log.complex_int", "aten::log.complex_float")
def log_of_complex_to_real_base(a: complex, b: float) -> complex:
    logarithm, base = _log_of_complex(a), _log_of(float(b))
    return complex(div_float(logarithm.real, base), div_float(logarithm.imag, base))


def _log_of_complex(a: complex) -> complex:
    try:
        return cmath.log(a)
    except ValueError:
        return _limit("log", a)


@implements("aten::log.complex_complex")
def log_base_complex(a: complex, b: complex) -> complex:
    try:
        return cmath.log(a) / cmath.log(b)
    except (ValueError, ZeroDivisionError):
        return div_complex(_limit("log", a), _limit("log", b))


@implements("aten::log.Scalar_Scalar")
def log_base_number(a: Number, b: Number) -> Number:
    if isinstance(a, complex) or isinstance(b, complex):
        return log_base_complex(a, b)
    return log_base(a, b)


@implements(
    *("aten::atan2.int", "aten::atan2.float", "aten::atan2.int_float", "aten::atan2.float_int"),
    "aten::atan2.Scalar_Scalar",
)
def atan2(a: float, b: float) -> float:
    return b + a if math.isnan(a) or math.isnan(b) else math.atan2(a, b)


@implements(
    *("aten::copysign", "aten::copysign.int", "aten::copysign.float"),
    *("aten::copysign.int_float", "aten::copysign.float_int"),
)
def copysign(a: float, b: float) -> float:
    return math.copysign(a, b)


@implements(
    *("aten::mathremainder.int", "aten::mathremainder.float"),
    *("aten::mathremainder.int_float", "aten::mathremainder.float_int"),
)
def mathremainder(a: float, b: float) -> float:
    """The difference to the nearest multiple of `b`."""
    if math.isnan(a) or math.isnan(b):
        return a + b
    if b == 0 or math.isinf(a):
        return INVALID
    return math.remainder(a, b)


@implements("aten::mathremainder")
def mathremainder_number(a: Number, b: Number) -> float:
    return mathremainder(real(a), real(b))


@implements("aten::polar.int", "aten::polar.float", "aten::polar.int_float", "aten::polar.float_int")
def polar(a: float, b: float) -> complex:
    if math.isinf(b):
        return _NAN
    return complex(a * math.cos(b), a * math.sin(b))


@implements("aten::polar.Scalar_Scalar")
def polar_number(a: Number, b: Number) -> complex:
    return polar(real(a), real(b))


@implements("aten::ldexp")
def ldexp(x: float, i: int) -> float:
    try:
        return math.ldexp(x, wrapped_to_32_bits(i))
    except OverflowError:
        return math.copysign(math.inf, x)


# --- ints, parts of floats


@implements("aten::factorial.int")
def factorial(a: int) -> int:
    if a < 0:
        raise ValueError("factorial() not defined for negative values")
    if a > 65:  # 66! and all above are multiples of 2**64
        return 0
    return wrapped(math.factorial(a))


@implements("aten::gcd.int")
def gcd(a: int, b: int) -> int:
    result = math.gcd(a, b)
    return result if result <= INT_MAX else wrapped(result)


@implements("aten::frexp")
def frexp(a: float) -> tuple[float, int]:
    return math.frexp(a)


@implements("aten::modf")
def modf(a: float) -> tuple[float, float]:
    return math.modf(a)
