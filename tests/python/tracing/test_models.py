"""Whole models: of images, of sequences, with dicts and tuples; beside PyTorch's traces, on other batch sizes too."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau
from tests.python.tracing.oracle import assert_same, check, run

R = torch.randn


class UNet(nn.Module):
    """Two levels, with skip connections."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([self.block(3, 8), self.block(8, 16)])
        self.middle = self.block(16, 16)
        self.up = nn.ModuleList([nn.ConvTranspose2d(16, 16, 2, stride=2), nn.ConvTranspose2d(8, 8, 2, stride=2)])
        self.merge = nn.ModuleList([self.block(32, 8), self.block(16, 4)])

    @staticmethod
    def block(inward: int, outward: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inward, outward, 3, padding=1), nn.BatchNorm2d(outward), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for down in self.down:
            x = down(x)
            skipped.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for up, merge, other in zip(self.up, self.merge, reversed(skipped), strict=True):
            x = merge(torch.cat([up(x), other], 1))
        return x


class Decoder(nn.Module):
    """A language model with attention to what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(20, 8)
        self.places = nn.Embedding(16, 8)
        self.norm = nn.LayerNorm(8)
        self.query_key_value = nn.Linear(8, 24)
        self.output = nn.Linear(8, 8)
        self.register_buffer("mask", torch.ones(16, 16).tril().bool())

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.tokens(tokens) + self.places(torch.arange(length, device=tokens.device))
        q, k, v = self.query_key_value(self.norm(x)).chunk(3, -1)
        q, k, v = (t.view(t.shape[0], t.shape[1], 2, 4).transpose(1, 2) for t in (q, k, v))
        weights = (q @ k.transpose(-1, -2) / 2.0).masked_fill(~self.mask[:length, :length], float("-inf")).softmax(-1)
        y = (weights @ v).transpose(1, 2).flatten(2)
        return F.linear(x + self.output(y), self.tokens.weight)


class Tagger(nn.Module):
    """Two directions over a sequence, and its final state."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(10, 3)

    def forward(self, tokens: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, state = self.lstm(self.embedding(tokens))
        return self.scores(y).log_softmax(-1), state


class Detector(nn.Module):
    """Boxes and scores at two scales, decoded, and the best of them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.SiLU())
        self.deeper = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.SiLU())
        self.heads = nn.ModuleList([nn.Conv2d(8, 6, 1), nn.Conv2d(8, 6, 1)])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        fine = self.body(image)
        boxes, scores = [], []
        for level, (head, features) in enumerate(zip(self.heads, (fine, self.deeper(fine)), strict=True)):
            found = head(features)
            height, width = found.shape[-2:]
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            centre = torch.stack([columns, rows], 0).float() + 0.5
            shift, size = found[:, :2].sigmoid() - 0.5, found[:, 2:4].exp()
            middle = (centre + shift) * 2 ** (level + 1)
            boxes.append(torch.cat([middle - size / 2, middle + size / 2], 1).flatten(2))
            scores.append(found[:, 4:].flatten(2).softmax(1)[:, 1])
        score, place = torch.cat(scores, 1).topk(5, 1)
        box = torch.cat(boxes, 2).gather(2, place.unsqueeze(1).expand(-1, 4, -1))
        return {"boxes": box.transpose(1, 2).clamp(min=0), "scores": score}


class Batch(NamedTuple):
    """Fields of an input."""

    numbers: Tensor
    mask: Tensor


class Recommender(nn.Module):
    """Features by name."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.EmbeddingBag(10, 4, mode="mean")
        self.dense = nn.ModuleDict({"age": nn.Linear(1, 4), "price": nn.Linear(1, 4)})
        self.last = nn.Linear(12, 1)

    def forward(self, items: Tensor, dense: dict[str, Tensor]) -> Tensor:
        parts = [self.items(items), *(layer(dense[name]) for name, layer in self.dense.items())]
        return self.last(torch.cat(parts, 1)).sigmoid().squeeze(1)


class Fields(nn.Module):
    """A named tuple in, a tuple out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y = self.layer(batch.numbers) * batch.mask
        return y, (y.mean(0), y.amax(1))


class Mixer(nn.Module):
    """Layers over patches and over channels, with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.over_patches = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.over_channels = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.last = nn.Linear(8, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = x + self.over_patches(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.over_channels(x)
        return self.last(x.mean(1))


def ids(*shape: int) -> Tensor:
    return torch.randint(0, 10, shape)


def features(count: int) -> tuple[Any, ...]:
    return ids(count, 3), {"age": R(count, 1), "price": R(count, 1)}


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], tuple[Any, ...]]] = {
    "U-Net": (UNet, (R(1, 3, 16, 16),), (R(3, 3, 8, 8),)),
    "decoder": (Decoder, (ids(2, 6),), (ids(4, 9),)),
    "tagger": (Tagger, (ids(2, 6),), (ids(2, 6),)),
    "detector": (Detector, (R(1, 3, 16, 16),), (R(2, 3, 24, 32),)),
    "features by name": (Recommender, features(2), features(5)),
    "named tuple": (Fields, (Batch(R(2, 3), torch.ones(2, 2)),), (Batch(R(4, 3), torch.zeros(4, 2)),)),
    "mixer": (Mixer, (R(2, 3, 8, 8),), (R(5, 3, 8, 8),)),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str) -> None:
    make, inputs, others = MODELS[name]
    torch.manual_seed(0)
    model = make().eval()
    by_field = name == "named tuple"  # which PyTorch's tracer gives to the model as a plain tuple
    traced = check(model, *inputs, others=[others], strict=False, same_operators=not by_field)
    for load in (torch.jit.load, flambeau.load):
        loaded = load(io.BytesIO(traced.save_to_buffer()))
        for given in (inputs, others):
            assert_same(run(loaded, given), run(model, given))
