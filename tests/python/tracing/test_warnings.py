"""Warnings come exactly where the recording says less than the program: at the same lines as PyTorch's, or more."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau
from tests.python.tracing.oracle import warnings_of

R = torch.randn
CONSTANT = torch.ones(1)


def boolean(x):
    if x.sum() > 0:
        x = x + 1
    return x


def integer(x):
    n = int(x.size(0))
    return x[:n]


def floating(x):
    return x * float(x[0, 0])


def item(x):
    return x * x.sum().item()


def to_list(x):
    return x + torch.ones(len(x.tolist()), 1)


def to_numpy(x):
    return x + float(x.numpy().sum())


def length(x):
    return x + len(x)


def iteration(x):
    y = x[0]
    for row in x:
        y = y + row
    return y


def assertion(x):
    assert x.shape[0] == 2
    return x + 1


def comparison_of_shapes(x):
    y = x + 1
    if x.shape == y.shape:
        return y
    return x


def membership(x):
    return x + (3 in x)


def maximum(x):
    return x + max(x[0, 0], x[1, 1])


def construction(x):
    return x + torch.tensor(2.0)


def construction_from_sizes(x):
    return x + torch.tensor([x.size(0), x.size(1)])[0]


def construction_otherwise(x):
    return x + torch.as_tensor([2.0]) + torch.as_tensor(1.0)


SAME = [
    boolean,
    integer,
    floating,
    item,
    to_list,
    to_numpy,
    length,
    iteration,
    assertion,
    maximum,
    construction,
    construction_from_sizes,
    construction_otherwise,
]


@pytest.mark.parametrize("program", SAME, ids=lambda f: f.__name__)
def test_warnings_are_pytorchs(program: Callable[..., Any]) -> None:
    mine = warnings_of(flambeau.trace, program, R(2, 3))
    assert mine == warnings_of(torch.jit.trace, program, R(2, 3))
    assert mine


def test_a_comparison_of_shapes_warns() -> None:
    assert {text[:39] for text, _ in warnings_of(flambeau.trace, comparison_of_shapes, R(2, 3))} == {
        "Converting a tensor to a Python boolean"
    }


def test_an_index_warns_where_pytorch_loses_it_silently() -> None:
    def program(x):
        for _ in range(x.size(0)):
            x = x + 1
        return x

    ((text, line),) = warnings_of(flambeau.trace, program, R(2, 3))
    assert text.startswith("Converting a tensor to a Python index")
    assert line == program.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    "program",
    [
        lambda x: x + CONSTANT.item(),
        lambda x: x if CONSTANT else -x,
        lambda x: F.group_norm(x, 1),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.unsqueeze(x.dim()),
    ],
)
def test_nothing_is_lost_nothing_is_said(program: Callable[[Tensor], Any]) -> None:
    assert warnings_of(flambeau.trace, program, R(2, 3)) == []


def test_warnings_come_once_though_the_check_traces_again() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flambeau.trace(boolean, torch.ones(2, 3))
    assert [str(w.message)[:39] for w in caught if w.category is flambeau.TracerWarning] == [
        "Converting a tensor to a Python boolean"
    ]


def test_a_number_that_finds_no_place_warns() -> None:
    def program(x):
        return F.avg_pool2d(x, x.size(1), 2)  # window and stride are both 2: which of them was traced?

    with pytest.warns(flambeau.TracerWarning, match="Python integer"):
        flambeau.trace(program, R(1, 2, 4, 4), check_trace=False)


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def test_a_custom_backward_is_warned_about_where_gradients_flow() -> None:
    with pytest.warns(flambeau.TracerWarning, match="autograd function 'Rounded'"):
        flambeau.trace(lambda x: Rounded.apply(x) * 2, R(3).requires_grad_())
    with warnings.catch_warnings():
        warnings.simplefilter("error", flambeau.TracerWarning)
        traced = flambeau.trace(lambda x: Rounded.apply(x) * 2, R(3))
    torch.testing.assert_close(traced(torch.tensor([1.6])), torch.tensor([4.0]))


def test_a_parameter_from_elsewhere_is_warned_about() -> None:
    elsewhere = nn.Parameter(torch.ones(3), requires_grad=False)

    class Borrowing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * elsewhere

    with pytest.warns(flambeau.TracerWarning, match="does not belong to the traced module"):
        flambeau.trace(Borrowing(), R(3))


def test_state_that_is_no_buffer_is_warned_about() -> None:
    class Stateful(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.last = x * 2
            return x + 1

    with pytest.warns(flambeau.TracerWarning, match="attribute 'last' was assigned"):
        flambeau.trace(Stateful(), R(3))
