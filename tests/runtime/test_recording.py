"""Gradients that are enabled but required by nothing: nothing is recorded then, and all that is required is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.runtime.python_tier.recording import gradient_test


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    return ((x * y).sigmoid() + x - y).tanh() * 2.0


def of_list(xs: list[Tensor], scale: float) -> Tensor:
    total = xs[0] * scale
    for x in xs:
        total = (total + x.sigmoid() * 2.0) * 0.5
    return total


def nested(xs: dict[str, tuple[int, Tensor]], y: Tensor | None) -> Tensor:
    count, x = xs["x"]
    total = x * count
    for _ in range(count):
        total = (total.tanh() + x) * 0.5
    return total if y is None else total * y


def makes_one(x: Tensor) -> Tensor:
    w = torch.tensor(2.0, requires_grad=True)
    return ((x * w).sigmoid() + x).tanh() * w


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.register_buffer("last", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = (self.inner(x) + self.last).tanh() * 0.5
        self.last = y.mean(0) * 2.0
        return y


def runs_below_autograd(scripted: Any, *arguments: object) -> bool:
    """Whether a call leaves out autograd's layer, which makes results that need no gradients and forms."""
    seen: list[bool] = []
    plan = (scripted.forward if isinstance(scripted, nn.Module) else scripted).execution_plan()
    entry = plan.run.__globals__
    quiet = entry["quiet"]
    entry["quiet"] = lambda *given: (seen.append(True), quiet(*given))[1]
    try:
        scripted(*arguments)
    finally:
        entry["quiet"] = quiet
    return bool(seen)


X, Y = torch.linspace(-1, 1, 12).reshape(3, 4), torch.full((3, 4), 0.5)
W = Y.clone().requires_grad_()


@pytest.mark.parametrize(
    ("program", "without", "required"),
    [
        (arithmetic, (X, Y), (X, W)),
        (of_list, ([X, Y], 0.5), ([X, W], 0.5)),
        (nested, ({"x": (3, X)}, None), ({"x": (3, W)}, None)),
        (nested, ({"x": (3, X)}, Y), ({"x": (3, X)}, W)),
    ],
)
def test_arguments(program: Callable[..., Tensor], without: tuple[Any, ...], required: tuple[Any, ...]) -> None:
    scripted = flambeau.script(program)
    for _ in range(4):
        for given in (without, required):
            found, expected = scripted(*given), program(*given)
            torch.testing.assert_close(found, expected, rtol=0, atol=0)
            assert found.requires_grad is expected.requires_grad is (given is required)
    assert runs_below_autograd(scripted, *without)
    assert not runs_below_autograd(scripted, *required)
    W.grad = None
    scripted(*required).sum().backward()
    found = W.grad
    W.grad = None
    program(*required).sum().backward()
    torch.testing.assert_close(found, W.grad)


def test_tensors_that_a_script_makes() -> None:
    scripted = flambeau.script(makes_one)
    for _ in range(4):
        assert scripted(X).requires_grad
    assert gradient_test(scripted.graph) is None


def test_attributes() -> None:
    module = Scaled()
    scripted = flambeau.script(module)
    assert not runs_below_autograd(scripted, X)
    assert scripted(X).requires_grad
    scripted.requires_grad_(False)
    scripted.last = torch.zeros(4)  # the old one has a history
    assert runs_below_autograd(scripted, X)
    scripted.inner.bias.requires_grad_(True)
    assert not runs_below_autograd(scripted, X)
    scripted.inner.bias.requires_grad_(False)
    assert scripted(X).requires_grad  # through what the call before has left


def test_forms_serve_where_nothing_is_required() -> None:
    scripted = flambeau.script(arithmetic)
    for _ in range(4):
        scripted(X, Y)
    plan = scripted.execution_plan()
    assert plan.specialized is not None
    assert plan.specialized.forms


def test_what_is_not_known_may_require_gradients() -> None:
    def of_objects(xs: list[Any]) -> int:
        return len(xs) * 2

    assert gradient_test(flambeau.script(of_objects).graph) is None
