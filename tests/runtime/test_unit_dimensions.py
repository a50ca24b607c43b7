"""Random programs on batches of one give exactly what eager gives, in forms that leave the first dimension out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from tests.runtime.test_specialized_random import forms_of

HEAD = """import math

import torch
import torch.nn.functional as F
from torch import Tensor


def heads(x: Tensor, count: int) -> Tensor:
    batch, length, width = x.shape
    return x.view(batch, length, count, width // count).transpose(1, 2)


def f(
    x: Tensor, w: Tensor, v: Tensor, b: Tensor, s: float, n: int
) -> tuple[Tensor, Tensor, Tensor, list[Tensor], float]:
    kept: list[Tensor] = []
    past: list[Tensor] = [x.unsqueeze(0), x.unsqueeze(0) * 0.5]
    y = x.unsqueeze(0)
    total = 0.0
"""
STEPS = (
    "y = F.linear(y, w, b)",
    "y = F.linear(y, w)",
    "y = F.layer_norm(y, (4,), b, b)",
    "y = F.layer_norm(y, (4,))",
    "y = torch.tanh(y) * s",
    "y = y / 3 + b",
    "y = b - y",
    "y = F.gelu(y) + y",
    "y = torch.softmax(y, -1)",
    "y = torch.softmax(y, 1)",
    "y = F.log_softmax(y, dim=2)",
    "y = y.masked_fill(y[0] > 0.5, s)",
    "y = torch.cat([y, past[0]], 1)[:, : y.size(1)]",
    "y = torch.cat([y, y], -1)[:, :, 1:5]",
    "past[0] = torch.tanh(y)",
    "y = y + torch.cat([past[0], past[1]], 2)[:, : y.size(1), 2:6]",
    "y = y[:, -1:] + y",
    "y = y.transpose(1, 2).transpose(-1, -2)",
    "y = (y * x.unsqueeze(0)) if y.shape[1] == x.shape[0] else y * 0.5",
    "p, q = F.linear(y, v).chunk(2, dim=-1)\ny = torch.sigmoid(p) * q",
    "p, q = F.linear(y, v).chunk(2, dim=-1)\nh = torch.matmul(heads(p, 2), heads(q, 2).transpose(2, 3))\n"
    "y = F.linear(torch.matmul(h / math.sqrt(2), heads(y, 2)).transpose(1, 2).flatten(2), w, b)",
    "p, q = F.linear(y, v).chunk(2, dim=-1)\n"
    "y = F.linear(torch.matmul(heads(p, 4), heads(q, 4).transpose(2, 3)).matmul(heads(y, 4))"
    ".transpose(1, 2).flatten(2), w, b) + y",
    "y = torch.matmul(y, y.transpose(1, 2)) @ y",
    "for i in range(n):\n    y = torch.relu(F.linear(y, w, b)) + y",
    "for i in range(n):\n    y, past[1] = past[1] + y, F.linear(y, w, b)",
    "if n > 1:\n    y = y * 2\nelse:\n    y = F.linear(y, w, b)",
    "total = total + y.size(0) + float(y.sum())",
    "y = y.view(1, y.size(1), 2, 2).flatten(2)",
    "y = y * torch.full((1, 1, 4), 0.5) + y",
    "past[1] = torch.zeros(1, 0, 4)\ny = torch.cat([past[1], y], 1)",
    "past[0] = torch.ones(1, 3, 4)\npast[1] = past[0]",
    "y = y.unsqueeze(1).squeeze(1) + y.unsqueeze(2).select(2, 0)",
)
KEEPS = (
    "kept.append(y)",
    "kept.append(y[0])",
    "kept.append(y[0] * s)",
    "kept.append(y.sum(0))",
    "kept.append(past[1])",
)
ENDS = ("y", "y[0]", "y[0, -1]", "y * 1.0", "y[0] * s", "y.squeeze(0)", "y.sum(0)", "y[:, 0]", "x")


def program(seed: int) -> str:
    chosen = random.Random(seed)
    lines = []
    for _ in range(chosen.randint(2, 9)):
        lines += chosen.choice(STEPS).split("\n")
        if chosen.random() < 0.08:
            lines.append(chosen.choice(KEEPS))
    if chosen.random() < 0.3:
        lines = ["for _ in range(2):", *(f"    {line}" for line in lines)]
    ends = [chosen.choice(ENDS[2:] if chosen.random() < 0.8 else ENDS) for _ in range(3)]
    return HEAD + "".join(f"    {line}\n" for line in lines) + f"    return {', '.join(ends)}, kept, total\n"


def arguments(seed: int) -> list[object]:
    chosen = random.Random(seed)
    torch.manual_seed(seed)
    dtype = chosen.choice((torch.float32, torch.float32, torch.float64))
    length = chosen.choice((1, 3, 5, 0))
    x = torch.randn(length, 4, dtype=dtype)
    x = torch.randn(4, length, dtype=dtype).t() if chosen.random() < 0.1 else x
    weights = torch.randn(4, 4, dtype=dtype), torch.randn(8, 4, dtype=dtype), torch.randn(4, dtype=dtype)
    return [x, *weights, chosen.choice((0.75, -2.0)), chosen.choice((0, 1, 3))]


def check(seed: int, folder: Path) -> bool:
    """Whether a dimension was left out."""
    source = program(seed)
    forms = forms_of(source, seed, folder, arguments)
    return any(str(form.graph).count("aten::unsqueeze(%x") < source.count("x.unsqueeze(0)") for form in forms)


@pytest.mark.parametrize("part", range(6))
def test_programs_on_batches_of_one_do_as_eager(part: int, tmp_path: Path) -> None:
    assert sum(check(seed, tmp_path) for seed in range(part * 10, part * 10 + 10)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_programs_on_batches_of_one_do_as_eager(part: int, tmp_path: Path) -> None:
    assert sum(check(seed, tmp_path) for seed in range(1000 + part * 100, 1100 + part * 100)) > 10
