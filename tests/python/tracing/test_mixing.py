"""Scripts and traces in each other: calls stay calls, and scripts keep their control flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import TracingError
from tests.python.tracing.oracle import check, trace

R = torch.randn


def _clip(x: Tensor, n: int) -> Tensor:
    if n > 2:
        x = torch.relu(x)
    return x * n


def test_a_scripted_function_is_called() -> None:
    clip = flambeau.script(_clip)
    traced = check(lambda x: clip(x, x.size(0)) + 1, R(2, 3), others=[(R(4, 3),)], same_operators=False)
    (call,) = traced.graph.find_nodes("prim::CallFunction")
    assert [v.node.kind for v in call.inputs] == ["prim::Constant", "prim::Param", "aten::Int"]
    assert traced.inlined_graph.find_nodes("prim::If")


def test_structured_arguments_and_results() -> None:
    @flambeau.script
    def swap(pair: tuple[Tensor, Tensor], rest: list[Tensor], named: dict[str, Tensor], scale: float = 2.0):
        return (pair[1] * scale, rest[0]), [pair[0]], {"a": named["a"] + 1}

    def f(x: Tensor) -> Tensor:
        (a, b), c, d = swap((x, x * 2), [x + 3], {"a": x})
        return a + b + c[0] + d["a"]

    check(f, R(2), others=[(R(5),)], same_operators=False)


class Choosing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return self.linear(x)
        return x


class Holder(nn.Module):
    def __init__(self, choosing: nn.Module) -> None:
        super().__init__()
        self.choosing = choosing
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.choosing(x)) + self.choosing.linear(x)


def test_a_scripted_submodule_is_called() -> None:
    module = Holder(flambeau.script(Choosing()))
    traced = trace(module, torch.ones(2, 3))
    for x in (torch.ones(4, 3), -torch.ones(1, 3)):
        torch.testing.assert_close(traced(x), module(x))
    assert len(traced.graph.find_nodes("prim::CallMethod")) == 3
    assert dict(traced.named_parameters()).keys() == dict(module.named_parameters()).keys()


def test_a_scripted_module_from_elsewhere_is_refused() -> None:
    scripted = flambeau.script(nn.Linear(3, 3))
    with pytest.raises(TracingError, match="no submodule of the module that is traced"):
        flambeau.trace(lambda x: scripted(x), R(2, 3))


def test_a_traced_function_in_a_trace() -> None:
    inner = trace(lambda x: x + x.size(0), R(2))
    traced = check(lambda x: inner(x) * 2, R(3), others=[(R(5),)], same_operators=False)
    assert traced.graph.find_nodes("prim::CallFunction")


def test_a_traced_module_in_a_script() -> None:
    inner = trace(nn.Linear(3, 3), R(2, 3))

    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor, n: int) -> Tensor:
            for _ in range(n):
                x = self.inner(x)
            return x

    x = R(2, 3)
    torch.testing.assert_close(flambeau.script(Scripted())(x, 2), inner(inner(x)))


def test_script_if_tracing() -> None:
    calls = []

    @flambeau.script_if_tracing
    def repeated(x: Tensor, n: int) -> Tensor:
        for _ in range(n):
            x = x + 1
        return x

    def f(x: Tensor) -> Tensor:
        calls.append(flambeau.is_tracing())
        return repeated(x, x.size(0))

    traced = flambeau.trace(f, torch.zeros(2))
    assert traced(torch.zeros(5)).tolist() == [5] * 5
    assert repeated(torch.zeros(1), 3) == 3
    assert repeated.__name__ == "repeated"
    assert repeated.__script_if_tracing_wrapper


def test_a_number_from_a_script_is_warned_about() -> None:
    @flambeau.script
    def count(x: Tensor) -> int:
        return x.size(0)

    with pytest.warns(flambeau.TracerWarning, match="returned a Python number"):
        flambeau.trace(lambda x: x * count(x), R(3))


def test_calls_outside_of_the_trace_are_ordinary_calls() -> None:
    clip = flambeau.script(_clip)
    flambeau.trace(lambda x: clip(x, 3), R(2))
    assert clip(torch.ones(1), 3) == 3


def test_a_trace_within_a_trace_is_separate() -> None:
    inner_graphs = []

    def f(x: Tensor) -> Tensor:
        y = x + 1
        inner_graphs.append(flambeau.trace(lambda z: z * 2, torch.ones(2), check_trace=False).graph)
        return y * 3

    traced = flambeau.trace(f, R(2), check_trace=False)
    assert [n.kind for n in traced.graph.nodes() if n.kind.startswith("aten")] == ["aten::add", "aten::mul"]
    assert [n.kind for n in inner_graphs[0].nodes() if n.kind.startswith("aten")] == ["aten::mul"]
