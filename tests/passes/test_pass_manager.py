"""Running passes: order, repetition, verification, logs, the registry; rules that are malformed."""

from __future__ import annotations

import logging

import pytest

from flambeau import ir, settings
from flambeau.errors import InvalidGraphError
from flambeau.ir import Graph
from flambeau.passes import PASSES, eliminate_dead_code, graph_pass, run
from flambeau.passes.pass_manager import TIMES
from flambeau.passes.rewriting import Facts, Match, Refusal, RuleSet
from flambeau.testing import graph_of


def sample() -> Graph:
    return graph_of("graph(%x : int):\n  %a : int = aten::neg(%x)\n  %b : int = aten::neg(%a)\n  return (%x)")


def test_run_says_whether_anything_changed() -> None:
    graph = sample()
    assert run(graph, eliminate_dead_code)
    assert not run(graph, eliminate_dead_code)


def test_until_stable() -> None:
    calls = []

    def one_at_a_time(graph: Graph) -> bool:
        calls.append(1)
        for node in reversed(graph.block):
            node.destroy()
            return True
        return False

    graph = sample()
    assert run(graph, one_at_a_time, until_stable=True)
    assert list(graph.nodes()) == []
    assert len(calls) == 3


def test_what_breaks_a_graph_is_named() -> None:
    def breaks(graph: Graph) -> bool:
        first, second = graph.nodes()
        first.move_after(second)
        return True

    with settings.override(verify=True), pytest.raises(InvalidGraphError, match="after `breaks`: 1 problem") as caught:
        run(sample(), breaks)
    assert "# error: use-before-def: reads %a before it is defined" in str(caught.value)
    with settings.override(verify=False):
        run(sample(), breaks)


def test_results_can_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    with settings.override(dump="dce,other"), caplog.at_level(logging.WARNING, "flambeau.passes"):
        run(sample(), eliminate_dead_code)
    assert "after dce:\ngraph(%x : int):\n  return (%x)" in caplog.text


def test_time_is_counted() -> None:
    before = TIMES.get("dce", 0.0)
    run(sample(), eliminate_dead_code)
    assert TIMES["dce"] > before


def test_names_are_given_once() -> None:
    with pytest.raises(ValueError, match="pass 'dce' is defined twice"):
        graph_pass("dce")(eliminate_dead_code)
    assert PASSES["dce"] is eliminate_dead_code


# --- rules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aten::add.int(x, 0)", "pop from empty list|not a rule"),
        ("aten::add.int(x, 0) => aten::neg.int(x)", "not a rule"),
        ("x => x", "not a rule"),
        ("aten::add.nonsense(x) => x", "names aten::add.nonsense, which does not exist"),
        ("aten::add.int(x, aten::neg.nonsense(y)) => x", "names aten::neg.nonsense, which does not exist"),
        ("aten::add.int(x, ?) => x", "cannot read rule"),
    ],
)
def test_rules_that_are_malformed(text: str, message: str) -> None:
    with pytest.raises((ValueError, IndexError), match=message):
        RuleSet().rule(text)


def test_rules_are_tried_in_order_and_say_why_not(caplog: pytest.LogCaptureFixture) -> None:
    rules = RuleSet()
    rules.rule("aten::neg.int(x) => x", when=lambda m: Refusal("not today", m.names["x"]))

    @rules.rewrite("aten::neg.int")
    def second(match: Match) -> ir.Value | Refusal:
        return match.constant(7)

    graph = graph_of("graph(%x : int):\n  %a : int = aten::neg(%x)\n  return (%a)")
    with caplog.at_level(logging.DEBUG, "flambeau.passes.rewriting"):
        assert rules.apply(next(graph.nodes()), Facts(graph))
    assert "does not rewrite aten::neg: not today (%x)" in caplog.text
    assert ir.constant_value(graph.outputs[0]) == 7


def test_literals_match_by_type() -> None:
    rules = RuleSet()
    rules.rule("aten::mul.int(x, 1) => x")
    graph = graph_of(
        "graph(%x : int, %b : int):\n  %one : int = prim::Constant[value=1]()\n  %y : int = aten::mul(%x, %b)\n"
        "  %z : int = aten::mul(%x, %one)\n  return (%y, %z)"
    )
    _, y, z = graph.nodes()
    assert not rules.apply(y, Facts(graph))
    assert rules.apply(z, Facts(graph))
