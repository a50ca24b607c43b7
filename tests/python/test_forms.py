"""What programs write for the compiler without a word of `torch.jit`: forms, marks, options."""

from __future__ import annotations

from typing import List  # as `Attribute` takes it

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ObjectError, ScriptError

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
