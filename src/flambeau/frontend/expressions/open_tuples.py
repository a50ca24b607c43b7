"""Tuples with a star before a list, so that only a run knows how many elements they have.

b, n, _, h = *x.shape, self.heads                 as many from the list as there are names left
q, k, v = (self.q(x), *self.kv(x).chunk(2, -1))
x.reshape((*x.shape[:-1], 4, -1))                 anywhere else: a list of all of them
"""

from __future__ import annotations

from builtins import range as py_range
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..values.simple_values import ReadValue, SimpleValue
from ..values.sugared import Arg, SugaredValue
from .calls import joined_list

if TYPE_CHECKING:
    from ..emitter import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class OpenTuple(ReadValue):
    """The elements as they were written; with each, whether it is a list to be spread out."""

    parts: tuple[tuple[Arg, bool], ...]

    @property
    def kind(self) -> str:
        return "tuple"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        joined = joined_list(emitter, self.parts, range).value(emitter)
        return emitter.builtin(range, "aten::list", joined) if len(self.parts) == 1 else joined

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        spread = sum(is_spread for _, is_spread in self.parts)
        if size_hint is None or spread != 1:
            return self.read(emitter, range).as_tuple(emitter, range, size_hint)
        count = size_hint - (len(self.parts) - 1)
        if count < 0:
            raise ScriptError(f"too many values to unpack: need {size_hint} but found {len(self.parts) - 1}", range)
        elements: list[SugaredValue] = []
        for part, is_spread in self.parts:
            elements += part.sugared.as_tuple(emitter, part.range, count) if is_spread else [part.sugared]
        return elements

    def around(self, emitter: Emitter, range: ir.SourceRange, before: int, after: int) -> list[SugaredValue]:
        """So many elements of both ends, and between them what is left: `*_, h, w, n = *x.shape, 4`."""
        spread = [index for index, (_, is_spread) in enumerate(self.parts) if is_spread]
        if len(spread) != 1:
            raise ScriptError("only one list can be spread out where a star takes what is left", range)
        middle = self.parts[spread[0]][0].value(emitter)
        left, right = self.parts[: spread[0]], self.parts[spread[0] + 1 :]
        from_start, from_end = max(before - len(left), 0), max(after - len(right), 0)

        def item(place: int) -> SugaredValue:
            return SimpleValue(middle).item(emitter, range, emitter.constant(place, range))

        first = [part.sugared for part, _ in left[:before]] + [item(i) for i in py_range(from_start)]
        last = [item(i) for i in py_range(-from_end, 0)] + [p.sugared for p, _ in right[max(len(right) - after, 0) :]]
        stop = None if from_end == 0 else -from_end
        slice_ = emitter.builtin(range, "aten::slice", middle, from_start, stop, 1)
        rest = OpenTuple(
            (*left[before:], (Arg(SimpleValue(slice_), range), True), *right[: max(len(right) - after, 0)])
        )
        return [*first, rest, *last]
