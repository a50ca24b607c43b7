"""Optimisation of programs with calls: bodies are simplified once for all calls, and called where they are large."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.passes import inlining, optimize
from flambeau.runtime import call
from flambeau.testing import FileCheck

pytest.importorskip("torch")


def program(statements: int) -> ir.Function:
    """Calls `callee(x, flag)` three times, twice with the constant True; `callee` has some statements a branch."""
    lines = [
        "graph(%x : int, %flag : bool):",
        "  %one : int = prim::Constant[value=1]()",
        "  %r : int = prim::If(%flag)",
    ]
    for block, kind in enumerate(("add", "sub")):
        lines.append(f"    block{block}():")
        value = "%x"
        for index in range(statements):
            lines.append(f"      %{kind}{index} : int = aten::{kind}({value}, %one)")
            value = f"%{kind}{index}"
        lines.append(f"      -> ({value})")
    callee = ir.Function("callee", ir.parse("\n".join([*lines, "  return (%r)"])))
    text = """graph(%x : int, %flag : bool):
  %f : Function = prim::Constant[name="callee"]()
  %true : bool = prim::Constant[value=1]()
  %a : int = prim::CallFunction(%f, %x, %true)
  %b : int = prim::CallFunction(%f, %a, %true)
  %c : int = prim::CallFunction(%f, %b, %flag)
  return (%c)"""
    return ir.Function("caller", ir.parse(text, find_function=lambda name: callee))


def optimized(function: ir.Function) -> ir.Graph:
    graph = ir.copy_graph(function.graph)
    optimize(graph)
    ir.verify(graph)
    return graph


def test_branches_are_decided_by_the_constants_of_each_call() -> None:
    graph = optimized(program(3))
    FileCheck().check_not("CallFunction").check_count("aten::add", 6, exactly=True).check("prim::If(%flag)").run(graph)


def test_large_bodies_are_called() -> None:
    function = program(inlining.MOST_NODES)
    graph = optimized(function)
    calls = graph.find_nodes("prim::CallFunction")
    targets = [ir.constant_value(node.inputs[0]) for node in calls]
    assert len(calls) == 3
    assert targets[0] is targets[1] is not targets[2]
    assert isinstance(targets[0], ir.Function)
    assert targets[0].is_optimized
    assert not targets[0].graph.find_nodes("prim::If")


@pytest.mark.parametrize("statements", [3, inlining.MOST_NODES])
def test_results(statements: int) -> None:
    function = program(statements)
    assert call(function, [0, True]) == 3 * statements
    assert call(function, [0, False]) == statements


def test_names_and_tracebacks_go_through_calls_of_large_bodies() -> None:
    lines = ["graph(%x : int):", "  %zero : int = prim::Constant[value=0]()"]
    value = "%x"
    for index in range(inlining.MOST_NODES + 1):
        lines.append(f"  %v{index} : int = aten::add({value}, %x)")
        value = f"%v{index}"
    lines += [f"  %q : int = aten::floordiv({value}, %zero) # callee.py:7:0", "  return (%q)"]
    callee = ir.Function("callee", ir.parse("\n".join(lines)))
    text = """graph(%x : int):
  %f : Function = prim::Constant[name="callee"]()
  %a : int = prim::CallFunction(%f, %x) # caller.py:3:0
  return (%a)"""
    function = ir.Function("caller", ir.parse(text, find_function=lambda name: callee))
    FileCheck().check("%a : int = prim::CallFunction").check("return (%a)").run(optimized(function))
    with pytest.raises(ZeroDivisionError) as caught:
        call(function, [1])
    assert [frame.function for frame in caught.value.frames] == ["caller", "callee"]  # type: ignore[attr-defined]
