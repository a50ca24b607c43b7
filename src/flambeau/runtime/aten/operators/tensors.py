"""Tensors: made from Python values, moved and converted, and operators that scripts call otherwise than Python does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from flambeau.ir import Node, TensorType, Type
from flambeau.runtime.aten.enumerations import to_dtype
from flambeau.runtime.aten.operators.conversions import element_dtype
from flambeau.runtime.registry import Kernel, implements, specialises

# --- torch.tensor, torch.as_tensor


def _rectangular(data: object, sizes: list[int], dim: int = 0) -> None:
    """Check that nested lists are as long as their siblings; ValueError if one is not."""
    if not isinstance(data, list):
        return
    if dim == len(sizes):
        sizes.append(len(data))
    elif len(data) != sizes[dim]:
        raise ValueError(f"Expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})")
    for element in data:
        _rectangular(element, sizes, dim + 1)


_CPU = torch.device("cpu")


def _made(
    given: Type, data: object, dtype: int | None, device: torch.device | None, requires_grad: bool = False
) -> Tensor:
    """No mode of Python's functions, such as a default device, changes what TorchScript makes."""
    _rectangular(data, [])
    chosen = element_dtype(given) if dtype is None else to_dtype(dtype)
    return torch.tensor(data, dtype=chosen, device=device or _CPU, requires_grad=requires_grad)


@specialises("aten::tensor")
def tensor(node: Node) -> Kernel:
    """The element type is that of the argument's type, which an empty list does not show."""
    given = node.inputs[0].type

    def kernel(data: object, dtype: int | None, device: torch.device | None, requires_grad: bool) -> Tensor:
        return _made(given, data, dtype, device, requires_grad)

    return kernel


@specialises("aten::as_tensor")
def as_tensor(node: Node) -> Kernel:
    given = node.inputs[0].type
    if isinstance(given, TensorType):
        return _converted
    return lambda data, dtype, device: _made(given, data, dtype, device)


def _converted(data: Tensor, dtype: int | None, device: torch.device | None) -> Tensor:
    return data.to(device or data.device, to_dtype(dtype) or data.dtype)


# --- moving and converting


@implements("aten::to.prim_Device")
def to_device(self: Tensor, device: torch.device | None, dtype: int | None, non_blocking: bool, copy: bool) -> Tensor:
    return self.to(device or self.device, to_dtype(dtype) or self.dtype, non_blocking, copy)


@implements("aten::to.prim_dtype")
def to_dtype_(self: Tensor, dtype: int | None, non_blocking: bool, copy: bool) -> Tensor:
    return self.to(to_dtype(dtype) or self.dtype, non_blocking, copy)


@implements("aten::to.prim_other")
def to_itself(self: Tensor, non_blocking: bool, copy: bool) -> Tensor:
    return self.to(self.dtype, non_blocking, copy)


@implements("aten::cpu")
def cpu(self: Tensor) -> Tensor:
    return self.cpu()


@implements("aten::cuda")
def cuda(self: Tensor) -> Tensor:
    return self.cuda()


@implements("aten::copy_.Tensor")
def copy_(self: Tensor, other: Tensor) -> Tensor:
    return self.copy_(other)


@implements("aten::copy_.int", "aten::copy_.float")
def copy_number(self: Tensor, other: int | float) -> Tensor:
    return self.copy_(
        torch.tensor(other, dtype=torch.float64 if isinstance(other, float) else torch.int64, device=_CPU)
    )


@implements("aten::dequantize.tensor")
def dequantize(qtensor: Tensor) -> Tensor:
    return qtensor.dequantize()


@implements("aten::dequantize.list")
def dequantize_list(qtensors: list[Tensor]) -> list[Tensor]:
    return [t.dequantize() for t in qtensors]


@implements("aten::dequantize.any")
def dequantize_any(tensors: object) -> object:
    """Quantized tensors anywhere in lists and tuples."""
    if isinstance(tensors, Tensor):
        return tensors.dequantize() if tensors.is_quantized else tensors
    if isinstance(tensors, list):
        return [dequantize_any(t) for t in tensors]
    if isinstance(tensors, tuple):
        return tuple(dequantize_any(t) for t in tensors)
    return tensors


# --- views


@implements("aten::mT.a")
def matrix_transpose(self: Tensor) -> Tensor:
    return self.mT


@implements("aten::mH.a")
def matrix_adjoint(self: Tensor) -> Tensor:
    return self.mH


@implements("aten::matrix_H.a")
def adjoint(self: Tensor) -> Tensor:
    return self.H


@implements("aten::numpy_T.a")
def reversed_dimensions(self: Tensor) -> Tensor:
    return self.permute(*range(self.dim() - 1, -1, -1))


@implements("aten::split")
def split(self: Tensor, split_sizes: list[int], dim: int) -> list[Tensor]:
    return list(torch.split_with_sizes(self, split_sizes, dim))


@implements("aten::_ncf_unsqueeze")
def channel_unsqueeze(self: Tensor, ndim: int) -> Tensor:
    """A vector over channels as a tensor of `ndim` dimensions, the channels second."""
    if self.dim() != 1:
        raise RuntimeError(f"expected a vector over channels, not a tensor of {self.dim()} dimensions")
    return self.view([1, -1, *[1] * (ndim - 2)][:ndim])


@implements("aten::_ncf_view")
def channel_view(self: Tensor, input_shape: list[int], normalized_ndim: int) -> Tensor:
    """Statistics over the last dimensions, viewed so that they broadcast against a tensor of the given shape."""
    kept = len(input_shape) - normalized_ndim
    return self.view([*input_shape[:kept], *[1] * normalized_ndim])


# --- indexing by lists of tensors (the dispatcher's own take lists of optional tensors)


implements("aten::index.Tensor_hacked_twin")(torch.ops.aten.index.Tensor)
implements("aten::_unsafe_index.Tensor_hacked_twin")(torch.ops.aten._unsafe_index.Tensor)
implements("aten::_unsafe_index_put.hacked_twin")(torch.ops.aten._unsafe_index_put.default)
implements("aten::index_put.hacked_twin")(torch.ops.aten.index_put.default)
implements("aten::index_put_.hacked_twin")(torch.ops.aten.index_put_.default)
implements("aten::_index_put_impl_.hacked_twin")(torch.ops.aten._index_put_impl_.default)


# --- others


@implements("aten::einsum.sublist")
def einsum(a: Tensor, *operands: object) -> Tensor:
    """Tensors, each followed by the list of its subscripts; a last list is the result's."""
    return torch.einsum(a, *operands)


@implements("aten::_pack_sequence")
def pack_sequence(
    output: Tensor, batch_sizes: Tensor, sorted_indices: Tensor | None, unsorted_indices: Tensor | None
) -> Sequence[Tensor | None]:
    """The fields of a `PackedSequence`, checked as its constructor does."""
    return PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)


@implements("prim::abs")
def abs_(x: Tensor) -> Tensor:
    return x.abs()
