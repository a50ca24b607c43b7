"""f-strings.

f"a{x}"                aten::format("a{}", x)
f"{n:5d} {s:<8}"       aten::format("{} {}", aten::rjust("%d" % n, 5, " "), aten::ljust(s, 8, " "))

PyTorch's compiler takes neither format specs nor conversions. What is emitted for them here are operators that it has:
`aten::percentFormat`, which knows no width and no precision, and the methods of strings that fill up to a width. So
the precision of a number can only be the 6 digits that `%f` and `%e` have, and thousands, signs and bases stay out;
so does `^`, which PyTorch's `center` rounds otherwise. Widths count bytes, as they do in all methods of strings.
"""

from __future__ import annotations

import ast
import re

from flambeau import ir

from .conditions import Condition, emit_if_expression
from .emitter import Emitter
from .syntax import expression
from .values import SimpleValue

_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>]))?(?P<zeros>0)?(?P<width>\d+)?(?:\.(?P<digits>\d+))?(?P<kind>[dsfe])?"
)
_ALIGN = {"<": "aten::ljust", ">": "aten::rjust"}
_NUMBERS = {"d": (ir.INT,), "f": (ir.FLOAT, ir.INT), "e": (ir.FLOAT, ir.INT)}


@expression(ast.JoinedStr)
def emit_f_string(emitter: Emitter, node: ast.JoinedStr, hint: ir.Type | None) -> SimpleValue:
    template: list[str] = []
    values: list[ir.Value] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            values.append(_emit_part(emitter, node, part))
            template.append("{}")
        elif isinstance(part, ast.Constant) and "{}" in str(part.value):
            # The operator would take the braces for a placeholder.
            values.append(emitter.constant(str(part.value), emitter.range(part)))
            template.append("{}")
        elif isinstance(part, ast.Constant):
            template.append(str(part.value))
    range_ = emitter.range(node)
    return emitter.sugar(emitter.builtin(range_, "aten::format", "".join(template), *values))


def _emit_part(emitter: Emitter, node: ast.JoinedStr, part: ast.FormattedValue) -> ir.Value:
    value = emitter.value(part.value)
    range_ = emitter.range(node)
    if part.conversion != -1:
        # The text of a string for `!r` has quotes and escapes, for which there is no operator.
        simple = (ir.INT, ir.FLOAT, ir.BOOL, ir.STRING) if part.conversion == ord("s") else (ir.INT, ir.FLOAT, ir.BOOL)
        if value.type not in simple:
            raise emitter.unsupported(node, f"Don't support conversion in JoinedStr of a value of type {value.type}")
        value = emitter.to_string(value, range_)
    return value if part.format_spec is None else _emit_formatted(emitter, node, value, _spec(emitter, node, part))


def _spec(emitter: Emitter, node: ast.JoinedStr, part: ast.FormattedValue) -> str:
    parts = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
    if not all(isinstance(piece, ast.Constant) for piece in parts):
        raise emitter.unsupported(node, "Don't support formatting in JoinedStr: the format must be a literal")
    return "".join(str(piece.value) for piece in parts if isinstance(piece, ast.Constant))


def _emit_formatted(emitter: Emitter, node: ast.JoinedStr, value: ir.Value, spec: str) -> ir.Value:
    """The text of a value as a format spec asks for it."""
    range_ = emitter.range(node)
    refused = emitter.unsupported(
        node, f"Don't support formatting in JoinedStr: '{spec}' of a value of type {value.type} has no operator"
    )
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise refused
    given = value.type
    is_text = given is ir.STRING
    kind = found["kind"] or ("s" if is_text else "d" if given is ir.INT else "")
    if is_text != (kind == "s") or given not in _NUMBERS.get(kind, (ir.STRING,)):
        raise refused
    if found["zeros"] and (is_text or found["align"]):
        raise refused
    if not is_text:
        if found["digits"] not in (None, "6") or (found["digits"] and kind == "d"):
            raise refused
        if given is ir.INT and kind != "d":
            value = emitter.builtin(range_, "aten::Float", value)
        value = emitter.builtin(range_, "aten::percentFormat", f"%{kind}", value)
    elif found["digits"] is not None:
        value = emitter.builtin(range_, "aten::slice", value, 0, int(found["digits"]), 1)
    if found["width"] is None:
        return value
    width = int(found["width"])
    if found["zeros"]:
        return _emit_zeros(emitter, range_, value, width)
    align = found["align"] or ("<" if is_text else ">")
    return emitter.builtin(range_, _ALIGN[align], value, width, found["fill"] or " ")


def _emit_zeros(emitter: Emitter, range: ir.SourceRange, text: ir.Value, width: int) -> ir.Value:
    """A number's text filled up with zeros after its sign. (The operator puts them before it.)"""
    return emit_if_expression(
        emitter,
        range,
        Condition(emitter.builtin(range, "aten::startswith", text, "-")),
        lambda: emitter.builtin(range, "aten::add", "-", _zero_filled(emitter, range, text, width)),
        lambda: emitter.builtin(range, "aten::zfill", text, width),
    )


def _zero_filled(emitter: Emitter, range: ir.SourceRange, text: ir.Value, width: int) -> ir.Value:
    unsigned = emitter.builtin(range, "aten::slice", text, 1, None, 1)
    return emitter.builtin(range, "aten::zfill", unsigned, width - 1)
