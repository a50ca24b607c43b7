"""Attention in forms that were specialised for its tensors: the results and errors of eager, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import flambeau
from examples.transformer import Transformer


class Heads(nn.Module):
    """Sizes of the pieces."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)

    def split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(x).chunk(3, dim=-1)
        query, key, value = self.split(query), self.split(key), self.split(value)
        scores = torch.matmul(query, key.transpose(-2, -1)) / query.size(-1) ** 0.5
        return torch.matmul(F.softmax(scores, dim=-1), value).transpose(1, 2).flatten(2)


class OuterSizes(Heads):
    """Sizes of what was projected, which need not be those of the pieces."""

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.size()
        query, key, value = self.project(x).chunk(3, dim=2)
        query = query.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        key = key.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        value = value.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        return torch.matmul(F.softmax(torch.matmul(query, key.transpose(2, 3)), dim=-1), value)


def outcome(call: Callable[[Tensor], object], x: Tensor) -> object:
    try:
        return call(x)
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1]


def alike(module: nn.Module, *inputs: Tensor) -> None:
    """Run both for all inputs, after forms were made for the first."""
    scripted = flambeau.script(module)
    with torch.no_grad():
        for x in [inputs[0]] * 4 + list(inputs):
            ours, theirs = outcome(scripted, x), outcome(module, x)
            if isinstance(theirs, Tensor):
                assert isinstance(ours, Tensor)
                assert torch.equal(ours, theirs)
                assert ours.shape == theirs.shape
            else:
                assert isinstance(theirs, str)
                assert theirs in str(ours)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(0, 3),
    st.integers(0, 6),
    st.sampled_from((Heads, OuterSizes)),
)
def test_pieces_that_are_viewed(heads: int, width: int, batch: int, length: int, kind: type[Heads]) -> None:
    torch.manual_seed(heads + width)
    module = kind(heads * width, heads).eval()
    alike(module, torch.randn(batch, length, heads * width), torch.randn(1, 1, heads * width))


@pytest.mark.parametrize("outputs", [10, 11, 12, 16, 3])
@pytest.mark.parametrize("kind", [Heads, OuterSizes])
def test_pieces_of_other_sizes(outputs: int, kind: type[Heads]) -> None:
    """Pieces that are unequal, that heads do not divide, or that do not have the sizes that are said."""
    module = kind(4, 2).eval()
    x = torch.randn(2, 3, 4)
    scripted = flambeau.script(module)
    with torch.no_grad():
        for _ in range(4):
            scripted(x)
        other = nn.Linear(4, outputs)
        module.project.weight.set_(other.weight)  # type: ignore[call-overload]  # it takes a tensor
        module.project.bias.set_(other.bias)  # type: ignore[call-overload]
        theirs, ours = outcome(module, x), outcome(scripted, x)
        if isinstance(theirs, Tensor):
            assert isinstance(ours, Tensor)
            assert torch.equal(ours, theirs)
        else:
            assert isinstance(theirs, str)
            assert theirs in str(ours)


@pytest.mark.parametrize("heads", [-2, 0, 3])
def test_numbers_of_heads_that_make_no_sense(heads: int) -> None:
    module = Heads(4, 2).eval()
    scripted = flambeau.script(module)
    x = torch.randn(2, 3, 4)
    with torch.no_grad():
        for _ in range(4):
            scripted(x)
        scripted.heads = heads
        with pytest.raises((RuntimeError, ZeroDivisionError)):
            scripted(x)
        scripted.heads = 1
        module.heads = 1
        torch.testing.assert_close(scripted(x), module(x), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [Heads, OuterSizes])
def test_one_view_is_cut(kind: type[Heads]) -> None:
    scripted = flambeau.script(kind(4, 2).eval())
    with torch.no_grad():
        for _ in range(4):
            scripted(torch.randn(2, 3, 4))
    assert ".split_with_sizes([" in flambeau.explain(scripted)


@pytest.mark.parametrize("prepared", [lambda scripted: scripted, flambeau.freeze])
def test_greedy_decoding(prepared: Callable[[Any], Any]) -> None:
    """A batch of one, in a loop, with a growing cache: no bit of a score differs from eager's."""
    torch.manual_seed(0)
    model = Transformer(vocabulary=31, width=16, heads=2, layers=2, limit=32).eval()
    scripted = prepared(flambeau.script(model))
    with torch.no_grad():
        for length, count in [(3, 5)] * 4 + [(1, 1), (7, 9), (2, 2)]:
            prompt = torch.randint(0, 31, (length,))
            tokens, scores = scripted(prompt, count)
            expected, expected_scores = model(prompt, count)
            assert torch.equal(tokens, expected)
            assert torch.equal(scores, expected_scores)
        with pytest.raises(ValueError, match="the model holds 32 tokens"):
            scripted(prompt, 40)


def test_frozen_caches_leave_out_the_batch_too() -> None:
    """What freezing makes a constant, the empty cache, is no reason to keep a dimension of size 1."""
    frozen = flambeau.freeze(flambeau.script(Transformer(vocabulary=31, width=16, heads=2, layers=2, limit=32).eval()))
    with torch.no_grad():
        for _ in range(4):
            frozen(torch.randint(0, 31, (3,)), 2)
    assert ".bmm(" in flambeau.explain(frozen)
