"""Scripts within `torch.compile`: functions that call them compile around the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

import flambeau

X = torch.tensor([1.0, -2.0, 3.0])


def rectified(x: Tensor) -> Tensor:
    if bool(x.sum() > 0):
        return x.relu() * 2
    return x - 1


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        for step in range(2):
            y = y + step
        return y

    @torch.jit.export
    def twice(self, x: Tensor) -> Tensor:
        return self.forward(self.forward(x))


SCRIPTS: dict[str, Callable[[], Callable[..., Tensor]]] = {
    "scripted function": lambda: flambeau.script(rectified),
    "scripted module": lambda: flambeau.script(Net()),
    "method": lambda: flambeau.script(Net()).twice,
    "traced function": lambda: flambeau.trace(lambda x: x.relu() * 2, X),
    "traced module": lambda: flambeau.trace(Net(), X),
    "frozen module": lambda: flambeau.freeze(flambeau.script(Net().eval())),
}


class Counting:
    """A backend that counts the graphs it is given and the calls in them."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def __call__(self, module: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        self.targets += [str(n.target) for n in module.graph.nodes if n.op.startswith("call")]
        return module.forward


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", SCRIPTS)
def test_called_by_a_compiled_function(name: str) -> None:
    script = SCRIPTS[name]()
    backend = Counting()

    def around(x: Tensor) -> Tensor:
        y = script(x.sin())
        return y.cos() + 1

    compiled = torch.compile(around, backend=backend)
    x = X.clone().requires_grad_()
    torch.testing.assert_close(compiled(x), around(x))
    compiled(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(compiled(-2 * X), around(-2 * X))
    text = " ".join(backend.targets)
    assert "sin" in text
    assert "cos" in text
    assert "linear" not in text
    assert "relu" not in text


@pytest.mark.parametrize("name", SCRIPTS)
def test_compiled_itself_it_runs_as_it_is(name: str) -> None:
    script = SCRIPTS[name]()
    backend = Counting()
    torch.testing.assert_close(torch.compile(script, backend=backend)(X), script(X))
    assert backend.targets == []


def test_a_submodule_of_a_compiled_module() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = flambeau.script(Net())

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x * 2).exp()

    module = Outer()
    backend = Counting()
    torch.testing.assert_close(torch.compile(module, backend=backend)(X), module(X))
    assert any("exp" in t for t in backend.targets)
    assert not any("linear" in t for t in backend.targets)
