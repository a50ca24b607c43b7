"""Which operator each of PyTorch's and Python's own functions is.

Functions are known by identity, wherever the user's code has them from: `torch.add`, `from torch import add`,
`F.relu`. The table is made once, by walking the modules whose functions are bindings of operators; a few functions
written in Python stand for operators that TorchScript has for them.
"""

from __future__ import annotations

import cmath
import math
import operator
import warnings
from collections import OrderedDict
from functools import cache
from types import BuiltinFunctionType, ModuleType

import torch
from torch.nn.modules import utils

from flambeau.ir import operators_named
from flambeau.runtime.aten import register_custom_operators

_MODULES = ("_nn", "_fft", "_linalg", "_nested", "_sparse", "_special")
"""Submodules of `torch._C` with bindings of operators."""

_WRITTEN_IN_PYTHON = frozenset({"stft", "istft", "lu", "cdist", "norm", "unique", "unique_consecutive", "tensordot"})
"""Functions of `torch.functional` that are compiled although an operator has their name: their arguments differ."""

_MATH = (  # noqa: SIM905 # a list of words reads best as words
    "ceil copysign erf erfc exp expm1 fabs floor gamma lgamma log log10 log1p pow sqrt isnan asinh atanh cosh sinh "
    "tanh acos asin atan atan2 cos sin tan acosh fmod modf factorial frexp isinf isfinite degrees radians ldexp gcd"
).split()
_CMATH = (  # noqa: SIM905
    "isnan isfinite isinf log log10 sqrt exp sin tan cos asin acos atan sinh cosh tanh asinh acosh atanh"
).split()

_DISTRIBUTED = getattr(torch._C, "_distributed_autograd", None)  # not in every build

_NAMED: tuple[tuple[ModuleType | object, str, str], ...] = (
    (cmath, "phase", "aten::angle"),
    (cmath, "rect", "aten::polar"),
    (math, "remainder", "aten::mathremainder"),
    (warnings, "warn", "aten::warn"),
    (utils, "_single", "aten::_single"),
    (utils, "_pair", "aten::_pair"),
    (utils, "_triple", "aten::_triple"),
    (utils, "_quadruple", "aten::_quadruple"),
    (utils, "_list_with_default", "aten::list_with_default"),
    (torch, "_assert", "aten::_assert"),
    (torch, "broadcast_shapes", "aten::broadcast_shapes"),
    (torch, "device", "aten::device"),
    (torch, "Generator", "aten::Generator"),
    (torch, "set_grad_enabled", "aten::set_grad_enabled"),
    (torch.autograd, "grad", "aten::grad"),
    (torch.autograd, "backward", "aten::backward"),
    (_DISTRIBUTED, "backward", "aten::dist_backward"),
    (_DISTRIBUTED, "get_gradients", "aten::get_gradients"),
    (torch.backends.cudnn, "is_acceptable", "aten::cudnn_is_acceptable"),
    (torch._C, "_infer_size", "aten::_infer_size"),
    (torch._C, "_get_cpu_capability", "aten::_get_cpu_capability"),
    (torch.nn.functional, "assert_int_or_pair", "aten::_assert_int_or_pair"),
    (torch.nn.init, "_no_grad_fill_", "aten::_no_grad_fill_"),
    (torch.nn.init, "_no_grad_normal_", "aten::_no_grad_normal_"),
    (torch.nn.init, "_no_grad_uniform_", "aten::_no_grad_uniform_"),
    (torch.nn.init, "_no_grad_zero_", "aten::_no_grad_zero_"),
    (torch._VF, "stft", "aten::stft"),
    (torch._VF, "istft", "aten::istft"),
    (torch._VF, "cdist", "aten::cdist"),
    (torch._VF, "norm", "aten::norm"),
    (torch._VF, "unique_dim", "aten::unique_dim"),
    (torch._VF, "unique_consecutive", "aten::unique_consecutive"),
    (torch._VF, "nuclear_norm", "aten::nuclear_norm"),
    (torch._VF, "frobenius_norm", "aten::frobenius_norm"),
    (torch._VF, "tensordot", "aten::tensordot"),
    (operator, "add", "aten::add"),
    (operator, "sub", "aten::sub"),
    (operator, "mul", "aten::mul"),
    (operator, "truediv", "aten::div"),
    (operator, "neg", "aten::neg"),
)


def find_builtin(function: object) -> str | None:
    """The operator that a Python callable is (`aten::add`), or None."""
    known = _table().get(id(function))
    if known is not None:
        return known
    # Importing PyTorch's compiler replaces this function by a wrapper of it, so it has two identities.
    if function is torch.manual_seed:
        return "aten::manual_seed"
    if isinstance(function, BuiltinFunctionType):
        # Each access to a C-implemented static method makes a new object, so identity of those says nothing.
        if getattr(function, "__self__", None) in _OWNERS:
            return _operator_named(function.__name__)
        # What the operator table does not have may be an operator of a later PyTorch.
        if function.__module__ in _BINDINGS and register_custom_operators(f"aten::{function.__name__}"):
            return f"aten::{function.__name__}"
    return None


_OWNERS = (torch._C._VariableFunctions,)
_BINDINGS = frozenset({"torch", *(f"torch._C.{name}" for name in _MODULES)})


def _operator_named(name: str) -> str | None:
    return f"aten::{name}" if operators_named(f"aten::{name}") else None


@cache
def _table() -> dict[int, str]:
    """Operators by the identity of functions, which live as long as their modules."""
    table: dict[int, str] = {id(OrderedDict): "aten::dict"}
    compiled = {id(getattr(torch.functional, name)) for name in _WRITTEN_IN_PYTHON}
    for module in (torch, *(getattr(torch._C, name) for name in _MODULES if hasattr(torch._C, name))):
        for name in dir(module):
            function = getattr(module, name)
            if not _may_be_binding(function) or id(function) in compiled:
                continue
            kind = _operator_named("segment_reduce" if name == "_segment_reduce" else name)
            if kind is not None:
                table[id(function)] = kind
    for module, names in ((math, _MATH), (cmath, _CMATH)):
        table.update((id(getattr(module, name)), f"aten::{name}") for name in names)
    for owner, name, kind in _NAMED:
        if hasattr(owner, name):
            table[id(getattr(owner, name))] = kind
    return table


def _may_be_binding(function: object) -> bool:
    return callable(function) and not isinstance(function, type)
