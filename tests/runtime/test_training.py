"""Training through scripted models follows eager's loss curve, in both tiers; gradients of single operators agree."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau import settings

TIERS = ("interpreter", "python")


class SmallCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 8, 3)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(8 * 3 * 3, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)
        x = F.relu(self.second(x))
        return self.head(self.drop(torch.flatten(x, 1)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 12, batch_first=True)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, (h, _c) = self.lstm(x)
        return self.head(y[:, -1] + h[0])


class Unrolled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(6, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 12)
        c = torch.zeros(x.size(0), 12)
        for i in range(x.size(1)):
            h, c = self.cell(x[:, i], (h, c))
        return self.head(h)


def losses(model: nn.Module, x: Tensor, y: Tensor, steps: int = 50) -> list[float]:
    """The loss at each step."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    curve = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("make", "shape"), [(SmallCNN, (16, 1, 10, 10)), (Recurrent, (16, 7, 6)), (Unrolled, (16, 7, 6))]
)
def test_the_loss_curve_is_eagers(make: Callable[[], nn.Module], shape: tuple[int, ...], tier: str) -> None:
    torch.manual_seed(0)
    model, x, y = make(), torch.randn(shape), torch.randint(0, 5, (16,))
    scripted = flambeau.script(copy.deepcopy(model))
    expected = losses(model, x, y)
    with settings.override(tier=tier):
        actual = losses(scripted, x, y)
    assert expected[-1] < 0.9 * expected[0]  # it learns
    assert actual == pytest.approx(expected, abs=1e-5)


def matrix(x: Tensor, w: Tensor) -> Tensor:
    return (x @ w).tanh().sum()


def normalised(x: Tensor, w: Tensor) -> Tensor:
    return (F.layer_norm(x, [4]) * F.softmax(w, dim=1)[:, 0]).pow(2).mean()


def branches(x: Tensor, w: Tensor) -> Tensor:
    if bool(x.sum() > 100.0):
        y = x * 2.0
    else:
        y = torch.where(x > 0, x.exp(), w.t().sin())
    return y.logsumexp(0).sum()


def in_place(x: Tensor, w: Tensor) -> Tensor:
    y = x.clone()
    y[0] = 3.0
    y.mul_(w)
    y.add_(x, alpha=2)
    return (y * y).sum()


def detached(x: Tensor, w: Tensor) -> Tensor:
    with torch.no_grad():
        z = x * w
    return (z + x.detach() * w + x).prod()


def looped(x: Tensor, w: Tensor) -> Tensor:
    parts = [x]
    for i in range(4):
        parts.append(torch.sigmoid(parts[-1] @ w + float(i)))
    return torch.cat(parts).std()


def gathered(x: Tensor, w: Tensor) -> Tensor:
    values, indices = torch.topk(x, 2, dim=1)
    return (values * w.gather(1, indices)).sum() + x.cumsum(0).norm() + torch.linalg.det(w)


def einsum(x: Tensor, w: Tensor) -> Tensor:
    return torch.einsum("ij,kj->ik", x, w).gt(0).float().mul(x).sum() + F.gelu(x).sum() + F.softplus(w).sum()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    "function", [matrix, normalised, branches, in_place, detached, looped, gathered, einsum], ids=lambda f: f.__name__
)
def test_first_and_second_gradients_are_eagers(function: Callable[[Tensor, Tensor], Tensor], tier: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)

    def gradients(call: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        first = torch.autograd.grad(call(x, w), (x, w), create_graph=True)
        total = first[0].pow(2).sum() + first[1].pow(2).sum()
        return [*first, *torch.autograd.grad(total, (x, w), allow_unused=True, materialize_grads=True)]

    scripted = flambeau.script(function)
    expected = gradients(function)
    with settings.override(tier=tier):
        actual = gradients(scripted)
        if function is not detached:  # whose gradient leaves out what it detaches
            assert torch.autograd.gradcheck(lambda a: scripted(a, w), (x,))
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)
