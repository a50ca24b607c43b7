"""Enums, tuples, optionals, modules held in containers, and values whose type only the compiler knows."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        prim::EnumName(AnyEnumType enum) -> str
        prim::EnumValue.int(AnyEnumType enum) -> int
        prim::EnumValue.float(AnyEnumType enum) -> float
        prim::EnumValue.str(AnyEnumType enum) -> str
        prim::ModuleContainerIndex.list(Any self, int ind) -> Any
        prim::ModuleContainerIndex.dict(Any self, str ind) -> Any
        prim::IfThenElse(bool cond, Any(a) x, Any(b) y) -> Any(b|a)
        prim::id(AnyClassType? x) -> int
        prim::unchecked_unwrap_optional(t(a)? optional) -> t(a)
        aten::_unwrap_optional(t(a)? optional) -> t(a)
    """),
    *table(
        """
        prim::TupleIndex(Any tup, int i) -> Any
        prim::TupleUnpack(Any tup) -> ...
        prim::Uninitialized() -> Any
        prim::unchecked_cast(t x) -> t
        """,
        alias=SPECIAL,
    ),
)
