"""The table of functions that are operators, against PyTorch's."""

from __future__ import annotations

import cmath
import math

import torch
import torch.nn.functional as F
from torch.jit import _builtins

from flambeau.ir import operators_named
from flambeau.python.builtin_functions import find_builtin

MODULES = (
    torch,
    F,
    torch._C,
    torch._C._nn,
    torch._C._fft,
    torch._C._linalg,
    torch._C._special,
    torch._C._sparse,
    torch._VF,
    torch.nn.init,
    torch.nn.modules.utils,
    torch.autograd,
    torch.linalg,
    torch.fft,
    torch.special,
    math,
    cmath,
)

HANDLED_ELSEWHERE = {
    "aten::has_torch_function": "a constant",
    "aten::_get_tracing_state": "a special form",
    "aten::Size": "a class",
    "aten::_no_grad_embedding_renorm_": "another function: the operator's schema hides that it writes",
    "aten::qscheme": "a class",
}


def test_same_operators_as_pytorch() -> None:
    different = []
    for module in MODULES:
        for name in dir(module):
            function = getattr(module, name)
            theirs = _builtins._find_builtin(function)
            if theirs is None or not operators_named(theirs) or theirs in HANDLED_ELSEWHERE:
                continue
            if find_builtin(function) != theirs:
                different.append((getattr(module, "__name__", module), name, find_builtin(function), theirs))
    assert different == []


def test_functions_written_in_python_are_no_operators() -> None:
    assert find_builtin(F.relu) is None
    assert find_builtin(torch.functional.norm) is None
    assert find_builtin(torch.nn.Linear) is None


def test_one_operator_by_all_its_names() -> None:
    assert find_builtin(torch.add) == "aten::add"
    assert find_builtin(F.linear) == find_builtin(torch._C._nn.linear) == "aten::linear"
    assert find_builtin(math.remainder) == "aten::mathremainder"
