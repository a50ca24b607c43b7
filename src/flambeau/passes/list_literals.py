"""Turn empty list literals into ordinary lists.

    %l : int[] = prim::EmptyListLiteral()    ->    %l : int[] = prim::ListConstruct()

While a function is compiled, `[]` is marked, as its element type may still be settled by what it is passed to;
afterwards it is a list like any other.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs


@graph_pass("erase_list_literals")
def erase_list_literals(graph: Graph) -> bool:
    """Replace every `prim::EmptyListLiteral`."""
    marked = [n for g in with_subgraphs(graph) for n in g.walk() if n.kind == "prim::EmptyListLiteral"]
    for node in marked:
        _replace(node)
    return bool(marked)


def _replace(node: Node) -> None:
    made = node.graph.create("prim::ListConstruct", (), (node.output.type,)).copy_metadata(node).insert_before(node)
    name = node.output.debug_name if node.output.has_debug_name else ""
    node.output.replace_all_uses_with(made.output)
    node.destroy()
    if name:
        made.output.set_debug_name(name)
