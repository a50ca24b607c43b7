"""Lists: what mutates, sorts and reduces them, and arithmetic on sizes."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)
        aten::extend.t(t[](a!) self, t[] other) -> ()
        aten::insert.t(t[](a!) self, int idx, t(b -> *) el) -> ()
        aten::reverse.t(t[](a!) self) -> ()
        aten::select.t(t[](a) list, int idx) -> t(*)
    """),
    *table("aten::remove.{0}({0}[](a!) self, {0} el) -> ()", each=("int", "float", "bool", "Tensor", "str")),
    *table("aten::sort.{0}({0}[](a!) self, bool reverse=False) -> ()", each=("int", "float", "Tensor", "bool", "str")),
    *table("aten::sort.any(t[](a!) self, bool reverse=False) -> ()"),
    *table("aten::sorted.{0}({0}[](a) input) -> {0}[]", each=("int", "float", "Tensor", "bool", "str")),
    *table("""
        aten::sorted.any(t[](a) self) -> t[]
        aten::sum.int(int[] self) -> int
        aten::sum.float(float[] self) -> float
        aten::sum.complex(complex[] self) -> complex
        aten::sum.bool(bool[] self) -> int
    """),
    *table("aten::all.{0}({0}[] self) -> bool", each=("int", "float", "bool")),
    *table("aten::any.{0}({0}[] self) -> bool", each=("str", "int", "float", "bool")),
    *table("""
        aten::Size(int[] sizes) -> int[]
        aten::broadcast_shapes(int[] a, int[] b) -> int[]
        aten::_infer_size(int[] a, int[] b) -> int[]
        aten::_size_if_not_equal(int[] self_size, int[] other_size) -> int[]?
        aten::__range_length(int lo, int hi, int step) -> int
        aten::__derive_index(int index, int start, int step) -> int
        prim::rangelist(int n) -> int[]
    """),
)
