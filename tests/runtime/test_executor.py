"""What functions run as: explained in words, shared by threads, followed when a graph is replaced, freed with them."""

from __future__ import annotations

import gc
import linecache
import types
import weakref

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import settings
from flambeau.ir import Function, copy_graph, parse
from flambeau.runtime import call
from flambeau.runtime.executor import Executor, _link
from flambeau.runtime.python_tier import compile_plan


def small(x: Tensor, n: int) -> Tensor:
    for i in range(n):
        x = x * 2 + i
    return x


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu()


def test_explain_names_tier_graph_and_source() -> None:
    text = flambeau.explain(flambeau.script(small))
    assert "tier: Python source" in text
    assert "graph(%x" in text
    assert "def small(x, n):" in text
    assert "while gradients are not recorded" in text


def test_explain_takes_modules_and_methods() -> None:
    scripted = flambeau.script(Net())
    assert "aten::linear" in flambeau.explain(scripted)
    assert flambeau.explain(scripted) == flambeau.explain(scripted.forward)
    with pytest.raises(TypeError):
        flambeau.explain(Net())


def test_explain_says_why_a_function_is_interpreted() -> None:
    scripted = flambeau.script(small)
    with settings.override(tier="interpreter"):
        assert "interpreter, as the setting" in flambeau.explain(scripted)
    conditions = "".join(f"{'  ' * (depth + 1)}if x > {depth}:\n" for depth in range(95))
    source = f"def deep(x: int) -> int:\n  y = 0\n{conditions}{'  ' * 97}y = x\n  return y\n"
    unit = flambeau.CompilationUnit(source)
    assert "nested too deeply" in flambeau.explain(unit.deep)
    assert unit.deep(200) == 200


def test_callers_follow_when_a_graph_is_replaced() -> None:
    callee = Function("callee", parse("graph(%x : int):\n  %y : int = aten::neg(%x)\n  return (%y)"))
    caller = Function(
        "caller",
        parse(
            'graph(%x : int):\n  %f : Function = prim::Constant[name="callee"]()\n'
            "  %y : int = prim::CallFunction(%f, %x)\n  return (%y)",
            find_function=lambda name: callee,
        ),
    )
    plan = compile_plan(copy_graph(caller.graph), "caller", _link)
    caller.executor = Executor(caller, plan.run, plan)
    assert call(caller, [3]) == -3
    assert call(caller, [3]) == -3
    callee.graph = parse("graph(%x : int):\n  return (%x)")
    assert call(caller, [3]) == 3


def test_generated_code_is_freed_with_its_function() -> None:
    function = Function("freed", parse("graph(%x : int):\n  %y : int = aten::neg(%x)\n  return (%y)"))
    assert call(function, [1]) == -1
    executor = function.executor
    code = weakref.ref(executor.run)  # type: ignore[attr-defined]  # an Executor
    del executor
    del function
    gc.collect()
    assert code() is None


def test_scripted_functions_are_freed() -> None:
    text = "import torch\ndef f(x: torch.Tensor) -> torch.Tensor:\n    return x * 2\n"
    linecache.cache["<freed>"] = (len(text), None, text.splitlines(True), "<freed>")
    module = types.ModuleType("freed_module")
    exec(compile(text, "<freed>", "exec"), module.__dict__)
    scripted = flambeau.script(module.f)
    scripted(torch.ones(2))
    function = weakref.ref(scripted)
    del scripted, module
    gc.collect()
    assert function() is None
