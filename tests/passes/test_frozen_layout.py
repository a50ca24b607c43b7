"""The order in memory of constants that operators prefer, and who must not see the order of what comes of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import ir
from flambeau.passes import optimize_frozen_layout, order_matrices, put_channels_last
from flambeau.runtime import interpret

CONVOLUTION = """graph(%x : Tensor, %n : int):
  %w : Float(3, 2, 3, 3, strides=[18, 9, 3, 1], requires_grad=0, device=cpu) = prim::Constant[value=<Tensor>]()
  %none : NoneType = prim::Constant()
  %true : bool = prim::Constant[value=1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %ones : int[] = prim::Constant[value=[1, 1]]()
  %sizes : int[] = prim::Constant[value=[-1]]()
  %y : Tensor = aten::conv2d(%x, %w, %none, %ones, %ones, %ones, %one)
"""


def graph_of(body: str) -> ir.Graph:
    graph = ir.parse(CONVOLUTION + "".join(f"  {line.strip()}\n" for line in body.split(";")))
    weight = next(node for node in graph.walk() if "<Tensor>" in str(node))
    torch.manual_seed(0)
    weight.set_attribute("value", "t", torch.randn(3, 2, 3, 3))
    return graph


def images() -> Tensor:
    return torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("body", "copies"),
    [
        ("return (%y)", 1),
        ("%r : Tensor = aten::relu(%y); %s : Tensor = aten::add(%r, %y, %one); return (%s)", 1),
        ("%r : Tensor = aten::relu_(%y); return (%r)", 1),
        ("%d : int = aten::dim(%y); %r : Tensor = aten::relu_(%y); return (%r, %d)", 1),
        ("%v : Tensor = aten::view(%y, %sizes); %r : Tensor = aten::relu(%y); return (%v, %r)", 2),
        ("%l : Tensor[] = prim::ListConstruct(%y, %y); %c : Tensor = aten::cat(%l, %one); return (%c)", 1),
        ("%l : Tensor[] = prim::ListConstruct(%y, %y); %c : Tensor = aten::stack(%l, %one); return (%c)", 2),
        ("%p : Tensor = aten::softmax(%y, %one, %none); return (%p)", 1),
    ],
)
def test_channels_last(body: str, copies: int) -> None:
    graph = graph_of(body)
    before = ir.copy_graph(graph)
    assert put_channels_last(graph)
    ir.verify(graph)
    assert str(graph).count("aten::contiguous(") == 1 + copies
    optimize_frozen_layout(graph)
    found, expected = (interpret(g, [images(), 1]) for g in (graph, before))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)
        if isinstance(mine, Tensor):
            assert mine.stride() == theirs.stride()


@pytest.mark.parametrize(
    "body",
    [
        # A view is written to, or what others read, or what the caller has.
        "%v : Tensor = aten::view(%y, %sizes); %r : Tensor = aten::relu_(%v); return (%y)",
        "%v : Tensor = aten::view(%y, %sizes); %r : Tensor = aten::relu_(%y); return (%v)",
        "%r : Tensor = aten::relu_(%x); return (%y, %r)",
        "%z : Tensor = aten::zero_(%y); return (%y)",
    ],
)
def test_where_tensors_are_written_to(body: str) -> None:
    graph = graph_of(body)
    before = str(graph)
    assert not put_channels_last(graph)
    assert str(graph) == before


def test_only_constant_weights_of_floats() -> None:
    graph = graph_of("return (%y)")
    weight = next(node for node in graph.walk() if "<Tensor>" in str(node))
    weight.set_attribute("value", "t", torch.randn(3, 2, 3, 3, dtype=torch.float64))
    assert not put_channels_last(graph)
    graph.add_input("v", ir.TENSOR)
    weight.output.replace_all_uses_with(graph.inputs[-1])
    assert not put_channels_last(graph)


def test_matrices_lie_as_products_read_them() -> None:
    class Products(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)
            self.w = nn.Parameter(torch.randn(5, 3))

        def forward(self, x: Tensor) -> Tensor:
            return torch.mm(self.linear(x), self.w.t())

    module = Products().eval()
    frozen = flambeau.freeze(flambeau.script(module))
    graph = ir.copy_graph(frozen.graph)
    optimize_frozen_layout(graph)
    assert not order_matrices(graph)
    text = str(graph)
    assert "Float(3, 4, strides=[1, 3]" in text
    assert "Float(3, 5, strides=[5, 1]" in text
    assert "aten::contiguous" not in text
