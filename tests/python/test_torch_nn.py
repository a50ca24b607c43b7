"""Every module of `torch.nn` that PyTorch's compiler takes: outputs and parameters' gradients equal eager's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import flambeau
from tests.python.differential import assert_same, run
from tests.python.nn_cases import CASES


class Holder(nn.Module):
    """Calls a module from a script, which is the only way to call one whose `forward` is overloaded."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


class Unary(Holder):
    def forward(self, x):
        return self.inner(x)


OVERLOADED = ("RNN", "LSTM", "LSTM batch first", "GRU")


@pytest.mark.parametrize("name", CASES)
def test_scripted_module_equals_eager(name: str) -> None:
    case = CASES[name]
    torch.manual_seed(1)
    module = case.make()
    module.train(case.train)
    if name in OVERLOADED:
        module = Unary(module)
    inputs = case.inputs()
    reference = copy.deepcopy(module)
    scripted = flambeau.script(module)
    expected = run(reference, inputs)
    found = run(scripted, inputs)
    assert_same(found, expected)
    for (key, mine), (their_key, theirs) in zip(
        scripted.state_dict().items(), reference.state_dict().items(), strict=True
    ):
        assert key == their_key
        assert_same(mine, theirs)
    _compare_gradients(scripted, reference, found, expected)


def _compare_gradients(scripted: nn.Module, reference: nn.Module, found: object, expected: object) -> None:
    parameters = [p for p in reference.parameters() if p.requires_grad]
    loss = _first_tensor(expected)
    if not parameters or loss is None or not loss.requires_grad:
        return
    theirs = torch.autograd.grad(loss.sum(), parameters, allow_unused=True)
    mine = torch.autograd.grad(
        _first_tensor(found).sum(), [p for p in scripted.parameters() if p.requires_grad], allow_unused=True
    )
    for m, t in zip(mine, theirs, strict=True):
        assert (m is None) == (t is None)
        if t is not None:
            assert_same(m, t)


def _first_tensor(value: object) -> torch.Tensor | None:
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    return value if isinstance(value, torch.Tensor) and value.is_floating_point() else None
