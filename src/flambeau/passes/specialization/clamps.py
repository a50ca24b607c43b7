"""Clamp floating-point tensors at zero by `relu`, which computes the same and has no numbers to look at.

    %y : Tensor = aten::clamp(%x, 0, None)      ->      %y : Tensor = aten::relu(%x)

Only the gradient at zero is another. A negative zero is another bound: which zero is the larger one is left open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from flambeau.ir import NONE, Graph, Node, Value, constant_value

from .tensor_rules import TensorFact

__all__ = ["clamp_by_relu"]


def clamp_by_relu(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[tuple[Node, Value]]:
    """Rewrite what serves; returns the new nodes, each with what its result replaces."""
    made: list[tuple[Node, Value]] = []
    for node in [*graph.find_nodes("aten::clamp"), *graph.find_nodes("aten::clamp_min")]:
        is_floating = node.output in facts  # nothing is known of others: see `tensor_rules`
        if is_floating and _is_zero(node.inputs[1]) and all(v.type is NONE for v in node.inputs[2:]):
            relu = graph.create("aten::relu", node.inputs[:1]).copy_metadata(node).insert_before(node)
            relu.output.copy_metadata(node.output)
            node.replace_all_uses_with(relu)
            made.append((relu, node.output))
            node.destroy()
    return made


def _is_zero(value: Value) -> bool:
    number = constant_value(value)
    return isinstance(number, (int, float)) and number == 0 and math.copysign(1.0, number) > 0
