"""Keep one of equal constants, at the top of the graph.

    %a : int = prim::Constant[value=1]()
    %b : int = prim::Constant[value=1]()     ->   readers of %b read %a

Equal means: same type, same kind of attribute, and the same number, string or None (floats bit for bit: 0. is not -0.).
Tensors, lists and objects are mutable and may be told apart by identity; of those only the very same object counts.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable

from flambeau.ir import Graph, Node, Value, constant_of

from .pass_manager import graph_pass


@graph_pass("constant_pooling")
def pool_constants(graph: Graph) -> bool:
    """Merge equal constants and move those that remain, in order of appearance, to the top."""
    changed = False
    kept: dict[Hashable, Value] = {}
    last: Node = graph.param_node
    for node in list(graph.walk()):
        if node.has_attribute("Subgraph"):
            changed |= pool_constants(node.graph_attribute())
        if node.kind != "prim::Constant":
            continue
        first = kept.setdefault(_key(node), node.output)
        if first is not node.output:
            node.output.replace_all_uses_with(first)
            node.destroy()
            changed = True
            continue
        if last.next is not node:
            node.move_after(last)
            changed = True
        last = node
    return changed


def _key(node: Node) -> Hashable:
    value = constant_of(node)
    kind = node.attributes["value"].kind if node.has_attribute("value") else ""
    return (node.output.type, kind, _identity(value))


def _identity(value: object) -> Hashable:
    if isinstance(value, float):
        return struct.pack("d", value)
    if isinstance(value, complex):
        return struct.pack("dd", value.real, value.imag)
    if value is None or isinstance(value, (bool, int, str)):
        return (type(value), value)
    if isinstance(value, tuple):
        return tuple(map(_identity, value))
    return id(value)
