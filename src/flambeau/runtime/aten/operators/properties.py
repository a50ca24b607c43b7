"""Attributes of tensors and devices: `x.device`, `x.is_cuda`, `x.size()`."""

from __future__ import annotations

from operator import attrgetter

import torch
from torch import Tensor

from flambeau.runtime.aten.enumerations import dtype_number, layout_number, to_memory_format
from flambeau.runtime.registry import implements

_FLAGS = (
    *("is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta", "is_mkldnn", "is_mps", "is_mtia", "is_nested"),
    *("is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu", "requires_grad"),
    *("itemsize", "nbytes"),
)
for _name in _FLAGS:
    if hasattr(Tensor, _name):  # the newest are not in every release
        implements(f"prim::{_name}")(attrgetter(_name))


@implements("prim::data")
def data(a: Tensor) -> Tensor:
    return a.data


@implements("prim::device")
def device(a: Tensor) -> torch.device:
    return a.device


@implements("prim::dtype")
def dtype(a: Tensor) -> int:
    return dtype_number(a.dtype)


@implements("prim::grad")
def grad(a: Tensor) -> Tensor | None:
    return a.grad


@implements("prim::layout")
def layout(a: Tensor) -> int:
    return layout_number(a.layout)


@implements("prim::name")
def name(a: Tensor) -> str | None:
    """Named tensors have no names in scripts."""
    return getattr(a, "name", None)


@implements("prim::index")
def device_index(self: torch.device) -> int | None:
    return self.index


@implements("prim::type")
def device_type(self: torch.device) -> str:
    return self.type


@implements("aten::device")
def make_device(a: str) -> torch.device:
    return torch.device(a)


@implements("aten::device.with_index")
def make_device_with_index(type: str, index: int) -> torch.device:
    return torch.device(type, index)


@implements("aten::element_size")
def element_size(self: Tensor) -> int:
    return self.element_size()


@implements("aten::size", "aten::sym_size")
def size(self: Tensor) -> list[int]:
    return list(self.shape)


@implements("aten::stride", "aten::sym_stride")
def stride(self: Tensor) -> list[int]:
    return list(self.stride())


@implements("aten::len.Tensor")
def length(t: Tensor) -> int:
    if t.dim() == 0:
        raise TypeError("len() of a 0-d tensor")
    return t.shape[0]


@implements("aten::is_non_overlapping_and_dense")
def is_non_overlapping_and_dense(self: Tensor) -> bool:
    return bool(torch.ops.aten.is_non_overlapping_and_dense.default(self))


@implements("aten::is_strides_like_format")
def is_strides_like_format(self: Tensor, memory_format: int) -> bool:
    """Whether the strides are those of a format, up to gaps; only the channels-last formats are ever alike."""
    wanted = to_memory_format(memory_format)
    if wanted is torch.channels_last:
        return self.dim() == 4 and _ordered(self, (1, 3, 2, 0))
    if wanted is torch.channels_last_3d:
        return self.dim() == 5 and _ordered(self, (1, 4, 3, 2, 0))
    return False


def _ordered(tensor: Tensor, dimensions: tuple[int, ...]) -> bool:
    """Whether strides grow along the dimensions in this order, each past the extent of the one before."""
    if tensor.stride(1) == 0:
        return False
    smallest = 0
    sizes, strides = tensor.shape, tensor.stride()
    for d in dimensions:
        if sizes[d] == 0 or strides[d] < smallest:
            return False
        if d == 0 and smallest == strides[1]:
            return False
        smallest = strides[d] * max(sizes[d], 1)
    return True
