"""`optimize_for_inference`: the same results, but for rounding, from modules that are ready to serve."""

from __future__ import annotations

import io

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau

PEER = vars(torch)["jit"]


class Classifier(nn.Module):
    """Convolutions, batch norms, activations in place, and a linear layer on a view."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, groups=8)
        )
        self.classify = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x += 0.5
        return self.classify(F.relu(x).permute(0, 2, 3, 1).reshape(-1, 8))


class UNet(nn.Module):
    """A shortcut that is joined to what comes from below, and two results that are maps."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.bottom = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.Conv2d(6, 6, 1)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.last = nn.Conv2d(7, 2, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low = F.silu(self.down(x))
        low = low + F.interpolate(F.max_pool2d(self.bottom(low), 2), scale_factor=2.0)
        return self.last(torch.cat([self.up(low), x], 1)), low

    @flambeau.export
    def halved(self, x: Tensor) -> Tensor:
        return self.down(x)


@pytest.mark.parametrize("make", [Classifier, UNet])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_results_are_those_of_eager(make: type[nn.Module], order: torch.memory_format) -> None:
    torch.manual_seed(0)
    module = make().eval()
    x = torch.randn(2, 3, 8, 8).contiguous(memory_format=order)
    ready = flambeau.optimize_for_inference(flambeau.script(module))
    expected = module(x)
    saved = io.BytesIO()
    flambeau.save(ready, saved)
    for load in (lambda: ready, lambda: flambeau.load(saved), lambda: PEER.load(saved)):
        saved.seek(0)
        served = load()
        for _ in range(4):
            found = served(x)
            torch.testing.assert_close(found, expected)
    for tensor in found if isinstance(found, tuple) else (found,):
        assert tensor.is_contiguous()


def test_methods_that_are_named() -> None:
    module = UNet().eval()
    x = torch.randn(1, 3, 8, 8)
    ready = flambeau.optimize_for_inference(flambeau.script(module), ["halved"])
    torch.testing.assert_close(ready.halved(x), module.halved(x))
    assert "strides=[27, 1, 9, 3]" in str(ready.halved.graph)


def test_modules_that_are_frozen_already() -> None:
    module = Classifier().eval()
    x = torch.randn(2, 3, 8, 8)
    frozen = flambeau.freeze(flambeau.script(module))
    before = frozen(x)
    assert flambeau.optimize_for_inference(frozen) is frozen
    torch.testing.assert_close(frozen(x), before)
    text = str(frozen.graph)
    assert "strides=[27, 1, 9, 3]" in text
    flambeau.optimize_for_inference(frozen)
    assert str(frozen.graph) == text
