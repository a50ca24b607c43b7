"""Augmented assignments: `x += y` and its like, on names, attributes and items.

On tensors and lists these change the object in place, as in Python; so `a = x; x += 1` changes `a`.
"""

from __future__ import annotations

import ast

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..expressions.arithmetic import BINARY, emit_binary_operator
from ..expressions.attributes import read_attribute
from ..expressions.calls import argument
from ..expressions.subscripts import emit_tensor_views, index_expressions, index_list
from ..syntax import statement
from ..values.container_inference import reconsider_literal
from ..values.sugared import Arg
from .assignments import set_item
from .list_slices import extend_slice

_IN_PLACE: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("aten::add_", "__iadd__"),
    ast.Sub: ("aten::sub_", "__isub__"),
    ast.Mult: ("aten::mul_", "__imul__"),
    ast.Div: ("aten::div_", "__itruediv__"),
    ast.FloorDiv: ("aten::floor_divide_", "__ifloordiv__"),
    ast.Mod: ("aten::remainder_", "__imod__"),
    ast.Pow: ("aten::pow_", "__ipow__"),
    ast.BitAnd: ("aten::__iand__", "__iand__"),
    ast.BitOr: ("aten::__ior__", "__ior__"),
    ast.BitXor: ("aten::__ixor__", "__ixor__"),
    ast.LShift: ("aten::__ilshift__", "__ilshift__"),
    ast.RShift: ("aten::__irshift__", "__irshift__"),
    ast.MatMult: ("", "__imatmul__"),
}
_LIST_OPERATORS = (ast.Add, ast.Mult)


@statement(ast.AugAssign)
def emit_augmented(emitter: Emitter, node: ast.AugAssign) -> None:
    match node.target:
        case ast.Name():
            target, range_ = node.target, emitter.range(node.target)
            name = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            if isinstance(emitter.environment.assumed_type(target.id), ir.TensorType):
                # It began as a number: an operation in place would keep the shape and element type of that.
                left, right = Arg(emitter.sugared(name), range_), argument(emitter, node.value, None)
                result = emit_binary_operator(emitter, node.op, left, right, emitter.range(node))
                emitter.environment.assign(target.id, emitter.sugar(result), range_)
                return
            result = _operate(emitter, node, emitter.value(name))
            emitter.environment.assign(target.id, emitter.sugar(result), range_)
        case ast.Attribute():
            _emit_on_attribute(emitter, node, node.target)
        case ast.Subscript():
            _emit_on_item(emitter, node, node.target)


def _operate(emitter: Emitter, node: ast.AugAssign, current: ir.Value) -> ir.Value:
    """Emit the operation on the value that the target has now; the new value (the same object, if changed in place)."""
    range_ = emitter.range(node)
    operator, method = _IN_PLACE[type(node.op)]
    given = current.type
    is_list = isinstance(given, ir.ListType) and isinstance(node.op, _LIST_OPERATORS)
    if operator and (is_list or isinstance(given, ir.TensorType)):
        operand = emitter.value(node.value)
        try:
            return emitter.builtin(range_, operator, current, operand)
        except ScriptError as error:
            reconsider_literal(emitter, error, operator, current, [operand])
            raise
    if isinstance(given, ir.ClassType):
        method = method if method in given.methods else BINARY[type(node.op)][1]
        if method not in given.methods:
            raise ScriptError(
                f"Cannot emit inplace op on {type_name(given)} since it does not define an "
                f"{_IN_PLACE[type(node.op)][1]} or {method} method",
                range_,
            )
        return emitter.method(range_, current, method, emitter.value(node.value))
    left = Arg(emitter.sugar(current), emitter.range(node.target))
    return emit_binary_operator(emitter, node.op, left, argument(emitter, node.value, None), range_)


def _emit_on_attribute(emitter: Emitter, node: ast.AugAssign, target: ast.Attribute) -> None:
    range_ = emitter.range(target)
    owner = emitter.sugared(target.value)
    current = read_attribute(emitter, target, owner).as_value(emitter, range_)
    if current in emitter.former_numbers:
        # As with variables that began as numbers, an operation in place would keep shape and element type.
        left, right = Arg(emitter.sugar(current), range_), argument(emitter, node.value, None)
        result = emit_binary_operator(emitter, node.op, left, right, emitter.range(node))
        owner.set_attribute(emitter, range_, target.attr, result)
        return
    result = _operate(emitter, node, current)
    if isinstance(current.type, ir.TensorType) and result.node.kind == _IN_PLACE[type(node.op)][0]:
        # The attribute holds the changed tensor already.
        return
    owner.set_attribute(emitter, range_, target.attr, result)


def _emit_on_item(emitter: Emitter, node: ast.AugAssign, target: ast.Subscript) -> None:
    range_ = emitter.range(target)
    container = emitter.value(target.value)
    indices = index_expressions(target)
    if isinstance(container.type, ir.TensorType):
        view, tensors = emit_tensor_views(emitter, range_, container, indices)
        if not tensors:
            if _operate(emitter, node, view).node.kind != _IN_PLACE[type(node.op)][0]:
                raise emitter.unsupported(node, f"unsupported kind of augmented assignment: {type(node.op).__name__}")
            return
        places = index_list(emitter, tensors, range_)
        result = _operate(emitter, node, emitter.builtin(range_, "aten::index", view, places))
        emitter.builtin(range_, "aten::index_put_", view, places, result)
        return
    if isinstance(container.type, ir.ListType) and isinstance(target.slice, ast.Slice):
        added = argument(emitter, node.value, None).sugared
        if not isinstance(node.op, ast.Add):
            raise emitter.unsupported(node, "of augmented assignments to slices of lists only += is supported")
        extend_slice(emitter, range_, container, target.slice, added)
        return
    if len(indices) != 1 or isinstance(indices[0], ast.Slice):
        raise emitter.error(
            target,
            "Sliced expression not yet supported for subscripted augmented assignment. File a bug if you want this",
        )
    index = emitter.value(indices[0])
    current = emitter.sugar(container).item(emitter, range_, index).as_value(emitter, range_)
    set_item(emitter, range_, container, index, _operate(emitter, node, current))
