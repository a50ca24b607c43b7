"""Python's `math` and `cmath` functions on numbers."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

_REAL = ("degrees", "erf", "erfc", "expm1", "fabs", "gamma", "lgamma", "log1p", "radians", "round")
_COMPLEX = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10", "sin", "sinh"),
    *("sqrt", "tan", "tanh"),
)

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        aten::{}.int(int a) -> float
        aten::{}.float(float a) -> float
        aten::{}.Scalar(Scalar a) -> Scalar
        """,
        each=_REAL,
    ),
    *table(
        """
        aten::{}.int(int a) -> float
        aten::{}.float(float a) -> float
        aten::{}.complex(complex a) -> complex
        aten::{}.Scalar(Scalar a) -> Scalar
        """,
        each=_COMPLEX,
    ),
    *table("""
        aten::log.int_int(int a, int b) -> float
        aten::log.float_float(float a, float b) -> float
        aten::log.complex_complex(complex a, complex b) -> complex
        aten::log.int_float(int a, float b) -> float
        aten::log.float_int(float a, int b) -> float
        aten::log.int_complex(int a, complex b) -> complex
        aten::log.complex_int(complex a, int b) -> complex
        aten::log.float_complex(float a, complex b) -> complex
        aten::log.complex_float(complex a, float b) -> complex
        aten::log.Scalar_Scalar(Scalar a, Scalar b) -> float
        aten::angle.int(int a) -> float
        aten::angle.float(float a) -> float
        aten::angle.complex(complex a) -> float
        aten::angle.Scalar(Scalar a) -> Scalar
    """),
    *table(
        """
        aten::{}.int(int a) -> int
        aten::{}.float(float a) -> int
        aten::{}.Scalar(Scalar a) -> Scalar
        """,
        each=("ceil", "floor"),
    ),
    *table(
        """
        aten::{}.float(float a) -> bool
        aten::{}.complex(complex a) -> bool
        """,
        each=("isfinite", "isinf", "isnan"),
    ),
    *table(
        """
        aten::{0}.int(int a, int b) -> {1}
        aten::{0}.float(float a, float b) -> {1}
        aten::{0}.int_float(int a, float b) -> {1}
        aten::{0}.float_int(float a, int b) -> {1}
        aten::{0}{2}(Scalar a, Scalar b) -> {3}
        """,
        each=(
            ("atan2", "float", ".Scalar_Scalar", "float"),
            ("copysign", "float", "", "float"),
            ("fmod", "float", "", "float"),
            ("mathremainder", "float", "", "float"),
            ("polar", "complex", ".Scalar_Scalar", "Scalar"),
        ),
    ),
    *table("""
        aten::factorial.int(int a) -> int
        aten::frexp(float a) -> (float, int)
        aten::gcd.int(int a, int b) -> int
        aten::ldexp(float x, int i) -> float
        aten::modf(float a) -> (float, float)
    """),
)
