"""The registry of passes, and the one place that runs, verifies, times and logs them.

A pass is a function of a graph that returns whether it changed anything.

    @graph_pass("dce")
    def eliminate_dead_code(graph: Graph) -> bool: ...

    run(graph, inline_calls, eliminate_dead_code)
    run(graph, peephole, fold_constants, until_stable=True)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias, TypeVar

from flambeau import settings
from flambeau.ir import Graph, verify

from .shared_facts import forget_alias_facts, sharing

GraphPass: TypeAlias = Callable[[Graph], bool]
F = TypeVar("F", bound=Callable[..., bool])

PASSES: dict[str, Callable[..., bool]] = {}
"""Every registered pass by name."""

TIMES: dict[str, float] = {}
"""Seconds spent in each pass by this process."""

MAX_ROUNDS = 20
"""How often `until_stable` repeats; passes that still change the graph then are left at that."""

_log = logging.getLogger("flambeau.passes")


def graph_pass(name: str, *, settles: bool = True, keeps_facts: bool = False) -> Callable[[F], F]:
    """Register a pass under a name; ValueError if the name is taken.

    A pass that `settles` finds nothing to do when it is applied to its own result. One that `keeps_facts` leaves those
    of alias analysis true, if not exact (see `shared_facts`).
    """

    def register(function: F) -> F:
        if name in PASSES:
            raise ValueError(f"pass {name!r} is defined twice")
        PASSES[name] = function
        function.pass_name = name  # type: ignore[attr-defined]  # functions take attributes
        function.settles = settles  # type: ignore[attr-defined]
        function.keeps_facts = keeps_facts  # type: ignore[attr-defined]
        return function

    return register


def bound(function: Callable[..., bool], **arguments: object) -> GraphPass:
    """A pass with arguments given; it counts as the pass itself."""
    result = partial(function, **arguments)
    vars(result).update(vars(function), __name__=function.__name__)
    return result


class _Pauses(threading.local):
    def __init__(self) -> None:
        self.pause: Callable[[], None] | None = None


_pauses = _Pauses()


@contextmanager
def pausing(pause: Callable[[], None]) -> Iterator[None]:
    """Call `pause` after each pass that this thread applies; what it raises ends the run."""
    before, _pauses.pause = _pauses.pause, pause
    try:
        yield
    finally:
        _pauses.pause = before


def pause() -> None:
    """Make way for other threads, if this one is `pausing`."""
    if _pauses.pause is not None:
        _pauses.pause()


def run(graph: Graph, *passes: GraphPass, until_stable: bool = False) -> bool:
    """Apply passes in order; with `until_stable`, again and again until none changes anything."""
    edits = 0
    settled: dict[GraphPass, int] = {}
    """After how many changes each pass was through with the graph; until the next one it has nothing to do."""
    with sharing():
        for _ in range(MAX_ROUNDS if until_stable else 1):
            before = edits
            if edits:  # facts that were kept are inexact by now
                forget_alias_facts()
            for step in passes:
                if settled.get(step) == edits:
                    continue
                changed = _apply(graph, step)
                if changed:
                    edits += 1
                    if not getattr(step, "keeps_facts", False):
                        forget_alias_facts()
                if not changed or getattr(step, "settles", False):
                    settled[step] = edits
            if edits == before:
                break
    return edits > 0


def _apply(graph: Graph, step: GraphPass) -> bool:
    name: str = getattr(step, "pass_name", getattr(step, "__name__", repr(step)))
    start = time.perf_counter()
    changed = step(graph)
    TIMES[name] = TIMES.get(name, 0.0) + time.perf_counter() - start
    if settings.VERIFY.value:
        verify(graph, after=name)
    wanted = settings.DUMP.value
    if wanted and (wanted == "all" or name in wanted.split(",")):
        _log.warning("after %s:\n%s", name, graph)
    pause()
    return changed
