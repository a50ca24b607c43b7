"""Tensors from the arguments of the rebuild functions that pickles name (`torch._utils._rebuild_tensor_v2` and kin).

Everything a file says about a tensor is checked here, so that no view reaches outside its storage.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard, final

from flambeau.errors import ArchiveError
from flambeau.ir import Layout, QScheme, Quantizer, ScalarType, Storage, TensorData
from flambeau.serialization.pickles.values import ValueBuilder

__all__ = ["REBUILD_FUNCTIONS", "BuiltTensors", "TypedStorage"]

REBUILD_FUNCTIONS = (
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_sparse_tensor",
)
_MAX_ELEMENTS = (1 << 63) - 1
_MAX_RANK = 1024
_PER_BYTE = {ScalarType.QUInt4x2: 2, ScalarType.QUInt2x4: 4}
"""Elements that share one byte, for the types that pack several."""
_COMPRESSED = {Layout.SparseCsr, Layout.SparseCsc, Layout.SparseBsr, Layout.SparseBsc}


@final
class TypedStorage:
    """A storage with the element type that a pickle gives it; only ever an argument of a rebuild function."""

    __slots__ = ("dtype", "storage")

    def __init__(self, dtype: ScalarType, storage: Storage) -> None:
        self.dtype = dtype
        self.storage = storage


@final
class BuiltTensors:
    """Builds tensors and remembers them: quantized and sparse ones have others as arguments, built before."""

    def __init__(self, builder: ValueBuilder) -> None:
        self._builder = builder
        self._built: dict[int, tuple[object, TensorData]] = {}
        self.functions: dict[str, Callable[[tuple[object, ...]], object]] = dict(
            zip(REBUILD_FUNCTIONS, (self.rebuild_dense, self.rebuild_quantized, self.rebuild_sparse), strict=True)
        )

    def is_tensor(self, value: object) -> bool:
        """Whether a value is one of the tensors built here."""
        return id(value) in self._built

    def rebuild_dense(self, args: tuple[object, ...]) -> object:
        """`(storage, storage offset, sizes, strides, requires_grad, hooks[, {"conj" or "neg": True}])`"""
        if len(args) not in (6, 7):
            raise ArchiveError(f"a tensor is made of 6 or 7 values, not {len(args)}")
        data = self._view(args[0], args[1], args[2], args[3], args[4])
        flags = args[6] if len(args) == 7 else {}
        if not isinstance(flags, dict) or not all(k in ("conj", "neg") and type(v) is bool for k, v in flags.items()):
            raise ArchiveError(f"unknown properties of a tensor: {_shown(flags)}")
        data.is_conj, data.is_neg = flags.get("conj", False), flags.get("neg", False)
        if data.is_conj and not data.dtype.is_complex:
            raise ArchiveError(f"a tensor of {data.dtype.dtype_name} cannot be conjugated")
        return self._finished(data)

    def rebuild_quantized(self, args: tuple[object, ...]) -> object:
        """`(storage, storage offset, sizes, strides, quantizer, requires_grad, hooks)`"""
        if len(args) != 7:
            raise ArchiveError(f"a quantized tensor is made of 7 values, not {len(args)}")
        data = self._view(args[0], args[1], args[2], args[3], args[5])
        if not data.dtype.is_quantized:
            raise ArchiveError(f"a quantized tensor cannot have elements of type {data.dtype.dtype_name}")
        data.quantizer = self._quantizer(args[4], data.sizes)
        return self._finished(data)

    def rebuild_sparse(self, args: tuple[object, ...]) -> object:
        """`(layout, sizes, requires_grad, indices, ..., values, hooks)`"""
        layout = args[0] if args else None
        if type(layout) is not int or layout not in {Layout.Sparse, *_COMPRESSED}:
            raise ArchiveError(f"not the layout of a sparse tensor: {_shown(layout)}")
        if len(args) != (6 if layout == Layout.Sparse else 7):
            raise ArchiveError("a sparse tensor is made of its sizes, its indices and its values")
        sizes, requires_grad = self._sizes(args[1]), args[2]
        parts = tuple(self._part(p) for p in args[3:-1])
        if type(requires_grad) is not bool or requires_grad > _has_gradients(parts[-1].dtype):
            raise ArchiveError(f"a sparse tensor cannot have requires_grad {_shown(requires_grad)}")
        if any(p.dtype not in (ScalarType.Long, ScalarType.Int) for p in parts[:-1]):
            raise ArchiveError("the indices of a sparse tensor must be integers")
        values = parts[-1]
        data = TensorData(values.dtype, sizes, requires_grad=requires_grad, layout=Layout(layout), parts=parts)
        return self._finished(data)

    def _finished(self, data: TensorData) -> object:
        value = self._builder.tensor(data)
        # The value is kept as well: its id must not be used again.
        self._built[id(value)] = (value, data)
        return value

    def _part(self, value: object) -> TensorData:
        built = self._built.get(id(value))
        if built is None or built[1].layout is not Layout.Strided:
            raise ArchiveError(f"a tensor was expected, not {_shown(value)}")
        return built[1]

    def _view(self, typed: object, offset: object, sizes: object, strides: object, requires_grad: object) -> TensorData:
        if not isinstance(typed, TypedStorage):
            raise ArchiveError(f"a tensor was expected to have a storage, not {_shown(typed)}")
        checked_sizes, checked_strides = self._dimensions(sizes), self._dimensions(strides)
        if len(checked_sizes) != len(checked_strides):
            raise ArchiveError(f"a tensor has {len(checked_sizes)} sizes but {len(checked_strides)} strides")
        if not _is_index(offset):
            raise ArchiveError(f"a tensor cannot start at element {_shown(offset)}")
        numel, extent = 1, offset + 1
        for size, stride in zip(checked_sizes, checked_strides, strict=True):
            numel *= size
            extent += (size - 1) * stride
        if numel > _MAX_ELEMENTS:
            raise ArchiveError("a tensor has too many elements")
        if type(requires_grad) is not bool or requires_grad > _has_gradients(typed.dtype):
            raise ArchiveError(
                f"a tensor of {typed.dtype.dtype_name} cannot have requires_grad {_shown(requires_grad)}"
            )
        needed = -(-extent * typed.dtype.itemsize // _PER_BYTE.get(typed.dtype, 1)) if numel else 0
        if needed > typed.storage.nbytes:
            raise ArchiveError(
                f"a tensor with sizes {list(checked_sizes)}, strides {list(checked_strides)} and offset {offset} needs "
                f"{needed} bytes, but its storage '{typed.storage.key}' has {typed.storage.nbytes}"
            )
        return TensorData(typed.dtype, checked_sizes, checked_strides, typed.storage, offset, requires_grad)

    def _sizes(self, value: object) -> tuple[int, ...]:
        sizes = self._dimensions(value)
        if math.prod(sizes) > _MAX_ELEMENTS:
            raise ArchiveError("a tensor has too many elements")
        return sizes

    def _dimensions(self, value: object) -> tuple[int, ...]:
        if not isinstance(value, tuple) or len(value) > _MAX_RANK:
            raise ArchiveError(f"not the sizes or strides of a tensor: {_shown(value)}")
        for number in value:
            if type(number) is not int or not 0 <= number <= _MAX_ELEMENTS:
                raise ArchiveError(f"not the sizes or strides of a tensor: {_shown(value)}")
        return value

    def _quantizer(self, value: object, sizes: tuple[int, ...]) -> Quantizer:
        if not isinstance(value, tuple) or not value or not isinstance(value[0], QScheme):
            raise ArchiveError(f"not a quantizer: {_shown(value)}")
        scheme, *rest = value
        if not scheme.is_per_channel:
            if len(rest) != 2 or type(rest[0]) is not float or type(rest[1]) is not int:
                raise ArchiveError("a quantizer per tensor needs a scale and a zero point")
            return Quantizer(scheme, scale=rest[0], zero_point=rest[1])
        if len(rest) != 3 or not _is_index(rest[2]) or rest[2] >= len(sizes):
            raise ArchiveError("a quantizer per channel needs scales, zero points and an axis")
        scales, zero_points = self._part(rest[0]), self._part(rest[1])
        if not scales.numel == zero_points.numel == sizes[rest[2]]:
            raise ArchiveError("a quantizer per channel needs as many scales and zero points as there are channels")
        return Quantizer(scheme, scales=scales, zero_points=zero_points, axis=rest[2])


def _is_index(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _MAX_ELEMENTS


def _has_gradients(dtype: ScalarType) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _shown(value: object) -> str:
    """A value from a file in a message: short, and never calling into it deeply."""
    if isinstance(value, str):
        value = value[:40]
    return repr(value) if isinstance(value, (int, float, str)) else f"a {type(value).__name__}"
