"""Lowering of slices among full ones where only a run knows how many there are, or which of them it is.

index = [slice(None)] * x.dim()
index[d] = slice(1, None)
x[tuple(index)]                    slice(x, d, 1)
"""

from __future__ import annotations

from flambeau import ir

from ..emitter import Emitter
from ..values.index_values import FullSlices, IndexTuple
from ..values.simple_values import SliceValue
from .conditions import Condition, emit_if_expression


def emit_placed(emitter: Emitter, range: ir.SourceRange, value: ir.Value, index: IndexTuple) -> ir.Value:
    """Emit `tensor[index]` of full slices, with others in the places of some."""
    length = _length(emitter, range, index)
    if _is_rank_of(emitter, length, value):
        # Every dimension has its slice, and the place of a slice is its dimension.
        for place, slice in index.placed:
            value = _emit_slice(emitter, range, value, place, slice)
        return value
    for place, slice in index.placed:
        value = _emit_slice(emitter, range, value, _checked(emitter, range, place, length), slice)
    return check_rank(emitter, range, value, length)


def check_rank(emitter: Emitter, range: ir.SourceRange, value: ir.Value, dim: ir.Value | int) -> ir.Value:
    """The same tensor; an IndexError if it has no room for one more dimension there, that is if it has too few."""
    return emitter.builtin(range, "aten::squeeze", emitter.builtin(range, "aten::unsqueeze", value, dim), dim)


def _emit_slice(emitter: Emitter, range: ir.SourceRange, value: ir.Value, dim: ir.Value, slice: SliceValue) -> ir.Value:
    start, stop, step = slice.bounds
    return emitter.builtin(range, "aten::slice", value, dim, start, stop, 1 if step is None else step)


def _length(emitter: Emitter, range: ir.SourceRange, index: IndexTuple) -> ir.Value:
    counts = [part.count for part in index.parts if isinstance(part, FullSlices)]
    single = len(index.parts) - len(counts)
    total = emitter.constant(single, range) if single or not counts else None
    for count in counts:
        total = count if total is None else emitter.builtin(range, "aten::add", total, count)
    return emitter.constant(0, range) if total is None else total


def _is_rank_of(emitter: Emitter, length: ir.Value, tensor: ir.Value) -> bool:
    """Whether a number is how many dimensions the tensor has."""
    made = emitter.environment.origin(length).node
    if made.kind == "aten::len":
        made = emitter.environment.origin(made.inputs[0]).node
        return made.kind in ("aten::size", "aten::shape") and _is_same(emitter, made.inputs[0], tensor)
    return made.kind in ("aten::dim", "aten::ndim") and _is_same(emitter, made.inputs[0], tensor)


def _is_same(emitter: Emitter, one: ir.Value, other: ir.Value) -> bool:
    return emitter.environment.origin(one) is emitter.environment.origin(other)


def _checked(emitter: Emitter, range: ir.SourceRange, place: ir.Value, length: ir.Value) -> ir.Value:
    """A place in a list of that length, counted from its start; raises as Python does if it has none such."""
    is_negative = Condition(emitter.builtin(range, "aten::lt", place, 0))
    settled = emit_if_expression(
        emitter,
        range,
        is_negative,
        lambda: emitter.builtin(range, "aten::add", place, length),
        lambda: place,
    )
    outside = emitter.builtin(
        range,
        "aten::__or__",
        emitter.builtin(range, "aten::lt", settled, 0),
        emitter.builtin(range, "aten::ge", settled, length),
    )
    check = emitter.insert("prim::If", (outside,), (), range)
    with emitter.graph.inserting_at(check.add_block()):
        message = emitter.constant("list assignment index out of range", range)
        raised = message, emitter.constant("builtins.IndexError", range)
        emitter.insert("prim::RaiseException", raised, (), range)
    check.add_block()
    return settled
