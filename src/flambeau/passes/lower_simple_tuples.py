"""Let readers of a tuple's elements read what the tuple was made of.

    %t : (Tensor, int) = prim::TupleConstruct(%a, %b)
    %x : Tensor, %y : int = prim::TupleUnpack(%t)           ->   readers of %x read %a, of %y %b

Also `prim::TupleIndex` with a constant index, and `prim::TupleSlice`. Tuples are immutable, so this is always true.
Tuples that nothing reads any more are removed.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, Value, constant_value

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs


@graph_pass("lower_simple_tuples", keeps_facts=True)
def lower_simple_tuples(graph: Graph) -> bool:
    """Bypass tuples that are made and taken apart in the same graph."""
    changed = False
    for current in with_subgraphs(graph):
        changed |= _lower(current)
    return changed


def _lower(graph: Graph) -> bool:
    changed = False
    made: list[Node] = []
    for node in list(graph.walk()):
        if node.kind == "prim::TupleConstruct":
            made.append(node)
        elif node.kind in _BYPASSES and node.inputs[0].node.kind == "prim::TupleConstruct":
            shorter = _BYPASSES[node.kind](node, node.inputs[0].node)
            made += [shorter] if shorter is not None else []
            changed |= node.owning_block is None
    for node in reversed(made):
        if not node.has_uses:
            node.destroy()
            changed = True
    return changed


def _bypass_unpack(node: Node, made: Node) -> Node | None:
    if len(node.outputs) != len(made.inputs):
        return None
    for output, element in zip(node.outputs, made.inputs, strict=True):
        _forward(output, element)
    node.destroy()
    return None


def _bypass_index(node: Node, made: Node) -> Node | None:
    index = constant_value(node.inputs[1])
    if isinstance(index, int) and -len(made.inputs) <= index < len(made.inputs):
        _forward(node.output, made.inputs[index])
        node.destroy()
    return None


def _bypass_slice(node: Node, made: Node) -> Node | None:
    begin, end = node.attribute("beg"), node.attribute("end")
    if not isinstance(begin, int) or not isinstance(end, int):
        return None
    elements = list(made.inputs)[begin:end]
    shorter = node.graph.create("prim::TupleConstruct", elements, (node.output.type,))
    shorter.copy_metadata(node).insert_before(node)
    _forward(node.output, shorter.output)
    node.destroy()
    return shorter


_BYPASSES = {
    "prim::TupleUnpack": _bypass_unpack,
    "prim::TupleIndex": _bypass_index,
    "prim::TupleSlice": _bypass_slice,
}


def _forward(output: Value, element: Value) -> None:
    if output.has_debug_name and not element.has_debug_name:
        name = output.debug_name
        output.set_debug_name("")
        element.set_debug_name(name)
    output.replace_all_uses_with(element)
