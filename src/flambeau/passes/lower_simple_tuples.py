"""Let readers of a tuple's elements read what the tuple was made of.

    %t : (Tensor, int) = prim::TupleConstruct(%a, %b)
    %x : Tensor, %y : int = prim::TupleUnpack(%t)           ->   readers of %x read %a, of %y %b

Also `prim::TupleIndex` with a constant index, and `prim::TupleSlice`. Tuples are immutable, so this is always true. The
tuple itself is removed when nothing reads it any more.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, Value, constant_value

from .pass_manager import graph_pass


@graph_pass("lower_simple_tuples")
def lower_simple_tuples(graph: Graph) -> bool:
    """Bypass tuples that are made and taken apart in the same graph."""
    changed = False
    candidates: list[Node] = []
    for node in list(graph.walk()):
        if node.has_attribute("Subgraph"):
            changed |= lower_simple_tuples(node.graph_attribute())
        if node.kind == "prim::TupleConstruct":
            candidates.append(node)
        elif node.kind in _BYPASSES and node.inputs[0].node.kind == "prim::TupleConstruct":
            changed |= _BYPASSES[node.kind](node, node.inputs[0].node)
    for tuple_node in reversed(candidates):
        if not tuple_node.has_uses:
            tuple_node.destroy()
            changed = True
    return changed


def _bypass_unpack(node: Node, made: Node) -> bool:
    for output, element in zip(node.outputs, made.inputs, strict=True):
        _forward(output, element)
    node.destroy()
    return True


def _bypass_index(node: Node, made: Node) -> bool:
    index = constant_value(node.inputs[1])
    if not isinstance(index, int) or not -len(made.inputs) <= index < len(made.inputs):
        return False
    _forward(node.output, made.inputs[index])
    node.destroy()
    return True


def _bypass_slice(node: Node, made: Node) -> bool:
    begin, end = node.attribute("beg"), node.attribute("end")
    if not isinstance(begin, int) or not isinstance(end, int):
        return False
    elements = list(made.inputs)[begin:end]
    graph = node.graph
    with graph.inserting_at(node):
        shorter = graph.insert("prim::TupleConstruct", elements, (node.output.type,))
    shorter.range = node.range
    _forward(node.output, shorter.output)
    node.destroy()
    return True


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
