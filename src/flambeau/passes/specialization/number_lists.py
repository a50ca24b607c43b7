"""Keep short tensors of which only single numbers are read as lists of numbers.

    %l : Tensor[] = aten::append(%rows, %x)      ->    %l : Tensor[] = aten::append[as_numbers=1](%rows, %x)
    %r : Tensor = aten::__getitem__(%rows, %i)         %r : Tensor = aten::__getitem__(%rows, %i)
    %n : int = prim::NumberAt(%r, %k)                  %n : int = prim::NumberAt[as_numbers=1](%r, %k)

As back pointers of a decoder are. A number is read from a list at a tenth of the cost, and the memory of the tensor is
free at once. How long tensors are is not known here: whoever runs the graph keeps long ones as they are.

Only lists of the graph's own, in which nothing is but such tensors, each of them new and never written to.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, Value

from .memory_reuse import keeps_nothing
from .tensor_rules import gives_new_tensors

__all__ = ["AS_NUMBERS", "keep_numbers"]

AS_NUMBERS = "as_numbers"
"""The attribute of what puts tensors into such a list, and of what reads numbers from there."""


def keep_numbers(graph: Graph) -> list[Node]:
    """Mark what writes and reads such lists, in a graph whose numbers are read by `prim::NumberAt`; returns readers."""
    marked: list[Node] = []
    for node in [n for n in graph.walk() if n.kind == "prim::ListConstruct" and not n.inputs]:
        writers, readers = _writers(node.output), _readers(node.output)
        if writers is not None and readers:
            for marker in (*writers, *readers):
                marker.set_attribute(AS_NUMBERS, "i", 1)
            marked += readers
    return marked


def _writers(rows: Value) -> list[Node] | None:
    """What appends tensors to a list; None if anything else happens to it than that, and being read."""
    found: list[Node] = []
    for use in rows.uses:
        user = use.user
        if user.kind == "aten::append" and use.offset == 0 and not user.has_uses and _is_only_read(user.inputs[1]):
            found.append(user)
        elif user.kind not in ("aten::__getitem__", "aten::len"):
            return None
    return found


def _is_only_read(value: Value) -> bool:
    """Whether a value is a new tensor that is put into a list and is otherwise only looked at."""
    others = [use.user for use in value.uses if use.user.kind != "aten::append"]
    return value.use_count == len(others) + 1 and gives_new_tensors(value.node) and all(map(keeps_nothing, others))


def _readers(rows: Value) -> list[Node]:
    """What reads numbers from the tensors of a list; nothing if anything else is read."""
    taken = [use.user for use in rows.uses if use.user.kind == "aten::__getitem__"]
    readers = [use.user for row in taken for use in row.output.uses]
    return readers if all(r.kind == "prim::NumberAt" for r in readers) else []
