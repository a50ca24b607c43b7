"""Memory that the iterations of a loop share: which results are written where those of the last iteration were."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import ScalarType, TensorType
from flambeau.passes import specialize
from flambeau.testing import FileCheck

FLOAT_1D = TensorType(ScalarType.Float, (4,), (1,), "cpu")
FLOAT_2D = TensorType(ScalarType.Float, (4, 4), (4, 1), "cpu")
FLOAT_3D = TensorType(ScalarType.Float, (2, 3, 4), (12, 4, 1), "cpu")


def specialized(text: str, *types: ir.Type) -> str:
    graph = ir.parse(text)
    specialize(graph, types)
    ir.verify(graph)
    return str(graph)


CELL = """graph(%x : Tensor, %w : Tensor, %h : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %kept : Tensor[] = prim::ListConstruct()
  %r : Tensor = prim::Loop(%n, %true, %h)
    block0(%i : int, %c : Tensor):
      %row : Tensor = aten::select(%x, %zero, %i)
      %m : Tensor = aten::mm(%row, %w)
      %g : Tensor = aten::add(%m, %c, %one)
      %l : Tensor[] = aten::chunk(%g, %two, %one)
      %p : Tensor, %q : Tensor = prim::ListUnpack(%l)
      %d : Tensor = aten::mul(%p, %q)
      BODY
      -> (%true, %d)
  return (%r, %kept)
"""


@pytest.mark.parametrize(
    ("body", "is_cut_once"),
    [
        ("", True),
        ("%l2 : Tensor[] = aten::append(%kept, %d)", True),
        # Pieces, or all of it, are kept.
        ("%l2 : Tensor[] = aten::append(%kept, %q)", False),
        ("%l2 : Tensor[] = aten::append(%kept, %g)", False),
        ("%v : Tensor = aten::t(%q)\n      %l2 : Tensor[] = aten::append(%kept, %v)", False),
    ],
)
def test_pieces_that_no_iteration_keeps(body: str, is_cut_once: bool) -> None:
    text = specialized(CELL.replace("BODY", body), FLOAT_3D, FLOAT_2D, FLOAT_2D, ir.INT)
    assert ('into="aten::mm"' in text) is is_cut_once
    if is_cut_once:
        FileCheck().check("prim::LoopMemory()").check("prim::Pieces()").check("prim::Loop").check(
            "prim::LookAtCarried"
        ).check("prim::CutOnce").run(text)
    else:
        assert "CutOnce" not in text


LOOP = """graph(%x : Tensor, %w : Tensor, %h : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %false : bool = prim::Constant[value=0]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %kept : Tensor[] = prim::ListConstruct()
  %r : Tensor, %s : Tensor = prim::Loop(%n, %true, %h, %x)
    block0(%i : int, %c : Tensor, %e : Tensor):
      BODY
      -> (%true, %d, %f)
  return (%r, %s, %kept)
"""


def shared(body: str) -> bool:
    """Whether `%p` is written where it was."""
    text = specialized(LOOP.replace("BODY", body.replace("; ", "\n      ")), FLOAT_2D, FLOAT_2D, FLOAT_2D, ir.INT)
    return any("prim::Into" in line and "%p " in line for line in text.splitlines())


END = "; %d : Tensor = aten::mm(%p, %p); %f : Tensor = aten::neg(%e)"


@pytest.mark.parametrize(
    "body",
    [
        "%p : Tensor = aten::mm(%c, %w)",
        "%p : Tensor = aten::sub(%c, %w, %one)",
        "%p : Tensor, %k : Tensor = aten::max(%c, %zero, %true)",
        "%v : Tensor = aten::slice(%c, %zero, %one, %none, %one); %p : Tensor = aten::mul(%v, %w)",
        "%v : Tensor = aten::select(%w, %zero, %i); %p : Tensor = aten::mul(%v, %c)",  # rows are alike
    ],
)
def test_results_whose_size_follows_from_what_is_carried(body: str) -> None:
    assert shared(body + END)


@pytest.mark.parametrize(
    "body",
    [
        # The number of elements follows from a number of the iteration, or from what elements are.
        "%v : Tensor = aten::slice(%c, %zero, %i, %none, %one); %p : Tensor = aten::mul(%v, %w)",
        "%u : Tensor = aten::gt(%c, %zero); %j : Tensor?[] = prim::ListConstruct(%u)"
        "; %v : Tensor = aten::index(%c, %j); %p : Tensor = aten::mul(%v, %v)",
        # It is not computed as by default.
        "%p : Tensor = aten::add(%c, %w, %i)",
        # Nothing is known of an operand.
        "%v : Tensor = aten::bernoulli(%c, %none); %p : Tensor = aten::mul(%v, %w)",
        # It is of another dtype than one of its operands.
        "%v : Tensor = aten::gt(%c, %zero); %p : Tensor = aten::mul(%v, %c)",
    ],
)
def test_results_of_which_too_little_is_known(body: str) -> None:
    assert not shared(body + END)


@pytest.mark.parametrize(
    ("end", "is_shared"),
    [
        ("%d : Tensor = aten::mm(%p, %p); %f : Tensor = aten::neg(%e)", True),
        # What is carried is read before it is computed again.
        ("%d : Tensor = aten::mm(%w, %w); %f : Tensor = aten::alias(%p)", True),
        # Not before: it is an operand itself, or what is left in its memory, or it is read afterwards.
        ("%d : Tensor = aten::tanh(%p); %f : Tensor = aten::neg(%e)", False),
        ("%d : Tensor = aten::alias(%p); %f : Tensor = aten::neg(%e)", False),
        ("%d : Tensor = aten::neg(%c); %f : Tensor = aten::neg(%e); %l : Tensor[] = aten::append(%kept, %p)", False),
        ("%v : Tensor = aten::t(%p); %l : Tensor[] = aten::append(%kept, %v); %d : Tensor = aten::neg(%c)"
         "; %f : Tensor = aten::neg(%e)", False),
        ("%z : Tensor = aten::mm(%w, %e); %d : Tensor = aten::neg(%z); %f : Tensor = aten::alias(%p)", False),
    ],
)  # fmt: skip
def test_results_that_are_needed_later(end: str, is_shared: bool) -> None:
    assert shared(f"%g : Tensor = aten::exp(%e); %p : Tensor = aten::mm(%c, %w); {end}") is is_shared


def test_carried_on_as_another_value() -> None:
    """`%f` is in the next iteration what `%d` was in this one: twice as old."""
    assert not shared("%p : Tensor = aten::mm(%w, %w); %d : Tensor = aten::alias(%p); %f : Tensor = aten::alias(%c)")
    assert shared("%v : Tensor = aten::neg(%c); %p : Tensor = aten::mm(%w, %w); %d : Tensor = aten::alias(%p)"
                  "; %f : Tensor = aten::neg(%e)")  # fmt: skip


def test_graphs_that_change_sizes_in_place() -> None:
    body = "%o : Tensor = aten::mm(%c, %w, %c); %p : Tensor = aten::mm(%c, %w)" + END
    assert not shared(body)
