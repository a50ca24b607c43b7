"""The operators that exist in TorchScript only: PyTorch's dispatcher does not know them, so nothing generates them.

One module a family, each a tuple `OPERATORS`. All overloads of a name stand in one module, in the order in which
PyTorch registers them: schema matching takes the first that fits. For a name that the dispatcher has too, the
dispatcher's overloads come first.
"""

from __future__ import annotations

from flambeau.ir.jit_operators import (
    arithmetic,
    autodiff,
    comparison,
    containers,
    conversions,
    cuda,
    dicts,
    distributed,
    environment,
    executor,
    lists,
    math,
    mkldnn,
    objects,
    profiler,
    strings,
    tensor_properties,
    tensors,
)
from flambeau.ir.jit_operators.table import AliasKind, JitOperator

__all__ = ["FAMILIES", "AliasKind", "JitOperator"]

FAMILIES: dict[str, tuple[JitOperator, ...]] = {
    module.__name__.rpartition(".")[2]: module.OPERATORS
    for module in (
        *(arithmetic, comparison, math, conversions),
        *(containers, lists, dicts, strings, objects),
        *(tensors, tensor_properties, autodiff),
        *(environment, distributed, profiler, executor, mkldnn, cuda),
    )
}
"""Family name -> its operators."""
