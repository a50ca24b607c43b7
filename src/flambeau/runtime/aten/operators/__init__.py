"""The operators that exist in TorchScript only and act on tensors or on PyTorch's modes, one module a family.

Importing the package registers all of them.
"""

from __future__ import annotations

from flambeau.runtime.aten.operators import (
    autodiff,
    conversions,
    cuda,
    distributed,
    executor,
    initialization,
    lists,
    mkldnn,
    modes,
    profiler,
    properties,
    resampling,
    tensors,
)

__all__ = [
    "autodiff",
    "conversions",
    "cuda",
    "distributed",
    "executor",
    "initialization",
    "lists",
    "mkldnn",
    "modes",
    "profiler",
    "properties",
    "resampling",
    "tensors",
]
