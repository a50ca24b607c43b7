"""Tensor values without PyTorch: what an archive says of a tensor, enough to show it, read it and save it again.

A `TensorData` is a view of a `Storage`; two tensors that share memory hold the same `Storage` object, and that identity
is what keeps sharing alive through load and save. The bytes of a storage may be a memory-mapped piece of a file, or be
produced when first asked for; nothing here reads them before that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from flambeau.ir.scalar_types import Layout, QScheme, ScalarType

if TYPE_CHECKING:
    import numpy

__all__ = ["Device", "Quantizer", "Storage", "TensorData", "contiguous_strides"]


@final
@dataclass(frozen=True, slots=True)
class Device:
    """Where a tensor lives: `cpu`, `cuda:0`, `meta`; the stand-in for `torch.device` where PyTorch is absent."""

    type: str
    index: int | None = None

    @classmethod
    def parse(cls, text: str) -> Device:
        """Read `type` or `type:index`; ValueError for anything else."""
        kind, colon, index = text.partition(":")
        if not kind.isidentifier() or bool(colon) != (index.isascii() and index.isdigit()) or len(index) > 4:
            raise ValueError(f"not a device: {text!r}")
        return cls(kind, int(index) if colon else None)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


@final
class Storage:
    """A run of bytes that tensors are views of; compared by identity.

    `data` is None where there are no bytes at all: tensors on the `meta` device, and the recorded inputs of a trace, of
    which only the geometry is kept.
    """

    __slots__ = ("_data", "_load", "device", "key", "nbytes")

    def __init__(
        self,
        nbytes: int,
        data: memoryview | bytes | bytearray | Callable[[], memoryview] | None = None,
        *,
        device: str = "cpu",
        key: str = "",
    ) -> None:
        self.nbytes = nbytes
        self.device = device
        self.key = key
        """The name of the record that the bytes came from, or the empty string."""
        self._load: Callable[[], memoryview] | None = None
        self._data: memoryview | None = None
        if callable(data):
            self._load = data
        elif data is not None:
            self._data = memoryview(data).cast("B")

    @property
    def has_data(self) -> bool:
        return self._data is not None or self._load is not None

    @property
    def data(self) -> memoryview | None:
        """The bytes, `nbytes` of them in this machine's byte order; read from the file when first asked for."""
        if self._load is not None:
            self._data = self._load()
            self._load = None
        return self._data

    def __repr__(self) -> str:
        return f"Storage({self.nbytes} bytes on {self.device}{'' if self.has_data else ', no data'})"


@final
@dataclass(frozen=True, slots=True)
class Quantizer:
    """How the integers of a quantized tensor stand for real numbers.

    Per tensor: `scale` and `zero_point`. Per channel: `scales` and `zero_points` along dimension `axis`.
    """

    scheme: QScheme
    scale: float = 1.0
    zero_point: int = 0
    scales: TensorData | None = None
    zero_points: TensorData | None = None
    axis: int = 0


@final
@dataclass(slots=True, eq=False)
class TensorData:
    """A tensor value. Sizes, strides and `storage_offset` count elements; a scalar has sizes `()`.

    A sparse tensor has no storage of its own but `parts`: indices and values (COO), or compressed indices, plain
    indices and values (CSR, CSC, BSR, BSC).
    """

    dtype: ScalarType
    sizes: tuple[int, ...]
    strides: tuple[int, ...] = ()
    storage: Storage | None = None
    storage_offset: int = 0
    requires_grad: bool = False
    quantizer: Quantizer | None = None
    is_conj: bool = False
    is_neg: bool = False
    layout: Layout = Layout.Strided
    parts: tuple[TensorData, ...] = field(default=())

    @classmethod
    def from_numpy(cls, array: numpy.ndarray, *, requires_grad: bool = False) -> TensorData:
        """A tensor over a copy of an array's elements; ValueError for a dtype that tensors do not have."""
        import numpy

        dtype = ScalarType.from_dtype_name(array.dtype.name)
        if dtype is None or dtype.numpy_name != array.dtype.name:
            raise ValueError(f"no tensor has elements of type {array.dtype}")
        data = numpy.ascontiguousarray(array).astype(array.dtype.newbyteorder("="))
        sizes = tuple(array.shape)
        storage = Storage(data.nbytes, bytearray(data.tobytes()))
        return cls(dtype, sizes, contiguous_strides(sizes), storage, requires_grad=requires_grad)

    @property
    def device(self) -> str:
        if self.storage is not None:
            return self.storage.device
        return self.parts[-1].device if self.parts else "cpu"

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @property
    def numel(self) -> int:
        """The number of elements (of a sparse tensor: zeros included)."""
        return math.prod(self.sizes)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in order without gaps (a dimension of size 1 may have any stride)."""
        if self.layout is not Layout.Strided:
            return False
        expected = 1
        for size, stride in zip(reversed(self.sizes), reversed(self.strides), strict=True):
            if size == 0:
                return True
            if size != 1:
                if stride != expected:
                    return False
                expected *= size
        return True

    @property
    def extent(self) -> int:
        """How many elements of the storage, counted from its start, the tensor reaches over."""
        if self.numel == 0:
            return 0
        return self.storage_offset + 1 + sum((n - 1) * s for n, s in zip(self.sizes, self.strides, strict=True))

    def numpy(self) -> numpy.ndarray:
        """The elements as an array that shares the storage (but for conjugation and negation, applied to a copy).

        ValueError for tensors without data, and for those that NumPy has no type for (quantized, sparse, bfloat16).
        """
        import numpy

        name = self.dtype.numpy_name
        if name is None or self.layout is not Layout.Strided:
            raise ValueError(f"NumPy has no array like a {self.layout.name.lower()} tensor of {self.dtype.dtype_name}")
        data = None if self.storage is None else self.storage.data
        if data is None:
            raise ValueError("the tensor has no data")
        if self.extent * self.dtype.itemsize > data.nbytes:
            raise ValueError("the tensor reaches beyond the end of its storage")
        flat = numpy.frombuffer(data, dtype=name, count=data.nbytes // self.dtype.itemsize)
        steps = tuple(s * self.dtype.itemsize for s in self.strides)
        view = numpy.lib.stride_tricks.as_strided(flat[self.storage_offset if self.numel else 0 :], self.sizes, steps)
        if self.is_conj:
            view = numpy.conj(view)
        return numpy.negative(view) if self.is_neg else view

    def __repr__(self) -> str:
        details = f"{self.dtype.dtype_name}, {list(self.sizes)}"
        if self.layout is not Layout.Strided:
            details += f", {self.layout.name}"
        return f"TensorData({details}, device={self.device})"


def contiguous_strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor whose elements lie in order, as PyTorch gives them (sizes of 0 count as 1)."""
    strides: list[int] = []
    step = 1
    for size in reversed(sizes):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))
