"""Attributes that methods create: `self.cache = y` in `forward`, where `__init__` has none.

The slot is an Optional one that begins with None, as TorchScript wants it to exist from the start. Who reads it before
it was assigned gets Python's AttributeError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir

from .simple_values import ReadValue

if TYPE_CHECKING:
    from ..emitter import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class LateAttribute(ReadValue):
    """What a slot holds whose attribute may not be there yet; `message` is that of the error in this case."""

    value: ir.Value
    type: ir.Type
    message: str

    @property
    def kind(self) -> str:
        return "value"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        check = emitter.insert("prim::If", (emitter.builtin(range, "aten::__is__", self.value, None),), (), range)
        with emitter.graph.inserting_at(check.add_block()):
            raised = emitter.constant(self.message, range), emitter.constant("builtins.AttributeError", range)
            emitter.insert("prim::RaiseException", raised, (), range)
        check.add_block()
        return emitter.unchecked_cast(self.value, self.type, range)

    def is_there(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        """Emit whether the attribute has been assigned."""
        return emitter.builtin(range, "aten::__isnot__", self.value, None)
