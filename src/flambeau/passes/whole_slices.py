"""Drop slices that take everything.

    %y : Tensor = aten::slice(%x, 0, None, None, 1)    ->   readers of %y read %x

`x[:, 1]` takes a slice of all rows, and a column of that. The slice would be another object than `%x`, so it stays
where somebody outside could hold it, or where anything writes to its memory (and so might change the shape of one of
the two). It would fail for a tensor with too few dimensions, so it also stays unless its readers fail then as well.

Cost: linear.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, constant_value

from .known_objects import known_objects
from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs

_MOST = (1 << 63) - 1


@graph_pass("remove_whole_slices", keeps_facts=True)
def remove_whole_slices(graph: Graph) -> bool:
    """Remove every slice of a tensor that takes a whole dimension, where nobody can tell."""
    changed = False
    for current in with_subgraphs(graph):
        found = [node for node in current.walk() if _is_whole(node) and _readers_need_more(node)]
        if not found:
            continue
        facts, known = alias_facts(current), known_objects(current)
        for node in found:
            if node.output not in known and not facts.has_writers(node):
                node.output.replace_all_uses_with(node.inputs[0])
                node.destroy()
                changed = True
    return changed


def _is_whole(node: Node) -> bool:
    if node.kind != "aten::slice" or len(node.inputs) != 5:
        return False
    dimension, start, end, step = (constant_value(value) for value in node.inputs[1:])
    return isinstance(dimension, int) and dimension >= 0 and start in (None, 0) and end in (None, _MOST) and step == 1


def _readers_need_more(node: Node) -> bool:
    """Whether all readers fail for tensors that do not have the dimension, too."""
    sliced = constant_value(node.inputs[1])
    for use in node.output.uses:
        reader = use.user
        if reader.kind not in ("aten::select", "aten::slice") or use.offset != 0 or len(reader.inputs) < 3:
            return False
        dimension = constant_value(reader.inputs[1])
        if not (isinstance(dimension, int) and isinstance(sliced, int) and dimension > sliced):
            return False
    return True
