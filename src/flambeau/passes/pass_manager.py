"""The registry of passes, and the one place that runs, verifies, times and logs them.

A pass is a function of a graph that returns whether it changed anything.

    @graph_pass("dce")
    def eliminate_dead_code(graph: Graph) -> bool: ...

    run(graph, inline_calls, eliminate_dead_code)
    run(graph, peephole, fold_constants, until_stable=True)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from flambeau import settings
from flambeau.ir import Graph, verify

GraphPass: TypeAlias = Callable[[Graph], bool]
F = TypeVar("F", bound=Callable[..., bool])

PASSES: dict[str, Callable[..., bool]] = {}
"""Every registered pass by name."""

TIMES: dict[str, float] = {}
"""Seconds spent in each pass by this process."""

MAX_ROUNDS = 20
"""How often `until_stable` repeats; passes that still change the graph then are left at that."""

_log = logging.getLogger("flambeau.passes")


def graph_pass(name: str) -> Callable[[F], F]:
    """Register a pass under a name; ValueError if the name is taken."""

    def register(function: F) -> F:
        if name in PASSES:
            raise ValueError(f"pass {name!r} is defined twice")
        PASSES[name] = function
        function.pass_name = name  # type: ignore[attr-defined]  # functions take attributes
        return function

    return register


def run(graph: Graph, *passes: GraphPass, until_stable: bool = False) -> bool:
    """Apply passes in order; with `until_stable`, again and again until none changes anything."""
    changed_at_all = False
    for _ in range(MAX_ROUNDS if until_stable else 1):
        changed = False
        for step in passes:
            changed |= _apply(graph, step)
        changed_at_all |= changed
        if not changed:
            break
    return changed_at_all


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
    return changed
