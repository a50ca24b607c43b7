"""Modules and functions that PyTorch compiled, as parts of what is scripted; scripted lists and dicts as attributes."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ScriptError

X = torch.arange(6.0).view(3, 2)


def _layers() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU())


def _loaded(module: nn.Module) -> nn.Module:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


class Outer(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        return self.head(self.inner(x))


_MADE = {
    "scripted": torch.jit.script,
    "traced": lambda module: torch.jit.trace(module, X),
    "loaded": _loaded,
    "frozen": lambda module: torch.jit.freeze(torch.jit.script(module.eval())),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", _MADE)
def test_a_module_of_pytorch_inside_another(how: str) -> None:
    inner = _MADE[how](_layers())
    outer = Outer(inner)
    scripted = flambeau.script(outer)
    assert {k: v.shape for k, v in scripted.state_dict().items()} == {k: v.shape for k, v in outer.state_dict().items()}
    assert torch.equal(scripted(X), outer(X))
    scripted.eval()
    outer.eval()
    assert torch.equal(scripted(X), outer(X))
    saved = scripted.save_to_buffer()
    for load in (torch.jit.load, flambeau.load):
        assert torch.equal(load(io.BytesIO(saved))(X), outer(X))


@pytest.mark.filterwarnings("ignore")
def test_tensors_are_shared() -> None:
    outer = Outer(torch.jit.script(_layers()))
    scripted = flambeau.script(outer)
    assert [*map(id, scripted.parameters())] == [*map(id, outer.parameters())]
    assert [*map(id, scripted.buffers())] == [*map(id, outer.buffers())]
    optimizer = torch.optim.SGD(scripted.parameters(), lr=0.1)
    before = outer.inner.state_dict()["0.weight"].clone()
    scripted(X).sum().backward()
    optimizer.step()
    assert not torch.equal(outer.inner.state_dict()["0.weight"], before)
    assert torch.equal(outer.inner.state_dict()["1.running_mean"], scripted.state_dict()["inner.1.running_mean"])
    again = flambeau.script(outer)
    assert [*map(id, again.parameters())] == [*map(id, outer.parameters())]
    assert again.inner is not scripted.inner


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 4)
        self.named = {"bias": self.rnn.bias_hh_l0}
        self.pair = (self.rnn.weight_hh_l0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0] + self.named["bias"].sum() + self.pair[0].sum() * self.pair[1]


def test_tensors_in_containers_are_shared() -> None:
    theirs = torch.jit.script(Recurrent())
    ours = flambeau.script(nn.Sequential(theirs))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(2)
    x = torch.randn(2, 1, 3)
    torch.testing.assert_close(ours(x), theirs(x))
    ours(x).sum().backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())
    assert ours.double()(x.double()).dtype is torch.double


@pytest.mark.filterwarnings("ignore")
def test_the_same_module_twice_is_one() -> None:
    inner = torch.jit.script(_layers())
    pair = nn.Sequential(inner, nn.Tanh(), inner)
    scripted = flambeau.script(pair)
    assert len([*scripted.parameters()]) == len([*pair.parameters()])
    assert torch.equal(scripted.eval()(X), pair.eval()(X))


def _scaled(x, n: int = 2):
    return x * n


@pytest.mark.filterwarnings("ignore")
def test_functions_of_pytorch() -> None:
    compiled = torch.jit.script(_scaled)
    traced = torch.jit.trace(torch.sin, X)

    class Calls(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fn = compiled

        def forward(self, x: Tensor):
            return self.fn(x) + compiled(x, 3) + traced(x)

    scripted = flambeau.script(Calls())
    assert torch.equal(scripted(X), Calls()(X))
    assert torch.equal(torch.jit.load(io.BytesIO(scripted.save_to_buffer()))(X), Calls()(X))


@pytest.mark.filterwarnings("ignore")
def test_a_module_of_pytorch_that_is_no_submodule_is_refused() -> None:
    inner = torch.jit.script(_layers())

    def call(x):
        return inner(x)

    with pytest.raises(ScriptError, match="not a submodule of the caller"):
        flambeau.script(call)


class Collects(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = flambeau.script([1])
        self.counts = flambeau.script({"a": 1})

    def forward(self, n: int) -> int:
        self.seen.append(n)
        self.counts["a"] += n
        return len(self.seen) + self.counts["a"]


def test_scripted_containers_are_attributes() -> None:
    """They stay the same list and dict."""
    module = Collects()
    scripted = flambeau.script(module)
    assert scripted(5) == 2 + 6
    assert list(module.seen) == [1, 5]
    module.seen.append(7)
    assert scripted(1) == 4 + 7
    assert dict(module.counts) == {"a": 7}
    loaded = torch.jit.load(io.BytesIO(scripted.save_to_buffer()))
    assert loaded(0) == 5 + 7
