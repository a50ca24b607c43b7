"""First dimensions of size 1 are left out where that spares calls, and stay where somebody could tell."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import ScalarType, TensorType
from flambeau.passes import Order, TensorFact, fact_of_type, specialize, specialize_for
from flambeau.testing import FileCheck

MATRIX = TensorType(ScalarType.Float, (4, 4), (4, 1), "cpu")
VECTOR = TensorType(ScalarType.Float, (4,), (1,), "cpu")

PROGRAM = """graph(%x : Tensor, %w : Tensor, %b : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %last : int = prim::Constant[value=-1]()
  %g : Tensor = aten::sigmoid(%x)
  %h : Tensor = aten::unsqueeze(%g, %zero)
  %y : Tensor = aten::linear(%h, %w, %b)
  BODY
  return (%r)
"""
GONE = "aten::unsqueeze"


def specialized(body: str, x: ir.Type = MATRIX) -> str:
    graph = ir.parse(PROGRAM.replace("BODY", body.replace("\n", "\n  ")))
    specialize(graph, (x, MATRIX, VECTOR, ir.INT))
    ir.verify(graph)
    return str(graph)


HEADS = """%a : int, %c : int, %d : int = prim::ListUnpack(%s)
%l : int[] = prim::ListConstruct(%a, %c, %two, %two)
%v : Tensor = aten::view(%y, %l)
%t : Tensor = aten::transpose(%v, %one, %two)
%u : Tensor = aten::transpose(%t, %two, %last)
%m : Tensor = aten::matmul(%t, %u)
%p : Tensor = aten::softmax(%m, %last, %none)
%r : Tensor = aten::sum(%p, %none)"""


@pytest.mark.parametrize(
    "body",
    [
        "%k : Tensor = aten::add(%y, %h, %one)",
        "%k : Tensor = aten::mul(%y, %b)",
        "%k : Tensor = aten::transpose(%y, %one, %two)",
        "%k : Tensor = aten::softmax(%y, %last, %none)",
        "%c : Tensor[] = prim::ListConstruct(%y, %h)\n%d : Tensor = aten::cat(%c, %two)\n"
        "%k : Tensor = aten::sigmoid(%d)",
        "%z : Tensor = prim::Loop(%n, %true, %y)\n  block0(%i : int, %q : Tensor):\n"
        "    %d : Tensor = aten::tanh(%q)\n    %e : Tensor = aten::linear(%d, %w, %b)\n    -> (%true, %e)\n"
        "%k : Tensor = aten::sigmoid(%z)",
    ],
)
def test_the_dimension_is_left_out(body: str) -> None:
    text = specialized(f"{body}\n%o : Tensor = aten::select(%k, %zero, %zero)\n%r : Tensor = aten::relu(%o)")
    FileCheck().check("aten::linear(%g").check_not(GONE).run(text)


def test_a_view_that_is_seen_is_made() -> None:
    text = specialized("%k : Tensor = aten::sigmoid(%y)\n%r : Tensor = aten::select(%k, %zero, %zero)")
    FileCheck().check(GONE).check("aten::select").run(text)


def test_sizes_count_the_dimension() -> None:
    body = (
        "%s : int = aten::size(%y, SIZE)\n%k : Tensor = aten::select(%y, %zero, %zero)\n%r : Tensor = aten::mul(%k, %s)"
    )
    FileCheck().check_not("aten::size").run(specialized(body.replace("SIZE", "%zero")))
    FileCheck().check("prim::Constant[value=1]").check("aten::size[known_rank=1](%y").run(
        specialized(body.replace("SIZE", "%two"))
    )


def test_stacks_of_matrices() -> None:
    text = specialized("%s : int[] = aten::size(%y)\n" + HEADS)
    FileCheck().check("aten::linear(%g").check("aten::transpose").check("aten::matmul").check(
        "aten::softmax"
    ).check_count(GONE, 1, exactly=True).run(text)  # for the sum


@pytest.mark.parametrize(
    "body",
    [
        "%k : Tensor = aten::select(%y, %one, %zero)\n%r : Tensor = aten::relu(%k)",
        "%c : Tensor[] = prim::ListConstruct(%y, %h)\n%d : Tensor = aten::cat(%c, %zero)\n"
        "%k : Tensor = aten::select(%d, %zero, %zero)\n%r : Tensor = aten::relu(%k)",
        "%k : Tensor = aten::transpose(%y, %zero, %one)\n%r : Tensor = aten::relu(%k)",
        # Which routine multiplies depends on strides, and so may the result.
        "%r : Tensor = aten::linear(%y, %w, %none)",
        # A product of two stacks of one matrix is computed otherwise than one of matrices.
        "%k : Tensor = aten::matmul(%y, %h)\n%j : Tensor = aten::select(%k, %zero, %zero)\n"
        "%r : Tensor = aten::relu(%j)",
        # Something is written to.
        "%k : Tensor = aten::relu_(%y)\n%j : Tensor = aten::select(%k, %zero, %zero)\n%r : Tensor = aten::relu(%j)",
    ],
)
def test_the_dimension_stays(body: str) -> None:
    FileCheck().check("aten::linear(%h").run(specialized(body))


@pytest.mark.parametrize(
    "body",
    [
        "%r : Tensor = aten::relu(%y)",  # the result has the dimension
        "%r : Tensor = aten::softmax(%y, %zero, %none)",
        "%r : Tensor = aten::sum(%y, %none)",
    ],
)
def test_the_dimension_is_put_back(body: str) -> None:
    FileCheck().check("%y : Tensor = aten::linear(%g").check("aten::unsqueeze(%y").run(specialized(body))


def test_two_dimensions_must_be_left() -> None:
    body = "%k : Tensor = aten::select(%y, %zero, %zero)\n%r : Tensor = aten::relu(%k)"
    FileCheck().check("aten::linear(%h").run(specialized(body, VECTOR))
    FileCheck().check("aten::linear(%h").run(specialized(body, ir.TENSOR))


LISTED = """%e : Float(SIZES, requires_grad=0, device=cpu) = prim::Constant[value=<Tensor>]()
%a : Tensor[] = prim::ListConstruct(%e)
%i : Tensor[] = aten::_set_item(%a, %zero, %y)
%j : Tensor = aten::__getitem__(%a, %zero)
%k : Tensor = aten::sigmoid(%j)
%o : Tensor = aten::select(%k, %zero, %zero)
%r : Tensor = aten::relu(%o)"""


def with_constant(sizes: str) -> str:
    graph = ir.parse(PROGRAM.replace("BODY", LISTED.replace("SIZES", sizes).replace("\n", "\n  ")))
    given = {v: fact_of_type(t, v) for v, t in zip(graph.inputs, (MATRIX, MATRIX, VECTOR), strict=False)}
    (constant,) = (
        n.output for n in graph.walk() if isinstance(n.output.type, TensorType) and n.kind == "prim::Constant"
    )
    facts = {v: fact for v, fact in given.items() if fact is not None}
    specialize_for(graph, {**facts, constant: TensorFact(ScalarType.Float, 3, Order.CONTIGUOUS)})
    ir.verify(graph)
    return str(graph)


def test_a_constant_leaves_it_out_too() -> None:
    text = with_constant("1, 0, 4, strides=[4, 4, 1]")
    FileCheck().check("aten::linear(%g").check("aten::select(%e").check_not(GONE).run(text)


@pytest.mark.parametrize(
    "sizes", ["2, 3, 4, strides=[12, 4, 1]", "1, 1, 4, strides=[4, 9, 1]", "1, 3, 4, strides=[1, 4, 1]"]
)
def test_constants_that_keep_it(sizes: str) -> None:
    FileCheck().check("aten::linear(%h").run(with_constant(sizes))
