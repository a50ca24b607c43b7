"""Loops that are repeated at compile time because their body needs to know which round it is.

    for i in range(self.depth):                 the name of the attribute must be known: the loop is unrolled,
        x = getattr(self, f"layer{i}")(x)       as a loop over self.layers is

That a loop has to be is noticed inside of it; the definition is then compiled anew (`assumptions`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from .assumptions import Reconsider
from .folding import known_value
from .values.iteration import RangeValue, ZippedValue
from .values.simple_values import ConstantValue, SimpleValue, SugaredTuple
from .values.sugared import SugaredValue

if TYPE_CHECKING:
    from .emitter import Emitter

LONGEST = 256
"""How many rounds a loop may have to be unrolled for the sake of its body."""


def assigned_names(node: ast.AST) -> list[str]:
    """The names that a piece of code may bind, in functions of its own aside."""
    names: dict[str, None] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
            names[part.id] = None
        elif isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name is not None:
            names[part.name] = None
    return list(names)


@contextmanager
def counted(emitter: Emitter, node: ast.stmt | ast.expr, iterable: SugaredValue) -> Iterator[SugaredValue]:
    """What a loop goes through; unrolled, if its body turned out to need that."""
    rounds = _rounds(emitter, iterable)
    if rounds is None:
        yield iterable
        return
    subject = ("loop", emitter.place(node))
    if subject in emitter.assumptions.types:
        yield SugaredTuple(tuple(rounds))
        return
    emitter.counted_loops.append(("loop", emitter.place(node)))
    try:
        yield iterable
    finally:
        emitter.counted_loops.pop()


def raise_unless_unrolled(emitter: Emitter, problem: ScriptError) -> None:
    """Raise that something must be known at compile time, so that the outermost loop that can be is unrolled."""
    if emitter.counted_loops:
        raise Reconsider(problem, emitter.counted_loops[0])


def _rounds(emitter: Emitter, iterable: SugaredValue) -> list[SugaredValue] | None:
    """What the loop variable is in each round, if that is known and is not unrolled anyway."""
    if not emitter.infers or iterable.static_length is not None:
        return None
    match iterable:
        case RangeValue():
            numbers = _numbers(emitter, iterable)
            return None if numbers is None else [ConstantValue(number) for number in numbers]
        case ZippedValue():
            parts = [
                _elements(emitter, child) if child.static_length is not None else _rounds(emitter, child)
                for child in iterable.children
                if not isinstance(child, RangeValue) or child.known_length is None
            ]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts) or len(known) < len(iterable.children):
                return _enumerated(emitter, iterable, known)
            return [SugaredTuple(row) for row in zip(*known, strict=False)]
        case SimpleValue(value=value):
            made = emitter.environment.origin(value)
            if made.node.kind == "prim::ListConstruct" and made is value and 0 < len(made.node.inputs) <= LONGEST:
                return [SimpleValue(element) for element in made.node.inputs]
    return None


def _enumerated(emitter: Emitter, iterable: ZippedValue, known: list[list[SugaredValue]]) -> list[SugaredValue] | None:
    """The rounds of `enumerate(range(n))`, whose first child counts without end."""
    first, *others = iterable.children
    if len(others) != 1 or len(known) != 1 or not isinstance(first, RangeValue):
        return None
    start = 0 if first.start is None else known_value(emitter, first.start)
    if not isinstance(start, int):
        return None
    return [SugaredTuple((ConstantValue(start + i), element)) for i, element in enumerate(known[0])]


def _elements(emitter: Emitter, child: SugaredValue) -> list[SugaredValue] | None:
    return child.as_tuple(emitter, ir.Source("").range(0, 0)) if isinstance(child, SugaredTuple) else None


def _numbers(emitter: Emitter, given: RangeValue) -> list[int] | None:
    start = 0 if given.start is None else known_value(emitter, given.start)
    stop = known_value(emitter, given.stop)
    step = 1 if given.step is None else known_value(emitter, given.step)
    if not isinstance(start, int) or not isinstance(stop, int) or not isinstance(step, int) or step == 0:
        return None
    numbers = range(start, stop, step)
    return list(numbers) if len(numbers) <= LONGEST else None
