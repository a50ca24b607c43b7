"""From one type to another: numbers, bools, strings and single-element tensors.

The `...Implicit` forms are what the compiler inserts where a tensor stands for a number; they accept 0-dim tensors that
do not require grad only.
"""

from __future__ import annotations

from flambeau.ir.jit_operators.table import SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        aten::Bool.Tensor(Tensor a) -> bool
        aten::Bool.int(int a) -> bool
        aten::Bool.float(float a) -> bool
        aten::Int.Tensor(Tensor a) -> int
        aten::Int.bool(bool a) -> int
        aten::Int.float(float a) -> int
        aten::Int.Scalar(Scalar a) -> int
        aten::Int.str(str a) -> int
        aten::Float.Tensor(Tensor a) -> float
        aten::Float.Scalar(Scalar a) -> float
        aten::Float.int(int a) -> float
        aten::Float.bool(bool a) -> float
        aten::Float.str(str a) -> float
        aten::Complex.Scalar(Scalar a) -> complex
        aten::Complex.Tensor_Tensor(Tensor a, Tensor b) -> complex
    """),
    *table(
        "aten::Complex.{0}_{1}({0} x, {1} y) -> complex",
        each=(
            *(("int", "bool"), ("bool", "int"), ("float", "bool"), ("bool", "float")),
            *(("float", "int"), ("int", "float"), ("int", "int"), ("bool", "bool"), ("float", "float")),
            *(("Tensor", "float"), ("float", "Tensor"), ("Tensor", "int"), ("int", "Tensor")),
            *(("Tensor", "bool"), ("bool", "Tensor")),
        ),
    ),
    *table("""
        aten::IntImplicit(Tensor a) -> int
        aten::FloatImplicit(Tensor a) -> float
        aten::ComplexImplicit(Tensor a) -> complex
        aten::ScalarImplicit(Tensor a) -> Scalar
        prim::NumToTensor.Scalar(Scalar a) -> Tensor
        prim::NumToTensor.bool(bool a) -> Tensor
        aten::str(t elem) -> str
        aten::bin(int i) -> str
        aten::hex(int i) -> str
        aten::oct(int i) -> str
        aten::chr(int i) -> str
        aten::ord(str string) -> int
        aten::hash.generic(t value) -> int
        aten::_list_to_tensor(int[] self) -> Tensor
        aten::_tensor_to_list(Tensor self) -> int[]
    """),
    *table("prim::tolist(...) -> ...", alias=SPECIAL),
)
