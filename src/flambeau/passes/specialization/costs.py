"""How often nodes are carried out, roughly: what rewrites weigh their gains by."""

from __future__ import annotations

from flambeau.ir import Node

__all__ = ["ITERATIONS", "loops_around", "runs_of"]

ITERATIONS = 10
"""How often a loop is taken to run."""


def loops_around(node: Node) -> int:
    """The loops that a node is in."""
    count, loop = 0, node.innermost_loop
    while loop is not None:
        count, loop = count + 1, loop.innermost_loop
    return count


def runs_of(node: Node) -> int:
    """How often a node is taken to be carried out in a run of its graph."""
    runs: int = ITERATIONS ** loops_around(node)
    return runs
