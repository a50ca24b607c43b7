"""Functions of `torch.nn.functional` as scripts: results and gradients equal eager's.

The functions that `op_db` has samples of run in a process of their own (`functional_differential`), because importing
the samples replaces methods of PyTorch's script classes; the others have theirs here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import List, Optional

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

import flambeau
from tests.marks import tables_are_of_this_pytorch
from tests.python.differential import assert_same

OTHERS_IN_OP_DB = {"log_softmax", "sigmoid", "softmax", "tanh"}
"""Functions whose samples stand in `op_db` under the operator's name."""

NO_FUNCTIONS = {
    "assert_int_or_pair": "a check of types that another compiler overrides",
    "boolean_dispatch": "makes functions",
    "fractional_max_pool2d_with_indices": "called by `fractional_max_pool2d`, whose result is random",
    "fractional_max_pool3d_with_indices": "called by `fractional_max_pool3d`, whose result is random",
    "grouped_mm": "for GPUs",
    "scaled_grouped_mm": "for GPUs",
    "scaled_mm": "for GPUs",
}


def adaptive_max_pool1d_with_indices(x: Tensor):
    return F.adaptive_max_pool1d_with_indices(x[0], 2), F.adaptive_max_pool1d(x[0], [2], True)


def adaptive_max_pool2d_with_indices(x: Tensor):
    return F.adaptive_max_pool2d_with_indices(x, [2, 3]), F.adaptive_max_pool2d(x, (1, 2))


def adaptive_max_pool3d_with_indices(x: Tensor):
    return F.adaptive_max_pool3d_with_indices(x, 2), F.adaptive_max_pool3d(x, 1, return_indices=True)


def affine_grid(x: Tensor):
    theta = x[0, :2, :2, :3].contiguous()
    return F.affine_grid(theta, [2, 1, 3, 2], align_corners=False), F.affine_grid(theta, (2, 2, 2, 2), True)


def celu_(x: Tensor):
    return F.celu_(x + 0, 0.5)


def conv_tbc(x: Tensor):
    return F.conv_tbc(x[0], torch.ones(2, 6, 2), torch.ones(2), pad=1)


def dropout1d(x: Tensor):
    return F.dropout1d(x[0], 0.5, True), F.dropout1d(x[0], 0.5, training=False), F.dropout1d(x[0] * 1, 0.2, True, True)


def elu_(x: Tensor):
    return F.elu_(x + 0), F.elu_(x + 0, 0.5)


def fold(x: Tensor):
    return F.fold(x[:1, 0, :4, :4].contiguous(), [3, 3], [2, 2]), F.fold(x[:1, 0, :4, :1].contiguous(), 2, 2)


def gumbel_softmax(x: Tensor):
    return F.gumbel_softmax(x, 0.5), F.gumbel_softmax(x, hard=True, dim=1)


def hardtanh_(x: Tensor):
    return F.hardtanh_(x + 0), F.hardtanh_(x + 0, -0.5, 0.5)


def leaky_relu_(x: Tensor):
    return F.leaky_relu_(x + 0), F.leaky_relu_(x + 0, 0.2)


def lp_pool1d(x: Tensor):
    return F.lp_pool1d(x[0].abs(), 2.0, 3), F.lp_pool1d(x[0].abs(), 1.0, 2, stride=1, ceil_mode=True)


def lp_pool2d(x: Tensor):
    return F.lp_pool2d(x.abs(), 2.0, 2), F.lp_pool2d(x.abs(), 3.0, [2, 1], stride=1)


def lp_pool3d(x: Tensor):
    return F.lp_pool3d(x.abs(), 2.0, 2), F.lp_pool3d(x.abs(), 2.0, (1, 2, 2), ceil_mode=True)


def max_pool1d_with_indices(x: Tensor):
    return F.max_pool1d_with_indices(x[0], 2), F.max_pool1d(x[0], 2, 1, return_indices=True)


def max_pool2d_with_indices(x: Tensor):
    return F.max_pool2d_with_indices(x, [2, 1], padding=[1, 0]), F.max_pool2d(x, 2, ceil_mode=True)


def max_pool3d_with_indices(x: Tensor):
    return F.max_pool3d_with_indices(x, 2, stride=1), F.max_pool3d(x, 2)


def native_channel_shuffle(x: Tensor):
    return F.native_channel_shuffle(x.detach(), 2)


def relu_(x: Tensor):
    return F.relu_(x + 0)


def rrelu_(x: Tensor):
    return F.rrelu_(x + 0, 0.1, 0.3, training=True), F.rrelu_(x + 0)


def selu_(x: Tensor):
    return F.selu_(x + 0)


def threshold_(x: Tensor):
    return F.threshold_(x + 0, 0.1, -1.0)


def upsample(x: Tensor):
    return F.upsample(x, scale_factor=2.0), F.upsample(x, size=[7, 5], mode="bilinear", align_corners=True)


def several_modes(x: Tensor, mode: str, size: Optional[List[int]] = None):
    return F.interpolate(x, size=size, scale_factor=1.5 if size is None else None, mode=mode)


BY_HAND: list[Callable[..., object]] = [
    *(adaptive_max_pool1d_with_indices, adaptive_max_pool2d_with_indices, adaptive_max_pool3d_with_indices),
    *(affine_grid, celu_, conv_tbc, dropout1d, elu_, fold, gumbel_softmax, hardtanh_, leaky_relu_),
    *(lp_pool1d, lp_pool2d, lp_pool3d, max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices),
    *(native_channel_shuffle, relu_, rrelu_, selu_, threshold_, upsample),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", BY_HAND, ids=lambda function: function.__name__)
def test_function_by_hand(function: Callable[..., object]) -> None:
    x = torch.randn(2, 4, 6, 6)
    theirs = run(torch.jit.script(function), x)
    expected = run(function, x)
    assert_same(run(flambeau.script(function), x), expected)
    assert_same(theirs, expected)


def run(function: Callable[..., object], x: Tensor) -> tuple[object, object]:
    """The results, and the gradients of their sum."""
    own = x.clone().requires_grad_()
    torch.manual_seed(0)
    results = function(own)
    losses = [t.sum() for t in tree_leaves(results) if isinstance(t, Tensor) and t.requires_grad]
    return results, torch.autograd.grad(sum(losses), own, allow_unused=True)[0] if losses else None


@pytest.mark.parametrize("arguments", [("nearest",), ("bilinear",), ("nearest", [3, 5]), ("area", [3, 3])], ids=str)
def test_modes_of_interpolation(arguments: tuple[object, ...]) -> None:
    x = torch.randn(1, 2, 4, 4)
    assert_same(flambeau.script(several_modes)(x, *arguments), several_modes(x, *arguments))


def differences(*options: str) -> tuple[dict[str, int], dict[str, list[str]]]:
    program = [sys.executable, "-m", "tests.python.functional_differential", *options]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout.splitlines()[-1])
    return report["counts"], report["failures"]


def test_a_few_functions_on_the_samples_of_pytorch() -> None:
    counts, failures = differences("--every", "25")
    assert counts["samples"] > 20
    assert failures == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_function_on_the_samples_of_pytorch() -> None:
    counts, failures = differences()
    assert counts["entries"] > 100
    assert counts["samples"] > 1000
    assert counts["samples with gradients"] > 800
    assert failures == {}


@tables_are_of_this_pytorch
def test_every_public_function_has_samples() -> None:
    text = "import json; from torch.testing._internal.common_methods_invocations import op_db;"
    text += "print(json.dumps([op.name for op in op_db]))"
    names = json.loads(subprocess.run([sys.executable, "-c", text], capture_output=True, check=True).stdout)
    covered = {name.removeprefix("nn.functional.") for name in names if name.startswith("nn.functional.")}
    covered |= OTHERS_IN_OP_DB | set(NO_FUNCTIONS) | {function.__name__ for function in BY_HAND}
    assert OTHERS_IN_OP_DB <= set(names)
    modules = ("torch.nn.functional", "torch._C._nn", "torch._jit_internal", "torch", None)
    public = [name for name in dir(F) if not name.startswith("_") and callable(getattr(F, name))]
    functions = [
        name
        for name in public
        if not isinstance(getattr(F, name), type) and getattr(getattr(F, name), "__module__", "") in modules
    ]
    assert sorted(name for name in functions if name not in covered) == []
