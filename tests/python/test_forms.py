"""What programs write for the compiler without a word of `torch.jit`: forms, marks, options."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union  # as `Attribute` takes it

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import python
from flambeau.errors import (
    ExecutionError,
    FlambeauError,
    ObjectError,
    ScriptError,
    UnsupportedError,
    UnsupportedSyntaxError,
)

X = torch.ones(2)


def doubled(x: Tensor) -> Tensor:
    return x * 2


def test_forms_in_scripts() -> None:
    def program(x: Tensor) -> Tensor:
        future = flambeau.fork(doubled, x)
        numbers = flambeau.annotate(List[int], [])
        y = flambeau.wait(future) + len(numbers)
        return y + 1 if flambeau.is_scripting() else y

    assert torch.equal(flambeau.script(program)(X), X * 2 + 1)
    assert torch.equal(program(X), X * 2)


class Marked(nn.Module):
    limit: flambeau.Final[int]

    def __init__(self) -> None:
        super().__init__()
        self.limit = 3
        self.names = flambeau.Attribute([], List[str])

    def forward(self, x: Tensor) -> Tensor:
        if self.limit > 10:
            x = self.never(x)
        return self.in_python(x) + len(self.names)

    @flambeau.export
    def also(self, x: Tensor) -> Tensor:
        return x - 1

    @flambeau.ignore
    def in_python(self, x: Tensor) -> Tensor:
        return eval("x + 1")

    @flambeau.unused
    def never(self, x: Tensor) -> Tensor:
        return eval("x")

    @flambeau.unused
    @property
    def left_alone(self) -> object:
        return object()


def test_marks() -> None:
    scripted = flambeau.script(Marked())
    assert torch.equal(scripted(X), X + 1)
    assert torch.equal(scripted.also(X), X - 1)
    assert "left_alone" not in scripted._c.type.properties


def test_dropped_methods_raise() -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return self.dropped(x)

        @flambeau.ignore(drop=True)
        def dropped(self, x: Tensor) -> Tensor:
            return eval("x")

    with pytest.raises(Exception, match="annotated to be ignored and cannot be run"):
        flambeau.script(Dropping())(X)


@pytest.mark.parametrize(
    "mark", [flambeau.export, flambeau.unused, lambda v: flambeau.ignore(drop=v), flambeau.interface]
)
def test_marks_are_for_functions_and_classes(mark: object) -> None:
    with pytest.raises(ScriptError):
        mark(3)  # type: ignore[operator]  # that is the point


def test_interfaces() -> None:
    @flambeau.interface
    class Shape(nn.Module):
        def forward(self, x: Tensor) -> Tensor: ...

    assert getattr(Shape, "__torch_script_interface__", False)


def test_options() -> None:
    before = flambeau.set_fusion_strategy([("STATIC", 1)])
    assert flambeau.set_fusion_strategy(before) == [("STATIC", 1)]
    with pytest.raises(ObjectError, match="STATIC"):
        flambeau.set_fusion_strategy([("OTHER", 1)])
    flambeau.enable_onednn_fusion(True)
    assert flambeau.onednn_fusion_enabled()
    flambeau.enable_onednn_fusion(False)
    scripted = flambeau.script(nn.Linear(2, 2))
    with flambeau.optimized_execution(False):
        expected = scripted(X)
    assert torch.equal(scripted(X), expected)


@pytest.mark.parametrize("strategy", [[("STATIC", -1)], [("STATIC", "a")], [("STATIC",)], "x", None, [("OTHER", 1)]])
def test_no_fusion_strategy(strategy: list[tuple[str, int]]) -> None:
    before = flambeau.set_fusion_strategy([("STATIC", 1)])
    for expected in (FlambeauError, ValueError):
        with pytest.raises(expected):
            flambeau.set_fusion_strategy(strategy)
    assert flambeau.set_fusion_strategy(before) == [("STATIC", 1)]


def test_waiting_for_what_is_no_future() -> None:
    for wait in (flambeau.wait, python.awaitable_wait):
        with pytest.raises(TypeError, match="not int"):
            wait(3)


def test_optimize_for_inference() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.ReLU())
    scripted = flambeau.script(module)
    ready = flambeau.optimize_for_inference(scripted)
    assert torch.equal(ready(X), module.eval()(X))
    assert not list(ready.parameters())
    flambeau.run_frozen_optimizations(ready)
    with pytest.raises(RuntimeError, match="expects a ScriptModule"):
        flambeau.optimize_for_inference(module)


def test_compilation_units_know_the_names_around_them() -> None:
    factor = 3
    unit = flambeau.CompilationUnit("def f(x):\n    return x * factor\n")
    assert torch.equal(unit.f(X), X * factor)


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ([1, 2], List[int]),
        ([1, "a"], List[int]),
        ([[1], ["a"]], List[List[int]]),
        ({"a": 1}, Dict[str, int]),
        ({"a": [1.0]}, Dict[str, List[int]]),
        ((1, "a"), Tuple[int, str]),
        ((1, "a"), Tuple[int]),
        ((1, [X]), Tuple[int, List[Tensor]]),
        (None, Optional[int]),
        ([1], Optional[List[int]]),
        (["a"], Optional[List[int]]),
        (3, int),
        (True, int),
        (3, (str, List[int])),
        ([3], (str, List[int])),
        ([], List[str]),
        ({}, Dict[str, int]),
    ],
)
def test_isinstance_outside_of_scripts_looks_at_the_contents(value: object, target: object) -> None:
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        result = torch.jit.isinstance(value, target)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert flambeau.isinstance(value, target) is result
    assert bool(expected) is bool(caught)


def test_isinstance_goes_through_all_members_of_unions() -> None:
    assert flambeau.isinstance("a", Union[List[int], str])
    assert not flambeau.isinstance(None, Union[List[int], str])


@pytest.mark.parametrize("target", [list, List, dict, Dict, Tuple, Optional, 3, "int"])
def test_isinstance_wants_types_that_say_what_they_contain(target: object) -> None:
    with pytest.raises(ScriptError, match=r"contained type|must be a type"):
        flambeau.isinstance([1], target)


def test_isinstance_in_scripts_narrows() -> None:
    def total(x: Any) -> int:
        if flambeau.isinstance(x, List[int]):
            return x[0] + len(x)
        if flambeau.isinstance(x, Tuple[int, str]):
            return x[0]
        return -1

    scripted = flambeau.script(total)
    for value in ([5, 6], (7, "a"), ["a"], 3):
        assert scripted(value) == total(value)


def test_strict_fusion() -> None:
    def program(x: Tensor) -> Tensor:
        with flambeau.strict_fusion():
            return x + x + 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(flambeau.script(program)(X), X * 2 + 1)
    with pytest.warns(UserWarning, match="Only works in script mode"):
        program(X)


def test_the_graph_that_ran_last() -> None:
    first = flambeau.script(lambda x: x.relu() * 2)
    second = flambeau.script(lambda x: x.sigmoid() + 1)
    for scripted, kind in ((first, "aten::relu"), (second, "aten::sigmoid"), (first, "aten::relu")):
        scripted(X)
        assert flambeau.last_executed_optimized_graph().find_nodes(kind)
    with flambeau.optimized_execution(False):
        second(X)
    assert flambeau.last_executed_optimized_graph().find_nodes("aten::relu")


def test_the_graph_that_ran_last_is_not_kept_alive() -> None:
    scripted = flambeau.script(lambda x: x.relu() * 2)
    scripted(X)
    scripted.function.graph = flambeau.script(lambda x: x + 1).function.graph
    gc.collect()
    with pytest.raises(ExecutionError, match="gone"):
        flambeau.last_executed_optimized_graph()


def test_debug_state() -> None:
    module = flambeau.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    before = module.get_debug_state()
    assert before.execution_plans == {}
    assert before.graph.find_nodes("prim::CallMethod")
    module(X)
    (plan,) = module.get_debug_state().execution_plans.values()
    assert not plan.graph.find_nodes("prim::CallMethod")
    assert plan.graph.find_nodes("aten::linear")
    assert plan.code == module.forward.execution_plan().source
    assert before.execution_plans == {}
    assert before.fallback.graph.find_nodes("prim::CallMethod")


def test_flatbuffers_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="jit_module_from_flatbuffer"):
        flambeau.jit_module_from_flatbuffer(tmp_path / "model.ff")
    with pytest.raises(UnsupportedError, match="save_jit_module_to_flatbuffer"):
        flambeau.save_jit_module_to_flatbuffer(flambeau.script(nn.ReLU()), tmp_path / "model.ff")


def test_blocks_that_stay_in_python_are_refused() -> None:
    def count(n: int) -> int:
        with torch.jit._IgnoreContextManager(n="inp:int"):
            n = n + 1
        return n

    with pytest.raises(UnsupportedSyntaxError, match="blocks that stay in Python") as caught:
        flambeau.script(count)
    assert "ignore" in caught.value.remedy
