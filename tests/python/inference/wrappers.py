"""Wrappers, ensembles, experts and whatever else holds modules in unusual ways."""

from __future__ import annotations

import functools
import math
import operator

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x, *args, **kwargs):
        return self.fn(x, *args, **kwargs) + x


class Affine(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.g = nn.Parameter(torch.ones(width))

    def forward(self, x, shift=0.0, scale=None):
        if scale is not None:
            x = x * scale
        return x * self.g + shift


@case(rand(2, 4))
class ResidualWrappers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([Residual(nn.Linear(4, 4)), Residual(Affine())]) for _ in range(2)])

    def forward(self, x):
        for first, second in self.layers:
            x = first(x)
            x = second(x, shift=0.5)
            x = second(x, 0.25, scale=2.0)
        return x


def exists(val):
    return val is not None


def default(val, d):
    return val if exists(val) else d


@case((rand(2, 3, 4),))
class HelpersForNone(nn.Module):
    def __init__(self, dim=4, inner=None):
        super().__init__()
        inner = default(inner, dim * 2)
        self.net = nn.Sequential(nn.Linear(dim, inner), nn.GELU(), nn.Linear(inner, dim))
        self.norm = None

    def forward(self, x, context=None, mask=None):
        if exists(self.norm):
            x = self.norm(x)
        context = default(context, x)
        if exists(mask):
            x = x.masked_fill(mask, 0.0)
        return self.net(x) + context


@case((rand(3, 4), torch.tensor([0, 2, 1])))
class Experts(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(n))
        self.num_experts = n

    def forward(self, x, choice):
        out = torch.zeros_like(x)
        for i in range(self.num_experts):
            mask = (choice == i).float().unsqueeze(-1)
            out += self.experts[i](x) * mask
        return out


@case((rand(2, 4), 0), (rand(2, 4), 1), (rand(2, 4), -1), examples=True)
class TaskHeads(nn.Module):
    """Continual learning: the head is chosen by a number that arrives with the data."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.heads = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])

    def forward(self, x, task):
        return self.heads[task](F.relu(self.body(x)))


@case((rand(2, 4), "b"), (rand(2, 4), "a"), examples=True)
class HeadsByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.Linear(4, 2)})

    def forward(self, x, name):
        return self.heads[name](x)


@case((rand(2, 4),), combine="mean")
@case((rand(2, 4),), combine="stack")
class Ensemble(nn.Module):
    def __init__(self, combine):
        super().__init__()
        self.members = nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3)])
        self.combine = combine

    def forward(self, x):
        outs = [m(x) for m in self.members]
        if self.combine == "stack":
            return torch.stack(outs), len(outs)
        return sum(outs) / len(outs)


@case((rand(2, 4),))
class TupleState(nn.Module):
    """Modules that hand on tuples of growing length."""

    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        state = (x,)
        for step in self.steps:
            *rest, last = state
            state = (*rest, last, step(last))
        *_, tail = torch.cat(state, -1).unbind(0)
        return tail + len(state)


@case((rand(2, 4), rand(2, 4), rand(2, 4)), examples=True)
class AnyNumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.ModuleList([nn.Linear(4, 2) for _ in range(3)])

    def forward(self, *xs):
        return (
            functools.reduce(operator.add, [p(x) for p, x in zip(self.proj, xs)])
            if False
            else sum(p(x) for p, x in zip(self.proj, xs))
        )


@case((rand(1, 2, 4, 4),))
class LayerTable(nn.Module):
    """A network written as a table."""

    table = [
        # kind, channels, kernel, stride
        ("conv", 3, 3, 1),
        ("pool", None, 2, 2),
        ("conv", 4, 1, 1),
    ]

    def __init__(self):
        super().__init__()
        width = 2
        for i, (kind, channels, kernel, stride) in enumerate(self.table):
            if kind == "conv":
                self.add_module(f"{kind}{i}", nn.Conv2d(width, channels, kernel, stride, kernel // 2))
                width = channels

    def forward(self, x):
        for i, (kind, _, kernel, stride) in enumerate(self.table):
            if kind == "conv":
                x = F.relu(getattr(self, f"{kind}{i}")(x))
            elif kind == "pool":
                x = F.max_pool2d(x, kernel, stride)
        return x


@case((rand(2, 6),))
class SplitByTable(nn.Module):
    def __init__(self):
        super().__init__()
        self.slices = {"a": (0, 2), "b": (2, 6)}
        self.heads = nn.ModuleDict({k: nn.Linear(hi - lo, 2) for k, (lo, hi) in self.slices.items()})

    def forward(self, x):
        outs = {}
        for key, head in self.heads.items():
            lo, hi = self.slices[key]
            outs[key] = head(x[:, lo:hi]) / (hi - lo) ** 0.5
        return {**outs, "in": x} if False else outs, {k: v[0] for k, v in self.slices.items()}


class Scheduler:
    """A plain object that holds numbers."""

    def __init__(self, rate):
        self.rate = rate
        self.milestones = [1, 2]


@case((rand(2, 4),))
class HoldsPlainObject(nn.Module):
    def __init__(self):
        super().__init__()
        self.scheduler = Scheduler(0.5)
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        for _ in self.scheduler.milestones:
            x = self.fc(x) * self.scheduler.rate
        return x


@case((rand(2, 4),), flag=None)
@case((rand(2, 4),), flag=True)
class ThreeValuedFlag(nn.Module):
    def __init__(self, flag):
        super().__init__()
        self.flag = flag

    def forward(self, x, scale=None):
        if self.flag:
            return x, scale
        return x if scale is None else x * scale


@case((rand(2, 4),))
class MathOnSettings(nn.Module):
    def __init__(self, dim=4, ratio=3):
        super().__init__()
        self.dim, self.ratio = dim, ratio
        self.fcs = nn.ModuleList([nn.Linear(4, 4) for _ in range(int(math.log2(dim)) + 1)])

    def forward(self, x):
        last = int(math.log(self.dim, 2)) if False else self.dim // 2
        for i in range(0, last + 1, 2):
            x = self.fcs[min(i, len(self.fcs) - 1)](x)
        return x / math.sqrt(self.dim) ** (self.ratio - 1)


@case((rand(2, 3, 4),))
class ApplyOverTime(nn.Module):
    """Folds time into the batch for any module."""

    def __init__(self):
        super().__init__()
        self.module = nn.Linear(4, 2)

    @staticmethod
    def fold(fn, x, keep=2):
        shape = x.shape[:keep]
        y = fn(x.reshape(-1, *x.shape[keep:]))
        return y.reshape(*shape, *y.shape[1:])

    def forward(self, x):
        return self.fold(self.module, x) + self.fold(lambda t: t[:, :2], x)
