"""Tensors and the storages they view, in the pickle encoding of TorchScript."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import final

from flambeau.errors import ArchiveError
from flambeau.ir import Layout, Quantizer, ScalarType, Storage, TensorData
from flambeau.serialization.pickles.emitter import MemoEntry, PickleEmitter
from flambeau.serialization.pickles.opcodes import Opcode

__all__ = ["StorageKeys", "TensorWriter"]

_UTILS = "torch._utils"
_STRIDED = Layout.Strided
_MARK = int(Opcode.MARK)
_CALL = bytes((Opcode.TUPLE, Opcode.REDUCE))
_CALL_WITHOUT_ARGUMENTS = bytes((Opcode.EMPTY_TUPLE, Opcode.REDUCE))
_REFERENCE = bytes((Opcode.TUPLE, Opcode.BINPERSID))
_WRITABLE_LAYOUTS = {Layout.Sparse: 2, Layout.SparseCsr: 3}
"""The sparse layouts that PyTorch reads, with the number of tensors each consists of."""


@final
class StorageKeys:
    """The storages that pickles refer to, numbered as they are met; `suffix` follows the number in a key."""

    def __init__(self, suffix: str = "") -> None:
        self._suffix = suffix
        self._keys: dict[Storage, str] = {}

    def key(self, storage: Storage) -> str:
        """The key of a storage; equal for the same object only."""
        found = self._keys.get(storage)
        if found is None:
            found = self._keys[storage] = f"{len(self._keys)}{self._suffix}"
        return found

    def __iter__(self) -> Iterator[tuple[str, Storage]]:
        return ((key, storage) for storage, key in self._keys.items())

    def __len__(self) -> int:
        return len(self._keys)


@final
class TensorWriter:
    """Writes tensors to one pickle."""

    def __init__(self, out: PickleEmitter, storages: StorageKeys) -> None:
        self._out = out
        self._storages = storages
        self._written: dict[tuple[Storage, ScalarType], MemoEntry] = {}
        """The storages that were written, as elements of a type."""
        self._alike: dict[Hashable, tuple[bytes, bytes, bytes]] = {}
        """What tensors that differ in their storages only have in common: the instructions before the storage's key,
        behind the key, and behind the storage."""

    def tensor(self, data: TensorData) -> None:
        """Instructions that make the tensor; tensors it consists of are written within."""
        if data.layout is not _STRIDED:
            self._sparse(data)
            return
        storage, dtype = data.storage, data.dtype
        if storage is None or dtype is ScalarType.Undefined:
            raise ArchiveError("an undefined tensor cannot be written to an archive")
        out, written = self._out, self._written.get((storage, dtype))
        if written is not None:
            self._function(data)
            out.fetch(written)
            self._view(data)
            return
        kind: Hashable = None
        if data.quantizer is None and not (data.is_conj or data.is_neg):
            geometry = data.storage_offset, data.sizes, data.strides, data.requires_grad
            kind = storage.device, storage.nbytes, dtype, geometry
        alike = self._alike.get(kind)
        if alike is None:
            self._with_storage(data, storage, kind)
            return
        before, behind_key, behind_storage = alike
        out.buffer += before
        out.text(self._storages.key(storage))
        out.buffer += behind_key
        self._written[storage, dtype] = out.store()
        out.buffer += behind_storage

    def _with_storage(self, data: TensorData, storage: Storage, kind: Hashable) -> None:
        """Write a tensor and its storage; what others of its kind have in common with it is remembered."""
        before = self._instructions(self._before_key, data)
        self._out.text(self._storages.key(storage))
        behind_key = self._instructions(self._behind_key, data)
        self._written[storage, data.dtype] = self._out.store()
        behind_storage = self._instructions(self._view, data)
        if kind is not None and before and behind_key and behind_storage:
            self._alike[kind] = before, behind_key, behind_storage

    def _instructions(self, write: Callable[[TensorData], None], data: TensorData) -> bytes:
        """What `write` writes; nothing if it entered something into the memo, which the next tensor only fetches."""
        start, stored = len(self._out.buffer), self._out.stored
        write(data)
        return bytes(self._out.buffer[start:]) if self._out.stored == stored else b""

    def _function(self, data: TensorData) -> None:
        self._out.name(_UTILS, "_rebuild_tensor_v2" if data.quantizer is None else "_rebuild_qtensor")
        self._out.buffer.append(_MARK)

    def _before_key(self, data: TensorData) -> None:
        self._function(data)
        self._out.buffer.append(_MARK)
        self._out.text("storage")
        self._out.name("torch", data.dtype.storage_name)

    def _behind_key(self, data: TensorData) -> None:
        out, storage = self._out, data.storage
        if storage is not None:
            out.text(storage.device)
            out.integer(storage.nbytes // data.dtype.itemsize)
            out.buffer += _REFERENCE

    def _view(self, data: TensorData) -> None:
        """All but the storage."""
        out = self._out
        out.integer(data.storage_offset)
        out.integers(data.sizes)
        out.integers(data.strides)
        if data.quantizer is not None:
            self._quantizer(data.quantizer)
        out.boolean(data.requires_grad)
        self._no_hooks()
        if data.is_conj or data.is_neg:
            self._properties(data)
        out.buffer += _CALL

    def _sparse(self, data: TensorData) -> None:
        if len(data.parts) != _WRITABLE_LAYOUTS.get(data.layout):
            raise ArchiveError(f"a tensor of layout {data.layout.name} cannot be written to an archive")
        out = self._out
        out.name(_UTILS, "_rebuild_sparse_tensor")
        out.op(Opcode.MARK)
        out.integer(data.layout)
        out.integers(data.sizes)
        out.boolean(data.requires_grad)
        for part in data.parts:
            self.tensor(part)
        self._no_hooks()
        out.op(Opcode.TUPLE, Opcode.REDUCE)

    def _quantizer(self, quantizer: Quantizer) -> None:
        out = self._out
        out.op(Opcode.MARK)
        out.name("torch", quantizer.scheme.scheme_name)
        if not quantizer.scheme.is_per_channel:
            out.real(quantizer.scale)
            out.integer(quantizer.zero_point)
        elif quantizer.scales is not None and quantizer.zero_points is not None:
            self.tensor(quantizer.scales)
            self.tensor(quantizer.zero_points)
            out.integer(quantizer.axis)
        else:
            raise ArchiveError("a tensor that is quantized per channel lacks its scales or zero points")
        out.op(Opcode.TUPLE)

    def _properties(self, data: TensorData) -> None:
        out = self._out
        out.name("torch.jit._pickle", "restore_type_tag")
        out.op(Opcode.EMPTY_DICT, Opcode.MARK)
        for name, is_set in (("conj", data.is_conj), ("neg", data.is_neg)):
            if is_set:
                out.text(name)
                out.boolean(True)
        out.op(Opcode.SETITEMS)
        out.text("Dict[str, bool]")
        out.op(Opcode.TUPLE2, Opcode.REDUCE)

    def _no_hooks(self) -> None:
        self._out.name("collections", "OrderedDict")
        self._out.buffer += _CALL_WITHOUT_ARGUMENTS
