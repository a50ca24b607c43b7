"""Modules from PyTorch's TorchScript and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ArchiveArgumentError, ArchiveError


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return self.linear(x) * self.count


X = torch.ones(1, 2)


def assert_equal_state(a: nn.Module, b: nn.Module) -> None:
    mine, theirs = a.state_dict(), b.state_dict()
    assert list(mine) == list(theirs)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_there_and_back() -> None:
    theirs = torch.jit.script(Counting())
    ours = flambeau.from_torch(theirs)
    assert isinstance(ours, flambeau.ScriptModule)
    assert_equal_state(ours, theirs)
    assert torch.equal(ours(X), theirs(X))
    assert (ours.count, theirs.count) == (1, 1)
    back = flambeau.to_torch(ours, torch.jit.load)
    assert isinstance(back, torch.jit.ScriptModule)
    assert torch.equal(back(X), theirs(X))
    assert (back.count, ours.count) == (2, 1)


def test_nothing_is_shared() -> None:
    theirs = torch.jit.script(Counting())
    ours = flambeau.from_torch(theirs)
    back = flambeau.to_torch(ours, torch.jit.load)
    before = theirs.linear.bias.detach().clone()
    with torch.no_grad():
        ours.linear.bias.add_(1)
        back.linear.bias.add_(2)
    assert torch.equal(theirs.linear.bias, before)
    assert torch.equal(ours.linear.bias, before + 1)


def test_traced_frozen_and_functions() -> None:
    traced = flambeau.from_torch(torch.jit.trace(nn.Linear(2, 3), X))
    assert traced(X).shape == (1, 3)
    frozen = flambeau.from_torch(torch.jit.freeze(torch.jit.script(Counting().eval().linear)))
    assert frozen(X).shape == (1, 3)

    @torch.jit.script
    def doubled(x: Tensor) -> Tensor:
        return x * 2

    assert torch.equal(flambeau.from_torch(doubled)(X), X * 2)
    ours = flambeau.script(incremented)
    assert torch.equal(flambeau.to_torch(ours, torch.jit.load)(X), X + 1)


def incremented(x: Tensor) -> Tensor:
    return x + 1


def test_mode_and_device_are_kept() -> None:
    assert flambeau.from_torch(torch.jit.script(Counting()).eval()).training is False
    assert flambeau.from_torch(torch.jit.script(Counting()), "meta").linear.weight.device.type == "meta"


@pytest.mark.parametrize("value", [3, nn.Linear(2, 3), flambeau.script(nn.Linear(2, 3))])
def test_what_is_no_module_of_pytorch(value: object) -> None:
    with pytest.raises(ArchiveArgumentError, match="takes a module that PyTorch scripted"):
        flambeau.from_torch(value)


def test_what_is_no_module_of_flambeau() -> None:
    with pytest.raises(ArchiveError, match="only scripted modules and functions can be saved"):
        flambeau.to_torch(nn.Linear(2, 3), torch.jit.load)
