"""Operators: arithmetic, bits, comparisons, membership, identity.

Each is an operator of the table, or a method of the left operand where that is an object (`__add__`).
"""

from __future__ import annotations

import ast

from flambeau import ir

from ..assumptions import notes
from ..emitter import Emitter
from ..folding import known_value
from ..formatting.percent_formats import emit_percent_format
from ..formatting.texts import shown_operand
from ..matching.conversions import unpack_tuple
from ..syntax import expression
from ..values.index_values import joined, repeated
from ..values.sugared import Arg, SugaredValue
from .calls import argument
from .conditions import Condition, emit_condition, emit_identity, emit_if_expression, emit_to_bool

_LONGEST_TUPLE = 256

BINARY: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("aten::add", "__add__"),
    ast.Sub: ("aten::sub", "__sub__"),
    ast.Mult: ("aten::mul", "__mul__"),
    ast.Div: ("aten::div", "__truediv__"),
    ast.FloorDiv: ("aten::floordiv", "__floordiv__"),
    ast.Mod: ("aten::remainder", "__mod__"),
    ast.Pow: ("aten::pow", "__pow__"),
    ast.MatMult: ("aten::matmul", "__matmul__"),
    ast.BitAnd: ("aten::__and__", "__and__"),
    ast.BitOr: ("aten::__or__", "__or__"),
    ast.BitXor: ("aten::__xor__", "__xor__"),
    ast.LShift: ("aten::__lshift__", "__lshift__"),
    ast.RShift: ("aten::__rshift__", "__rshift__"),
}
"""Binary operators: the operator of the table, and the method by which a class defines it."""

_UNARY: dict[type[ast.unaryop], tuple[str, str]] = {
    ast.USub: ("aten::neg", "__neg__"),
    ast.Invert: ("aten::bitwise_not", "__invert__"),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("aten::eq", "__eq__"),
    ast.NotEq: ("aten::ne", "__ne__"),
    ast.Lt: ("aten::lt", "__lt__"),
    ast.LtE: ("aten::le", "__le__"),
    ast.Gt: ("aten::gt", "__gt__"),
    ast.GtE: ("aten::ge", "__ge__"),
}


@expression(ast.BinOp)
def emit_binary(emitter: Emitter, node: ast.BinOp, hint: ir.Type | None) -> SugaredValue:
    # `a + b + c + ...` nests to the left; going down it in a loop keeps long sums from nesting calls.
    chain: list[ast.BinOp] = [node]
    while isinstance(chain[-1].left, ast.BinOp):
        chain.append(chain[-1].left)
    result = argument(emitter, chain[-1].left, None)
    for step in reversed(chain):
        right = argument(emitter, step.right, None)
        range_ = emitter.range(step)
        combined = _of_sequences(emitter, step.op, result, right, range_)
        if combined is None:
            combined = emitter.sugar(emit_binary_operator(emitter, step.op, result, right, range_))
        result = Arg(combined, range_)
    return result.sugared


def _of_sequences(
    emitter: Emitter, op: ast.operator, left: Arg, right: Arg, range: ir.SourceRange
) -> SugaredValue | None:
    """Sums and repetitions of tuples that are no values of the graph, and repetitions of those that are."""
    if isinstance(op, ast.Add):
        return joined(emitter, left, right, range)
    if not isinstance(op, ast.Mult):
        return None
    found = repeated(emitter, left, right, range)
    if found is not None or not emitter.infers or not (left.sugared.is_first_class and right.sugared.is_first_class):
        return found
    whole, count = left.value(emitter), right.value(emitter)
    if isinstance(count.type, ir.TupleType):
        whole, count = count, whole
    if not isinstance(whole.type, ir.TupleType) or count.type is not ir.INT:
        return None
    known, elements = known_value(emitter, count), emitter.sugar(whole).as_tuple(emitter, range)
    values = [element.as_value(emitter, range) for element in elements]
    if isinstance(known, int) and known * len(values) <= _LONGEST_TUPLE:
        return emitter.sugar(emitter.make_tuple(values * known, range))
    types = {ir.unshaped(value.type) for value in values}
    if len(types) != 1:
        return None
    # How long it is only a run tells, so that a list has to do.
    return emitter.sugar(emitter.builtin(range, "aten::mul", emitter.make_list(values, types.pop(), range), count))


def emit_binary_operator(emitter: Emitter, op: ast.operator, left: Arg, right: Arg, range: ir.SourceRange) -> ir.Value:
    """Emit `left op right`."""
    operator, method = BINARY[type(op)]
    if isinstance(op, ast.Mod) and left.sugared.is_first_class and left.value(emitter).type is ir.STRING:
        return emit_percent_format(emitter, left.value(emitter), shown_operand(emitter, right), range)
    values = left.value(emitter), right.value(emitter)
    if isinstance(op, ast.Pow) and emitter.infers and values[0].type is values[1].type is ir.INT:
        base, exponent = known_value(emitter, values[0]), known_value(emitter, values[1])
        if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent < 64 and abs(base**exponent) < 1 << 63:
            # An int, as in Python; a script's own operator gives a float.
            return emitter.constant(base**exponent, range)
    if isinstance(op, ast.Add) and all(isinstance(value.type, ir.TupleType) for value in values):
        emitter.graph.current_range = range
        parts = [part for value in values for part in unpack_tuple(emitter.graph, value)]
        return emitter.make_tuple(parts, range)
    return _operate(emitter, operator, method, values, range)


def _operate(
    emitter: Emitter, operator: str, method: str, values: tuple[ir.Value, ...], range: ir.SourceRange
) -> ir.Value:
    if isinstance(values[0].type, (ir.ClassType, ir.InterfaceType)):
        return emitter.method(range, values[0], method, *values[1:])
    return emitter.builtin(range, operator, *values)


@expression(ast.UnaryOp)
def emit_unary(emitter: Emitter, node: ast.UnaryOp, hint: ir.Type | None) -> SugaredValue:
    if isinstance(node.op, ast.Not):
        return emitter.sugar(emit_condition(emitter, node).value)
    if isinstance(node.op, ast.UAdd):
        return _emit_plus(emitter, node)
    if type(node.op) not in _UNARY:
        raise emitter.unsupported(node, f"unsupported unary operator: {type(node.op).__name__}")
    range_ = emitter.range(node)
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and node.operand.value == 1 << 63:
        # The only negative int whose digits are no int by themselves.
        return emitter.sugar(emitter.constant(-(1 << 63), range_))
    value = emitter.value(node.operand)
    constant = ir.constant_value(value)
    if isinstance(node.op, ast.USub) and isinstance(constant, (int, float, complex)) and not isinstance(constant, bool):
        return emitter.sugar(emitter.constant(-constant, range_))
    return emitter.sugar(_operate(emitter, *_UNARY[type(node.op)], (value,), range_))


def _emit_plus(emitter: Emitter, node: ast.UnaryOp) -> SugaredValue:
    """`+x`, which is x itself for numbers. (PyTorch's compiler does not have it.)"""
    value = emitter.value(node.operand)
    if value.type is ir.BOOL:
        return emitter.sugar(emitter.builtin(emitter.range(node), "aten::Int", value))
    if value.type in (ir.INT, ir.FLOAT, ir.COMPLEX, ir.NUMBER):
        return emitter.sugar(value)
    if isinstance(value.type, ir.TensorType):
        return emitter.sugar(emitter.builtin(emitter.range(node), "aten::positive", value))
    raise emitter.unsupported(node, f"unsupported unary operator: UAdd of a value of type {value.type}")


@expression(ast.Compare)
def emit_compare(emitter: Emitter, node: ast.Compare, hint: ir.Type | None) -> SugaredValue:
    if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
        return emitter.sugar(emit_condition(emitter, node).value)
    return emitter.sugar(_emit_links(emitter, node, argument(emitter, node.left, None), 0))


def _emit_links(emitter: Emitter, node: ast.Compare, left: Arg, index: int) -> ir.Value:
    """`a < b < c` from link `index` on: the rest is evaluated only if this link holds, `b` only once."""
    range_ = emitter.range(node)
    right = argument(emitter, _searched(node.ops[index], node.comparators[index]), None)
    result = _emit_link(emitter, node.ops[index], left, right, range_)
    if index + 1 == len(node.ops):
        return result
    condition = Condition(emit_to_bool(emitter, result, range_))
    return emit_if_expression(
        emitter,
        range_,
        condition,
        lambda: emit_to_bool(emitter, _emit_links(emitter, node, right, index + 1), range_),
        lambda: emitter.constant(False, range_),
    )


def _searched(op: ast.cmpop, node: ast.expr) -> ast.expr:
    """`x in {1, 2}` searches a list; scripts have no sets."""
    if isinstance(op, (ast.In, ast.NotIn)) and isinstance(node, ast.Set):
        return ast.copy_location(ast.List(node.elts, ast.Load()), node)
    return node


def _identity_among(emitter: Emitter, left: Arg, right: Arg, range: ir.SourceRange) -> ir.Value | None:
    """`type(x) in (list, tuple)`, of classes and functions only; None for anything else."""
    wanted = left.sugared.identity
    if wanted is None or right.sugared.kind != "tuple" or right.sugared.is_first_class:
        return None
    identities = [part.identity for part in right.sugared.as_tuple(emitter, range)]
    return None if None in identities else emitter.constant(wanted in identities, range)


def _known_membership(emitter: Emitter, left: Arg, right: Arg, range: ir.SourceRange) -> ir.Value | None:
    """`item in (a, b)`, if all of it is known; None if it is not."""
    if not emitter.infers or not left.sugared.is_first_class or not right.sugared.is_first_class:
        return None
    item, container = known_value(emitter, left.value(emitter)), known_value(emitter, right.value(emitter))
    if isinstance(container, tuple) and not isinstance(item, ir.EnumValue):
        container = tuple(map(_as_value_mixed_in, container))
    if item is ir.NOT_CONSTANT or not isinstance(container, (tuple, str)):
        return None
    if isinstance(container, str):
        return emitter.constant(item in container, range) if isinstance(item, str) else None
    return emitter.constant(item in container, range)


def _as_value_mixed_in(constant: object) -> object:
    return constant.value if isinstance(constant, ir.EnumValue) and constant.type.mixes_in_value else constant


def _mixes_in_value(given: ir.Type) -> bool:
    return isinstance(given, ir.EnumType) and given.mixes_in_value


def _emit_comparisons(emitter: Emitter, left: Arg, right: Arg, range: ir.SourceRange) -> ir.Value | None:
    """`item in (a, None, b)` of elements that have no common type: one comparison after the other."""
    given = right.sugared.as_value(emitter, range) if right.sugared.is_first_class else None
    if given is None or not isinstance(given.type, ir.TupleType):
        return None
    kinds = set(given.type.elements)
    if len(kinds) < 2 and (kinds == {left.value(emitter).type} or not any(map(_mixes_in_value, kinds))):
        return None
    item, result = left.value(emitter), emitter.constant(False, range)
    for part in emitter.sugar(given).as_tuple(emitter, range):
        element = part.as_value(emitter, range)
        if ir.NONE in (element.type, item.type):
            same = emitter.builtin(range, "aten::__is__", item, element)
        elif isinstance(item.type, ir.OptionalType):
            same = _emit_equal_if_present(emitter, item, item.type.element, element, range)
        else:
            same = emitter.builtin(range, "aten::eq", item, element)
        result = emitter.builtin(range, "aten::__or__", result, same)
    return result


def _emit_equal_if_present(
    emitter: Emitter, item: ir.Value, present: ir.Type, element: ir.Value, range: ir.SourceRange
) -> ir.Value:
    return emit_if_expression(
        emitter,
        range,
        Condition(emitter.builtin(range, "aten::__isnot__", item, None)),
        lambda: emitter.builtin(range, "aten::eq", emitter.unchecked_cast(item, present, range), element),
        lambda: emitter.constant(False, range),
    )


def _emit_link(emitter: Emitter, op: ast.cmpop, left: Arg, right: Arg, range: ir.SourceRange) -> ir.Value:
    if isinstance(op, (ast.In, ast.NotIn)):
        found = _identity_among(emitter, left, right, range) or _known_membership(emitter, left, right, range)
        if found is None and emitter.infers:
            found = _emit_comparisons(emitter, left, right, range)
        if found is None:
            found = right.sugared.contains(emitter, range, left.value(emitter))
        return found if isinstance(op, ast.In) else emitter.builtin(range, "aten::__not__", found)
    identities = left.sugared.identity, right.sugared.identity
    if isinstance(op, (ast.Eq, ast.NotEq)) and None not in identities:
        # Functions and classes equal themselves only.
        return emitter.constant((identities[0] == identities[1]) is isinstance(op, ast.Eq), range)
    values = left.value(emitter), right.value(emitter)
    if isinstance(op, (ast.Is, ast.IsNot)):
        return emit_identity(emitter, *values, isinstance(op, ast.Is), range)
    if isinstance(op, (ast.Eq, ast.NotEq)) and ir.NONE in (values[0].type, values[1].type):
        # Only None equals None. (There is no such operator for numbers and strings.)
        other = values[1].type if values[0].type is ir.NONE else values[0].type
        if other is ir.NONE or other in (ir.INT, ir.FLOAT, ir.BOOL, ir.STRING, ir.COMPLEX):
            notes.went_beyond = True
            return emitter.constant((other is ir.NONE) is isinstance(op, ast.Eq), range)
    operator, method = _COMPARISONS[type(op)]
    return _operate(emitter, operator, method, values, range)
