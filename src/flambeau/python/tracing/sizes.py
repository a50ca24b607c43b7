"""Sizes of traced tensors, as tensors that the graph computes.

x.shape[0]      %2 : int = aten::size(%x, %1)
                %3 : Long() = prim::NumToTensor(%2)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex, final

import torch
from torch import Tensor

from flambeau import ir
from flambeau.python.tracing.recorder import Recorder


@final
class TracedSize(tuple[Any, ...]):
    """The shape of a traced tensor. It passes for a `torch.Size`, which cannot hold tensors."""

    __slots__ = ()

    @property  # type: ignore[misc]  # `isinstance` asks for it
    def __class__(self) -> type:
        return torch.Size

    def __new__(cls, elements: Iterable[object] = ()) -> TracedSize:
        return tuple.__new__(cls, elements)

    def numel(self) -> Any:
        """The product of the sizes."""
        result: Any = 1
        for size in self:
            result = result * size
        return result

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = tuple.__getitem__(self, index)
        return TracedSize(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> TracedSize:
        return TracedSize(tuple.__add__(self, other))

    def __mul__(self, count: SupportsIndex) -> TracedSize:
        return TracedSize(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[type, tuple[tuple[int, ...]]]:
        return torch.Size, (tuple(int(size) for size in self),)


def traced_size(recorder: Recorder, tensor: Tensor, dim: int) -> Tensor:
    """The size of one dimension (recording is paused)."""
    recorder.locate()
    inputs = [recorder.value_of(tensor), ir.insert_constant(recorder.graph, dim)]
    return recorder.number(recorder.insert("aten::size", inputs, ir.INT), tensor.size(dim))


def traced_shape(recorder: Recorder, tensor: Tensor) -> TracedSize:
    """The sizes of all dimensions (recording is paused)."""
    return TracedSize([traced_size(recorder, tensor, dim) for dim in range(tensor.dim())])


def traced_numel(recorder: Recorder, tensor: Tensor) -> Tensor:
    """The number of elements (recording is paused)."""
    recorder.locate()
    return recorder.number(recorder.insert("aten::numel", [recorder.value_of(tensor)], ir.INT), tensor.numel())
