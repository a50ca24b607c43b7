"""Specialised graphs: what moves out of loops, what may overwrite what, and what must stay as it was."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import ScalarType, TensorType
from flambeau.passes import Order, TensorFact, hoist_loop_invariants, propagate_facts, specialize, specialize_for
from flambeau.testing import FileCheck

FLOAT_2D = TensorType(ScalarType.Float, (3, 4), (4, 1), "cpu")
FLOAT_1D = TensorType(ScalarType.Float, (4,), (1,), "cpu")
LONG_1D = TensorType(ScalarType.Long, (4,), (1,), "cpu")


def specialized(text: str, *types: ir.Type) -> str:
    graph = ir.parse(text)
    specialize(graph, types)
    ir.verify(graph)
    return str(graph)


LOOP = """graph(%x : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %none : NoneType = prim::Constant()
  %kept : Tensor[] = prim::ListConstruct()
  %y : Tensor = prim::Loop(%n, %true, %x)
    block0(%i : int, %c : Tensor):
      BODY
      -> (%true, %r)
  return (%y, %kept)
"""


@pytest.mark.parametrize(
    ("body", "types"),
    [
        ("%h : Tensor = aten::t(%x)\n      %r : Tensor = aten::mm(%c, %h)", (FLOAT_2D,)),
        (
            "%h : Tensor = aten::slice(%x, %one, %none, %two, %one)\n      %r : Tensor = aten::add(%c, %h, %one)",
            (FLOAT_2D,),
        ),
        ("%h : Tensor = aten::unsqueeze(%x, %zero)\n      %r : Tensor = aten::mul(%c, %h)", (FLOAT_1D,)),
    ],
)
def test_views_that_cannot_fail_leave_loops(body: str, types: tuple[ir.Type, ...]) -> None:
    text = specialized(LOOP.replace("BODY", body), *types, ir.INT)
    FileCheck().check("%h : Tensor").check("prim::Loop").run(text)


@pytest.mark.parametrize(
    ("body", "types"),
    [
        # It fails for three dimensions, which nothing rules out.
        ("%h : Tensor = aten::t(%x)\n      %r : Tensor = aten::mm(%c, %h)", (ir.TENSOR,)),
        (
            "%h : Tensor = aten::slice(%x, %two, %none, %two, %one)\n      %r : Tensor = aten::add(%c, %h, %one)",
            (FLOAT_2D,),
        ),
        # Each iteration gives out an object of its own.
        (
            "%h : Tensor = aten::t(%x)\n      %l : Tensor[] = aten::append(%kept, %h)\n"
            "      %r : Tensor = aten::mm(%c, %h)",
            (FLOAT_2D,),
        ),
        # It depends on the iteration.
        (
            "%h : Tensor = aten::slice(%x, %zero, %i, %two, %one)\n      %r : Tensor = aten::add(%c, %h, %one)",
            (FLOAT_2D,),
        ),
        ("%h : Tensor = aten::t(%c)\n      %r : Tensor = aten::mm(%c, %h)", (FLOAT_2D,)),
        # Memory for a whole tensor would be taken before it is needed.
        ("%h : Tensor = aten::sigmoid(%x)\n      %r : Tensor = aten::mm(%c, %h)", (FLOAT_2D,)),
    ],
)
def test_everything_else_stays_in_loops(body: str, types: tuple[ir.Type, ...]) -> None:
    text = specialized(LOOP.replace("BODY", body), *types, ir.INT)
    FileCheck().check("prim::Loop").check("%h : Tensor").run(text)


def test_attributes_leave_loops_that_do_not_set_them() -> None:
    owner = ir.ClassType("__torch__.M", is_module=True)
    owner.add_attribute("w", ir.TENSOR, "parameter")
    text = """graph(%self : __torch__.M, %x : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %y : Tensor = prim::Loop(%n, %true, %x)
    block0(%i : int, %c : Tensor):
      %w : Tensor = prim::GetAttr[name="w"](%self)
      %r : Tensor = aten::mul(%c, %w)
      SET
      -> (%true, %r)
  return (%y)
"""
    for body, moves in (("", True), ('= prim::SetAttr[name="w"](%self, %r)', False)):
        graph = ir.parse(text.replace("SET", body), {"__torch__.M": owner}.get)
        assert hoist_loop_invariants(graph) is moves


REUSE = """graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  BODY
  return (%r)
"""


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ("%a : Tensor = aten::mul(%x, %y)\n  %r : Tensor = aten::add(%a, %y, %one)", "aten::add[reuses=0](%a"),
        ("%a : Tensor = aten::mul(%x, %y)\n  %r : Tensor = aten::add(%y, %a, %one)", "aten::add[reuses=1](%y"),
        ("%a : Tensor = aten::mul(%x, %y)\n  %r : Tensor = aten::sigmoid(%a)", "aten::sigmoid[reuses=0, fits=1](%a"),
        # Not: operands that are arguments, that are read later, or seen through views, or not known to be of the dtype.
        ("%r : Tensor = aten::add(%x, %y, %one)", ""),
        ("%a : Tensor = aten::mul(%x, %y)\n  %b : Tensor = aten::sigmoid(%a)\n  %r : Tensor = aten::mm(%b, %a)", ""),
        (
            "%a : Tensor = aten::mul(%x, %y)\n  %t : Tensor = aten::t(%a)\n"
            "  %b : Tensor = aten::tanh(%a)\n  %r : Tensor = aten::mm(%b, %t)",
            "",
        ),
        ("%a : Tensor = aten::t(%x)\n  %r : Tensor = aten::tanh(%a)", ""),
        ("%a : Tensor = aten::lt(%x, %y)\n  %r : Tensor = aten::add(%x, %a, %one)", ""),
        (
            "%a : Tensor = aten::sub(%x, %y, %one)\n  %b : Tensor = aten::relu(%x)\n"
            "  %r : Tensor = aten::sub(%b, %a, %one)",
            "[reuses=0](%b",
        ),
    ],
)
def test_memory_is_reused_where_nobody_sees_it(body: str, marked: str) -> None:
    text = specialized(REUSE.replace("BODY", body), FLOAT_2D, FLOAT_2D)
    assert marked in text if marked else "reuses" not in text


PIECES = """graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %whole : Tensor = aten::mul(%x, %y)
  %parts : Tensor[] = aten::chunk(%whole, %two, %one)
  %p : Tensor, %q : Tensor = prim::ListUnpack(%parts)
  %a : Tensor = aten::sigmoid(%p)
  BODY
  return (%r)
"""


def test_pieces_are_overwritten_where_only_elements_are_read() -> None:
    text = specialized(PIECES.replace("BODY", "%r : Tensor = aten::add(%a, %q, %one)"), FLOAT_2D, FLOAT_2D)
    FileCheck().check("aten::sigmoid[reuses=0").check_not("reuses").run(text)


@pytest.mark.parametrize(
    "body",
    [
        "%r : (Tensor, Tensor) = prim::TupleConstruct(%a, %q)",
        "%r : Tensor = aten::t(%a)",
        "%r : Tensor = aten::exp(%a)",
        "%r : Tensor = aten::add(%whole, %a, %one)",
    ],
)
def test_pieces_stay_where_more_is_seen_of_them(body: str) -> None:
    assert "sigmoid[" not in specialized(PIECES.replace("BODY", body), FLOAT_2D, FLOAT_2D)


def test_numbers_become_tensors_only_for_32_bit_floats() -> None:
    text = REUSE.replace("BODY", "%half : float = prim::Constant[value=0.5]()\n  %r : Tensor = aten::mul(%x, %half)")
    assert "aten::scalar_tensor[shared=1]" in specialized(text, FLOAT_2D, FLOAT_2D)
    double = FLOAT_2D.replace(scalar_type=ScalarType.Double)
    assert "scalar_tensor" not in specialized(text, double, double)
    assert "aten::mul[if_float=1](%x" in specialized(text, ir.TENSOR, ir.TENSOR)


def test_indexing_with_one_tensor() -> None:
    text = REUSE.replace("BODY", "%l : Tensor?[] = prim::ListConstruct(%y)\n  %r : Tensor = aten::index(%x, %l)")
    assert "prim::IndexTensor[takes_rows=1](%x, %y)" in specialized(text, FLOAT_2D, LONG_1D)
    mask = LONG_1D.replace(scalar_type=ScalarType.Bool)
    assert "prim::IndexTensor(%x, %y)" in specialized(text, FLOAT_2D, mask)
    assert "prim::IndexTensor[keeps_marked=1](%x, %y)" in specialized(text, FLOAT_1D, mask)
    number = LONG_1D.replace(sizes=(), strides=())  # gives a view
    assert "aten::index(" in specialized(text, FLOAT_2D, number)


@pytest.mark.parametrize(
    ("node", "is_relu"),
    [
        ("aten::clamp(%x, %zero, %none)", True),
        ("aten::clamp(%x, %plain, %none)", True),
        ("aten::clamp_min(%x, %zero)", True),
        ("aten::clamp(%x, %zero, %one)", False),
        ("aten::clamp(%x, %none, %zero)", False),
        ("aten::clamp(%x, %one, %none)", False),
        ("aten::clamp(%x, %minus, %none)", False),
        ("aten::clamp_min(%x, %x)", False),
        ("aten::clamp_max(%x, %zero)", False),
    ],
)
def test_clamping_at_zero(node: str, is_relu: bool) -> None:
    numbers = {"zero : int": "0", "plain : float": "0.", "minus : float": "-0."}
    text = "".join(f"  %{name} = prim::Constant[value={value}]()\n" for name, value in numbers.items())
    text = REUSE.replace("BODY", f"{text.strip()}\n  %none : NoneType = prim::Constant()\n  %r : Tensor = {node}")
    assert ("aten::relu(%x)" in specialized(text, FLOAT_2D, FLOAT_2D)) == is_relu
    assert "aten::relu" not in specialized(text, LONG_1D, FLOAT_2D)
    assert "aten::relu" not in specialized(text, ir.TENSOR, FLOAT_2D)
    recorded = ir.parse(text)
    x = recorded.inputs[0]
    specialize_for(recorded, {x: TensorFact(ScalarType.Float, 2, Order.CONTIGUOUS, frozenset({x}))}, recorded=True)
    assert "aten::relu" not in str(recorded)


def test_nothing_is_known_where_shapes_are_changed_in_place() -> None:
    text = REUSE.replace(
        "BODY", "%a : Tensor = aten::mul(%x, %y)\n  %v : Tensor = aten::t_(%x)\n  %r : Tensor = aten::add(%a, %v, %one)"
    )
    graph = ir.parse(text)
    assert not specialize(graph, (FLOAT_2D, FLOAT_2D))
    assert "reuses" not in str(graph)


def test_loops_give_up_what_an_iteration_does_not_keep() -> None:
    graph = ir.parse(LOOP.replace("BODY", "%r : Tensor = aten::unsqueeze(%c, %zero)"))
    x = graph.inputs[0]
    facts = propagate_facts(graph, {x: TensorFact(ScalarType.Float, 2, Order.CONTIGUOUS)})
    assert facts[graph.outputs[0]] == TensorFact(ScalarType.Float, None, Order.CONTIGUOUS)


def test_what_is_in_a_list_is_what_was_put_there() -> None:
    body = "%l : Tensor[] = aten::append(%kept, %x)\n      %r : Tensor = aten::__getitem__(%kept, %zero)"
    graph = ir.parse(LOOP.replace("BODY", body).replace("(%y, %kept)", "(%y)"))
    facts = propagate_facts(graph, {graph.inputs[0]: TensorFact(ScalarType.Float, 2)})
    assert facts[graph.outputs[0]].dtype is ScalarType.Float
    other = body.replace("aten::append(%kept, %x)", "aten::append(%kept, %u)")
    unknown = ir.parse(
        LOOP.replace("BODY", other).replace("(%y, %kept)", "(%y)").replace("%n : int", "%n : int, %u : Tensor")
    )
    assert unknown.outputs[0] not in propagate_facts(unknown, {unknown.inputs[0]: TensorFact(ScalarType.Float, 2)})


def test_only_what_is_made_use_of_needs_to_hold() -> None:
    graph = ir.parse(REUSE.replace("BODY", "%a : Tensor = aten::sigmoid(%x)\n  %r : Tensor = aten::tanh(%a)"))
    x, y = graph.inputs
    found = specialize_for(
        graph, {v: TensorFact(ScalarType.Float, 2, Order.CONTIGUOUS, frozenset({v})) for v in (x, y)}
    )
    assert found.used == {x}


ROWS = """graph(%x : Tensor, %y : Tensor):
  %true : bool = prim::Constant[value=1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %kept : Tensor[] = prim::ListConstruct()
  %size : int = aten::size(%x, %zero)
  %trips : int = aten::__range_length(%one, %size, %one)
  %r : Tensor = prim::Loop(%trips, GO, %y)
    block0(%i : int, %c : Tensor):
      %t : int = aten::__derive_index(%i, %one, %one)
      %row : Tensor = aten::select(%x, %zero, %t)
      BODY
      -> (GO, %d)
  return (%r, %kept)
"""


@pytest.mark.parametrize(
    ("body", "go", "changes"),
    [
        ("%d : Tensor = aten::add(%c, %row, %one)", "%true", True),
        # A loop that may end early need not come to every row.
        ("%d : Tensor = aten::add(%c, %row, %one)", "%go", False),
        # Each row that is given out is an object of its own.
        ("%l : Tensor[] = aten::append(%kept, %row)\n      %d : Tensor = aten::relu(%row)", "%true", False),
    ],
)
def test_rows_are_made_together_where_all_are_taken(body: str, go: str, changes: bool) -> None:
    text = ROWS.replace("BODY", body).replace("GO", go)
    if go != "%true":
        text = text.replace("%y : Tensor)", "%y : Tensor, %go : bool)")
    found = specialized(text, FLOAT_2D, FLOAT_1D, *((ir.BOOL,) if go != "%true" else ()))
    assert ("aten::unbind[few=1](%x" in found) is changes


def test_other_loops_do_not_make_rows() -> None:
    """The size of another tensor, another dimension, rows that are skipped."""
    text = ROWS.replace("BODY", "%d : Tensor = aten::add(%c, %row, %one)").replace("GO", "%true")
    for old, new in (
        ("aten::size(%x, %zero)", "aten::size(%y, %zero)"),
        ("aten::size(%x, %zero)", "aten::size(%x, %one)"),
        ("aten::select(%x, %zero", "aten::select(%x, %one"),
        ("__range_length(%one, %size, %one)", "__range_length(%size, %size, %one)"),
    ):
        assert "unbind" not in specialized(text.replace(old, new), FLOAT_2D, FLOAT_1D)


def test_numbers_are_taken_out_at_once() -> None:
    text = """graph(%x : Tensor, %i : int):
  %zero : int = prim::Constant[value=0]()
  %v : Tensor = aten::select(%x, %zero, %i)
  %n : int = aten::Int(%v)
  return (%n)
"""
    assert "prim::NumberAt(%x, %i)" in specialized(text, LONG_1D, ir.INT)
    assert "NumberAt" not in specialized(text, FLOAT_1D, ir.INT)  # to be rounded
    assert "NumberAt" not in specialized(text, LONG_1D.replace(sizes=(2, 2), strides=(2, 1)), ir.INT)


COLUMN = """graph(%m : Tensor, %v : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %false : bool = prim::Constant[value=0]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %r : Tensor = prim::Loop(%n, %true, %v)
    block0(%i : int, %c : Tensor):
      %u : Tensor = aten::unsqueeze(%c, %one)
      %s : Tensor = aten::add(%u, %m, %one)
      READ
      -> (%true, %best)
  return (%r)
"""


def test_loops_broadcast_along_rows() -> None:
    reads = "%best : Tensor, %where : Tensor = aten::max(%s, %zero, %false)"
    text = specialized(COLUMN.replace("READ", reads), FLOAT_2D.replace(sizes=(4, 4)), FLOAT_1D, ir.INT)
    FileCheck().check("aten::t(%m)").check("prim::Loop").check_not("unsqueeze").check('into="aten::add.Tensor"').check(
        'into="aten::max.dim"'
    ).run(text)
    for other in ("%best : Tensor = aten::t(%s)", "%best : Tensor = aten::relu(%s)"):
        assert "unsqueeze" in specialized(COLUMN.replace("READ", other), FLOAT_2D, FLOAT_1D, ir.INT)
    changed = (
        COLUMN.replace("READ", reads)
        .replace("aten::unsqueeze(%c", "aten::unsqueeze(%v")
        .replace("%m, %one)", "%c, %one)")
    )
    assert "unsqueeze" in specialized(changed, FLOAT_2D, FLOAT_1D, ir.INT)


STACKS = """graph(%x : Tensor, %y : Tensor):
  %none : NoneType = prim::Constant()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %last : int = prim::Constant[value=-1]()
  %a : Tensor = aten::softmax(%x, %last, %none)
  %b : Tensor = aten::softmax(%y, %last, %none)
  BODY
  return (%r)
"""


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ("%r : Tensor = aten::matmul(%a, %b)", True),
        ("%t : Tensor = aten::transpose(%b, %one, %two)\n  %r : Tensor = aten::matmul(%a, %t)", True),
        ("%t : Tensor = aten::transpose(%a, %zero, %one)\n  %r : Tensor = aten::matmul(%t, %b)", True),
        # Which routine multiplies could depend on the strides of a single row, or of arguments.
        ("%t : Tensor = aten::transpose(%a, %one, %two)\n  %r : Tensor = aten::matmul(%t, %b)", False),
        ("%r : Tensor = aten::matmul(%x, %b)", False),
        ("%s : Tensor = aten::select(%b, %zero, %zero)\n  %r : Tensor = aten::matmul(%a, %s)", False),
    ],
)
def test_products_of_stacks(body: str, marked: bool) -> None:
    stack = TensorType(ScalarType.Float, (2, 4, 4), (16, 4, 1), "cpu")
    text = specialized(STACKS.replace("BODY", body), stack, stack)
    check = FileCheck()
    (check.check if marked else check.check_not)("aten::matmul[known_rank=1]").run(text)


def test_weights_are_transposed_before_loops() -> None:
    text = """graph(%x : Tensor, %w : Tensor, %b : Tensor, %n : int):
  %true : bool = prim::Constant[value=1]()
  %y : Tensor = prim::Loop(%n, %true, %x)
    block0(%i : int, %c : Tensor):
      %r : Tensor = aten::linear(%c, %w, %b)
      -> (%true, %r)
  return (%y)
"""
    matrix = TensorType(ScalarType.Float, (4, 4), (4, 1), "cpu")
    check = FileCheck().check("aten::t(%w").check("prim::Loop").check("prim::TransposedLinear(%c, %w, %b")
    check.run(specialized(text, matrix, matrix, FLOAT_1D, ir.INT))
    stack = TensorType(ScalarType.Float, (2, 4, 4), (16, 4, 1), "cpu")
    for types in ((stack, matrix, FLOAT_1D), (ir.TENSOR, matrix, FLOAT_1D), (matrix, ir.TENSOR, FLOAT_1D)):
        FileCheck().check("aten::linear").run(specialized(text, *types, ir.INT))
    FileCheck().check_not("aten::t(").run(
        specialized(text.replace("%w, %b)", "%c, %b)"), matrix, matrix, FLOAT_1D, ir.INT)
    )
