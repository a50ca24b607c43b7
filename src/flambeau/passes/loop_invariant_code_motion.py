"""Compute once, before a loop, what each iteration computes anew and finds the same.

    %v = prim::Loop(%trips, %true)                        %y : Tensor = aten::t(%w)
      block0(%i : int):                             ->    %v = prim::Loop(%trips, %true)
        %y : Tensor = aten::t(%w)                           block0(%i : int):
        ...                                                   ...

Only what takes no memory worth mentioning (views, attributes, single numbers), so that nothing large lives longer than
before; only what cannot fail, so that it does not matter whether the loop runs at all, nor what it does before it gets
there (the caller says which nodes cannot); only where nothing in the loop writes to what is read; and only where nobody
outside could hold the result, who could tell one object from as many as there are iterations.

Nodes in branches stay. Inner loops come first, so what is invariant in several leaves them all. Cost: linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flambeau.ir import AliasDb, Block, Graph, Node, Value, has_side_effects, intersects, is_deterministic

from .known_objects import known_objects
from .pass_manager import graph_pass
from .shared_facts import alias_facts

__all__ = ["hoist_loop_invariants"]

_SMALL = frozenset({"prim::GetAttr"}) | frozenset(
    f"aten::{name}" for name in ("t", "select", "slice", "unsqueeze", "scalar_tensor")
)
"""Kinds whose results take no memory, or that of one number."""


def _reads_attribute(node: Node) -> bool:
    return node.kind == "prim::GetAttr"


@graph_pass("loop_invariant_code_motion")
def hoist_loop_invariants(graph: Graph, cannot_fail: Callable[[Node], bool] = _reads_attribute) -> bool:
    """Move invariant nodes out of loops; `cannot_fail` says of which it is certain that they do not raise."""
    loops = list(_loops(graph.block))
    if not loops:
        return False
    mover = _Mover(alias_facts(graph), known_objects(graph), cannot_fail)
    changed = False
    for loop in loops:
        changed |= mover.move_out_of(loop)
    return changed


def _loops(block: Block) -> Iterator[Node]:
    """The loops in a block, each after those that it holds."""
    for node in block:
        for inner in node.blocks:
            yield from _loops(inner)
        if node.kind == "prim::Loop":
            yield node


class _Mover:
    def __init__(self, memory: AliasDb, known: frozenset[Value], cannot_fail: Callable[[Node], bool]) -> None:
        self._memory = memory
        self._known = known
        self._cannot_fail = cannot_fail

    def move_out_of(self, loop: Node) -> bool:
        place = self._before_condition(loop)
        changed = False
        for node in list(loop.blocks[0]):
            if node.kind in _SMALL and self._is_invariant(node, loop):
                early = all(value.node.is_before(place) for value in node.inputs)
                node.move_before(place if early else loop)
                changed = True
        return changed

    def _before_condition(self, loop: Node) -> Node:
        """The first of the nodes right before a loop that do nothing but compute its condition.

        What is put before them does not come between the condition and the loop, which then can be written as one.
        """
        chain = [loop]
        while True:
            previous = chain[-1].previous
            readers = {use.user for output in previous.outputs for use in output.uses}
            if previous.kind in ("prim::Param", "prim::Constant") or previous.blocks or not readers <= set(chain):
                return chain[-1]
            if self._memory.writes(previous) or has_side_effects(previous) or not readers:
                return chain[-1]
            if len(chain) == 1 and loop.inputs[1].node is not previous:
                return loop
            chain.append(previous)

    def _is_invariant(self, node: Node, loop: Node) -> bool:
        if any(not value.node.is_before(loop) for value in node.inputs):
            return False
        if not self._cannot_fail(node) or not is_deterministic(node):
            return False
        if node.kind != "prim::GetAttr" and not self._known.isdisjoint(node.outputs):
            return False
        if self._memory.has_output_writers(node):
            return False
        return not intersects(self._memory.reads(node), self._memory.writes(loop))
