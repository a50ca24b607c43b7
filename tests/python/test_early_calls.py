"""Calls that are made while a script is compiled leave no trace."""

from __future__ import annotations

import random
from random import random as drawn

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ScriptError

calls: list[str] = []


def is_chosen(name: str) -> bool:
    """What draws a number under a name that does not say so, and does not compile."""
    calls.append(name)
    return {"always": drawn() < 2.0}[name]


class Chooses(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if is_chosen("always"):
            return x + 1
        return x


def test_what_draws_random_numbers_is_refused_and_drawn_back() -> None:
    random.seed(3)
    torch.manual_seed(3)
    python, pytorch = random.getstate(), torch.random.get_rng_state()
    with pytest.raises(ScriptError):
        flambeau.script(Chooses())
    assert calls, "it was never called, so nothing was tried"
    assert random.getstate() == python
    assert torch.equal(torch.random.get_rng_state(), pytorch)
