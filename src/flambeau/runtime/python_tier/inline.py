"""Operators that Python itself carries out: no call, just an expression.

Only what is exactly the operator's meaning is here. Ints may leave 64 bits in an expression; they are wrapped when it
is stored (`int_bounds` says when that can be). Where Python does something else for some operands (division by zero,
text that is not ASCII), the expression tests for them and calls the operator's kernel, `{k}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau.ir import NONE, NOT_CONSTANT, Node, constant_value
from flambeau.passes import KNOWN_RANK
from flambeau.runtime.integers import INT_MAX
from flambeau.runtime.python_tier.expressions import Expression

__all__ = ["EXPRESSIONS", "STATEMENTS", "Inline", "inline_of"]


@final
@dataclass(frozen=True, slots=True)
class Inline:
    """What is written for a node: `{0}`, `{1}`, ... are its operands, `{k}` its kernel, other names what they say."""

    text: str
    is_atom: bool = False
    simple: tuple[int, ...] = ()
    """Operands that occur more than once, and so must be variables or literals."""
    reads_state: bool = False
    raises: bool = False
    names: Mapping[str, object] = field(default_factory=dict)


Maker: TypeAlias = "Callable[[Node, Sequence[Expression]], Inline | None]"
"""Decides for one node; None: it needs its kernel after all."""

STATEMENTS: dict[str, str] = {
    "aten::append.t": "{0}.append({1})",
    "aten::_set_item.t": "{0}[{1}] = {2}",
    **{f"aten::_set_item.{key}": "{0}[{1}] = {2}" for key in ("str", "int", "bool", "float", "complex", "Tensor")},
}
"""Overloads that are statements; their result, if they have one, is their first operand."""

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_KEYS = ("str", "int", "bool", "float", "complex", "Tensor")

EXPRESSIONS: dict[str, Inline | Maker] = {
    **{f"aten::{n}.int": Inline(f"{{0}} {s} {{1}}") for n, s in _SYMBOLS.items()},
    **{
        f"aten::{n}.{kinds}": Inline(f"{{0}} {s} {{1}}")
        for n, s in _SYMBOLS.items()
        for kinds in ("float", "int_float", "float_int")
    },
    **{f"aten::{n}.{kind}": Inline(f"{{0}} {s} {{1}}") for n, s in _COMPARISONS.items() for kind in ("int", "float")},
    **{f"aten::{n}.int_float": Inline(f"float({{0}}) {s} {{1}}") for n, s in _COMPARISONS.items()},
    **{f"aten::{n}.float_int": Inline(f"{{0}} {s} float({{1}})") for n, s in _COMPARISONS.items()},
    **{f"aten::{n}.{kind}": Inline(f"{{0}} {_COMPARISONS[n]} {{1}}") for n in ("eq", "ne") for kind in ("bool", "str")},
    **{
        f"aten::{n}.{kind}_list": Inline(f"{{0}} {_COMPARISONS[n]} {{1}}", reads_state=True)
        for n in ("eq", "ne")
        for kind in ("int", "bool", "str")
    },
    "aten::neg.int": Inline("-{0}"),
    "aten::neg.float": Inline("-{0}"),
    "aten::__not__": Inline("not {0}"),
    "aten::__and__.bool": Inline("{0} and {1}"),
    "aten::__or__.bool": Inline("{0} or {1}"),
    "aten::__xor__.bool": Inline("{0} ^ {1}"),
    "aten::__and__.int": Inline("{0} & {1}"),
    "aten::__or__.int": Inline("{0} | {1}"),
    "aten::__xor__.int": Inline("{0} ^ {1}"),
    "aten::Bool.int": Inline("{0} != 0"),
    "aten::Bool.float": Inline("{0} != 0.0"),
    "aten::Int.bool": Inline("int({0})", is_atom=True),
    "aten::Float.int": Inline("float({0})", is_atom=True),
    "aten::Float.bool": Inline("float({0})", is_atom=True),
    "aten::len.t": Inline("len({0})", is_atom=True, reads_state=True),
    "aten::len.str": Inline("len({0}) if {0}.isascii() else {k}({0})", simple=(0,)),
    **{f"aten::len.Dict_{key}": Inline("len({0})", is_atom=True, reads_state=True) for key in _KEYS},
    "aten::__contains__.int_list": Inline("{1} in {0}", reads_state=True),
    "aten::__contains__.str_list": Inline("{1} in {0}", reads_state=True),
    **{f"aten::__contains__.{key}": Inline("{1} in {0}", reads_state=True) for key in _KEYS},
    "aten::__getitem__.t": Inline("{0}[{1}]", is_atom=True, reads_state=True, raises=True),
    "aten::__getitem__.str": Inline(
        "{0}[{1}] if {0}.isascii() else {k}({0}, {1})", simple=(0, 1), reads_state=True, raises=True
    ),
    **{f"aten::__getitem__.Dict_{key}": Inline("{0}[{1}]", True, (), True, True) for key in _KEYS},
    "prim::min.int": Inline("{0} if {0} < {1} else {1}", simple=(0, 1)),
    "prim::max.int": Inline("{0} if {0} > {1} else {1}", simple=(0, 1)),
    "prim::min.float": Inline("{0} if {0} < {1} else {1}", simple=(0, 1)),
    "prim::max.float": Inline("{0} if {0} > {1} else {1}", simple=(0, 1)),
    # The kernel is for negative numbers and what is none.
    **{
        f"aten::sqrt.{kind}": Inline("{sqrt}({0}) if {0} >= 0 else {k}({0})", simple=(0,), names={"sqrt": math.sqrt})
        for kind in ("int", "float")
    },
    "prim::device": Inline("{0}.device", is_atom=True, reads_state=True),
    "prim::requires_grad": Inline("{0}.requires_grad", is_atom=True, reads_state=True),
    "aten::dim": Inline("{0}.dim()", is_atom=True, reads_state=True),
    "aten::numel": Inline("{0}.numel()", is_atom=True, reads_state=True),
    # The kernel is for what is not of the type that is asked for.
    **{
        f"aten::{n}.Tensor": Inline(
            f"item if (item := {{0}}.item()).__class__ is {n.lower()} else {{k}}({{0}})", False, (0,), True, True
        )
        for n in ("Int", "Float")
    },
}
"""By overload: what is written instead of a call."""


def inline_of(name: str, node: Node, operands: Sequence[Expression]) -> Inline | None:
    """What is written for a node that calls an overload; None if that is a call of its kernel."""
    found = EXPRESSIONS.get(name)
    return found if found is None or isinstance(found, Inline) else found(node, operands)


def _expression(*names: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        EXPRESSIONS.update(dict.fromkeys(names, maker))
        return maker

    return register


@_expression("aten::__is__", "aten::__isnot__")
def _is(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """Identity with None; of other values it means more than Python's `is`."""
    word = "is" if node.kind == "aten::__is__" else "is not"
    return Inline(f"{{0}} {word} None") if node.inputs[1].type is NONE else None


@_expression("aten::size")
def _sizes(node: Node, operands: Sequence[Expression]) -> Inline:
    """A list of them, unless that is only taken apart."""
    is_read = any(
        use.user.kind not in ("prim::ListUnpack", "aten::__getitem__", "aten::len") for use in node.output.uses
    )
    return Inline("list({0}.shape)" if is_read else "{0}.shape", is_atom=True, reads_state=True)


@_expression("aten::size.int")
def _size(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """One of them, where the dimension is known to be there: the error is another one."""
    return Inline("{0}.shape[{1}]", is_atom=True, reads_state=True) if node.has_attribute(KNOWN_RANK) else None


@_expression("aten::floordiv.int", "aten::remainder.int")
def _floor_division(node: Node, operands: Sequence[Expression]) -> Inline:
    """Python raises for a divisor of zero, as the operator does."""
    symbol = "//" if node.kind == "aten::floordiv" else "%"
    return Inline(f"{{0}} {symbol} {{1}}", raises=_may_be_zero(operands[1]))


def _may_be_zero(operand: Expression) -> bool:
    low, high = operand.bounds
    return low <= 0 <= high


@_expression("aten::div.int")
def _division_of_ints(node: Node, operands: Sequence[Expression]) -> Inline:
    """A float, of the operands as floats."""
    if not _may_be_zero(operands[1]):
        return Inline("float({0}) / {1}")
    return Inline("float({0}) / {1} if {1} else {k}({0}, {1})", simple=(0, 1))


@_expression("aten::div.float")
def _division(node: Node, operands: Sequence[Expression]) -> Inline:
    divisor = constant_value(node.inputs[1])
    if isinstance(divisor, float) and divisor != 0:
        return Inline("{0} / {1}")
    return Inline("{0} / {1} if {1} else {k}({0}, {1})", simple=(0, 1))


@_expression("aten::slice.t")
def _slice(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """All of it backwards; slices from a known start in steps of one, where the largest int is no end in Python too."""
    start, step = constant_value(node.inputs[1]), constant_value(node.inputs[3])
    if step == -1 and start is None and constant_value(node.inputs[2]) is None:
        return Inline("{0}[::-1]", is_atom=True, reads_state=True)
    if step != 1 or start is NOT_CONSTANT or (isinstance(start, int) and abs(start) > 1 << 62):
        return None
    first = "" if start is None else "{1}"
    last = "" if constant_value(node.inputs[2]) is None else "{2}"
    return Inline(f"{{0}}[{first}:{last}]", is_atom=True, reads_state=True)


@_expression("aten::select.int")
def _select(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """`x[i]`, which is cheaper than a call; so it is in the second dimension only where the first is left as it is."""
    return Inline("{0}[{2}]", True, (), True, True) if constant_value(node.inputs[1]) == 0 else None


_MOST_DIMENSIONS = 4


@_expression("aten::slice.Tensor")
def _slice_of_tensor(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """`x[a:b]`, `x[:, a:b]` and so on."""
    dimension, start, end, step = (constant_value(v) for v in node.inputs[1:])
    if not isinstance(dimension, int) or not 0 <= dimension < _MOST_DIMENSIONS or step != 1:
        return None
    first = "" if start is None or start == 0 else "{2}"
    last = "" if end is None or end == INT_MAX else "{3}"
    return Inline(f"{{0}}[{':, ' * dimension}{first}:{last}]", True, (), True, True)


@_expression("aten::index.Tensor")
def _index(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """`x[i]` for one tensor. (A number in a tensor would give a view.)"""
    indices = node.inputs[1].node
    if indices.kind != "prim::ListConstruct" or len(indices.inputs) != 1 or indices.inputs[0].type.kind != "TensorType":
        return None
    return Inline("{0}[{1}[0]] if {1}[0].dim() else {k}({0}, {1})", simple=(0, 1), reads_state=True, raises=True)


@_expression("aten::__derive_index")
def _derive_index(node: Node, operands: Sequence[Expression]) -> Inline:
    """`start + index * step`, of which often nothing but the index is left."""
    start, step = constant_value(node.inputs[1]), constant_value(node.inputs[2])
    product = "{0}" if step == 1 else "{0} * {2}"
    if start == 0:
        return Inline(product, is_atom=step == 1 and operands[0].is_atom)
    return Inline(f"{{1}} + {product}")


@_expression("aten::__range_length")
def _range_length(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """`len(range(low, high, step))` for a step of 1."""
    low, step = constant_value(node.inputs[0]), constant_value(node.inputs[2])
    if step != 1 or not isinstance(low, int) or abs(low) > 1 << 32:
        return None
    return Inline(f"max({{1}} - {low}, 0)" if low else "max({1}, 0)", is_atom=True)
