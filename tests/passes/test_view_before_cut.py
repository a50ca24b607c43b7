"""Views of the pieces of a tensor become one of the whole, where nobody can tell; otherwise all stays."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import ScalarType, TensorType
from flambeau.passes import specialize
from flambeau.testing import FileCheck

FLOAT_2D = TensorType(ScalarType.Float, (3, 8), (8, 1), "cpu")

HEADS = """graph(%x : Tensor, %h : int, %w : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %last : int = prim::Constant[value=-1]()
  %none : NoneType = prim::Constant()
  %l : Tensor[] = aten::chunk(%x, %two, %last)
  %p : Tensor, %q : Tensor = prim::ListUnpack(%l)
  %s : int[] = aten::size(%p)
  %a : int, %b : int = prim::ListUnpack(%s)
  %d : int = aten::floordiv(%b, %h)
  %n : int[] = prim::ListConstruct(%a, %h, %d)
  %v : Tensor = aten::view(%p, %n)
  %y : Tensor = aten::transpose(%v, %zero, %one)
  BETWEEN
  %e : int = aten::size(%q, %zero)
  %f : int = aten::size(%q, %last)
  %g : int = aten::floordiv(%f, %h)
  %m : int[] = prim::ListConstruct(%e, %h, %g)
  %u : Tensor = aten::view(%q, %m)
  %z : Tensor = aten::transpose(%u, %zero, %one)
  %r : Tensor = aten::matmul(%y, %z)
  return (%r)
"""


def specialized(text: str, first: ir.Type = FLOAT_2D) -> str:
    graph = ir.parse(text)
    specialize(graph, (first, ir.INT, ir.TENSOR))
    ir.verify(graph)
    return str(graph)


def test_one_view_is_cut() -> None:
    text = specialized(HEADS.replace("BETWEEN", ""))
    check = FileCheck().check("prim::If").check("block0").check("aten::view(%x").check("aten::transpose")
    check.check("aten::split_with_sizes").check("block1").check("aten::chunk").check_count("aten::view", 2).run(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("aten::matmul(%y, %z)", "aten::matmul(%y, %p)"),  # a piece is read as it is
        ("aten::chunk(%x, %two, %last)", "aten::chunk(%x, %two, %zero)"),  # along another dimension
        ("prim::ListConstruct(%e, %h, %g)", "prim::ListConstruct(%e, %g, %h)"),  # the views differ
        ("aten::transpose(%u, %zero, %one)", "aten::transpose(%u, %zero, %two)"),
        ("aten::transpose(%u, %zero, %one)", "aten::t(%u)"),
        ("return (%r)", "return (%z)"),  # a view is seen outside
        ("aten::matmul(%y, %z)", "aten::matmul(%y, %w)"),  # the routine of a product with a matrix depends on strides
        ("aten::matmul(%y, %z)", "aten::linear(%y, %w, %none)"),
        ("aten::matmul(%y, %z)", "aten::mul(%z, %d)"),  # what sizes come to is read by something else
        ("BETWEEN", "%c : Tensor = aten::add_(%x, %w, %one)"),  # a tensor is written to
        ("BETWEEN", " = prim::Print(%h)"),  # which must happen before the second view can fail
    ],
)
def test_all_else_stays(old: str, new: str) -> None:
    text = specialized(HEADS.replace(old, new).replace("BETWEEN", ""))
    FileCheck().check_not("prim::If").run(text)


def test_the_number_of_dimensions_must_be_known() -> None:
    FileCheck().check_not("prim::If").run(specialized(HEADS.replace("BETWEEN", ""), ir.TENSOR))
    wider = TensorType(ScalarType.Float, (3, 3, 8), (24, 8, 1), "cpu")
    FileCheck().check_not("prim::If").run(specialized(HEADS.replace("BETWEEN", ""), wider))
