"""Things known at compile time, of which a number that is known only when the program runs selects one.

    self.layers[i](x)      prim::If(i == 0): the call of the first layer; else prim::If(i == 1): ...

What is done with the chosen one is emitted in every branch, so all must allow it and give the same type. An index out
of range raises IndexError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flambeau import ir

from ..statements.simple_statements import emit_raise
from ..values.callables import ExceptionClass, ExceptionInstance
from ..values.simple_values import SimpleValue
from ..values.sugared import Arg, SugaredValue
from .conditions import Condition, emit_if_expression

if TYPE_CHECKING:
    from ..emitter import Emitter

Step: TypeAlias = "Callable[[SugaredValue], SugaredValue]"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Choice(SugaredValue):
    """One of several things; `steps` lead from it to what is meant (`self.layers[i].weight`)."""

    elements: tuple[SugaredValue, ...]
    index: ir.Value
    steps: tuple[Step, ...] = ()

    @property
    def kind(self) -> str:
        return "module chosen by an index"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return self._choose(emitter, range, lambda chosen: chosen)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        return self._then(lambda chosen: chosen.attribute(emitter, range, name))

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        return self._then(lambda chosen: chosen.item(emitter, range, index, hint))

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        result = self._choose(emitter, range, lambda chosen: chosen.call(emitter, range, args, kwargs, n_binders))
        return emitter.sugar(result)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return SimpleValue(self.as_value(emitter, range)).iterate(emitter, range)

    def _then(self, step: Step) -> Choice:
        return Choice(self.elements, self.index, (*self.steps, step))

    def _choose(self, emitter: Emitter, range: ir.SourceRange, last: Step) -> ir.Value:
        count = len(self.elements)
        negative = Condition(emitter.builtin(range, "aten::lt", self.index, 0))
        index = emit_if_expression(
            emitter,
            range,
            negative,
            lambda: emitter.builtin(range, "aten::add", self.index, count),
            lambda: self.index,
        )
        types: list[ir.Type] = []

        def of(position: int) -> ir.Value:
            chosen = self.elements[position]
            for step in (*self.steps, last):
                chosen = step(chosen)
            value = chosen.as_value(emitter, range)
            types.append(value.type)
            return value

        def since(position: int) -> ir.Value:
            if position == count:
                return _out_of_range(emitter, range, types)
            is_it = Condition(emitter.builtin(range, "aten::eq", index, position))
            return emit_if_expression(emitter, range, is_it, lambda: of(position), lambda: since(position + 1))

        return since(0)


def _out_of_range(emitter: Emitter, range: ir.SourceRange, types: list[ir.Type]) -> ir.Value:
    message = Arg(emitter.sugar(emitter.constant("index out of range", range)), range)
    raised = ExceptionClass("IndexError", "builtins.IndexError").call(emitter, range, [message], [])
    if isinstance(raised, ExceptionInstance):
        emit_raise(emitter, raised, range)
    return emitter.uninitialized(ir.unify_all(tuple(types)) or ir.NONE, range)
