"""What is known of values while a function is compiled: results of arithmetic on constants, without running anything.

Nodes stay as they are emitted; this only looks at them, to decide which branch is taken, which module
an index means:

    stage = 2 * i + 1        known_value(stage) is 5 where a loop is unrolled and i is 2
    f"conv{stage}"           known_value is "conv5"

What may change later (lists, dicts, tensors, objects) is never known.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

from flambeau import ir

if TYPE_CHECKING:
    from .emitter import Emitter

_SCALARS = (bool, int, float, str, type(None), ir.EnumValue)
_LARGEST_TEXT = 10_000
_INT64 = range(-(1 << 63), 1 << 63)


def _power(base: object, exponent: object) -> object:
    if isinstance(base, (int, float)) and isinstance(exponent, (int, float)) and abs(exponent) < 64:
        return float(base) ** exponent if base != 0 else ir.NOT_CONSTANT
    return ir.NOT_CONSTANT


def _format(text: str, *values: object) -> str:
    return text.format(*values)


def _percent_format(text: str, *values: object) -> str:
    return text % values


_FOLDED: dict[str, Callable[..., object]] = {
    "aten::add": operator.add,
    "aten::sub": operator.sub,
    "aten::mul": operator.mul,
    "aten::floordiv": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::div": operator.truediv,
    "aten::neg": operator.neg,
    "aten::pow": _power,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::__not__": operator.not_,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::__is__": operator.is_,
    "aten::__isnot__": operator.is_not,
    "aten::len": len,
    "aten::Int": int,
    "aten::Float": float,
    "aten::Bool": bool,
    "aten::str": str,
    "aten::format": _format,
    "aten::percentFormat": _percent_format,
    "aten::sqrt": math.sqrt,
    "aten::ceil": math.ceil,
    "aten::floor": math.floor,
    "prim::abs": abs,
    "prim::min": min,
    "prim::max": max,
    "aten::lower": str.lower,
    "aten::upper": str.upper,
    "aten::startswith": str.startswith,
    "aten::endswith": str.endswith,
    "prim::EnumName": operator.attrgetter("name"),
    "prim::EnumValue": operator.attrgetter("value"),
}
"""Operators on scalars and strings whose results are those of Python's functions."""


def known_value(emitter: Emitter, value: ir.Value) -> object:
    """The scalar, string or tuple that a value is certain to be; `ir.NOT_CONSTANT` if that is not known."""
    try:
        return _known(emitter, value, 0)
    except (ArithmeticError, ValueError, TypeError, LookupError):
        # What fails now is left to fail when the program runs.
        return ir.NOT_CONSTANT


def _known(emitter: Emitter, value: ir.Value, depth: int) -> object:
    value = emitter.environment.origin(value)
    constant = ir.constant_value(value)
    if isinstance(constant, _SCALARS) or _is_plain_tuple(constant):
        return constant
    node = value.node
    if depth > 100:
        return ir.NOT_CONSTANT
    if node.kind == "prim::TupleUnpack":
        whole = _known(emitter, node.input, depth + 1)
        return whole[value.offset] if isinstance(whole, tuple) else ir.NOT_CONSTANT
    if node.kind in ("prim::TupleConstruct", "prim::TupleIndex", "aten::__contains__"):
        return _of_structure(emitter, node, depth)
    if node.kind in ("prim::min", "prim::max") and len(node.inputs) == 1:
        choices = _temporary(emitter, node.inputs[0], depth)
        return _FOLDED[node.kind](choices) if choices else ir.NOT_CONSTANT
    if node.kind == "aten::len" and isinstance(node.inputs[0].type, ir.ListType):
        length = known_length(emitter, node.inputs[0])
        return ir.NOT_CONSTANT if length is None else length
    if node.kind not in _FOLDED or not node.inputs or len(node.outputs) != 1:
        return ir.NOT_CONSTANT
    if any(isinstance(given.type, (ir.TensorType, ir.ListType, ir.DictType, ir.ClassType)) for given in node.inputs):
        return ir.NOT_CONSTANT
    operands = [_known(emitter, given, depth + 1) for given in node.inputs]
    if any(operand is ir.NOT_CONSTANT for operand in operands):
        return ir.NOT_CONSTANT
    if any(isinstance(operand, ir.EnumValue) for operand in operands):
        members_only = all(isinstance(operand, ir.EnumValue) for operand in operands)
        if not members_only or node.kind not in ("aten::eq", "aten::ne", "prim::EnumName", "prim::EnumValue"):
            return ir.NOT_CONSTANT
    result = _FOLDED[node.kind](*operands)
    if (isinstance(result, int) and result not in _INT64) or (isinstance(result, str) and len(result) > _LARGEST_TEXT):
        return ir.NOT_CONSTANT
    return result if isinstance(result, _SCALARS) else ir.NOT_CONSTANT


def _is_plain_tuple(constant: object) -> bool:
    return isinstance(constant, tuple) and all(isinstance(e, _SCALARS) or _is_plain_tuple(e) for e in constant)


def _of_structure(emitter: Emitter, node: ir.Node, depth: int) -> object:
    """An element of a tuple that was just made; membership in a literal that nothing else can see."""
    if node.kind == "prim::TupleConstruct":
        parts = tuple(_known(emitter, part, depth + 1) for part in node.inputs)
        return ir.NOT_CONSTANT if any(part is ir.NOT_CONSTANT for part in parts) else parts
    if node.kind == "prim::TupleIndex":
        made = emitter.environment.origin(node.inputs[0])
        position = _known(emitter, node.inputs[1], depth + 1)
        elements = _elements(made)
        if elements is None or not isinstance(position, int):
            return ir.NOT_CONSTANT
        element = elements[position]
        return _known(emitter, element, depth + 1) if isinstance(element, ir.Value) else element
    container, item = node.inputs
    choices = _temporary(emitter, container, depth)
    wanted = _known(emitter, item, depth + 1)
    return ir.NOT_CONSTANT if wanted is ir.NOT_CONSTANT or choices is None else wanted in choices


def _temporary(emitter: Emitter, container: ir.Value, depth: int) -> list[object] | None:
    """The elements of a list that only the operator in question sees, if all are known."""
    if container.node.kind != "prim::ListConstruct" or container.has_debug_name:
        return None
    choices = [_known(emitter, choice, depth + 1) for choice in container.node.inputs]
    return None if any(choice is ir.NOT_CONSTANT for choice in choices) else choices


_CHANGING_NAMES = "append extend insert pop remove clear reverse sort _set_item Delete add_ mul_"
CHANGING = frozenset(f"aten::{name}" for name in _CHANGING_NAMES.split())
"""Operators that change a list."""
_KEEPING_LENGTH = frozenset({"aten::_set_item", "aten::reverse", "aten::sort"})


def known_length(emitter: Emitter, value: ir.Value) -> int | None:
    """The length of a list made by a literal, to which elements were appended in a straight line; else None."""
    made = emitter.environment.origin(value)
    if made.node.kind not in ("prim::ListConstruct", "prim::EmptyListLiteral"):
        return None
    length = len(made.node.inputs)
    for node in emitter.graph.walk():
        if node.kind not in CHANGING or emitter.environment.origin(node.inputs[0]) is not made:
            continue
        if node.kind in _KEEPING_LENGTH:
            continue
        if node.kind != "aten::append" or not _is_straight(node, made.node.owning_block):
            return None
        length += 1
    return length


def _is_straight(node: ir.Node, block: ir.Block | None) -> bool:
    """Whether a node runs exactly once whenever a block does: it stands there, or in a comprehension there."""
    owner = node.owning_block
    while owner is not block:
        outer = None if owner is None else owner.owning_node
        if outer is None or outer.kind != "prim::ComprehensionScope":
            return False
        owner = outer.owning_block
    return True


def _elements(made: ir.Value) -> list[object] | None:
    if made.node.kind == "prim::TupleConstruct":
        return list(made.node.inputs)
    constant = ir.constant_value(made)
    return list(constant) if isinstance(constant, tuple) and all(isinstance(e, _SCALARS) for e in constant) else None
