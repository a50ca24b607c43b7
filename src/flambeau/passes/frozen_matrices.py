"""Let constant matrices lie in memory as the products with them read them fastest.

    %y : Tensor = aten::linear(%x, %w, %b)        ->        %t : Tensor = aten::t(%w)
                                                            %c : Tensor = aten::contiguous(%t, contiguous)
                                                            %v : Tensor = aten::t(%c)
                                                            %y : Tensor = aten::linear(%x, %v, %b)

A linear layer multiplies by the transposed weights, so these lie column by column; what is multiplied by as it is lies
row by row. Constant propagation moves the elements. Results differ by rounding, as the products are computed in another
order.
"""

from __future__ import annotations

from flambeau.ir import (
    Graph,
    MemoryFormat,
    Node,
    ScalarType,
    Value,
    insert_constant,
)

from .constant_tensors import constant_tensor_type
from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_FACTORS = {"aten::mm": 1, "aten::matmul": 1, "aten::addmm": 2}
"""Which input a product multiplies by, from the right."""
_LINEAR_WEIGHT = 1
_DTYPES = frozenset({ScalarType.Float, ScalarType.Double})


@graph_pass("frozen_matrix_order")
def order_matrices(graph: Graph) -> bool:
    """Reorder all constant matrices of 32- or 64-bit floats on the CPU that products read the other way."""
    changed = False
    for current in with_subgraphs(graph):
        for node in list(current.walk()):
            if node.kind == "aten::linear" and _lies_across(node.inputs[_LINEAR_WEIGHT], 1):
                columns = _call(node, "aten::t", node.inputs[_LINEAR_WEIGHT])
                node.replace_input(_LINEAR_WEIGHT, _call(node, "aten::t", _contiguous(node, columns)))
            elif node.kind in _FACTORS and _lies_across(node.inputs[_FACTORS[node.kind]], 0):
                node.replace_input(_FACTORS[node.kind], _contiguous(node, node.inputs[_FACTORS[node.kind]]))
            else:
                continue
            changed = True
    return changed


def _lies_across(value: Value, dimension: int) -> bool:
    """Whether a value is a constant matrix whose neighbours in memory are neighbours along a dimension."""
    matrix = constant_tensor_type(value)
    if matrix is None or matrix.scalar_type not in _DTYPES or matrix.device != "cpu":
        return False
    sizes, strides = matrix.sizes or (), matrix.strides or ()
    if len(sizes) != 2 or len(strides) != 2 or any(not isinstance(n, int) or n < 2 for n in sizes):
        return False
    return strides[dimension] == 1


def _contiguous(node: Node, value: Value) -> Value:
    with node.graph.inserting_at(node):
        plain = insert_constant(node.graph, int(MemoryFormat.Contiguous), range=node.range)
    return _call(node, "aten::contiguous", value, plain)


def _call(node: Node, kind: str, *inputs: Value) -> Value:
    return node.graph.create(kind, inputs).copy_metadata(node).insert_before(node).output
