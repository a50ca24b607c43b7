"""`map(f, xs, ...)`: the function, called with each element in turn.

    q, k, v = map(split, self.qkv(x).chunk(3, -1))     three calls, in order
    list(map(f, self.convs))                           one call for each module
    list(map(f, xs))                                   a loop that appends, where only a run knows the length

As in Python nothing is called before the result is gone through.
"""

from __future__ import annotations

import ast
from builtins import range as py_range
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from flambeau import ir

from ..assumptions import notes
from ..emitter import Emitter
from ..values.iteration import ZippedValue, zipped
from ..values.simple_values import SugaredTuple
from ..values.special import SpecialForm, special_form
from ..values.sugared import Arg, SugaredValue
from .calls import first_class
from .comprehensions import emit_list_comprehension


@special_form("map")
def emit_map(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    if node.keywords or len(node.args) < 2 or any(isinstance(arg, ast.Starred) for arg in node.args):
        raise emitter.error(node, "map takes a function and at least one iterable")
    notes.went_beyond = True
    function = emitter.sugared(node.args[0])
    iterables = [first_class(emitter, emitter.sugared(arg), emitter.range(arg)) for arg in node.args[1:]]
    return MapValue(node, function, tuple(iterables))


@final
@dataclass(frozen=True, slots=True, eq=False)
class MapValue(SugaredValue):
    """A call of `map`, whose calls are emitted where it is gone through."""

    node: ast.Call
    function: SugaredValue
    iterables: tuple[SugaredValue, ...]

    @property
    def kind(self) -> str:
        return "map"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return self.iterate(emitter, range).as_value(emitter, range)

    def stored(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return emitter.sugar(self.as_value(emitter, range))

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        rounds = [iterable.as_tuple(emitter, range, size_hint) for iterable in self.iterables]
        return [self._called(emitter, range, elements) for elements in zip(*rounds, strict=False)]

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        children = [iterable.iterate(emitter, range) for iterable in self.iterables]
        lengths = [child.static_length for child in children]
        known = [length for length in lengths if length is not None]
        if len(known) == len(lengths):
            places = [emitter.constant(index, range) for index in py_range(min(known))]
            rounds = [[child.item(emitter, range, place) for child in children] for place in places]
            return SugaredTuple(tuple(self._called(emitter, range, elements) for elements in rounds))
        if len(children) == 1:
            return self._looped(emitter, children[0])
        return self._looped(emitter, ZippedValue(tuple(children)) if known else zipped(range, children))

    def _called(self, emitter: Emitter, range: ir.SourceRange, elements: Sequence[SugaredValue]) -> SugaredValue:
        args = [Arg(first_class(emitter, element, range), range) for element in elements]
        return first_class(emitter, self.function.call(emitter, range, args, []), range)

    def _looped(self, emitter: Emitter, rounds: SugaredValue) -> SugaredValue:
        """`[f(x) for x in xs]`, of what is evaluated already."""
        source, function = (f"${name}{self.node.lineno}_{self.node.col_offset}" for name in ("mapped", "function"))
        range_ = emitter.range(self.node)
        emitter.environment.assign(source, rounds, range_)
        emitter.environment.assign(function, self.function, range_)
        names = [f"$element{index}" for index in py_range(len(self.iterables))]
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in names]
        target = targets[0] if len(targets) == 1 else ast.Tuple(targets, ast.Store())
        loads: list[ast.expr] = [ast.Name(name, ast.Load()) for name in names]
        each = ast.ListComp(
            ast.Call(ast.Name(function, ast.Load()), loads, []),
            [ast.comprehension(target, ast.Name(source, ast.Load()), [], 0)],
        )
        for part in ast.walk(each):
            if isinstance(part, ast.expr):
                ast.copy_location(part, self.node)
        return emit_list_comprehension(emitter, each, None)
