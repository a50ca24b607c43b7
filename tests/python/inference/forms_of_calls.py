"""Calls as Python takes them: defaults before required keywords, ints for floats, results that are not there."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


def kernel(data, *, projection, is_query, normalize=True, eps=1e-4, device=None):
    scale = data.shape[-1] ** -0.25 if normalize else 1.0
    out = torch.zeros(data.shape[:-1], device=device)[..., None] + (scale * data) @ projection.t()
    return out + eps if is_query else out.exp() + eps


@case((rand(2, 3, 4), rand(2, 3, 4)))
class KernelFeatures(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("projection", rand(5, 4))

    def forward(self, q, k):
        q = kernel(q, is_query=True, projection=self.projection, device=q.device)
        k = kernel(k, projection=self.projection, is_query=False, device=k.device)
        return q @ k.transpose(-1, -2)


class Gate(nn.Module):
    def forward(self, x, scale: float = 2.0, *, shift: float, power: int = 2):
        return (x * scale + shift).pow(power)


@case(rand(2, 3))
class RequiredAfterDefault(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = Gate()

    def forward(self, x):
        return self.gate(x, shift=1.0) + self.gate(x, 3.0, shift=0.5, power=1)


@case(rand(2, 3))
class PropertyWithSetter(nn.Module):
    def __init__(self):
        super().__init__()
        self.raw = nn.Parameter(torch.ones(1))

    @property
    def constant(self):
        return self._read(self)

    @constant.setter
    def constant(self, value):
        self._write(self, value)

    def _read(self, module):
        return module.raw * 2

    def _write(self, module, value):
        module.initialize(raw=value)

    def forward(self, x):
        return x + self.constant


def pad_to_multiple(x, multiple, dim=-1, value=0):
    length = x.shape[dim]
    m = length / multiple
    if m.is_integer():
        return False, x
    remainder = math.ceil(m) * multiple - length
    offset = (0,) * (-1 - dim) * 2
    return True, F.pad(x, (*offset, 0, remainder), value=value)


@case(rand(2, 5, 3), rand(2, 8, 3))
class PaddedWindows(nn.Module):
    def forward(self, x):
        is_padded, x = pad_to_multiple(x, 4, dim=-2)
        return x.unflatten(1, (-1, 4)).mean(2), is_padded


@case(rand(2, 3))
class NumbersOfOneKind(nn.Module):
    def forward(self, x):
        noise = torch.zeros_like(x).uniform_(0, 1)
        length = x.norm(dim=-1, keepdim=True)
        return x / length.clamp(min=1e-8) + noise, x.norm(dim=(0, 1)), torch.zeros(2).normal_(0, 1)


def _erode(x: torch.Tensor) -> torch.Tensor:
    if x.dim() == 4:
        return -F.max_pool2d(-x, 3, 1, 1)
    if x.dim() == 5:
        return -F.max_pool3d(-x, 3, 1, 1)


@case(rand(1, 2, 4, 4), rand(1, 2, 4, 4, 4))
class EveryCaseThatOccurs(nn.Module):
    def forward(self, x: torch.Tensor):
        return x - _erode(x)


def _is_empty(x):
    return x.numel() == 0


@case(rand(2, 4, 3), heads=0)
class PartThatIsNotThere(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.local = nn.Linear(3, 3) if heads > 0 else None

    def forward(self, x):
        head, rest = x[:, : self.heads], x[:, self.heads :]
        out = [rest * 2]
        if not _is_empty(head):
            out.append(self.local(head))
        return torch.cat(out, dim=1)


@case(rand(2, 4, 4), rand(2, 4, 4).half(), rand(2, 4, 4).double())
class MaskedScores(nn.Module):
    def forward(self, x):
        mask = torch.ones(4, 4, dtype=torch.bool).triu(1)
        info = torch.finfo(x.dtype)
        smallest = torch.iinfo(torch.int32).min
        return x.masked_fill(mask, -torch.finfo(x.dtype).max), info.eps, info.bits, smallest


@case(rand(2, 4, 3), heads=0)
class PartChosenByTheInstance(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.act = torch.sin if heads == 0 else None
        self.other = None
        self.flag = heads == 0

    def forward(self, x):
        act = self.act if self.flag else torch.tanh
        if x.dim() == 4:
            x = self.other(x)
        return act(x)
