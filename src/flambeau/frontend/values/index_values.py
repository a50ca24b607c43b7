"""Indices of tensors that are put together before they are used: `...`, tuples and lists of slices.

(slice(None),) * dim + (slice(1, None),)           only a run may know `dim`: the slice is of that dimension
index = [slice(None)] * x.dim(); index[d] = slice(2)
x[(..., *rest)]

Lists of slices exist at compile time; they may be changed where they are made, not in a branch or loop that a run
decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import notes
from ..folding import known_value
from ..unrolling import raise_unless_unrolled
from .simple_values import SimpleValue, SliceValue, SugaredTuple
from .sugared import Arg, SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter
    from ..environment import Frame

_LONGEST = 64


@final
@dataclass(frozen=True, slots=True, eq=False)
class EllipsisValue(SugaredValue):
    """`...`, to be used as an index."""

    @property
    def kind(self) -> str:
        return "ellipsis"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        self.refuse("an ellipsis is only allowed as an index", range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class FullSlices(SugaredValue):
    """As many `slice(None)` as a run tells; a part of an `IndexTuple` only."""

    count: ir.Value

    @property
    def kind(self) -> str:
        return "slices"


@final
@dataclass(frozen=True, slots=True, eq=False)
class IndexTuple(SugaredValue):
    """A tuple of indices, of which only a run knows how many there are, or which place one was put in."""

    parts: tuple[SugaredValue, ...]
    placed: tuple[tuple[ir.Value, SliceValue], ...] = ()
    """Slices that stand in place of full ones, and where."""

    @property
    def kind(self) -> str:
        return "tuple of slices"

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        self.refuse("only a run knows how many slices there are", range)


@final
@dataclass(slots=True, eq=False)
class IndexList(SugaredValue):
    """A list of indices, that the script may change."""

    parts: list[SugaredValue]
    frame: Frame
    placed: list[tuple[ir.Value, SliceValue]]

    @property
    def kind(self) -> str:
        return "list of slices"

    def frozen(self) -> SugaredValue:
        """The indices as they are now."""
        return sequence(self.parts, self.placed)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return self.frozen().iterate(emitter, range)

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        return self.frozen().as_tuple(emitter, range, size_hint)

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return self.frozen().length(emitter, range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        return self.frozen().item(emitter, range, index, hint)

    def slice(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        start: ir.Value | None,
        stop: ir.Value | None,
        step: ir.Value | None,
    ) -> SugaredValue:
        kept = self.frozen().slice(emitter, range, start, stop, step)
        return IndexList(list(kept.as_tuple(emitter, range)), emitter.environment.frame, [])

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        if name != "append":
            self.refuse(f"a list of slices has no method '{name}' in a script", range)
        return _Append(self)

    def set_item(self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, value: SugaredValue) -> None:
        """Emit `self[index] = value`."""
        self.check_changeable(emitter, range)
        place = known_value(emitter, index)
        if isinstance(place, int) and self._is_of_known_length and not self.placed:
            if not -len(self.parts) <= place < len(self.parts):
                self.refuse("list assignment index out of range", range)
            self.parts[place] = value
            return
        if not isinstance(value, SliceValue) or not all(is_full(part) for part in self.parts):
            self.refuse("only a slice can be put among full slices where only a run knows the place", range)
        others = [(at, kept) for at, kept in self.placed if not _is_same(emitter, at, index)]
        if any(not _is_other(emitter, at, index) for at, _ in others):
            self.refuse("only a run knows which of the slices is replaced", range)
        self.placed = [*others, (index, value)]

    @property
    def _is_of_known_length(self) -> bool:
        return not any(isinstance(part, FullSlices) for part in self.parts)

    def check_changeable(self, emitter: Emitter, range: ir.SourceRange) -> None:
        """ScriptError in a branch or loop that a run decides."""
        if emitter.environment.frame is not self.frame:
            problem = ScriptError(
                "a list of slices cannot be changed in a branch or loop that only a run decides", range
            )
            raise_unless_unrolled(emitter, problem)
            raise problem


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Append(SugaredValue):
    """The method `append` of a list of slices."""

    owner: IndexList

    @property
    def kind(self) -> str:
        return "method"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) != 1 or kwargs or self.owner.placed:
            self.refuse("append takes one index here", range)
        self.owner.check_changeable(emitter, range)
        self.owner.parts.append(args[0].sugared)
        return SimpleValue(emitter.constant(None, range))


def sequence(parts: Sequence[SugaredValue], placed: Sequence[tuple[ir.Value, SliceValue]] = ()) -> SugaredValue:
    """A tuple of indices."""
    if placed or any(isinstance(part, FullSlices) for part in parts):
        return IndexTuple(tuple(parts), tuple(placed))
    return SugaredTuple(tuple(parts))


def is_full(part: SugaredValue) -> bool:
    """Whether an index takes all of its dimension, or of several."""
    return isinstance(part, FullSlices) or (isinstance(part, SliceValue) and part.bounds == (None, None, None))


def parts_of(emitter: Emitter, given: SugaredValue, range: ir.SourceRange) -> list[SugaredValue] | None:
    """The indices that a tuple or list of them holds; None if it is something else."""
    match given:
        case IndexTuple() | IndexList():
            if given.placed:
                given.refuse("slices that were put in a place which only a run knows are used as an index only", range)
            return list(given.parts)
        case SugaredTuple(elements=elements):
            return list(elements)
        case SimpleValue(value=value) if isinstance(value.type, ir.TupleType):
            return given.as_tuple(emitter, range)
        case _:
            return None


def joined(emitter: Emitter, left: Arg, right: Arg, range: ir.SourceRange) -> SugaredValue | None:
    """`left + right` of tuples or lists that hold slices; None if they are something else."""
    if left.sugared.is_first_class and right.sugared.is_first_class:
        return None
    parts = [parts_of(emitter, arg.sugared, range) for arg in (left, right)]
    if parts[0] is None or parts[1] is None:
        return None
    notes.went_beyond = True
    both = [*parts[0], *parts[1]]
    if any(isinstance(arg.sugared, IndexList) for arg in (left, right)):
        return IndexList(both, emitter.environment.frame, [])
    return sequence(both)


def repeated(emitter: Emitter, left: Arg, right: Arg, range: ir.SourceRange) -> SugaredValue | None:
    """`slices * n` or `n * slices`; None if it is something else."""
    if left.sugared.is_first_class and not right.sugared.is_first_class:
        left, right = right, left
    if left.sugared.is_first_class or not right.sugared.is_first_class:
        return None
    parts, count = parts_of(emitter, left.sugared, range), right.value(emitter)
    if parts is None or count.type is not ir.INT:
        return None
    notes.went_beyond = True
    known = known_value(emitter, count)
    if isinstance(known, int) and known * len(parts) <= _LONGEST:
        parts = parts * known
    elif len(parts) == 1 and is_full(parts[0]) and not isinstance(parts[0], FullSlices):
        parts = [FullSlices(natural(emitter, count, range))]
    else:
        raise ScriptError("only full slices can be repeated a number of times that only a run knows", range)
    if isinstance(left.sugared, IndexList):
        return IndexList(parts, emitter.environment.frame, [])
    return sequence(parts)


_NATURAL = frozenset({"aten::dim", "aten::ndim", "aten::len"})


def natural(emitter: Emitter, count: ir.Value, range: ir.SourceRange) -> ir.Value:
    """A number of repetitions, of which a negative one counts as none."""
    if emitter.environment.origin(count).node.kind in _NATURAL:
        return count
    return emitter.builtin(range, "prim::max", count, 0)


def _is_same(emitter: Emitter, one: ir.Value, other: ir.Value) -> bool:
    if emitter.environment.origin(one) is emitter.environment.origin(other):
        return True
    known = known_value(emitter, one), known_value(emitter, other)
    return known[0] is not ir.NOT_CONSTANT and known[0] == known[1]


def _is_other(emitter: Emitter, one: ir.Value, other: ir.Value) -> bool:
    """Whether two places cannot be the same one."""
    known = known_value(emitter, one), known_value(emitter, other)
    return isinstance(known[0], int) and isinstance(known[1], int) and (known[0] < 0) == (known[1] < 0)
