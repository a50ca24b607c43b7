"""Compute equal things once.

    %a : Tensor = aten::mul(%x, %y)
    %b : Tensor = aten::mul(%x, %y)      ->   readers of %b read %a

Within a block and from the blocks around it (a branch uses what was computed before it, never the other way round).
Not for nodes with side effects, random ones, those with sub-blocks, and those whose inputs or results are written to
anywhere. Two results that may both become known outside stay two, and so does what each iteration of a loop gives out,
or views of it, as the caller could tell them apart by writing to one (views that only operators read are not known
outside, whatever they are views of); what a node takes out of a container or object (attributes, elements, casts) is
the same object both times, so that does not matter there.

Keeps: the order of the rest. The first of equal nodes stays. Cost: linear.
"""

from __future__ import annotations

from collections.abc import Hashable

from flambeau.ir import AliasDb, Block, Graph, Nested, Node, Value, flat, has_side_effects, is_deterministic, node_key

from .known_objects import known_objects, may_give_view
from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs

_TAKES_OUT = frozenset(
    {
        *("prim::GetAttr", "prim::TupleIndex", "prim::TupleUnpack", "prim::ListUnpack", "prim::unchecked_cast"),
        *("aten::_unwrap_optional", "prim::unchecked_unwrap_optional"),
    }
)
"""Kinds whose results are existing objects, so that computing them twice gives the same ones."""


@graph_pass("cse")
def eliminate_common_subexpressions(graph: Graph) -> bool:
    """Replace nodes by equal ones that come before them."""
    changed = False
    for current in with_subgraphs(graph):
        for replaced in flat(_Merger(current).merge(current.block)):
            replaced.destroy()
            changed = True
    return changed


class _Merger:
    """Merges in one graph."""

    def __init__(self, graph: Graph) -> None:
        self._facts = alias_facts(graph)
        self._seen: dict[Hashable, Node] = {}
        """The nodes that are visible where the walk is."""
        self._graph = graph
        self._known_objects: frozenset[Value] | None = None
        self._known_outside: set[Node] = set()
        """Those that came to stand for a node whose results may become known outside."""

    def merge(self, block: Block) -> Nested[Node]:
        """Yield nodes that nothing reads any more."""
        added: list[Hashable] = []
        for node in block:
            if node.blocks:
                for inner in node.blocks:
                    yield self.merge(inner)
                continue
            if node.kind in ("prim::Enter", "prim::Exit"):
                # Under `torch.autocast` the same operator computes something else.
                self._seen.clear()
            key = node_key(node) if _may_be_shared(node, self._facts) else None
            if key is None:
                continue
            first = self._seen.get(key)
            if first is None:
                self._seen[key] = node
                added.append(key)
            elif self._may_replace(first, node):
                node.replace_all_uses_with(first)
                yield node
        for key in added:
            self._seen.pop(key, None)

    def _may_replace(self, first: Node, second: Node) -> bool:
        if first.kind in _TAKES_OUT or not self._facts.escapes_scope(second.outputs):
            return True
        in_loop = first.innermost_loop is not second.innermost_loop
        if in_loop or first in self._known_outside or self._facts.escapes_scope(first.outputs):
            return self._is_unknown(second)
        self._known_outside.add(first)
        return True

    def _is_unknown(self, node: Node) -> bool:
        """Whether nobody outside can hold a result of the node itself, or memory that the node takes.

        What may leave the graph shares memory with the results; if they are views themselves, both nodes' are of the
        same memory.
        """
        operator = node.operator
        if operator is not None and not operator.is_jit_only and not may_give_view(operator):
            return False
        if self._known_objects is None:
            self._known_objects = known_objects(self._graph)
        return self._known_objects.isdisjoint(node.outputs)


def _may_be_shared(node: Node, facts: AliasDb) -> bool:
    if not node.outputs or has_side_effects(node) or not is_deterministic(node):
        return False
    if facts.has_input_writers(node):
        return False
    return node.kind in _TAKES_OUT or not facts.has_output_writers(node)
