"""Optional values that are used without a test: checked when they are read, and only where that is needed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import flambeau


def _sum(x, y=None):
    return x if y is None else x + y


class Net(nn.Module):
    def forward(self, x, n=None, y=None):
        assert (n is None) == (y is None)
        if n is None:
            return _sum(x, y)
        return torch.cat([_sum(x, y), y])


class Loose(nn.Module):
    def forward(self, x, y=None, z=None):
        if x.sum() > 5:
            x = _sum(x * y, z)
        return _sum(x, z), y is None


def test_a_test_that_says_nothing() -> None:
    x = torch.ones(2)
    scripted = flambeau.script(Net())
    assert torch.equal(scripted(x), Net()(x))
    assert torch.equal(scripted(x, x, x), Net()(x, x, x))


def test_none_where_a_value_is_needed() -> None:
    scripted = flambeau.script(Loose())
    with pytest.raises(ValueError, match="Unwrapping null optional"):
        scripted(torch.full((2,), 9.0))


def test_none_where_none_will_do() -> None:
    x, big = torch.ones(2), torch.full((2,), 9.0)
    scripted = flambeau.script(Loose())
    for arguments in [(x,), (x, x), (x, x, x), (x, None, x), (big, x), (big, x, x)]:
        ours, theirs = scripted(*arguments), Loose()(*arguments)
        assert torch.equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]


def test_what_is_declared_optional_is_still_refused() -> None:
    class Declared(nn.Module):
        def forward(self, x: torch.Tensor | None):
            return x + 1

    with pytest.raises(flambeau.errors.ScriptError, match="Optional"):
        flambeau.script(Declared())
