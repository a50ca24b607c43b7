"""Tensors and devices of PyTorch from the torch-free descriptions in graphs, and back for printing."""

from __future__ import annotations

import torch

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    Device,
    Layout,
    QScheme,
    Quantizer,
    ScalarType,
    Storage,
    TensorData,
    contiguous_strides,
)
from flambeau.runtime.aten.enumerations import dtype_number, layout_number, to_dtype
from flambeau.runtime.aten.modes import neutral_modes

__all__ = ["from_data", "tensor_data"]


def from_data(value: object) -> object:
    """The PyTorch tensor or device that `value` describes; UnsupportedError for tensors that are not plain arrays."""
    if isinstance(value, Device):
        return torch.device(str(value))
    if isinstance(value, TensorData):
        with neutral_modes():
            return _tensor(value)
    return value


def _tensor(data: TensorData) -> torch.Tensor:
    if data.layout is Layout.Mkldnn and len(data.parts) == 1:
        return _tensor(data.parts[0]).to_mkldnn()
    if data.layout is not Layout.Strided or data.quantizer is not None:
        raise UnsupportedError(f"a {data.layout.name.lower()} tensor of {data.dtype.dtype_name} as a constant")
    dtype = to_dtype(data.dtype)
    storage = data.storage
    if dtype is None or storage is None or storage.data is None or data.device == "meta":
        return torch.empty_strided(data.sizes, data.strides, dtype=dtype, device="meta")
    elements = torch.frombuffer(bytearray(storage.data), dtype=torch.uint8) if storage.nbytes else torch.empty(0)
    flat = elements[: storage.nbytes // data.dtype.itemsize * data.dtype.itemsize].view(dtype)
    result = flat.as_strided(data.sizes, data.strides, data.storage_offset).to(data.device)
    if data.is_conj:
        result = result.conj()
    return result.requires_grad_(data.requires_grad)


def tensor_data(value: object) -> TensorData:
    """A description of a tensor with its elements."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"expected a tensor, not {value!r}")
    tensor = value.detach()
    if tensor.is_mkldnn:
        dense = tensor_data(tensor.to_dense())
        return TensorData(_scalar_type(tensor), tuple(tensor.shape), layout=Layout.Mkldnn, parts=(dense,))
    if tensor.layout is torch.sparse_coo:
        parts = (tensor_data(tensor._indices()), tensor_data(tensor._values()))
        return TensorData(_scalar_type(tensor), tuple(tensor.shape), layout=Layout.Sparse, parts=parts)
    if tensor.layout is not torch.strided:
        return TensorData(_scalar_type(tensor), tuple(tensor.shape), layout=Layout(layout_number(tensor.layout)))
    if tensor.device.type == "meta":
        return _array(tensor, None, None)
    quantizer = _quantizer(tensor) if tensor.is_quantized else None
    plain = tensor.int_repr() if tensor.is_quantized else tensor.resolve_conj().resolve_neg()
    flat = plain.cpu().contiguous().reshape(-1)
    return _array(tensor, flat.view(torch.uint8).numpy().tobytes(), quantizer)


def _array(tensor: torch.Tensor, data: bytes | None, quantizer: Quantizer | None) -> TensorData:
    sizes = tuple(tensor.shape)
    storage = Storage(len(data or b""), data, device=str(tensor.device))
    return TensorData(_scalar_type(tensor), sizes, contiguous_strides(sizes), storage, quantizer=quantizer)


def _scalar_type(tensor: torch.Tensor) -> ScalarType:
    return ScalarType(dtype_number(tensor.dtype))


def _quantizer(tensor: torch.Tensor) -> Quantizer:
    name = str(tensor.qscheme()).removeprefix("torch.")
    scheme = QScheme.from_scheme_name(name)
    if scheme is None:
        raise UnsupportedError(f"quantization scheme {name}")
    if not scheme.is_per_channel:
        return Quantizer(scheme, tensor.q_scale(), tensor.q_zero_point())
    scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
    axis = tensor.q_per_channel_axis()
    return Quantizer(scheme, scales=tensor_data(scales), zero_points=tensor_data(zero_points), axis=axis)
