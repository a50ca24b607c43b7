"""Arithmetic on numbers, bools and strings, and `+` and `*` on lists."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        aten::add.t(t[] a, t[] b) -> t[]
        aten::add.str(str a, str b) -> str
        aten::mul.left_t(t[] l, int n) -> t[]
        aten::mul.right_(int n, t[] l) -> t[]
        aten::add_.t(t[](a!) self, t[] b) -> t[]
        aten::mul_.t(t[](a!) l, int n) -> t[](a!)
    """),
    *table(
        """
        aten::{}.int(int a, int b) -> int
        aten::{}.complex(complex a, complex b) -> complex
        aten::{}.float(float a, float b) -> float
        aten::{}.int_complex(int a, complex b) -> complex
        aten::{}.complex_int(complex a, int b) -> complex
        aten::{}.float_complex(float a, complex b) -> complex
        aten::{}.complex_float(complex a, float b) -> complex
        aten::{}.int_float(int a, float b) -> float
        aten::{}.float_int(float a, int b) -> float
        aten::{}(Scalar a, Scalar b) -> Scalar
        """,
        each=("add", "sub", "mul"),
    ),
    *table("""
        aten::div.int(int a, int b) -> float
        aten::div.complex(complex a, complex b) -> complex
        aten::div.float(float a, float b) -> float
        aten::div(Scalar a, Scalar b) -> float
    """),
    *table(
        """
        aten::{}.int(int a, int b) -> int
        aten::{}.float(float a, float b) -> float
        aten::{}.int_float(int a, float b) -> float
        aten::{}.float_int(float a, int b) -> float
        aten::{}(Scalar a, Scalar b) -> Scalar
        """,
        each=("floordiv", "remainder"),
    ),
    *table("""
        aten::divmod.int(int x, int y) -> (int, int)
        aten::divmod.float(float x, float y) -> (float, float)
        aten::divmod.int_float(int x, float y) -> (float, float)
        aten::divmod.float_int(float x, int y) -> (float, float)
        aten::__round_to_zero_floordiv.int(int a, int b) -> int
    """),
    # `2 ** 3` is a float: `int_to_int` comes last, and only rewrites of graphs name it.
    *table("""
        aten::pow.int(int a, int b) -> float
        aten::pow.complex(complex a, complex b) -> complex
        aten::pow.float(float a, float b) -> float
        aten::pow.int_float(int a, float b) -> float
        aten::pow.float_int(float a, int b) -> float
        aten::pow.float_complex(float a, complex b) -> complex
        aten::pow.complex_float(complex a, float b) -> complex
        aten::pow.Scalar_Scalar(Scalar a, Scalar b) -> float
        aten::pow.int_to_int(int a, int b) -> int
    """),
    *table("""
        aten::neg.int(int a) -> int
        aten::neg.float(float a) -> float
        aten::neg.complex(complex a) -> complex
        aten::neg.Scalar(Scalar a) -> Scalar
        prim::abs.int(int a) -> int
        prim::abs.float(float a) -> float
        prim::abs.complex(complex a) -> float
        prim::abs.Scalar(Scalar a) -> Scalar
        prim::abs(Tensor x) -> Tensor
    """),
    *table(
        """
        prim::{}.int(int a, int b) -> int
        prim::{}.float(float a, float b) -> float
        prim::{}.int_float(int a, float b) -> float
        prim::{}.float_int(float a, int b) -> float
        prim::{}(Scalar a, Scalar b) -> Scalar
        prim::{}.int_list(int[] l, int[] r) -> int[]
        prim::{}.self_int(int[] self) -> int
        prim::{}.float_list(float[] l, float[] r) -> float[]
        prim::{}.self_float(float[] self) -> float
        prim::{}.bool_list(bool[] l, bool[] r) -> bool[]
        prim::{}.self_bool(bool[] self) -> bool
        """,
        each=("min", "max"),
    ),
    *table(
        """
        aten::{}.bool(bool a, bool b) -> bool
        aten::{}.int(int a, int b) -> int
        """,
        each=("__and__", "__or__", "__xor__"),
    ),
    *table("aten::{}.int(int a, int b) -> int", each=("__lshift__", "__rshift__")),
)
