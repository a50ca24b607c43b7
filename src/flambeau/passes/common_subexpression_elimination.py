"""Compute equal things once.

    %a : Tensor = aten::mul(%x, %y)
    %b : Tensor = aten::mul(%x, %y)      ->   readers of %b read %a

Within a block and from the blocks around it (a branch uses what was computed before it, never the other way round).
Not for nodes with side effects, random ones, those with sub-blocks, and those whose inputs or results are written to
anywhere. Two results that may both become known outside stay two, as the caller could tell them apart by writing to
one; what a node takes out of a container or object (attributes, elements, casts) is the same object both times, so
that does not matter there.

Keeps: the order of the rest. The first of equal nodes stays. Cost: linear.
"""

from __future__ import annotations

from collections.abc import Hashable

from flambeau.ir import AliasDb, Block, Graph, Nested, Node, flat, has_side_effects, is_deterministic, node_key

from .pass_manager import graph_pass
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
        facts = AliasDb(current)
        for replaced in flat(_merge(current.block, {}, facts)):
            replaced.destroy()
            changed = True
    return changed


def _merge(block: Block, seen: dict[Hashable, Node], facts: AliasDb) -> Nested[Node]:
    """Yield nodes that nothing reads any more; `seen` are the nodes visible here, restored on leaving the block."""
    added: list[Hashable] = []
    for node in block:
        if node.blocks:
            for inner in node.blocks:
                yield _merge(inner, seen, facts)
            continue
        key = node_key(node) if _may_be_shared(node, facts) else None
        if key is None:
            continue
        first = seen.get(key)
        if first is None:
            seen[key] = node
            added.append(key)
        elif _may_replace(first, node, facts):
            node.replace_all_uses_with(first)
            yield node
    for key in added:
        del seen[key]


def _may_be_shared(node: Node, facts: AliasDb) -> bool:
    if not node.outputs or has_side_effects(node) or not is_deterministic(node):
        return False
    if facts.has_input_writers(node):
        return False
    return node.kind in _TAKES_OUT or not facts.has_output_writers(node)


def _may_replace(first: Node, second: Node, facts: AliasDb) -> bool:
    if first.kind in _TAKES_OUT:
        return True
    return not (facts.escapes_scope(first.outputs) and facts.escapes_scope(second.outputs))
