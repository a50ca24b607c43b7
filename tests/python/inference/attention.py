"""Attention and transformers: optional masks, shapes of unknown rank, caches, tables of choices."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.python.inference.harness import case, rand


def attend(q, k, v, mask=None, dropout=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    p = F.softmax(scores, dim=-1)
    if dropout is not None:
        p = dropout(p)
    return p @ v, p


@case((rand(2, 4, 8), torch.ones(2, 1, 4, 4)), (rand(2, 4, 8), None))
class MultiHead(nn.Module):
    def __init__(self, heads=2, width=8, dropout=0.0):
        super().__init__()
        self.h, self.d = heads, width // heads
        self.linears = nn.ModuleList([copy.deepcopy(nn.Linear(width, width)) for _ in range(4)])
        self.dropout = nn.Dropout(dropout)
        self.attn = None

    def forward(self, x, mask=None):
        n = x.size(0)
        q, k, v = [f(t).view(n, -1, self.h, self.d).transpose(1, 2) for f, t in zip(self.linears, (x, x, x))]
        y, _ = attend(q, k, v, mask=mask, dropout=self.dropout)
        y = y.transpose(1, 2).contiguous().view(n, -1, self.h * self.d)
        return self.linears[-1](y)


class Sublayer(nn.Module):
    """Takes the sublayer to run as an argument."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x, sublayer):
        return x + sublayer(self.norm(x))


@case((rand(2, 4, 8),))
class EncoderLayer(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.self_attn = MultiHead(width=width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, width))
        self.sublayer = nn.ModuleList([Sublayer(width), Sublayer(width)])

    def forward(self, x, mask=None):
        x = self.sublayer[0](x, lambda t: self.self_attn(t, mask))
        return self.sublayer[1](x, self.feed_forward)


@case((rand(2, 3, 4), rand(2, 3, 4)), (rand(2, 5, 3, 4), rand(2, 5, 3, 4)))
class AnyLeadingDims(nn.Module):
    def __init__(self, heads=2):
        super().__init__()
        self.heads = heads

    def split(self, x):
        *lead, length, width = x.shape
        return x.reshape(*lead, length, self.heads, width // self.heads)

    def forward(self, q, k):
        q, k = self.split(q), self.split(k)
        scores = torch.einsum("...qhd,...khd->...hqk", q, k)
        return scores.reshape(*scores.shape[:-3], -1)


@dataclass
class Config:
    width: int = 8
    heads: int = 2
    pre_norm: bool = True
    activation: str = "gelu"
    dropout: float = 0.0


@case(rand(2, 4, 8))
@case(rand(2, 4, 8), pre_norm=False, activation="relu")
class ConfiguredBlock(nn.Module):
    def __init__(self, **overrides):
        super().__init__()
        self.cfg = Config(**overrides)
        self.attn = nn.MultiheadAttention(self.cfg.width, self.cfg.heads, batch_first=True)
        self.norm = nn.LayerNorm(self.cfg.width)
        self.fc = nn.Linear(self.cfg.width, self.cfg.width)

    def activate(self, x):
        return getattr(F, self.cfg.activation)(x)

    def forward(self, x):
        y = self.norm(x) if self.cfg.pre_norm else x
        y, _ = self.attn(y, y, y, need_weights=False)
        y = x + F.dropout(y, self.cfg.dropout, self.training)
        if not self.cfg.pre_norm:
            y = self.norm(y)
        return self.activate(self.fc(y))


class Shape(NamedTuple):
    heads: int
    width: int


@case(rand(2, 4, 8))
class NamedTupleConfig(nn.Module):
    def __init__(self):
        super().__init__()
        self.shape = Shape(2, 4)
        self.names = ["q", "k", "v"]
        for name in self.names:
            self.add_module(f"to_{name}", nn.Linear(8, 8))

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (getattr(self, f"to_{name}")(x).view(b, n, *self.shape).transpose(1, 2) for name in self.names)
        out, _ = attend(q, k, v)
        return out.transpose(1, 2).flatten(2)


@case((rand(1, 3, 4),), causal=True)
@case((rand(1, 3, 4),), causal=False)
class MaskFromFlag(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.causal = causal

    def forward(self, x, mask: Tensor = None):
        if self.causal:
            t = x.shape[1]
            mask = torch.ones(t, t, dtype=torch.bool).tril()[None]
        return attend(x, x, x, mask)[0]


@case((rand(2, 3, 4),), (rand(2, 3, 4), rand(2, 5, 4)))
class CrossOrSelf(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_q = nn.Linear(4, 4)
        self.to_kv = nn.Linear(4, 8)

    def forward(self, x, context=None):
        context = x if context is None else context
        k, v = self.to_kv(context).chunk(2, dim=-1)
        return attend(self.to_q(x), k, v)[0]


@case(rand(2, 3, 4), num_layers=2)
@case(rand(2, 3, 4), num_layers=2, return_all=True)
class Stack(nn.Module):
    def __init__(self, num_layers, return_all=False):
        super().__init__()
        layer = nn.Linear(4, 4)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.return_all = return_all
        self.norm = None

    def forward(self, x):
        hidden = () if self.return_all else None
        for layer in self.layers:
            if self.return_all:
                hidden = hidden + (x,)
            x = layer(x)
        if self.norm:
            x = self.norm(x)
        if not self.return_all:
            return x
        return x, hidden + (x,)


@case(torch.arange(6).view(2, 3))
class SinusoidOrLearned(nn.Module):
    def __init__(self, kind="sin", width=4):
        super().__init__()
        assert kind in ("sin", "learned")
        self.kind, self.width = kind, width
        self.embed = nn.Embedding(10, width)
        if kind == "learned":
            self.positions = nn.Embedding(10, width)

    def encode(self, n, device):
        position = torch.arange(n, device=device).unsqueeze(1).float()
        rate = torch.exp(torch.arange(0, self.width, 2, device=device) * -(math.log(1e4) / self.width))
        table = torch.zeros(n, self.width, device=device)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        return table

    def forward(self, ids):
        n = ids.shape[1]
        if self.kind == "learned":
            return self.embed(ids) + self.positions(torch.arange(n))
        return self.embed(ids) + self.encode(n, ids.device)


@case((rand(2, 4, 4),))
class KeywordLayers(nn.Module):
    """Options travel as keyword arguments."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Scaled(), Scaled()])

    def forward(self, x, **kwargs):
        options = dict(scale=2.0, shift=0.5)
        for layer in self.layers:
            x = layer(x, **options, **kwargs)
        return x


class Scaled(nn.Module):
    def forward(self, x, scale=1.0, shift=0.0, **ignored):
        return x * scale + shift


@case((rand(2, 3, 4), rand(3)), examples=True)
class WrapsAnything(nn.Module):
    """Forwards whatever it is given."""

    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)


class Inner(nn.Module):
    def forward(self, x, bias, scale=2):
        return x * scale + bias.sum()


@case(rand(2, 4, 6))
class HeadsOfSeveralSizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.sizes = [1, 2, 3]
        self.proj = nn.ModuleDict({str(n): nn.Linear(n, n) for n in self.sizes})

    def forward(self, x):
        parts = torch.split(x, self.sizes, dim=-1)
        return torch.cat([self.proj[str(n)](part) for n, part in zip(self.sizes, parts)], dim=-1)


@case((rand(2, 3, 4), torch.tensor([3, 2])))
class LengthMask(nn.Module):
    @staticmethod
    def mask_of(lengths, max_len=None, dtype=torch.bool):
        if max_len is None:
            max_len = int(lengths.max().item())
        return (torch.arange(max_len)[None, :] < lengths[:, None]).to(dtype)

    def forward(self, x, lengths):
        mask = self.mask_of(lengths, x.shape[1])
        weights = self.mask_of(lengths, dtype=torch.float32)
        return x.masked_fill(~mask[..., None], 0.0), weights


@case(rand(1, 4, 8), window=2)
@case(rand(1, 4, 8), window=0)
class WindowOrGlobal(nn.Module):
    def __init__(self, window):
        super().__init__()
        self.window = window

    def windows(self, x):
        b, n, c = x.size()
        return x.view(b * (n // self.window), self.window, c)

    def forward(self, x):
        shape = x.shape
        if self.window:
            x = self.windows(x)
        y, _ = attend(x, x, x)
        return y.reshape(shape)


@case((rand(2, 3, 4),), size=(2, 2))
@case((rand(2, 3, 4),), size=4)
class TupleOrInt(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x, scale=1):
        x = x * scale
        if isinstance(self.size, (tuple, list)):
            return x.unflatten(-1, self.size), len(self.size)
        return x.reshape(-1, self.size)
