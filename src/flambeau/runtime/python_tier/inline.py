"""Operators that Python itself carries out: no call, just an expression.

Each entry says what an overload becomes, given the spelling of its operands. Only what is exactly the operator's
meaning is here: ints that may leave 64 bits are wrapped by a statement behind the expression, and what Python does
differently (division by zero, text that is not ASCII, negative exponents) goes through the operator's kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from flambeau.ir import NONE, NOT_CONSTANT, Node, constant_value

Expression: TypeAlias = "Callable[[Node, Sequence[str]], str | None]"
"""The expression for a node, or None where this very node needs its kernel after all."""

EXPRESSIONS: dict[str, Expression] = {}
"""By overload: what is written instead of a call."""

WRAPPING: dict[str, str] = {
    "aten::add.int": "{0} + {1}",
    "aten::sub.int": "{0} - {1}",
    "aten::mul.int": "{0} * {1}",
    "aten::neg.int": "-{0}",
}
"""Overloads whose result must be brought back into 64 bits where it may leave them (`int_bounds`)."""

STATEMENTS: dict[str, str] = {
    "aten::append.t": "{0}.append({1})",
    "aten::_set_item.t": "{0}[{1}] = {2}",
}
"""Overloads that return their first operand, as the statement that does the rest."""

_TEMPLATES = {
    **{
        f"aten::{name}.{kinds}": f"{{0}} {symbol} {{1}}"
        for name, symbol in {"add": "+", "sub": "-", "mul": "*"}.items()
        for kinds in ("float", "int_float", "float_int")
    },
    **{
        f"aten::{name}.{kinds}": f"{{0}} {symbol} {{1}}"
        for name, symbol in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items()
        for kinds in ("int", "float", "int_float", "float_int")
    },
    "aten::eq.bool": "{0} == {1}",
    "aten::ne.bool": "{0} != {1}",
    "aten::eq.str": "{0} == {1}",
    "aten::ne.str": "{0} != {1}",
    "aten::neg.float": "-{0}",
    "aten::__not__": "not {0}",
    "aten::__and__.bool": "{0} & {1}",
    "aten::__or__.bool": "{0} | {1}",
    "aten::__xor__.bool": "{0} ^ {1}",
    "aten::__and__.int": "{0} & {1}",
    "aten::__or__.int": "{0} | {1}",
    "aten::__xor__.int": "{0} ^ {1}",
    "aten::Bool.int": "{0} != 0",
    "aten::Bool.float": "{0} != 0.0",
    "aten::Int.bool": "int({0})",
    "aten::len.t": "len({0})",
    "aten::len.Dict_str": "len({0})",
    "aten::len.Dict_int": "len({0})",
    "aten::__contains__.str": "{1} in {0}",
    "aten::__contains__.int": "{1} in {0}",
    "aten::__getitem__.t": "{0}[{1}]",
    "prim::min.int": "{0} if {0} < {1} else {1}",
    "prim::max.int": "{0} if {0} > {1} else {1}",
}


def _templated(template: str) -> Expression:
    return lambda node, operands: template.format(*operands)


EXPRESSIONS.update({name: _templated(template) for name, template in _TEMPLATES.items()})


def _expression(*names: str) -> Callable[[Expression], Expression]:
    def register(expression: Expression) -> Expression:
        EXPRESSIONS.update(dict.fromkeys(names, expression))
        return expression

    return register


@_expression("aten::__is__")
def _is(node: Node, operands: Sequence[str]) -> str | None:
    """Identity with None; of other values it means more than Python's `is`."""
    return f"{operands[0]} is None" if node.inputs[1].type is NONE else None


@_expression("aten::__isnot__")
def _is_not(node: Node, operands: Sequence[str]) -> str | None:
    return f"{operands[0]} is not None" if node.inputs[1].type is NONE else None


@_expression("aten::floordiv.int", "aten::remainder.int")
def _floor_division(node: Node, operands: Sequence[str]) -> str | None:
    """Python's own where the divisor is known not to be 0 (an error) or -1 (which may overflow)."""
    divisor = constant_value(node.inputs[1])
    if divisor is NOT_CONSTANT or divisor in (0, -1):
        return None
    return f"{operands[0]} {'//' if node.kind == 'aten::floordiv' else '%'} {operands[1]}"


@_expression("aten::__derive_index")
def _derive_index(node: Node, operands: Sequence[str]) -> str | None:
    """`start + index * step`, of which often nothing but the index is left."""
    start, step = constant_value(node.inputs[1]), constant_value(node.inputs[2])
    if step != 1 or start is NOT_CONSTANT:
        return None
    return operands[0] if start == 0 else f"{operands[0]} + {operands[1]}"


@_expression("aten::__range_length")
def _range_length(node: Node, operands: Sequence[str]) -> str | None:
    """`len(range(low, high, step))` for a step of 1."""
    low, step = constant_value(node.inputs[0]), constant_value(node.inputs[2])
    if step != 1 or not isinstance(low, int) or abs(low) > 1 << 32:
        return None
    return f"max({operands[1]} - {low}, 0)" if low else f"max({operands[1]}, 0)"
