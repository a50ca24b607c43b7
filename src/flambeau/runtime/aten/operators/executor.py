"""Nodes that PyTorch's optimiser leaves in graphs: guards, profiling marks, joined concatenations.

Guards look at what the node says of its tensors; profiling marks pass their input on. (Fused groups run as what they
stand for: see `flambeau.runtime.nodes`.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from flambeau.errors import InvalidGraphError
from flambeau.ir import Node, ScalarType, TensorType
from flambeau.runtime.aten.enumerations import dtype_number
from flambeau.runtime.registry import Kernel, implements, specialises


def matches(tensor: Tensor | None, given: TensorType) -> bool:
    """Whether a tensor is all that a type says."""
    if tensor is None:
        return given.undefined is not False
    facts = (
        (given.scalar_type, ScalarType(dtype_number(tensor.dtype))),
        (given.device, str(tensor.device)),
        (given.requires_grad, tensor.requires_grad and torch.is_grad_enabled()),
    )
    if any(wanted is not None and wanted != have for wanted, have in facts):
        return False
    return _dims_match(given.sizes, tensor.shape) and _dims_match(given.strides, tensor.stride())


def _dims_match(wanted: tuple[object, ...] | None, have: tuple[int, ...]) -> bool:
    if wanted is None:
        return True
    known = [(w, h) for w, h in zip(wanted, have, strict=False) if isinstance(w, int)]
    return len(wanted) == len(have) and all(w == h for w, h in known)


def _types(node: Node) -> tuple[TensorType, ...]:
    types = node.attribute("types")
    if not isinstance(types, tuple) or not all(isinstance(t, TensorType) for t in types):
        raise InvalidGraphError(f"{node.kind} needs tensor types")
    return types


@specialises("prim::TypeCheck", "prim::oneDNNFusionGuard")
def type_check(node: Node) -> Kernel:
    types = _types(node)
    return lambda *tensors: (*tensors, all(map(matches, tensors, types)))


@specialises("prim::TensorExprDynamicGuard")
def dynamic_guard(node: Node) -> Kernel:
    types = _types(node)
    return lambda *tensors: all(map(matches, tensors, types))


@implements("prim::Guard")
def guard(t: Tensor) -> Tensor:
    return t


@specialises("prim::profile", "prim::profile_ivalue")
def profile(node: Node) -> Kernel:
    return lambda *values: values[0] if values else None


@specialises("prim::FusedConcat")
def fused_concat(node: Node) -> Kernel:
    dim = node.attribute("dim")
    if not isinstance(dim, int):
        raise InvalidGraphError(f"attribute 'dim' of prim::FusedConcat must be an int, not {dim!r}")
    return lambda *tensors: torch.cat(tensors, dim)


@implements("prim::VarConcat")
def concat(*arguments: object) -> Tensor:
    """Tensors, then the dimension."""
    return torch.cat(arguments[:-1], arguments[-1])  # type: ignore[arg-type]


@implements("prim::VarStack")
def stack(*arguments: object) -> Tensor:
    return torch.stack(arguments[:-1], arguments[-1])  # type: ignore[arg-type]


@implements("onnx::Shape")
def onnx_shape(t: Tensor) -> Tensor:
    return torch.tensor(t.shape, dtype=torch.int64, device="cpu")


@implements("onnx::Reshape")
def onnx_reshape(input: Tensor, shape: Tensor) -> Tensor:
    return input.reshape(shape.tolist())


@implements("prim::BailoutTemplate")
def bailout_template() -> int:
    """A mark that holds the graph as it was before optimisation; its number means nothing."""
    return 1
