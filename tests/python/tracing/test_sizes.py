"""Sizes that the program asks for are computed by the graph, and indexing is recorded as it was written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from flambeau.python.tracing.numbers import PendingNumbers, SymbolicNumber, matched
from tests.python.tracing.oracle import assert_same, check, run, trace

R = torch.randn

GENERIC: dict[str, Callable[[Tensor], Any]] = {
    "view by size": lambda x: x.view(x.size(0) * x.size(1), -1),
    "sizes unpacked": lambda x: (lambda a, b: x.reshape(b, a))(*x.shape),
    "negative dimension": lambda x: x.reshape(x.size(-1), -1),
    "whole shape": lambda x: (x.view(x.shape), x.expand(x.size()), torch.zeros(x.shape), x.new_zeros(x.shape[1:])),
    "part of a shape": lambda x: torch.ones(x.shape[:1] + (2,)),
    "arange": lambda x: (torch.arange(x.size(0)), torch.arange(1, x.size(1) + 1, 2)),
    "full": lambda x: (torch.full((2,), x.size(0)), torch.full((x.size(0),), 1.5), torch.full_like(x, x.size(0))),
    "repeat": lambda x: x.repeat(x.size(0), 1),
    "linspace, eye": lambda x: (torch.linspace(0, 1, x.size(0)), torch.eye(x.size(1))),
    "narrow": lambda x: x.narrow(0, 0, x.size(0) // 2),
    "select": lambda x: x.select(0, x.size(0) - 1),
    "in arithmetic": lambda x: (x * x.size(0), x.sum() / x.size(0), x / math.pi * x.size(1)),
    "true division": lambda x: x * (x.size(0) / x.size(1)),
    "plain int argument": lambda x: (x.unsqueeze(x.size(0) * 0), x.flatten(x.size(0) * 0, 1)),
    "pooling window": lambda x: F.avg_pool2d(x[None], x.size(0) // 2),
    "pooling windows": lambda x: F.avg_pool2d(x[None], (x.size(0), x.size(1))),
    "split by size": lambda x: (x.split(x.size(0) // 2)[1], torch.split(x, x.size(0) // 2)[0]),
    "layer norm over size": lambda x: F.layer_norm(x, x.shape[1:]),
    "interpolate to size": lambda x: F.interpolate(x[None, None], size=(x.size(0) * 2, x.size(1))),
    "interpolate by recomputed scale": lambda x: F.interpolate(
        x[None, None], scale_factor=1.5, recompute_scale_factor=True
    ),
    "broadcast shapes": lambda x: torch.zeros(torch.broadcast_shapes(x.shape, (1, 1))),
    "positions": lambda x: torch.arange(x.size(0)).unsqueeze(1).expand(-1, x.size(1)) + x,
    "mask": lambda x: torch.tril(torch.ones(x.size(1), x.size(1))),
    "size of a result": lambda x: x.new_zeros(torch.cat([x, x]).size(0)),
    "dtype of new tensors": lambda x: torch.zeros(x.size(0), dtype=torch.int64, device=x.device),
}


@pytest.mark.parametrize("name", GENERIC)
def test_a_program_that_computes_with_sizes_runs_on_others(name: str) -> None:
    f = GENERIC[name]
    check(f, R(4, 6), others=[(R(2, 2),), (R(8, 4),)], same_operators=False)


@pytest.mark.parametrize(
    "f", [lambda x: x.numel(), lambda x: x.shape.numel(), lambda x: x.size(0), lambda x: x.shape[1] - 1]
)
def test_a_size_that_is_returned_is_a_tensor(f: Callable[[Tensor], Any]) -> None:
    traced = trace(f, R(2, 3))
    assert traced(R(5, 7)).item() == f(R(5, 7))


def test_a_shape_passes_for_a_torch_size() -> None:
    def f(x: Tensor) -> Tensor:
        assert isinstance(x.shape, torch.Size)
        assert isinstance(x.shape[1:], torch.Size)
        assert len(x.shape) == x.dim() == 2
        return x.new_zeros((*x.shape, 2)).sum() + torch.zeros(x.shape + x.shape[:1]).sum()

    check(f, R(2, 3), others=[(R(4, 2),)], same_operators=False)


def test_sizes_of_constants_are_numbers() -> None:
    weight = R(3, 2)

    def f(x: Tensor) -> Tensor:
        assert type(weight.size(0)) is int
        return x * weight.shape[1]

    check(f, R(2), same_operators=False)


INDEXING: dict[str, Callable[[Tensor], Any]] = {
    "integers": lambda x: (x[0], x[-1], x[0, 1], x[1, -1]),
    "slices": lambda x: (x[1:], x[:-1], x[::2], x[0:3:2], x[:, 1:], x[:5], x[:, -2:]),
    "everything": lambda x: (x[:], x[...], x[:, :], x[..., :]),
    "new dimensions": lambda x: (x[None], x[:, None], x[..., None], x[None, :, None]),
    "ellipsis": lambda x: (x[..., 0], x[0, ...], x[..., 1:, 0]),
    "tensor": lambda x: (x[torch.tensor([0, 1])], x[:, torch.tensor([1, 0])], x[torch.tensor([0]), torch.tensor([1])]),
    "list": lambda x: (x[[0, 1]], x[:, [0, 1]], x[0, [1, 2]], x[[0, 1], [1, 2]]),
    "mask": lambda x: (x[x > 0], x[x[:, 0] > 0], x[:, x[0] > 0], x[x[:, 0] > 0, :2], x[x[:, 0] > 0, 1]),
    "numpy": lambda x: (x[__import__("numpy").array([0, 1])], x[__import__("numpy").int64(1)]),
    "bool": lambda x: x[True],
    "nothing": lambda x: x[()],
    "index from a size": lambda x: (x[x.size(0) - 1], x[: x.size(0) - 1], x[x.size(0) // 2 :], x[1 : x.size(1), 0]),
    "index from data": lambda x: (x[x.argmax() % 2], x[torch.tensor(1)]),
}


@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name: str) -> None:
    check(INDEXING[name], R(5, 3), others=[(R(7, 3),), (R(6, 4),)] if name != "mask" else [(R(7, 3),)])


def test_a_slice_that_took_everything_is_recorded() -> None:
    traced = trace(lambda x: x[:4], R(4))
    assert traced(R(9)).shape == (4,)


def test_a_mask_before_other_indices_takes_its_own_dimensions() -> None:
    given = torch.arange(24.0).view(2, 3, 4)
    traced = trace(lambda x: x[x[:, :, 0] > 4, :2], given)
    torch.testing.assert_close(traced(given), given[given[:, :, 0] > 4][:, :2])


ASSIGNMENTS: dict[str, Callable[[Tensor], Any]] = {
    "number": lambda x: x.__setitem__(0, 1.5),
    "slice": lambda x: x.__setitem__((slice(None), 1), x[:, 2] + 1),
    "everything": lambda x: x.__setitem__(..., 0.0),
    "copy": lambda x: x.__setitem__(slice(None), x * 2),
    "tensor of no dimensions": lambda x: x.__setitem__(0, x.sum()),
    "leading ones": lambda x: x.__setitem__(0, torch.ones(1, 1, 3)),
    "broadcast": lambda x: x.__setitem__(slice(1, 3), torch.ones(3)),
    "mask": lambda x: x.__setitem__(x > 0, 1),
    "tensor": lambda x: x.__setitem__(torch.tensor([1]), 3.0),
    "tensors": lambda x: x.__setitem__((torch.tensor([1]), torch.tensor([2])), torch.ones(1)),
    "rows by mask": lambda x: x.__setitem__(x[:, 0] > 0, torch.ones(1, 3)),
    "new dimension": lambda x: x.__setitem__(None, 5),
    "bool": lambda x: x.__setitem__(True, 5),
    "size": lambda x: x.__setitem__(x.size(0) - 1, 5),
}


OTHER_OPERATORS = {"leading ones", "bool", "rows by mask", "broadcast", "tensors"}
"""Where PyTorch records views and copies of the assigned value, which the operators that follow do not need."""
if torch.__version__ >= (2, 15):
    OTHER_OPERATORS |= {"mask", "tensor"}  # fills, since 2.15


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_assignment_to_an_index(name: str) -> None:
    def f(x: Tensor) -> Tensor:
        y = x.clone()
        ASSIGNMENTS[name](y)
        return y

    check(f, R(5, 3), others=[(R(7, 3),)], same_operators=name not in OTHER_OPERATORS)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("index", [5, (0, 0, 0), "a", 1.5, slice(None, None, -1)])
def test_an_index_that_is_refused_is_refused_as_ever(index: Any) -> None:
    given = R(2, 3)
    with pytest.raises((IndexError, TypeError, ValueError)) as expected:
        given[index]
    with pytest.raises(expected.type, match=re.escape(str(expected.value)[:20])):
        trace(lambda x: x[index], given)


# --- numbers on their way through PyTorch


def _number(value: float) -> SymbolicNumber:
    return SymbolicNumber(torch.tensor(value), value, PendingNumbers())


def _shown(slots: list[object]) -> list[object]:
    return [("traced", s.node.number) if isinstance(s, (torch.SymInt, torch.SymFloat)) else s for s in slots]


@pytest.mark.parametrize(
    ("numbers", "slots", "expected", "complete"),
    [
        pytest.param([3], [0, 3], [0, ("traced", 3)], True, id="the only place"),
        pytest.param([3, 2], [2, 3], [("traced", 2), ("traced", 3)], True, id="by value"),
        pytest.param([3, 3], [3, 3], [("traced", 3), ("traced", 3)], True, id="several of one value"),
        pytest.param([3], [3, 3], [3, 3], False, id="more places than numbers"),
        pytest.param([3], [4], [4], False, id="no place"),
        pytest.param([3], [3.0], [3.0], False, id="of another type"),
        pytest.param([0.5], [1, 0.5], [1, ("traced", 0.5)], True, id="float"),
        pytest.param([1], [True, 1], [True, ("traced", 1)], True, id="a bool is no number"),
    ],
)
def test_matching(numbers: list[float], slots: list[object], expected: list[object], complete: bool) -> None:
    found, all_placed = matched([_number(n) for n in numbers], slots)
    assert (_shown(found), all_placed) == (expected, complete)


def test_a_number_that_was_read_twice_is_placed_once() -> None:
    number = _number(3)
    found, complete = matched([number, number], [1, 3])
    assert (_shown(found), complete) == ([1, ("traced", 3)], True)


def test_sizes_of_many_kinds_at_once() -> None:
    def f(x: Tensor) -> Any:
        b, n, d = x.shape
        heads = 2
        q = x.view(b, n, heads, d // heads).transpose(1, 2)
        a = F.scaled_dot_product_attention(q, q, q)
        joined = a.transpose(1, 2).reshape(b, n, d)
        return joined, torch.zeros(b, n, 1), x.view(b * n, d), F.one_hot(torch.arange(n) % 3, 3)

    traced = check(f, R(2, 3, 4), others=[(R(3, 5, 8),)])
    assert_same(run(traced, (R(1, 4, 2),))[1:2], [torch.zeros(1, 4, 1)])
