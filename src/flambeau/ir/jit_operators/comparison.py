"""Comparison and identity."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        aten::{}.int_list(int[] a, int[] b) -> bool
        aten::{}.device(Device a, Device b) -> bool
        aten::{}.bool(bool a, bool b) -> bool
        aten::{}.enum(AnyEnumType a, AnyEnumType b) -> bool
        aten::{}.int(int a, int b) -> bool
        aten::{}.complex(complex a, complex b) -> bool
        aten::{}.float(float a, float b) -> bool
        aten::{}.int_float(int a, float b) -> bool
        aten::{}.float_int(float a, int b) -> bool
        aten::{}.float_complex(float a, complex b) -> bool
        aten::{}.complex_float(complex a, float b) -> bool
        aten::{}(Scalar a, Scalar b) -> bool
        aten::{}.str(str a, str b) -> bool
        aten::{}.float_list(float[] a, float[] b) -> bool
        aten::{}.Tensor_list(Tensor[] a, Tensor[] b) -> bool
        aten::{}.bool_list(bool[] a, bool[] b) -> bool
        aten::{}.str_list(str[] a, str[] b) -> bool
        """,
        each=("eq", "ne"),
    ),
    *table(
        """
        aten::{}.int(int a, int b) -> bool
        aten::{}.float(float a, float b) -> bool
        aten::{}.int_float(int a, float b) -> bool
        aten::{}.float_int(float a, int b) -> bool
        aten::{}(Scalar a, Scalar b) -> bool
        aten::{}.str(str a, str b) -> bool
        """,
        each=("lt", "le", "gt", "ge"),
    ),
    *table("""
        aten::__is__(t1 self, t2 obj) -> bool
        aten::__isnot__(t1 self, t2 obj) -> bool
        aten::__not__(bool self) -> bool
    """),
)
