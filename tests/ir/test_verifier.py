"""The verifier on broken graphs: text with the expected messages on the guilty lines, and structures broken by hand."""

from __future__ import annotations

import re

import pytest

from flambeau import ir
from flambeau.errors import InvalidGraphError
from flambeau.ir.node import Use
from flambeau.ir.verifier import annotated
from tests.golden_files import Case, by_case

_NOTE = re.compile(r"    # error: .*")
GOOD = "graph(%x : int):\n  %y : int = aten::neg(%x)\n  %z : int = aten::mul(%y, %x)\n  return (%z)\n"


@by_case("verifier")
def test_messages(case: Case) -> None:
    graph = case.graph(checked=False)
    shown = annotated(graph, ir.check(graph))
    expected = str(ir.parse(_NOTE.sub("", case.text), checked=False))
    notes = [line for line in case.text.splitlines() if "# error" in line]
    assert _NOTE.sub("", shown) == expected
    assert [line for line in shown.splitlines() if "# error" in line] == notes


def ids(graph: ir.Graph) -> list[str]:
    return [broken.invariant for broken in ir.check(graph)]


def test_a_good_graph_has_no_findings() -> None:
    graph = ir.parse(GOOD)
    assert ir.check(graph) == []
    ir.verify(graph)


def test_verify_names_the_pass_and_shows_the_graph() -> None:
    graph = ir.parse(
        GOOD.replace("return (%z)", "return (%z)")
        .replace("aten::mul(%y, %x)", "aten::mul(%y, %q)")
        .replace("  return", "  %q : int = aten::neg(%x)\n  return"),
        checked=False,
    )
    with pytest.raises(InvalidGraphError, match="after `made_up`: 1 problem\ngraph\\(%x : int\\):") as caught:
        ir.verify(graph, after="made_up")
    assert "aten::mul(%y, %q)    # error: use-before-def" in str(caught.value)


def test_a_stage_may_forbid_kinds() -> None:
    graph = ir.parse(GOOD)
    (broken,) = ir.check(graph, forbids={"aten::neg"})
    assert (broken.invariant, broken.node.kind) == ("forbidden-kind", "aten::neg")
    with pytest.raises(InvalidGraphError, match="aten::neg must not occur here"):
        ir.verify(graph, forbids=["aten::neg"])


def test_an_input_without_a_use() -> None:
    graph = ir.parse(GOOD)
    node = next(graph.nodes())
    node.input._uses.clear()
    assert set(ids(graph)) == {"bad-uses"}


def test_a_use_that_is_none() -> None:
    graph = ir.parse(GOOD)
    first, second = graph.nodes()
    first.output._uses[Use(second, 5)] = None
    assert ids(graph) == ["bad-uses"]


def test_a_use_by_a_node_that_was_removed() -> None:
    graph = ir.parse(GOOD)
    stray = graph.create("aten::neg", [graph.inputs[0]], [ir.INT])
    assert stray.owning_block is None
    assert ids(graph) == ["bad-uses"]


def test_an_output_that_does_not_know_its_node() -> None:
    graph = ir.parse(GOOD)
    first, second = graph.nodes()
    first.output.node = second
    assert "bad-value" in ids(graph)


def test_two_values_with_one_number() -> None:
    graph = ir.parse("graph(%0 : int):\n  %1 : int = aten::neg(%0)\n  return (%1)\n")
    next(graph.nodes()).output.unique = 0
    assert "bad-name" in ids(graph)


def test_two_values_with_one_name() -> None:
    graph = ir.parse(GOOD)
    next(graph.nodes()).output._name = "x"
    assert "bad-name" in ids(graph)


def test_a_chain_that_is_a_circle_does_not_hang() -> None:
    graph = ir.parse(GOOD)
    first, second = graph.nodes()
    second._next = first
    assert ids(graph) == ["bad-links"]
    with pytest.raises(InvalidGraphError, match="bad-links"):
        ir.verify(graph)


def test_positions_out_of_order() -> None:
    graph = ir.parse(GOOD)
    first, second = graph.nodes()
    first._position, second._position = second._position, first._position
    assert ids(graph) == ["bad-links"]


def test_a_node_that_does_not_know_its_block() -> None:
    graph = ir.parse(GOOD)
    next(graph.nodes()).owning_block = None
    assert ids(graph) == ["bad-links"]


def module_type() -> ir.ClassType:
    owner = ir.ClassType("__torch__.M", is_module=True)
    owner.add_attribute("n", ir.INT)
    body = ir.parse("graph(%self : __torch__.M, %x : int):\n  return (%x)\n", lambda name: owner)
    owner.add_method("f", ir.Function("__torch__.M.f", body))
    return owner


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('%r : int = prim::GetAttr[name="n"](%self)', []),
        ('%r : int = prim::GetAttr[name="m"](%self)', ["no-member: __torch__.M has no attribute 'm'"]),
        (
            '%r : str = prim::GetAttr[name="n"](%self)',
            ["bad-type: attribute 'n' of __torch__.M has type int, not str"],
        ),
        (' = prim::SetAttr[name="n"](%self, %x)', []),
        (' = prim::SetAttr[name="n"](%self, %s)', ["bad-type: the new value of 'n' %s has type str, not int"]),
        ('%r : int = prim::CallMethod[name="f"](%self, %x)', []),
        ('%r : int = prim::CallMethod[name="g"](%self, %x)', ["no-member: __torch__.M has no method 'g'"]),
        ('%r : int = prim::CallMethod[name="f"](%self)', ["bad-arity: f takes 2 arguments, not 1"]),
        ('%r : int = prim::CallMethod[name="f"](%self, %s)', ["bad-type: argument 'x' %s has type str, not int"]),
        ('%r : str = prim::CallMethod[name="f"](%self, %x)', ["bad-result: f returns int, not str"]),
    ],
)
def test_members(line: str, expected: list[str]) -> None:
    owner = module_type()
    graph = ir.parse(f"graph(%self : __torch__.M, %x : int, %s : str):\n  {line}\n  return ()\n", lambda name: owner)
    assert [str(broken) for broken in ir.check(graph)] == expected


def test_deep_nesting() -> None:
    depth = 3000
    text = "graph(%c : bool):\n" + " = prim::If(%c)\nblock0():\n" * depth + "-> ()\nblock1():\n-> ()\n" * depth
    graph = ir.parse(text + "return ()\n")
    assert ir.check(graph) == []
