"""Transpose the weights of linear layers once, before a loop.

    %y : Tensor = prim::Loop(...)                              %t : Tensor = aten::t(%w)
      block0(...):                                       ->    %y : Tensor = prim::Loop(...)
        %l : Tensor = aten::linear(%x, %w, %b)                   block0(...):
                                                                   %l : Tensor = prim::TransposedLinear(%x, %w, %b, %t)

`aten::linear` of a matrix is the product with the transposed weight, added to the bias, in one call; what transposes
the weight takes as long as the dispatch of the whole.

The kind that arises is for generated code only.
"""

from __future__ import annotations

from collections.abc import Mapping

from flambeau.ir import Graph, Node, Value

from .tensor_rules import TensorFact

__all__ = ["transpose_weights"]


def transpose_weights(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[tuple[Node, Value]]:
    """Introduce transposed weights; returns the products that take them, each with what its result replaces."""
    made: list[tuple[Node, Value]] = []
    for node in graph.find_nodes("aten::linear"):
        operand, weight, bias = node.inputs
        ranks = [facts[v].rank if v in facts else None for v in (operand, weight)]
        if not _is_before_loop(weight, node) or ranks != [2, 2] or bias not in facts:
            continue
        transposed = graph.create("aten::t", (weight,)).copy_metadata(node).insert_after(weight.node).output
        product = graph.create("prim::TransposedLinear", (operand, weight, bias, transposed)).copy_metadata(node)
        product.copy_attributes(node).insert_before(node).output.copy_metadata(node.output)
        node.replace_all_uses_with(product)
        made.append((product, node.output))
        node.destroy()
    return made


def _is_before_loop(weight: Value, node: Node) -> bool:
    loop = node.innermost_loop
    return loop is not None and weight.node.is_before(loop)
