"""Find products of two stacks of matrices that `bmm` computes as `matmul` does, at half the cost.

    %a : Tensor = aten::softmax(...)                  three dimensions each: `matmul` repeats matrices where a stack is
    %p : Tensor = aten::matmul(%a, %b)                too short, makes strides regular, and calls `bmm`

Which routine multiplies depends on strides, even of dimensions of size 1, so only operands whose strides are regular as
they are: those of new tensors, of views of them, and of transposed ones. A left operand in which rows are columns is
none: a single row is taken for a column. Whether the stacks are equally long remains to be tried.
"""

from __future__ import annotations

from collections.abc import Mapping

from flambeau.ir import Graph, Node, Value, constant_value

from .tensor_rules import SPLITS, Order, TensorFact, gives_new_tensors

__all__ = ["stacks_to_multiply"]

_RANK = 3
_VIEWS = frozenset({"aten::view", "aten::reshape", "aten::flatten"})


def stacks_to_multiply(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[Node]:
    """The products that may be tried with `bmm`."""
    return [
        node
        for node in graph.find_nodes("aten::matmul")
        if _is_regular(node.inputs[0], facts, is_left=True) and _is_regular(node.inputs[1], facts, is_left=False)
    ]


def _is_regular(value: Value, facts: Mapping[Value, TensorFact], *, is_left: bool) -> bool:
    fact = facts.get(value)
    if fact is None or fact.rank != _RANK:
        return False
    node = value.node
    if node.kind == "prim::If":
        return all(_is_regular(block.outputs[value.offset], facts, is_left=is_left) for block in node.blocks)
    if node.kind == "prim::ListUnpack":
        cut = node.inputs[0].node
        is_cut = cut.operator is not None and cut.operator.qualified_name in SPLITS
        return is_cut and _is_regular(cut.inputs[0], facts, is_left=is_left)
    if node.kind == "aten::transpose" and len(node.inputs) == 3:
        dimensions = [constant_value(v) for v in node.inputs[1:]]
        swaps_last = any(d in (-1, _RANK - 1) for d in dimensions) or not all(isinstance(d, int) for d in dimensions)
        return not (is_left and swaps_last) and _is_in_order(node.inputs[0], facts)
    return _is_in_order(value, facts)


def _is_in_order(value: Value, facts: Mapping[Value, TensorFact]) -> bool:
    """Whether a tensor is new, or a view of one, with all strides in order."""
    node = value.node
    source = facts.get(node.inputs[0] if node.kind in _VIEWS else value)
    in_order = source is not None and source.order >= Order.ROW_MAJOR
    return in_order and (node.kind in _VIEWS or gives_new_tensors(node))
