"""Subscripts: items and slices of lists, strings, dicts, tuples and module containers; indexing of tensors.

Tensors are indexed as in NumPy. Integers, slices, None and `...` become views, one dimension after the other; what is
left are index tensors, which one `aten::index` applies at once:

    x[0, 1:, None]      select(x, 0, 0), slice(_, 0, 1), unsqueeze(_, 1)
    x[:, mask]          slice(x, 0), index(_, [None, mask])

Dimensions after an ellipsis are counted from the end.
"""

from __future__ import annotations

import ast
import builtins
from typing import NamedTuple, TypeAlias

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import notes
from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..folding import known_value
from ..syntax import expression
from ..values.index_values import EllipsisValue, FullSlices, IndexList, IndexTuple, parts_of
from ..values.simple_values import SimpleValue, SliceValue, constant_slice
from ..values.sugared import SugaredValue
from .calls import first_class
from .placed_slices import check_rank, emit_placed

_LONG = int(ir.ScalarType.Long)
_OPTIONAL_TENSOR = ir.optional(ir.TENSOR)


@expression(ast.Subscript)
def emit_subscript(emitter: Emitter, node: ast.Subscript, hint: ir.Type | None) -> SugaredValue:
    container = emitter.sugared(node.value)
    range_ = emitter.range(node)
    indices = index_expressions(node)
    if len(indices) != 1:
        return emitter.sugar(emit_tensor_index(emitter, range_, container.as_value(emitter, range_), indices))
    (index,) = indices
    container = first_class(emitter, container, range_)
    if isinstance(container, SimpleValue) and isinstance(container.value.type, ir.TensorType):
        return emitter.sugar(emit_tensor_index(emitter, range_, container.value, indices))
    if isinstance(index, ast.Slice):
        return _emit_slice(emitter, range_, container, _bounds(emitter, index))
    given = emitter.sugared(index)
    if isinstance(given, SliceValue):
        return _emit_slice(emitter, range_, container, given.bounds)
    return container.item(emitter, range_, given.as_value(emitter, emitter.range(index)), hint)


def index_expressions(node: ast.Subscript) -> list[ast.expr]:
    """The expressions between the brackets: several for `x[a, b]`, one for `x[a]`, none for `x[()]`."""
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


Bounds = tuple["ir.Value | None", "ir.Value | None", "ir.Value | None"]


def _bounds(emitter: Emitter, node: ast.Slice) -> Bounds:
    start, stop, step = (None if part is None else emitter.value(part) for part in (node.lower, node.upper, node.step))
    return start, stop, step


def _emit_slice(emitter: Emitter, range: ir.SourceRange, container: SugaredValue, bounds: Bounds) -> SugaredValue:
    if not isinstance(container, SimpleValue) or isinstance(container.value.type, ir.TupleType):
        bounds = _settled(emitter, range, bounds)
    if not isinstance(container, SimpleValue):
        return container.slice(emitter, range, *bounds)
    value = container.value
    if isinstance(value.type, ir.TupleType):
        return emitter.sugar(_emit_tuple_slice(emitter, range, value, value.type, bounds))
    start, stop, step = bounds
    step = emitter.constant(1, range) if step is None else step
    return emitter.sugar(emitter.builtin(range, "aten::slice", value, start, stop, step))


def _settled(emitter: Emitter, range: ir.SourceRange, bounds: Bounds) -> Bounds:
    """Bounds that are known at compile time as the constants that they are."""
    known = [None if bound is None else known_value(emitter, bound) for bound in bounds]
    start, stop, step = (
        bound if bound is None or value is ir.NOT_CONSTANT else emitter.constant(value, range)
        for bound, value in zip(bounds, known, strict=True)
    )
    return start, stop, step


def _emit_tuple_slice(
    emitter: Emitter, range: ir.SourceRange, value: ir.Value, given: ir.TupleType, bounds: Bounds
) -> ir.Value:
    places = builtins.range(len(given.elements))[constant_slice(range, *bounds)]
    parts = [
        emitter.insert(
            "prim::TupleIndex", (value, emitter.constant(place, range)), (given.elements[place],), range
        ).output
        for place in places
    ]
    return emitter.make_tuple(parts, range)


# --- tensors


_Written: TypeAlias = "ast.expr | SugaredValue"
"""An index as it is written, or what it means where that is known already."""


class _Index(NamedTuple):
    """One index, the dimension it applies to, and its value (a slice has bounds instead).

    `shift` is the number of dimensions to be added, where only a run tells it.
    """

    dim: int
    value: ir.Value | None
    bounds: Bounds | None
    shift: ir.Value | None = None
    is_rank_check: bool = False
    """Nothing but that the tensor has so many dimensions."""

    def place(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value | int:
        """The dimension."""
        return self.dim if self.shift is None else emitter.builtin(range, "aten::add", self.shift, self.dim)


def emit_tensor_index(emitter: Emitter, range: ir.SourceRange, value: ir.Value, indices: list[ast.expr]) -> ir.Value:
    """Emit `tensor[indices]`."""
    if not isinstance(value.type, ir.TensorType):
        raise ScriptError(
            "Unsupported operation: attempted to use multidimensional indexing on a non-tensor type", range
        )
    view, tensors = emit_tensor_views(emitter, range, value, indices)
    if not tensors:
        return view
    return emitter.builtin(range, "aten::index", view, index_list(emitter, tensors, range))


def index_list(emitter: Emitter, tensors: list[ir.Value | None], range: ir.SourceRange) -> ir.Value:
    """Emit the list of index tensors, with None for dimensions that have none."""
    values = [emitter.constant(None, range) if tensor is None else tensor for tensor in tensors]
    return emitter.make_list(values, _OPTIONAL_TENSOR, range)


def emit_tensor_views(
    emitter: Emitter, range: ir.SourceRange, value: ir.Value, indices: list[ast.expr]
) -> tuple[ir.Value, list[ir.Value | None]]:
    """Emit the views that integers, slices and None make; with it the index tensors by dimension of the view."""
    tensors: list[ir.Value | None] = []
    written = _written(emitter, range, indices)
    if len(written) == 1 and isinstance(written[0], IndexTuple):
        return emit_placed(emitter, range, value, written[0]), tensors
    for index in _evaluated(emitter, range, written):
        given = index.value
        if index.is_rank_check:
            value = check_rank(emitter, range, value, index.place(emitter, range))
        elif index.bounds is not None:
            start, stop, step = index.bounds
            dim, step = index.place(emitter, range), emitter.constant(1, range) if step is None else step
            value = emitter.builtin(range, "aten::slice", value, dim, start, stop, step)
        elif given is None or given.type is ir.NONE:
            value = emitter.builtin(range, "aten::unsqueeze", value, index.place(emitter, range))
        elif given.type is ir.INT:
            value = emitter.builtin(range, "aten::select", value, index.place(emitter, range), given)
        elif index.shift is not None:
            raise ScriptError("an index tensor cannot stand behind slices whose number only a run knows", range)
        else:
            tensors += [None] * (index.dim + 1 - len(tensors))
            tensors[index.dim] = given
    return value, tensors


def _written(emitter: Emitter, range: ir.SourceRange, indices: list[ast.expr]) -> list[_Written]:
    """The indices, those that a starred or lone tuple holds among them."""
    if len(indices) == 1 and not isinstance(indices[0], (ast.Slice, ast.Starred)) and not _is_ellipsis(indices[0]):
        given = emitter.sugared(indices[0])
        if isinstance(given, (IndexTuple, IndexList)) and given.placed:
            return [IndexTuple(tuple(given.parts), tuple(given.placed))]
        parts = parts_of(emitter, given, range)
        notes.went_beyond = notes.went_beyond or parts is not None
        return [given] if parts is None else list(parts)
    written: list[_Written] = []
    for node in indices:
        if not isinstance(node, ast.Starred):
            written.append(node)
            continue
        notes.went_beyond = True
        starred = emitter.sugared(node.value)
        parts = parts_of(emitter, starred, range)
        written += starred.as_tuple(emitter, range) if parts is None else parts
    return written


def _evaluated(emitter: Emitter, range: ir.SourceRange, indices: list[_Written]) -> list[_Index]:
    """Evaluate the indices before the ellipsis from the left, those after it from the right."""
    ellipses = [place for place, node in enumerate(indices) if _is_ellipsis(node)]
    if len(ellipses) > 1:
        raise ScriptError("An index can only have a single ellipsis ('...')", range)
    split = ellipses[0] if ellipses else len(indices)
    front: list[_Index] = []
    dim, shift = 0, None
    for node in indices[:split]:
        if isinstance(node, FullSlices):
            shift = node.count if shift is None else emitter.builtin(range, "aten::add", shift, node.count)
            continue
        front.append(_evaluate(emitter, range, node, dim)._replace(shift=shift))
        dim += 0 if _removes_dim(front[-1]) else 1
    if split and isinstance(indices[split - 1], FullSlices):
        front.append(_Index(dim, None, None, shift, is_rank_check=True))
    back: list[_Index] = []
    dim, shift = -1, None
    for node in reversed(indices[split + 1 :]):
        if isinstance(node, FullSlices):
            less = emitter.builtin(range, "aten::neg", node.count)
            shift = less if shift is None else emitter.builtin(range, "aten::add", shift, less)
            continue
        index = _evaluate(emitter, range, node, dim)._replace(shift=shift)
        if index.value is not None and isinstance(index.value.type, (ir.TensorType, ir.OptionalType)):
            raise ScriptError("Ellipses followed by tensor indexing is currently not supported", range)
        back.append(index)
        dim -= 0 if index.value is not None and index.value.type is ir.NONE else 1
    if indices[split + 1 :] and isinstance(indices[split + 1], FullSlices):
        back.append(_Index(dim, None, None, shift, is_rank_check=True))
    return front + back[::-1]


def _is_ellipsis(node: _Written) -> bool:
    if isinstance(node, EllipsisValue):
        return True
    if isinstance(node, ast.Name):  # as generated code spells it
        return node.id == "Ellipsis"
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _removes_dim(index: _Index) -> bool:
    return index.value is not None and index.value.type is ir.INT


def _evaluate(emitter: Emitter, range: ir.SourceRange, node: _Written, dim: int) -> _Index:
    if isinstance(node, ast.Slice):
        return _Index(dim, None, _bounds(emitter, node))
    sugared = node if isinstance(node, SugaredValue) else emitter.sugared(node)
    if isinstance(sugared, SliceValue):
        return _Index(dim, None, sugared.bounds)
    value = sugared.as_index(emitter, range if isinstance(node, SugaredValue) else emitter.range(node))
    if isinstance(value.type, ir.ListType):
        value = emitter.builtin(range, "aten::tensor", value, dtype=_LONG)
    if value.type in (ir.NONE, ir.INT) or ir.is_subtype(value.type, _OPTIONAL_TENSOR):
        return _Index(dim, value, None)
    raise ScriptError(
        f"Unsupported operation: indexing tensor with unsupported index type '{type_name(value.type)}'. Only ints, "
        "slices, "
        "lists and tensors are supported",
        range,
    )
