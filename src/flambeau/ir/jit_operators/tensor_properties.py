"""Attributes of tensors and devices, such as `x.device`, `x.is_cuda`, `x.size()`."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

_BACKENDS = (
    *("is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta", "is_mkldnn", "is_mps", "is_mtia", "is_nested"),
    *("is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu"),
)

OPERATORS: tuple[JitOperator, ...] = (
    *table("prim::{}(Tensor a) -> bool", each=(*_BACKENDS, "requires_grad")),
    *table("""
        prim::data(Tensor(a) a) -> Tensor(a)
        prim::device(Tensor a) -> Device
        prim::dtype(Tensor a) -> int
        prim::grad(Tensor a) -> Tensor(*)
        prim::itemsize(Tensor a) -> int
        prim::layout(Tensor a) -> Layout
        prim::name(Tensor a) -> str?
        prim::nbytes(Tensor a) -> int
        prim::index(Device self) -> int?
        prim::type(Device self) -> str
        aten::device(str a) -> Device
        aten::device.with_index(str type, int index) -> Device
        aten::element_size(Tensor self) -> int
        aten::is_non_overlapping_and_dense(Tensor self) -> bool
        aten::is_strides_like_format(Tensor self, MemoryFormat memory_format) -> bool
        aten::size(Tensor self) -> int[]
        aten::stride(Tensor self) -> int[]
        aten::sym_size(Tensor self) -> SymInt[]
        aten::sym_stride(Tensor self) -> SymInt[]
    """),
)
