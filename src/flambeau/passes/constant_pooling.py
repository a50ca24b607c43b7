"""Keep one of equal constants, at the top of the graph.

    %a : int = prim::Constant[value=1]()
    %b : int = prim::Constant[value=1]()     ->   readers of %b read %a

Equal means: the same type, and the same value bit for bit (`0.` is not `-0.`, `True` not `1`). Constants that can
change (tensors, lists) are merged only where nobody could tell: they are not written to, and do not both become known
outside. As in TorchScript, each constant moves to the very front when it is met, so the last one met comes first.
"""

from __future__ import annotations

from collections.abc import Hashable

from flambeau.ir import AliasDb, Graph, Node, is_mutable_type, node_key

from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs


@graph_pass("constant_pooling")
def pool_constants(graph: Graph) -> bool:
    """Merge equal constants and move those that remain to the top."""
    changed = False
    for current in with_subgraphs(graph):
        changed |= _pool(current)
    return changed


def _pool(graph: Graph) -> bool:
    constants = [node for node in graph.walk() if node.kind == "prim::Constant"]
    before = list(graph.nodes())
    kept: dict[Hashable, Node] = {}
    facts: AliasDb | None = None
    known_outside: set[Node] = set()
    merged = False
    for node in constants:
        first = kept.setdefault(node_key(node), node)
        if first is not node and is_mutable_type(node.output.type):
            facts = facts or alias_facts(graph)
            if not (_is_same_object(first, node) or _may_merge(first, node, facts, known_outside)):
                continue
        if first is not node:
            node.replace_all_uses_with(first)
            node.destroy()
            merged = True
    for node in kept.values():
        node.move_after(graph.param_node)
    return merged or before != list(graph.nodes())


def _may_merge(first: Node, second: Node, facts: AliasDb, known_outside: set[Node]) -> bool:
    """Whether nobody could tell; adds to the nodes that came to stand for one that may become known outside."""
    if facts.has_writers(first.output) or facts.has_writers(second.output):
        return False
    if not facts.escapes_scope(second.output):
        return True
    if first in known_outside or facts.escapes_scope(first.output):
        return False
    known_outside.add(first)
    return True


def _is_same_object(a: Node, b: Node) -> bool:
    return "value" in a.attributes and a.attributes["value"].value is b.attributes["value"].value
