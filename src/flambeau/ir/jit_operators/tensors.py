"""Tensors: made from Python values, moved, resized, and forms of dispatcher operators that scripts call differently."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

_SCALARS = ("bool", "float", "int", "complex")

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        aten::tensor.{0}({0} t, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor
        aten::as_tensor.{0}({0} t, *, ScalarType? dtype=None, Device? device=None) -> Tensor
        """,
        each=_SCALARS,
    ),
    *table("""
        aten::tensor(t[] data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor
        aten::as_tensor(Tensor(a) data, *, ScalarType? dtype=None, Device? device=None) -> Tensor(b|a)
        aten::as_tensor.list(t[] data, *, ScalarType? dtype=None, Device? device=None) -> Tensor
        aten::copy_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)
        aten::copy_.int(Tensor(a!) self, int other) -> Tensor(a!)
        aten::copy_.float(Tensor(a!) self, float other) -> Tensor(a!)
        aten::cpu(Tensor(a) self) -> Tensor(b|a)
        aten::cuda(Tensor(a) self) -> Tensor(b|a)
        aten::to.prim_Device(Tensor(a) self, Device? device, int? dtype=None, bool non_blocking=False, \
bool copy=False) -> Tensor(b|a)
        aten::to.prim_dtype(Tensor(a) self, int? dtype=None, bool non_blocking=False, bool copy=False) -> Tensor(b|a)
        aten::to.prim_other(Tensor(a) self, bool non_blocking=False, bool copy=False) -> Tensor(b|a)
        aten::dequantize.tensor(Tensor qtensor) -> Tensor
        aten::dequantize.list(Tensor[] qtensors) -> Tensor[]
        aten::dequantize.any(Any tensors) -> Any
        aten::einsum.sublist(Tensor a, ...) -> Tensor
        aten::_pack_sequence(Tensor output, Tensor batch_sizes, Tensor? sorted_indices, \
Tensor? unsorted_indices) -> (Tensor, Tensor, Tensor?, Tensor?)
        aten::_ncf_unsqueeze(Tensor(a) self, int ndim) -> Tensor(a)
        aten::_ncf_view(Tensor(a) self, int[] input_shape, int normalized_ndim) -> Tensor(a)
    """),
    *table("aten::{}.a(Tensor(a) self) -> Tensor(a)", each=("mH", "mT", "matrix_H", "numpy_T")),
    *table("""
        aten::_index_put_impl_.hacked_twin(Tensor(a!) self, Tensor[] indices, Tensor values, bool accumulate=False, \
bool unsafe=False) -> Tensor(a!)
        aten::_unsafe_index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor
        aten::_unsafe_index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, \
bool accumulate=False) -> Tensor
        aten::index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor
        aten::index_put_.hacked_twin(Tensor(a!) self, Tensor[] indices, Tensor values, \
bool accumulate=False) -> Tensor(a!)
    """),
    # Initialisation of parameters, with grad mode off.
    *table("""
        aten::_no_grad_embedding_renorm_(Tensor weight, Tensor input, float max_norm, float norm_type) -> Tensor
        aten::_no_grad_fill_(Tensor(a!) tensor, float val) -> Tensor(a!)
        aten::_no_grad_zero_(Tensor(a!) tensor) -> Tensor(a!)
    """),
    *table(
        """
        aten::_no_grad_normal_(Tensor(a!) tensor, float mean, float std, Generator? generator=None) -> Tensor(a!)
        aten::_no_grad_uniform_(Tensor(a!) tensor, float a, float b, Generator? generator=None) -> Tensor(a!)
        """,
        random=True,
    ),
    # Resampling as old archives call it; `int[]` or one number for all dimensions.
    *table(
        """
        aten::__interpolate{0}(Tensor input, {1}? size=None, {2}? scale_factor=None, str mode="nearest", \
bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor
        """,
        each=(
            (".scale_list", "int", "float[]"),
            (".size_list_scale_list", "int[]", "float[]"),
            ("", "int", "float"),
            (".size_list", "int[]", "float"),
        ),
    ),
    *table(
        """
        aten::__upsample{0}(Tensor input, {1}? size=None, int? scale_factor=None, str mode="nearest", \
bool? align_corners=None) -> Tensor
        aten::__upsample_nearest{0}(Tensor input, {1}? size=None, int? scale_factor=None) -> Tensor
        """,
        each=(("", "int"), (".size_list", "int[]")),
    ),
    *table(
        "aten::__upsample_bilinear{0}(Tensor input, {1}? size=None, {2}? scale_factor=None) -> Tensor",
        each=(
            ("", "int", "int"),
            (".size_list", "int[]", "int"),
            (".scale_list", "int", "int[]"),
            (".size_list_scale_list", "int[]", "int[]"),
        ),
    ),
)
