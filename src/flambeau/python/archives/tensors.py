"""Tensors for archives: PyTorch's from `TensorData` when loading, `TensorData` of PyTorch's when saving.

Neither direction copies what lies in main memory. A loaded tensor is a view of the mapped file, whose pages are
private, so that writing to it never changes the file. Tensors that share a storage on one side share it on the other.

Limits: layouts `mkldnn` and `jagged` and tensor subclasses without a storage of their own cannot be saved.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from typing import TypeAlias, final

import torch
from torch import Tensor

from flambeau.errors import ArchiveArgumentError, ArchiveError, UnsupportedError
from flambeau.ir import Layout, Node, QScheme, Quantizer, ScalarType, Storage, TensorData
from flambeau.python.archives.bound_objects import bound_object
from flambeau.python.archives.foresight import result_size
from flambeau.python.types.constants import enumeration_number
from flambeau.runtime.aten import neutral_modes, register_custom_operators

__all__ = ["MapLocation", "TensorDescriber", "TorchValues", "checked_device"]

MapLocation: TypeAlias = "str | torch.device | None"

_COMPRESSED: dict[Layout, torch.layout] = {
    Layout.SparseCsr: torch.sparse_csr,
    Layout.SparseCsc: torch.sparse_csc,
    Layout.SparseBsr: torch.sparse_bsr,
    Layout.SparseBsc: torch.sparse_bsc,
}
_STRIDED = torch.strided
_ROW_MAJOR = (Layout.SparseCsr, Layout.SparseBsr)


def checked_device(map_location: MapLocation) -> torch.device | None:
    """The device that `map_location` names; ArchiveArgumentError if it is none."""
    if map_location is None or isinstance(map_location, torch.device):
        return map_location
    if not isinstance(map_location, str):
        raise ArchiveArgumentError(
            f"map_location should be either None, string or torch.device, but got type: {type(map_location)}"
        )
    try:
        return torch.device(map_location)
    except RuntimeError as error:
        raise ArchiveArgumentError(f"map_location '{map_location}' names no device: {error}") from None


@final
class TorchValues:
    """Makes the values of an archive that are PyTorch's: a storage for each `Storage`, a tensor for each `TensorData`.

    `device` is where all of them go; None leaves each on the device that the archive says it was on.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._device = device
        self._storages: dict[Storage, torch.UntypedStorage] = {}
        self._tensors: dict[int, tuple[TensorData, Tensor]] = {}

    def device(self, text: str) -> torch.device:
        """A device that is a value of the program; it is not replaced by that of the tensors."""
        try:
            return torch.device(text)
        except RuntimeError as error:
            raise ArchiveError(f"'{text}' names no device") from error

    def bound_object(self, class_name: str, state: object) -> torch.ScriptObject:
        """An object of a C++ class; ArchiveError if PyTorch does not know it."""
        return bound_object(class_name, state)

    def find_operators(self, name: str) -> bool:
        """Whether a library that is loaded into PyTorch has operators of that name; they join the operator table."""
        return bool(register_custom_operators(name))

    def result_size(self, node: Node, operands: Sequence[object]) -> int | None:
        """The bytes of what an operator of PyTorch makes, found with tensors that have no memory; None if unknown."""
        return result_size(node, operands)

    def tensor(self, data: TensorData) -> Tensor:
        """The tensor, the same under whatever modes of PyTorch it is made; ArchiveError if that does not accept it."""
        known = self._tensors.get(id(data))
        if known is not None:
            return known[1]
        try:
            with neutral_modes():
                tensor = self._made(data)
                if data.requires_grad:
                    tensor.requires_grad_(True)
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            if isinstance(error, ArchiveError):
                raise
            raise ArchiveError(f"PyTorch does not accept the tensor {data!r}: {error}") from error
        self._tensors[id(data)] = (data, tensor)
        return tensor

    def _made(self, data: TensorData) -> Tensor:
        if data.layout is Layout.Sparse:
            indices, values = map(self.tensor, data.parts)
            return torch.sparse_coo_tensor(indices, values.detach(), data.sizes, check_invariants=True)
        if data.layout in _COMPRESSED:
            compressed, plain, values = map(self.tensor, data.parts)
            return torch.sparse_compressed_tensor(
                compressed, plain, values.detach(), data.sizes, layout=_COMPRESSED[data.layout], check_invariants=True
            )
        if data.storage is None or data.layout is not Layout.Strided:
            raise ArchiveError(f"a tensor of layout {data.layout.name} cannot be loaded")
        storage = self._storage(data.storage)
        tensor = self._empty(data, storage.device)
        tensor.set_(storage, data.storage_offset, data.sizes, data.strides)
        if data.is_conj:
            tensor = tensor.conj()
        return torch._neg_view(tensor) if data.is_neg else tensor

    def _empty(self, data: TensorData, device: torch.device) -> Tensor:
        """A tensor without elements that has the element type (and quantizer) wanted; it is given its storage next."""
        dtype = torch_dtype(data.dtype)
        quantizer = data.quantizer
        if quantizer is None:
            return torch.empty(0, dtype=dtype, device=device)
        if quantizer.scales is None or quantizer.zero_points is None:
            return torch._empty_affine_quantized(
                (0,), scale=quantizer.scale, zero_point=quantizer.zero_point, dtype=dtype, device=device
            )
        return torch._empty_per_channel_affine_quantized(
            (0,) * data.rank,
            scales=self.tensor(quantizer.scales),
            zero_points=self.tensor(quantizer.zero_points),
            axis=quantizer.axis,
            dtype=dtype,
            device=device,
        )

    def _storage(self, storage: Storage) -> torch.UntypedStorage:
        made = self._storages.get(storage)
        if made is None:
            made = self._storages[storage] = self._new_storage(storage)
        return made

    def _new_storage(self, storage: Storage) -> torch.UntypedStorage:
        device = torch.device(storage.device) if self._device is None else self._device
        if device.type == "meta":
            return torch.empty(storage.nbytes, dtype=torch.uint8, device=device).untyped_storage()
        data = storage.data
        if data is None:
            raise ArchiveError("a tensor has no data", storage.key or None)
        # A read-only buffer is somebody else's memory (bytes, a file mapped for reading): writing to it is not ours.
        flat = bytes_tensor(bytearray(data) if data.readonly else data)
        if device.type == "cpu":
            return flat.untyped_storage()
        try:
            return flat.to(device).untyped_storage()
        except (RuntimeError, AssertionError, ImportError, AttributeError) as error:  # by the kind of device
            where = f"the device '{device}'" + ("" if self._device else ", where the archive's tensors were,")
            raise ArchiveError(f"{where} cannot be used here (try map_location='cpu'): {error}") from error


def bytes_tensor(data: bytearray | memoryview) -> Tensor:
    """A tensor of bytes over a writable buffer, which lives as long as the tensor's storage does."""
    if len(data) == 0:  # `frombuffer` refuses
        return torch.empty(0, dtype=torch.uint8, device="cpu")
    return torch.frombuffer(data, dtype=torch.uint8)


@cache
def torch_dtype(scalar_type: ScalarType) -> torch.dtype:
    """PyTorch's dtype; UnsupportedError if this version of PyTorch has none of that name."""
    dtype = getattr(torch, scalar_type.dtype_name, None)
    if not isinstance(dtype, torch.dtype):
        raise UnsupportedError(f"PyTorch {torch.__version__} has no tensors of type {scalar_type.dtype_name}")
    return dtype


@final
class TensorDescriber:
    """Describes PyTorch's tensors as `TensorData`: one `Storage` for each of PyTorch's, one description a tensor.

    What is on another device is copied to main memory when the bytes are asked for. It keeps what it has described
    alive, so that no address is met twice with different meanings.
    """

    def __init__(self) -> None:
        self._storages: dict[int, tuple[torch.UntypedStorage, Storage]] = {}
        self._tensors: dict[int, tuple[object, TensorData]] = {}

    def __call__(self, tensor: object) -> TensorData:
        """The description; UnsupportedError if there is none."""
        known = self._tensors.get(id(tensor))
        if known is not None:
            return known[1]
        if not isinstance(tensor, Tensor):
            if isinstance(tensor, TensorData):
                return tensor
            raise UnsupportedError(f"a {type(tensor).__name__} cannot be saved as a tensor")
        try:
            data = self._described(tensor)
        except (NotImplementedError, RuntimeError) as error:
            if isinstance(error, UnsupportedError):
                raise
            raise UnsupportedError(f"a tensor of class {type(tensor).__name__} cannot be saved: {error}") from error
        self._tensors[id(tensor)] = (tensor, data)
        return data

    def _described(self, tensor: Tensor) -> TensorData:
        dtype = _scalar_type(tensor.dtype)
        if tensor.layout is not _STRIDED:
            return self._of_other_layout(tensor, dtype, _layout(tensor.layout))
        storage = tensor.untyped_storage()
        known = self._storages.get(storage._cdata)
        return TensorData(
            dtype,
            tensor.shape,
            tensor.stride(),
            self._storage(storage) if known is None else known[1],
            int(tensor.storage_offset()),
            tensor.requires_grad,
            self._quantizer(tensor) if tensor.is_quantized else None,
            tensor.is_conj(),
            tensor.is_neg(),
        )

    def _of_other_layout(self, tensor: Tensor, dtype: ScalarType, layout: Layout) -> TensorData:
        if layout is Layout.Sparse:
            return self._sparse(tensor, dtype, layout, tensor._indices(), tensor._values())
        if layout in _ROW_MAJOR:
            return self._sparse(tensor, dtype, layout, tensor.crow_indices(), tensor.col_indices(), tensor.values())
        if layout in _COMPRESSED:
            return self._sparse(tensor, dtype, layout, tensor.ccol_indices(), tensor.row_indices(), tensor.values())
        raise UnsupportedError(f"a tensor of layout {layout.name} cannot be saved")

    def _sparse(self, tensor: Tensor, dtype: ScalarType, layout: Layout, *parts: Tensor) -> TensorData:
        described = tuple(map(self, parts))
        return TensorData(
            dtype, tuple(tensor.shape), requires_grad=tensor.requires_grad, layout=layout, parts=described
        )

    def _storage(self, storage: torch.UntypedStorage) -> Storage:
        """The description of a storage that is met for the first time."""
        device, size = _device_text(storage.device), storage.nbytes()
        if device == "cpu":
            described = Storage(size, partial(_memory_of, storage, size))
        else:
            described = Storage(size, None if device.startswith("meta") else partial(_copy_of, storage), device=device)
        self._storages[storage._cdata] = (storage, described)
        return described

    def _quantizer(self, tensor: Tensor) -> Quantizer:
        scheme = QScheme(_number(tensor.qscheme()))
        if not scheme.is_per_channel:
            return Quantizer(scheme, tensor.q_scale(), tensor.q_zero_point())
        scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        return Quantizer(scheme, scales=self(scales), zero_points=self(zero_points), axis=tensor.q_per_channel_axis())


def _number(value: object) -> int:
    number = enumeration_number(value)
    if number is None:
        raise UnsupportedError(f"{value} has no number in archives")
    return number


@cache
def _scalar_type(dtype: torch.dtype) -> ScalarType:
    return ScalarType(_number(dtype))


@cache
def _layout(layout: torch.layout) -> Layout:
    return Layout(_number(layout))


@cache
def _device_text(device: torch.device) -> str:
    return str(device)


def _copy_of(storage: torch.UntypedStorage) -> memoryview:
    """The bytes of a storage that is not in main memory."""
    whole = torch.empty(0, dtype=torch.uint8, device=storage.device)
    return whole.set_(storage).cpu().numpy().data


def _memory_of(storage: torch.UntypedStorage, size: int) -> memoryview:
    """The bytes of a storage that is in main memory, where they are."""
    address = storage.data_ptr()
    if size and not address:
        raise UnsupportedError("a tensor that has no memory of its own cannot be saved")
    kind = _bytes_of_size(size)
    memory = kind.from_address(address) if size else kind()
    memory.storage = storage  # type: ignore[attr-defined]  # lives as long as a view of it
    return memoryview(memory).cast("B")


@lru_cache(64)
def _bytes_of_size(size: int) -> type[ctypes.Array[ctypes.c_ubyte]]:
    return ctypes.c_ubyte * size
