"""One module of the zoo, and comparing what modules do, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass(frozen=True)
class Specimen:
    """A module and the calls that tell whether a copy of it is as good: each a method and its arguments."""

    make: Callable[[], nn.Module]
    calls: Callable[[], Sequence[tuple[str, tuple[object, ...]]]]
    prepared: bool = False
    """`make` gives a module that PyTorch has scripted, traced or frozen already."""
    properties: tuple[str, ...] = field(default=())
    """Properties and attributes to compare as well."""


def seeded(specimen: Specimen) -> nn.Module:
    """The module; equal at every call."""
    torch.manual_seed(1)
    return specimen.make()


def outcomes(module: nn.Module, specimen: Specimen) -> list[object]:
    """The results of all calls in order, and the state that they leave behind."""
    torch.manual_seed(2)
    calls = specimen.calls()
    results: list[object] = []
    with torch.no_grad():
        for method, arguments in calls:
            torch.manual_seed(3)
            called = module if method == "forward" else getattr(module, method)
            results.append(called(*arguments))
    results.append({name: value.detach().clone() for name, value in module.state_dict().items()})
    results.extend(getattr(module, name) for name in specimen.properties)
    return results


def equal(a: object, b: object) -> bool:
    """Whether two results are the same: same types, same dtypes, same bits (any NaN is like any other)."""
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and _equal_tensors(a, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        same_kind = isinstance(a, list) == isinstance(b, list)
        named = getattr(a, "_fields", None) == getattr(b, "_fields", None)
        return same_kind and named and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return type(a) is type(b) and a == b


def _equal_tensors(a: torch.Tensor, b: torch.Tensor) -> bool:
    if (a.dtype, a.shape, a.layout, a.device) != (b.dtype, b.shape, b.layout, b.device):
        return False
    if a.layout is not torch.strided:
        return _equal_tensors(a.to_dense(), b.to_dense())
    if a.is_quantized:
        return torch.equal(a.int_repr(), b.int_repr()) and a.qscheme() == b.qscheme()
    return a.stride() == b.stride() and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
