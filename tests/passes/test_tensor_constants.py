"""Passes on graphs with PyTorch's tensors as constants, which do not answer `==` with a bool."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.passes import PASSES, after_compilation, optimize

torch = pytest.importorskip("torch")


def chooses_between_tensors() -> ir.Graph:
    graph = ir.Graph()
    node = graph.insert("prim::If", (graph.add_input("c", ir.BOOL),), (ir.TENSOR,))
    for tensor in (torch.ones(3), torch.zeros(3)):
        block = node.add_block()
        block.append(constant := ir.create_constant(graph, tensor))
        block.add_output(constant.output)
    graph.add_output(node.output)
    ir.verify(graph)
    return graph


@pytest.mark.parametrize("apply", [*PASSES.values(), after_compilation, optimize], ids=lambda p: p.__name__)
def test_branches_that_give_tensors(apply: object) -> None:
    """(was: the truth value of a tensor with several elements is ambiguous)"""
    graph = chooses_between_tensors()
    apply(graph)  # type: ignore[operator]
    ir.verify(graph)
    (branch,) = graph.find_nodes("prim::If")
    assert graph.outputs[0] is branch.output
