"""Operators on tensors in the MKL-DNN layout that frozen graphs contain.

What PyTorch has no such kernel for is computed on the dense form and converted back. The in-place forms give a new
tensor too: their input has no other reader, and the layout does not allow writing to part of a tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from flambeau.errors import InvalidGraphError
from flambeau.ir import Node
from flambeau.runtime.aten.tensor_values import from_data
from flambeau.runtime.registry import Kernel, implements, specialises


def _elementwise(function: Callable[[Tensor], Tensor], self: Tensor) -> Tensor:
    return function(self.to_dense()).to_mkldnn() if self.is_mkldnn else function(self)


@implements("prim::MKLDNNHardSwish", "prim::MKLDNNHardSwish_")
def hardswish(a: Tensor) -> Tensor:
    return _elementwise(functional.hardswish, a)


@implements("prim::MKLDNNHardSigmoid", "prim::MKLDNNHardSigmoid_")
def hardsigmoid(a: Tensor) -> Tensor:
    return _elementwise(functional.hardsigmoid, a)


@specialises(
    *("prim::MKLDNNClamp", "prim::MKLDNNClamp_"),
    *("prim::MKLDNNHardTanh", "prim::MKLDNNHardTanh_"),
)
def clamp(node: Node) -> Kernel:
    low, high = node.attribute("min_val"), node.attribute("max_val")
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        raise InvalidGraphError(f"{node.kind} needs bounds that are numbers, not {low!r} and {high!r}")
    return lambda self: _elementwise(lambda dense: dense.clamp(low, high), self)


@implements("prim::MKLDNNScalarMul", "prim::MKLDNNScalarMul_")
def scalar_mul(self: Tensor, other: float) -> Tensor:
    return _elementwise(lambda dense: dense * other, self)


@implements("prim::MKLDNNLayerNorm", "prim::MKLDNNLayerNorm_")
def layer_norm(
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    cudnn_enable: bool,
) -> Tensor:
    dense_weight, dense_bias = (None if t is None else t.to_dense() if t.is_mkldnn else t for t in (weight, bias))
    return _elementwise(
        lambda dense: functional.layer_norm(dense, normalized_shape, dense_weight, dense_bias, eps), input
    )


@implements("prim::mkldnn_convolution")
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    return torch.mkldnn_convolution(input, weight, bias, padding, stride, dilation, groups)


@specialises("prim::ConstantMKLDNNTensor")
def constant(node: Node) -> Kernel:
    value = from_data(node.attribute("value"))
    return lambda: value


@implements("prim::BroadcastMKLDNNTensors")
def broadcast(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors of one size, in the layout that either has."""
    if a.shape == b.shape:
        return a, b
    x, y = torch.broadcast_tensors(a.to_dense(), b.to_dense())  # type: ignore[no-untyped-call]
    return x.contiguous().to_mkldnn(), y.contiguous().to_mkldnn()
