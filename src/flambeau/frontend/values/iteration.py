"""What loops go through besides values: `range`, and `zip` and `enumerate` as tuples of iterables.

    for i, (a, b) in enumerate(zip(x, y)): ...

goes through a `ZippedValue` of a range without end and a `ZippedValue` of `x` and `y`; its length is the shortest's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from .simple_values import SugaredTuple
from .sugared import SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter

ENDLESS = (1 << 63) - 1


@final
@dataclass(frozen=True, slots=True, eq=False)
class RangeValue(SugaredValue):
    """`range(start, stop, step)`; only `stop` is given for `range(stop)`.

    `known_length` is set where the range only counts along with something of known length.
    """

    stop: ir.Value
    start: ir.Value | None = None
    step: ir.Value | None = None
    known_length: int | None = None

    @property
    def kind(self) -> str:
        return "range"

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return self

    @property
    def static_length(self) -> int | None:
        return self.known_length

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        if self.start is None:
            return self.stop
        step = emitter.constant(1, range) if self.step is None else self.step
        return emitter.builtin(range, "aten::__range_length", self.start, self.stop, step)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        if self.start is None:
            return emitter.sugar(index)
        step = emitter.constant(1, range) if self.step is None else self.step
        return emitter.sugar(emitter.builtin(range, "aten::__derive_index", index, self.start, step))

    def contains(self, emitter: Emitter, range: ir.SourceRange, item: ir.Value) -> ir.Value:
        self.refuse("'in' is not supported on a range", range)


def make_range(range: ir.SourceRange, inputs: Sequence[ir.Value]) -> RangeValue:
    """The range that the arguments of `range(...)` describe."""
    if not inputs:
        raise ScriptError("range expected at least 1 arguments, got 0", range)
    if len(inputs) > 3:
        raise ScriptError(f"range expected at most 3 arguments, got {len(inputs)}", range)
    for index, value in enumerate(inputs):
        if value.type is not ir.INT:
            raise ScriptError(
                f"all inputs of range must be ints, found {type_name(value.type)} in argument {index}", range
            )
    if len(inputs) == 1:
        return RangeValue(inputs[0])
    return RangeValue(inputs[1], inputs[0], inputs[2] if len(inputs) == 3 else None)


def reversed_range(emitter: Emitter, range: ir.SourceRange, given: RangeValue) -> RangeValue:
    """The range that counts the other way."""
    start = emitter.constant(0, range) if given.start is None else given.start
    step = emitter.constant(1, range) if given.step is None else given.step
    rounds = emitter.builtin(range, "aten::sub", given.length(emitter, range), 1)
    last = emitter.builtin(range, "aten::__derive_index", rounds, start, step)
    back = emitter.builtin(range, "aten::neg", step)
    return RangeValue(emitter.builtin(range, "aten::add", start, back), last, back)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ZippedValue(SugaredValue):
    """`zip` of iterables, as they come from `iterate`; unrolled if all of them are."""

    children: tuple[SugaredValue, ...]

    @property
    def kind(self) -> str:
        return "iterabletree"

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return self

    @property
    def static_length(self) -> int | None:
        lengths = [child.static_length for child in self.children]
        known = [length for length in lengths if length is not None]
        # If only a run tells how long some are, the rounds that all might have are unrolled, and each asks for itself.
        return min(known) if known else None

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        rows = zip(*(child.as_tuple(emitter, range, size_hint) for child in self.children), strict=False)
        return [SugaredTuple(row) for row in rows]

    def open_children(self) -> list[SugaredValue]:
        """The iterables whose length only a run tells, where there are others."""
        if self.static_length is None:
            return []
        return [leaf for leaf in self.leaves() if leaf.static_length is None]

    def leaves(self) -> Iterator[SugaredValue]:
        """The iterables that are not zipped themselves, in order."""
        for child in self.children:
            if isinstance(child, ZippedValue):
                yield from child.leaves()
            else:
                yield child

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        if self.static_length is not None:
            return emitter.constant(self.static_length, range)
        lengths = [leaf.length(emitter, range) for leaf in self.leaves()]
        if len(lengths) == 1:
            return lengths[0]
        return emitter.builtin(range, "prim::min", emitter.make_list(lengths, ir.INT, range))

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        return SugaredTuple(tuple(child.item(emitter, range, index) for child in self.children))


def zipped(range: ir.SourceRange, children: Sequence[SugaredValue]) -> ZippedValue:
    """`zip` of iterables; ScriptError if only some are unrolled."""
    known = [child.static_length is not None for child in children]
    if any(known) and not all(known):
        raise ScriptError(
            "Can not iterate over a module list or tuple with a value that does not have a statically determinable "
            "length\n",
            range,
        )
    return ZippedValue(tuple(children))
