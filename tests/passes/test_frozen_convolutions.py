"""Modules with convolutions, frozen: what follows is in the weights, results differ by rounding only."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import flambeau  # noqa: E402

nn = torch.nn


class Arithmetic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 4, 3, groups=2)
        self.register_buffer("each", torch.randn(4, 1, 1))
        self.register_buffer("one", torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (self.first(x) + self.each) * 2.0 - 1
        return (self.second(y) * self.one - self.each) / self.each


def normalised(dimensions: int, affine: bool, bias: bool) -> Any:
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1](3, 4, 2, bias=bias)
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dimensions - 1](4, affine=affine)
    net = nn.Sequential(convolution, norm, nn.ReLU())
    for _ in range(3):
        net(torch.randn(2, 3, *[5] * dimensions))
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return net


CASES = {
    **{
        f"batch norm, {n} dimensions, affine: {affine}, bias: {bias}": (
            lambda n=n, a=affine, b=bias: normalised(n, a, b),
            n,
        )
        for n in (1, 2, 3)
        for affine in (True, False)
        for bias in (True, False)
    },
    "arithmetic": (Arithmetic, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_folded(name: str) -> None:
    torch.manual_seed(0)
    make, dimensions = CASES[name]
    net = make().eval()
    x = torch.randn(2, 3, *[6] * dimensions)
    scripted = flambeau.script(net)
    frozen, exact = flambeau.freeze(scripted), flambeau.freeze(scripted, optimize_numerics=False)
    kinds = {node.kind for node in frozen.graph.walk()}
    assert not kinds & {"aten::batch_norm", "aten::add", "aten::sub", "aten::mul", "aten::div"}
    expected = net(x)
    torch.testing.assert_close(frozen(x), expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(exact(x), expected)
    assert torch.equal(scripted(x), expected)


class Read(nn.Module):
    """Somebody else reads the convolution's result."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        return self.norm(y) + y


def test_not_folded() -> None:
    net = Read().eval()
    frozen = flambeau.freeze(flambeau.script(net))
    assert frozen.graph.find_nodes("aten::batch_norm")
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(frozen(x), net(x))
    transposed = nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    assert flambeau.freeze(flambeau.script(transposed)).graph.find_nodes("aten::batch_norm")
