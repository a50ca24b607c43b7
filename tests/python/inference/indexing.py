"""Indices that are put together first: tuples and lists of slices, of which a run may tell how many there are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


def split_at_index(dim, index, t):
    before = (slice(None),) * dim
    return t[(*before, slice(None, index))], t[(*before, slice(index, None))]


@case(rand(2, 5, 3))
class SplitParts(nn.Module):
    def forward(self, x):
        left, right = split_at_index(1, 2, x)
        first, second = split_at_index(2, x.size(2) - 1, x)
        return left, right, first * 2, second


@case((rand(2, 5, 3), torch.tensor([0, 1, 2])))
class SplitPartsByNumber(nn.Module):
    def forward(self, x, dims):
        parts = []
        for d in dims:
            parts.append(split_at_index(int(d), 1, x)[0])
        return parts


def cumsum_exclusive(t, dim=-1):
    padding = -dim - 1
    rest = (slice(None),) * padding
    padded = F.pad(t, (*((0, 0) * padding), 1, 0)).cumsum(dim=dim)
    return padded[(..., slice(None, -1), *rest)]


@case(rand(2, 5, 3))
class ExclusiveSums(nn.Module):
    def forward(self, x):
        return cumsum_exclusive(x), cumsum_exclusive(x, dim=-2)


def gradient(x, dim: int):
    index = [slice(None)] * x.dim()
    index[dim] = slice(1, None)
    upper = x[tuple(index)]
    index[dim] = slice(None, -1)
    return upper - x[tuple(index)]


@case(rand(2, 4, 3, 5))
class Gradients(nn.Module):
    def forward(self, x):
        total = torch.zeros(())
        for d in range(2, x.dim()):
            total = total + gradient(x, d).abs().mean()
        return total, gradient(x, -1), gradient(x, 1)


@case(rand(2, 4, 3, 5), dim=-1)
@case(rand(2, 4, 3, 5), dim=2)
class EverySecond(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        index = [slice(None), slice(None)] + [slice(None)] * (len(x.shape) - 2)
        index[self.dim] = slice(0, None, 2)
        return x[tuple(index)]


@case(rand(2, 6, 4, 5))
class Crops(nn.Module):
    def __init__(self):
        super().__init__()
        self.crop = (1, 2)

    def forward(self, x):
        inner, rest = slice(1, -1), [slice(None)] * 2
        rest.append(inner)
        starts = [slice(None), slice(0, self.crop[1])] + [slice(0, c) for c in self.crop]
        for d in range(2, 4):
            if d == 3:
                starts[d] = slice(1, None)
        row = (0, ..., inner)
        return x[tuple(rest)], x[row], x[tuple(starts)], x[(slice(None),) * (x.dim() - 1) + (0,)]


@case(rand(2, 6, 4, 5))
class ChosenSlices(nn.Module):
    def __init__(self):
        super().__init__()
        self.dim = 2

    def forward(self, x):
        index = tuple(slice(1, 3) if i == self.dim else slice(None) for i in range(4))
        return x[index] * 2
