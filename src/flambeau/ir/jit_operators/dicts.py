"""Dicts, for each key type."""

from __future__ import annotations

from flambeau.ir.jit_operators.containers import DICT_KEYS
from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("aten::dict() -> Dict(str, Tensor)"),
    *table(
        """
        aten::dict.{0}(({0}, tVal)[] inputs) -> Dict({0}, tVal)
        aten::dict.Dict_{0}(Dict({0}, t)(a) self) -> Dict({0}, t)
        aten::keys.{0}(Dict({0}, t) self) -> {0}[](*)
        aten::values.{0}(Dict({0}, t) self) -> t[](*)
        aten::items.{0}(Dict({0}, t) self) -> (({0}, t)[])
        aten::get.{0}(Dict({0}, t) self, {0} key) -> t(*)?
        aten::get.default_{0}(Dict({0}, t) self, {0} key, t default_value) -> t(*)
        aten::setdefault.{0}(Dict({0}, t)(a!) self, {0}(b -> *) key, t(c -> *) default_value) -> t(*)
        aten::popitem.{0}(Dict({0}, t)(a!) self) -> (({0}, t))
        aten::update.{0}(Dict({0}, t)(a!) self, Dict({0}, t)(a!) to_add) -> ()
        """,
        each=DICT_KEYS,
    ),
)
