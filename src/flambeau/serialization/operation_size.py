"""How large an operation can be, told from its arguments before it runs.

The bounds are coarse: what they let pass is small, whatever the operation; of what they do not, somebody who can has to
find the size of the results (`Foresee`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from flambeau.ir import STRING, Node, PrimitiveType, is_tensor

__all__ = ["SMALL", "Foresee", "excessive_work", "given", "most_it_can_make"]

Foresee: TypeAlias = "Callable[[Node, Sequence[object]], int | None]"
"""The bytes of the results of a node, given its inputs, without running it; None if that cannot be told."""

SMALL = 1 << 22
"""Results of at most this many bytes may be made without asking what exactly they are."""
_ELEMENT = 8
_MOST_NUMBERS = 1 << 12
"""Longer lists count by their length: their numbers are data, not sizes."""
_BY_NUMBER = frozenset(
    {
        *(
            "aten::mul",
            "prim::rangelist",
            "aten::ljust",
            "aten::rjust",
            "aten::center",
            "aten::zfill",
            "aten::expandtabs",
        ),
        *("aten::__interpolate", "aten::__upsample", "aten::__upsample_nearest", "aten::__upsample_bilinear"),
    }
)
"""Of what TorchScript has besides PyTorch's own operators: those to which a number is a size, and not data."""
_BY_VALUE = frozenset({"aten::bincount", "aten::one_hot", "aten::repeat_interleave"})
"""How much these make is decided by the numbers in their tensors."""
_SQUARED = frozenset(
    {
        *("aten::eye", "aten::vander", "aten::linalg_vander", "aten::diag", "aten::diagflat", "aten::diag_embed"),
        *(
            "aten::block_diag",
            "aten::cartesian_prod",
            "aten::combinations",
            "aten::pdist",
            "aten::cov",
            "aten::meshgrid",
        ),
    }
)
"""These make as many rows as they make columns, or more."""
_FROM_TEXT = frozenset({"aten::format", "aten::percentFormat"})
"""How much these make is decided by numbers in a string."""
_WIDTH = re.compile(r"\d+")

_MATRIX = re.compile(
    r"aten::(linalg_|_linalg|svd|qr|eig|symeig|inverse|det|slogdet|logdet|cholesky|lu|matrix_|pinverse|lstsq|solve|"
    r"triangular_solve|geqrf|orgqr|ormqr|ger|pdist|_pdist|cov|corrcoef|nuclear_norm|combinations|expm|factorial)"
)
"""Operators whose work grows faster than their arguments, each on its own."""
_MATRIX_ELEMENTS = 1 << 16
_PRODUCT = re.compile(
    r"aten::(_?addmm|addbmm|baddbmm|bmm|mm|mv|matmul|_?addmv|linear|einsum|tensordot|inner|outer|kron|bilinear|_trilinear|"
    r"chain_matmul|_?conv|_?slow_conv|thnn_conv|mkldnn_|_?cdist|lstm|gru|rnn_|quantized_|scaled_dot|_?scaled_dot|"
    r"multi_head|_native_multi|_transformer)|mkldnn::|_?quantized::.*(linear|conv)(?!.*(pack|unpack))"
)
"""Operators whose work is about the size of their results times that of an argument."""
_MOST_WORK = 1 << 33
_FEW_ROWS = ("aten::mm", "aten::bmm", "aten::matmul", "aten::linear", "aten::mv")
"""Of these the work is the size of the results times the last dimension of the first argument."""


def most_it_can_make(node: Node, operands: Sequence[object]) -> int:
    """A bound on the bytes of an operation's results: whatever it does, it multiplies all sizes and numbers at most."""
    if all(isinstance(output.type, PrimitiveType) and output.type is not STRING for output in node.outputs):
        return _ELEMENT * len(node.outputs)
    size = _size
    if node.operator is not None and node.operator.is_jit_only and node.kind not in _BY_NUMBER:
        size = _length if node.kind == "prim::tolist" else _count
    bound = _ELEMENT * math.prod(map(size, operands))
    if node.kind in _SQUARED:
        bound *= bound
    if node.kind in _BY_VALUE:
        bound *= math.prod(_largest(operand) for operand in operands if is_tensor(operand))
    if node.kind in _FROM_TEXT:
        bound *= math.prod(_width(operand) for operand in operands if isinstance(operand, str))
    return bound


def given(operands: Sequence[object]) -> int:
    """The bytes that an operation is given."""
    return _ELEMENT * sum(map(_length, operands))


def excessive_work(kind: str, operands: Sequence[object], made: int) -> bool:
    """Whether an operation that makes so many bytes may take far longer than it takes to write them."""
    tensors = [operand for given in operands for operand in (given if isinstance(given, (list, tuple)) else [given])]
    sizes = sorted(map(_elements, tensors))
    if _MATRIX.match(kind):
        return max(sizes, default=0) > _MATRIX_ELEMENTS or math.prod(map(_size, operands)) > _MATRIX_ELEMENTS
    if not _PRODUCT.match(kind):
        return False
    first: Any = operands[0] if operands else None
    if kind in _FEW_ROWS and is_tensor(first):
        inner = int(first.shape[-1]) if len(first.shape) else 1
    else:
        inner = sum(sizes[:-1])  # all but the largest
    return max(made // _ELEMENT, sizes[-1] if sizes else 0) * max(inner, 1) > _MOST_WORK


def _size(operand: object) -> int:
    """By how much an argument can make results larger."""
    if operand is None or isinstance(operand, bool):
        return 1
    if isinstance(operand, (int, float)):
        return max(1, math.ceil(abs(operand))) if math.isfinite(operand) else 1
    if isinstance(operand, str):
        return max(1, len(operand))
    if isinstance(operand, (list, tuple)):
        if len(operand) <= _MOST_NUMBERS and all(isinstance(item, (int, float)) for item in operand):
            return max(1, len(operand)) * math.prod(map(_size, operand))
        return max(1, len(operand), sum(map(_elements, operand)))
    return _length(operand)


def _length(operand: object) -> int:
    return max(1, _elements(operand))


def _elements(operand: object) -> int:
    if is_tensor(operand):
        tensor: Any = operand
        return int(tensor.numel())
    if isinstance(operand, (list, tuple)):
        return _total(operand)
    return len(operand) if isinstance(operand, (str, dict)) else 0


def _total(items: Iterable[object]) -> int:
    total = 0
    for item in items:
        tensor: Any = item
        total += int(tensor.numel()) if is_tensor(item) else 1
    return total


def _count(operand: object) -> int:
    """Of containers and strings their length; a tensor is one value."""
    return max(1, len(operand)) if isinstance(operand, (list, tuple, dict, str)) else 1


def _largest(operand: object) -> int:
    tensor: Any = operand
    return max(1, int(tensor.max())) if tensor.numel() and not tensor.is_complex() else 1


def _width(text: str) -> int:
    """The largest number in a string: fields are padded to such widths."""
    return max((int(digits[:18]) for digits in _WIDTH.findall(text)), default=1) or 1
