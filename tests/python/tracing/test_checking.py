"""The check: a program that does not do the same each time is found out, and where."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import TracingCheckError

R = torch.randn
expected_warnings = pytest.mark.filterwarnings("ignore::Warning")


def _caught(program: Callable[..., Any], *inputs: Any, **options: Any) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flambeau.trace(program, inputs, **options)
    return [w for w in caught if w.category is flambeau.TracerWarning]


def test_a_deterministic_program_passes() -> None:
    assert _caught(lambda x: x * 2, R(3)) == []


def test_random_numbers_are_named() -> None:
    first, second = _caught(lambda x: x + torch.rand(3), R(3))
    assert str(first.message).startswith("Trace had nondeterministic nodes. Did you forget call .eval() on your model?")
    assert "aten::rand(" in str(first.message)
    assert str(second.message).startswith(
        "Output nr 1. of the traced function does not match the corresponding output of the Python function."
    )
    assert first.filename == second.filename == __file__


def test_random_layers_of_submodules_are_named() -> None:
    module = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5))
    assert any("aten::dropout" in str(w.message) for w in _caught(module, R(2, 3)))
    assert _caught(module.eval(), R(2, 3)) == []


def test_the_check_can_be_left_out() -> None:
    assert _caught(lambda x: x + torch.rand(3), R(3), check_trace=False) == []


def test_a_program_that_takes_another_way_the_second_time() -> None:
    calls = []

    def fickle(x: Tensor) -> Tensor:
        calls.append(0)
        y = x + 1
        if len(calls) % 2:
            return y * 2
        return y.relu()

    with pytest.warns(flambeau.TracerWarning), pytest.raises(TracingCheckError) as caught:
        flambeau.trace(fickle, R(3))
    text = str(caught.value)
    assert text.startswith("Tracing failed sanity checks!\nERROR: Graphs differed across invocations!\n")
    diverging = text[text.index("First diverging operator:") :]
    assert "aten::relu" in diverging
    first = fickle.__code__.co_firstlineno
    assert f"Trace source location:\n\t\t{__file__}({first + 4}): fickle\n\t\t    return y * 2" in diverging
    assert f"Check source location:\n\t\t{__file__}({first + 5}): fickle\n\t\t    return y.relu()" in diverging


def test_a_program_that_stops_early_the_second_time() -> None:
    calls = []

    def shrinking(x: Tensor) -> Tensor:
        calls.append(0)
        y = x.relu()
        return y.exp() if len(calls) == 1 else y

    with pytest.raises(TracingCheckError, match="First diverging operator, only in the trace") as caught:
        flambeau.trace(shrinking, torch.zeros(0))
    assert "aten::exp" in str(caught.value)


@expected_warnings
def test_constants_that_change() -> None:
    calls = []

    def counting(x: Tensor) -> Tensor:
        calls.append(0)
        return x + torch.tensor(float(len(calls)))

    with pytest.raises(TracingCheckError, match="Tensor-valued Constant nodes differed in value") as caught:
        flambeau.trace(counting, R(3))
    assert f"{__file__}({counting.__code__.co_firstlineno + 2}): counting" in str(caught.value)


@expected_warnings
def test_a_trace_that_fails_on_other_inputs() -> None:
    def rigid(x: Tensor) -> Tensor:
        return x.view(2, -1) if x.shape[0] % 2 == 0 else x

    with pytest.raises(TracingCheckError, match="exception while running the trace with test inputs"):
        flambeau.trace(rigid, R(4), check_inputs=[R(3)])


def test_a_program_that_fails_when_it_is_checked() -> None:
    calls = []

    def once(x: Tensor) -> Tensor:
        calls.append(0)
        if len(calls) == 2:  # the trace of the check
            return x + 1
        if len(calls) == 3:
            raise ValueError("not again")
        return x + 1

    with pytest.raises(TracingCheckError, match="exception while running the Python function") as caught:
        flambeau.trace(once, R(3))
    assert isinstance(caught.value.__cause__, ValueError)


@expected_warnings
def test_other_inputs_are_checked() -> None:
    def piecewise(x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x

    with pytest.raises(TracingCheckError):
        flambeau.trace(piecewise, torch.ones(3), check_inputs=[-torch.ones(3)])


def test_tolerance() -> None:
    def drifting(x: Tensor) -> Tensor:
        return x * (1 + torch.rand(()) * 1e-3)

    torch.manual_seed(0)
    assert _caught(drifting, torch.ones(3))
    assert _caught(drifting, torch.ones(3), check_tolerance=1e-1) == []


def test_inputs_are_not_changed_by_the_check() -> None:
    def writing(x: Tensor) -> Tensor:
        x.add_(1)
        return x

    x = torch.zeros(2)
    flambeau.trace(writing, x)
    assert x[0] == 1
