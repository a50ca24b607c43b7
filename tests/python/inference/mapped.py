"""Attention and blocks in the style of einops users: `map` with a lambda, tuples with stars, named axes."""

from __future__ import annotations

from functools import lru_cache

import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import Rearrange
from torch import nn

from tests.python.inference.harness import case, rand


def exists(val):
    return val is not None


def default(val, d):
    return val if exists(val) else d


@lru_cache
def inverse_square_root(n):
    return n**-0.5


@case(rand(2, 5, 8))
class HeadsByMap(nn.Module):
    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, _, h = *x.shape, self.heads
        qkv = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = map(lambda t: rearrange(t, "b n (h d) -> b h n d", h=h), qkv)
        attn = (einsum(q, k, "b h i d, b h j d -> b h i j") * self.scale).softmax(dim=-1)
        out = einsum(attn, v, "b h i j, b h j d -> b h i d")
        return self.to_out(rearrange(out, "b h n d -> b n (h d)")), attn.shape[-1] == n * b // b


@case(rand(2, 5, 8), (rand(2, 5, 8), rand(2, 3, 8)))
class CrossHeads(nn.Module):
    def __init__(self, dim=8, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, dim)
        self.to_kv = nn.Linear(dim, dim * 2)

    def forward(self, x, context=None):
        h, x = self.heads, self.norm(x)
        context = default(context, x)
        q, k, v = (self.to_q(x), *self.to_kv(context).chunk(2, dim=-1))
        q, k, v = map(lambda t: rearrange(t, "b n (h d) -> (b h) n d", h=h), (q, k, v))
        attn = (q @ k.transpose(-1, -2) * inverse_square_root(q.shape[-1])).softmax(dim=-1)
        return rearrange(attn @ v, "(b h) n d -> b n (h d)", h=h)


@case(rand(2, 3, 8, 8))
class Patches(nn.Module):
    def __init__(self, size=8, patch=4, dim=6):
        super().__init__()
        self.embed = nn.Sequential(
            Rearrange("b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=patch, p2=patch), nn.Linear(patch * patch * 3, dim)
        )
        self.cls = nn.Parameter(rand(dim))
        self.registers = nn.Parameter(rand(2, dim))

    def forward(self, img):
        x = self.embed(img)
        cls = repeat(self.cls, "d -> b d", b=x.shape[0])
        registers = repeat(self.registers, "r d -> b r d", b=x.shape[0])
        x, shapes = pack([cls, registers, x], "b * d")
        cls, registers, x = unpack(x, shapes, "b * d")
        return cls + reduce(x, "b n d -> b d", "mean"), registers


@case(rand(1, 2, 8, 8))
class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(2, 2, k, padding=k // 2) for k in (1, 3, 5)])

    def forward(self, x):
        maps = tuple(map(lambda conv: conv(x), self.convs))
        return torch.cat(maps, dim=1), sum(map(torch.mean, maps))


@case((rand(2, 5, 4), rand(2, 7, 4)))
class Pair(nn.Module):
    def forward(self, small, large):
        (small_cls, small_rest), (large_cls, large_rest) = map(lambda t: (t[:, :1], t[:, 1:]), (small, large))
        return torch.cat((large_cls, small_rest), dim=1), torch.cat((small_cls, large_rest), dim=1)


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x, **kwargs):
        return self.fn(x, **kwargs) + x


@case(rand(2, 6, 4))
class WindowedMean(nn.Module):
    def __init__(self, window=3):
        super().__init__()
        self.window = window
        self.mix = Residual(
            nn.Sequential(Residual(nn.Linear(4, 4)), nn.GELU(), Residual(nn.Sequential(nn.Linear(4, 4))))
        )

    def forward(self, x):
        windows = rearrange(x, "b (n w) d -> b n w d", w=self.window)
        merged = windows.reshape((*windows.shape[:2], -1))
        return self.mix(reduce(windows, "b n w d -> b n d", "mean")), merged


@case(rand(2, 3, 4), rand(2, 5, 4))
class ShortenedProjections(nn.Module):
    def __init__(self, length=5):
        super().__init__()
        self.length = length
        self.proj_k = nn.Parameter(torch.ones(length, 2))
        self.proj_v = nn.Parameter(torch.full((length, 2), 0.5))

    def forward(self, x):
        n = x.shape[1]
        projections = (self.proj_k, self.proj_v)
        if n < self.length:
            projections = map(lambda t: t[:n], projections)
        project = lambda args: torch.einsum("bnd,nk->bkd", *args)
        keys, values = map(project, zip((x, x * 2), projections))
        return keys + values
