"""Modules that keep state between calls, look things up by computed names, and use optional values without asking."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


class RecordingAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix = nn.Linear(dim, dim)
        self.weights = None

    def forward(self, x):
        weights = torch.softmax(self.mix(x) @ x.transpose(-2, -1), -1)
        if not self.training:
            self.weights = weights
        return weights @ x


@case((rand(2, 5, 4),))
@case((rand(2, 5, 4),), training=True)
class ReadsWhatASubmoduleKept(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = RecordingAttention(4)

    def forward(self, x):
        y = self.attend(x)
        if self.attend.weights is not None:
            return y, self.attend.weights.mean()
        return y, y.mean()


@case((rand(2, 3, 4),), (rand(2, 1, 4),), (rand(2, 2, 4),))
class GrowingKeysAndValues(nn.Module):
    def __init__(self):
        super().__init__()
        self.key, self.value = nn.Linear(4, 4), nn.Linear(4, 4)
        self.register_buffer("keys", None, persistent=False)
        self.register_buffer("values", None, persistent=False)
        self.seen = 0

    def forward(self, x):
        k, v = self.key(x), self.value(x)
        if self.keys is None:
            self.keys, self.values = k, v
        else:
            self.keys = torch.cat([self.keys, k], 1)
            self.values = torch.cat([self.values, v], 1)
        self.seen += k.shape[1]
        return torch.softmax(x @ self.keys.transpose(1, 2), -1) @ self.values, self.seen


@case((rand(1, 2, 5, 4),), (rand(1, 2, 7, 4), 2), (rand(1, 2, 3, 4),))
class LazyAngleTables(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.register_buffer("rates", 1.0 / 100 ** (torch.arange(0, dim, 2) / dim))
        self.longest = None
        self.cosines = None
        self.sines = None

    def forward(self, x, start=0):
        end = x.shape[-2] + start
        if self.longest is None or end > self.longest:
            self.longest = end
            angles = torch.outer(torch.arange(end).type_as(self.rates), self.rates).repeat(1, 2)
            self.cosines, self.sines = angles.cos(), angles.sin()
        half = x.shape[-1] // 2
        turned = torch.cat((-x[..., half:], x[..., :half]), -1)
        return x * self.cosines[start:end] + turned * self.sines[start:end]


@case((rand(1, 2, 12),), (rand(1, 2, 6),), streaming=True)
@case((rand(1, 2, 12),), streaming=False)
class StreamedConvolutions(nn.Module):
    def __init__(self, streaming):
        super().__init__()
        self.strides = [1, 2, 4]
        self.convs = nn.ModuleList([nn.Conv1d(2, 2, 2, dilation=d) for d in self.strides])
        self.streaming = streaming
        self.tails = None

    def forward(self, x):
        former, kept, total = self.tails, [], 0
        for i, (conv, d) in enumerate(zip(self.convs, self.strides)):
            if self.streaming and former is not None:
                left = former[i]
            else:
                left = x.new_zeros(x.shape[0], x.shape[1], d)
            padded = torch.cat([left, x], -1)
            kept.append(padded[..., -d:])
            x = x + torch.tanh(conv(padded))
            total = total + x
        if self.streaming:
            self.tails = kept
        return x, total


@case((rand(3, 2), torch.tensor([[0, 1, 2], [1, 2, 0]])), keep=True)
@case((rand(3, 2), torch.tensor([[0, 1, 2], [1, 2, 0]])), keep=False)
class KeepsNormalisedEdges(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.keep = keep
        self.kept = None

    @staticmethod
    def normalised(edges, count, weights=None):
        if weights is None:
            weights = torch.ones(edges.size(1))
        _, target = edges
        degree = torch.zeros(count).index_add_(0, target, weights)
        return edges, weights / degree[target]

    def forward(self, x, edges, weights=None):
        if not self.keep or self.kept is None:
            self.kept = self.normalised(edges, x.size(0), weights)
        edges, weights = self.kept
        return torch.zeros_like(x).index_add_(0, edges[1], weights.view(-1, 1) * x[edges[0]])


@case(({"p2": rand(1, 3, 8, 8), "p3": rand(1, 3, 4, 4)},), examples=True)
class PyramidByComputedNames(nn.Module):
    def __init__(self, pools=True):
        super().__init__()
        self.levels = [f"p{i}" for i in (2, 3)]
        for i in range(len(self.levels)):
            self.add_module(f"side{i}", nn.Conv2d(3, 3, 1))
        self.pool = nn.MaxPool2d(1, 2) if pools else None

    def forward(self, maps):
        inputs = [maps[name] for name in self.levels]
        above = self.side1(inputs[-1])
        found = [above]
        for i in range(len(inputs) - 2, -1, -1):
            above = getattr(self, f"side{i}")(inputs[i]) + F.interpolate(above, scale_factor=2.0)
            found.insert(0, above)
        if self.pool is not None:
            found.append(self.pool(found[-1]))
        return {name: one for name, one in zip([*self.levels, "top"], found)}


class Shifted(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.tail = nn.Sequential(nn.GroupNorm(2, channels), nn.SiLU(), nn.Conv2d(channels, channels, 1))
        self.shift = nn.Linear(width, channels)

    def forward(self, x, code):
        shift = self.shift(code)
        while len(shift.shape) < len(x.shape):
            shift = shift[..., None]
        norm, rest = self.tail[0], self.tail[1:]
        return x + rest(norm(x) + shift)


class Coded(nn.Sequential):
    def forward(self, x, code):
        for layer in self:
            x = layer(x, code) if isinstance(layer, Shifted) else layer(x)
        return x


@case((rand(1, 2, 4, 4), rand(1, 3)))
@case((rand(1, 2, 4, 4), rand(1, 3), torch.tensor([1])), labels=3)
class OptionalLabels(nn.Module):
    def __init__(self, labels=None):
        super().__init__()
        self.labels = labels
        if labels is not None:
            self.embed = nn.Embedding(labels, 3)
        self.down = nn.ModuleList([Coded(nn.Conv2d(2, 4, 1)), Coded(Shifted(4, 3), nn.ReLU())])
        self.up = nn.ModuleList([Coded(nn.Conv2d(8, 4, 1)), Coded(nn.Conv2d(8, 2, 1))])

    def forward(self, x, code, label=None):
        assert (label is not None) == (self.labels is not None), "labels are given if and only if there are some"
        if self.labels is not None:
            code = code + self.embed(label)
        passed = []
        for block in self.down:
            x = block(x, code)
            passed.append(x)
        for block in self.up:
            x = block(torch.cat([x, passed.pop()], 1), code)
        return x


def _or_else(value, other):
    if value is not None:
        return value
    return other() if callable(other) else other


@case((rand(2, 3),), (rand(2, 3), rand(2, 3)), limits=True)
@case((rand(2, 3),), limits=False)
class FunctionsMadeInForward(nn.Module):
    def __init__(self, limits):
        super().__init__()
        self.limits = limits

    def forward(self, x, noise=None):
        noise = _or_else(noise, lambda: torch.zeros_like(x))
        limit = partial(torch.clamp, min=-0.5, max=0.5) if self.limits else (lambda t: t)
        out = [limit(x + noise)]
        for wave in [torch.sin, torch.cos]:
            out.append(wave(2.0 * x))
        return torch.cat(out, -1)


@case((rand(3, 4),), recurrent=False)
@case((rand(3, 4),), (rand(3, 4),), recurrent=True)
class PropertyDecides(nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self._recurrent = recurrent
        if recurrent:
            self.cell = nn.GRUCell(4, 4)
            self.memory = None

    @property
    def is_recurrent(self):
        return self._recurrent

    def forward(self, x):
        if self.is_recurrent:
            if self.memory is None:
                self.memory = torch.zeros_like(x)
            self.memory = x = self.cell(x, self.memory)
        return x * 2


def _reduced(loss, how):
    if how == "none":
        return loss
    elif how == "mean":
        return loss.mean()
    elif how == "sum":
        return loss.sum()


def _weighted(loss, weight=None, how="mean", count=None):
    if weight is not None:
        loss = loss * weight
    if count is None:
        loss = _reduced(loss, how)
    elif how == "mean":
        loss = loss.sum() / count
    return loss


@case((rand(4, 3), rand(4, 3)), reduction="none")
@case((rand(4, 3), rand(4, 3), rand(4, 3)), reduction="sum")
@case((rand(4, 3), rand(4, 3), None, 7.0), reduction="mean", examples=True)
class ReductionByName(nn.Module):
    factor = 2.0

    def __init__(self, reduction):
        super().__init__()
        self.reduction = reduction

    def forward(self, given, wanted, weight=None, count=None, override=None, **others):
        assert override in (None, "none", "mean", "sum")
        how = override if override else self.reduction
        return self.factor * _weighted((given - wanted).abs(), weight, how, count)


@case((rand(4, 3),), momentum=0.5)
@case((rand(4, 3),), (rand(4, 3),), momentum=0.5, training=True)
class MovingCentres(nn.Module):
    def __init__(self, momentum, count=2):
        super().__init__()
        self.momentum, self.count = momentum, count
        self.register_buffer("centres", torch.arange(count * 3.0).view(count, 3))
        self.spread = 0

    @torch.no_grad()
    def move(self, x, chosen):
        sums = chosen.t() @ x / chosen.sum(0).clamp(min=1).unsqueeze(1)
        self.centres.mul_(self.momentum).add_(sums, alpha=1 - self.momentum)

    def forward(self, x):
        nearest = torch.cdist(x, self.centres).argmin(1)
        chosen = F.one_hot(nearest, self.count).type(x.dtype)
        if self.training:
            self.move(x, chosen)
        share = chosen.mean(0)
        self.spread = torch.exp(-(share * (share + 1e-10).log()).sum())
        return x + (self.centres[nearest] - x).detach(), self.spread


@case((rand(5, 4),), noisy=False)
@case((rand(5, 4),), noisy=True)
class SkipsIdleExperts(nn.Module):
    def __init__(self, noisy):
        super().__init__()
        self.gate = nn.Linear(4, 3, bias=False)
        self.noise = nn.Linear(4, 3) if noisy else None
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.balance = None

    def forward(self, x):
        scores = self.gate(x)
        if self.noise is not None and self.training:
            scores = scores + torch.randn_like(scores) * F.softplus(self.noise(x))
        weights, chosen = scores.softmax(-1).topk(1)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            rows, _ = torch.where(chosen == i)
            if rows.numel() == 0:
                continue
            out[rows] += weights[rows] * expert(x[rows])
        self.balance = (scores.softmax(-1).mean(0) ** 2).sum()
        return out, self.balance


@case((rand(5, 2),), wave="tanh")
@case((rand(5, 2),), wave="swish", frequencies=3)
class FieldWithNamedWaves(nn.Module):
    def __init__(self, wave, frequencies=0, widths=(2, 6, 1)):
        super().__init__()
        self.wave = {"tanh": torch.tanh, "swish": lambda t: t * torch.sigmoid(t)}[wave]
        self.frequencies = frequencies
        if frequencies:
            self.register_buffer("basis", torch.ones(widths[0], frequencies))
            widths = (2 * frequencies, *widths[1:])
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(widths)])
        self.calls, self.history = 0, []

    def forward(self, x):
        if not torch.is_tensor(x):
            x = torch.from_numpy(x)
        if self.frequencies:
            turns = 2 * math.pi * x @ self.basis
            x = torch.cat((torch.sin(turns), torch.cos(turns)), -1)
        for i in range(len(self.layers) - 1):
            x = self.wave(self.layers[i](x))
        self.calls += 1
        return self.layers[-1](x)


@case(([rand(2, 3)],), examples=True)
@case(([rand(2, 3), rand(2, 3)], 1), examples=True)
class MixedStyles(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(3, 3)
        for i in range(2):
            self.register_buffer(f"noise{i}", torch.full((1,), i + 1.0))

    def forward(self, styles, switch=None, strength=1, centre=None, noise=None):
        styles = [self.map(style) for style in styles]
        if noise is None:
            noise = [getattr(self, f"noise{i}") for i in range(2)]
        if strength < 1:
            styles = [centre + strength * (style - centre) for style in styles]
        if len(styles) < 2:
            codes = styles[0].unsqueeze(1).repeat(1, 2, 1)
        else:
            if switch is None:
                switch = 1
            first = styles[0].unsqueeze(1).repeat(1, switch, 1)
            codes = torch.cat([first, styles[1].unsqueeze(1).repeat(1, 2 - switch, 1)], 1)
        return codes[:, 0] * noise[0] + codes[:, 1] * noise[1]
