"""What the PyTorch side of the package supplies to this room, in short: tensors to `TensorData` and back."""

from __future__ import annotations

import ctypes

import torch

from flambeau.ir.scalar_types import Layout, QScheme, ScalarType
from flambeau.ir.tensor import Quantizer, Storage, TensorData

_COMPRESSED = {torch.sparse_csr: Layout.SparseCsr}


class Describer:
    """`torch.Tensor` -> `TensorData`; tensors of one PyTorch storage get one `Storage`."""

    def __init__(self) -> None:
        self.storages: dict[int, Storage] = {}
        self.keep: list[object] = []

    def storage(self, tensor: torch.Tensor) -> Storage:
        untyped = tensor.untyped_storage()
        found = self.storages.get(untyped._cdata)
        if found is None:
            size = untyped.nbytes()
            data = None
            if tensor.device.type == "cpu":
                data = bytes((ctypes.c_char * size).from_address(untyped.data_ptr())) if size else b""
            found = Storage(size, data, device=str(tensor.device))
            self.storages[untyped._cdata] = found
            self.keep.append(untyped)
        return found

    def __call__(self, tensor: torch.Tensor) -> TensorData:
        dtype = ScalarType.from_dtype_name(str(tensor.dtype).removeprefix("torch."))
        assert dtype is not None
        sizes = tuple(tensor.shape)
        if tensor.layout is torch.sparse_coo:
            parts = (self(tensor._indices()), self(tensor._values()))
            return TensorData(dtype, sizes, requires_grad=tensor.requires_grad, layout=Layout.Sparse, parts=parts)
        if tensor.layout in _COMPRESSED:
            parts = (self(tensor.crow_indices()), self(tensor.col_indices()), self(tensor.values()))
            return TensorData(dtype, sizes, requires_grad=tensor.requires_grad, layout=Layout.SparseCsr, parts=parts)
        return TensorData(
            dtype,
            sizes,
            tuple(tensor.stride()),
            self.storage(tensor),
            tensor.storage_offset(),
            tensor.requires_grad,
            self.quantizer(tensor) if tensor.is_quantized else None,
            tensor.is_conj(),
            tensor.is_neg(),
        )

    def quantizer(self, tensor: torch.Tensor) -> Quantizer:
        scheme = QScheme.from_scheme_name(str(tensor.qscheme()).removeprefix("torch."))
        assert scheme is not None
        if not scheme.is_per_channel:
            return Quantizer(scheme, tensor.q_scale(), tensor.q_zero_point())
        scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        return Quantizer(scheme, scales=self(scales), zero_points=self(zero_points), axis=tensor.q_per_channel_axis())


def rebuilt(data: TensorData) -> torch.Tensor:
    """A strided, unquantized `TensorData` as a tensor over a copy of the storage."""
    dtype = getattr(torch, data.dtype.dtype_name)
    assert data.storage is not None
    assert data.storage.data is not None
    raw = bytearray(data.storage.data)
    flat = torch.frombuffer(raw, dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
    whole = torch.empty(0, dtype=dtype).set_(flat.untyped_storage())
    view = whole.as_strided(data.sizes, data.strides, data.storage_offset)
    view = view.conj() if data.is_conj else view
    return torch._neg_view(view) if data.is_neg else view
