"""Values as text by Python's format specs: what f-strings, `str.format` and `%` have in common.

    f"{x:+.2f}"     float_text(x, "f", 2, ..., "+", " ", ">", 0, "")
    f"{n:#06x}"     int_text(n, 16, False, "", "0x", "0", "=", 6, "")
    f"{s:^9.3}"     aligned(beginning(s, 3), " ", "^", 9)

PyTorch's compiler takes neither specs nor conversions. What is emitted for them are calls of the functions in
`text_functions`, which are TorchScript and stand in the archive of whatever calls them. A value that is known is
formatted now.
"""

from __future__ import annotations

import ast
import inspect
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import UnsupportedSyntaxError

from ..definition import Definition, parse_source
from ..folding import known_value
from ..values.callables import FunctionValue
from ..values.sugared import Arg
from . import text_functions

if TYPE_CHECKING:
    from ..emitter import Constant, Emitter

_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[-+ ])?(?P<alternate>\#)?(?P<zeros>0)?(?P<width>\d+)?"
    r"(?P<separator>[,_])?(?:\.(?P<precision>\d+))?(?P<kind>[a-zA-Z%])?",
    re.DOTALL,
)
_BASES = {"d": (10, ""), "b": (2, "0b"), "o": (8, "0o"), "x": (16, "0x"), "X": (16, "0X")}
_FLOAT_KINDS = frozenset("eEfFgG%")
_SIMPLE = (ir.INT, ir.FLOAT, ir.BOOL, ir.STRING)


@final
@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A format spec by its parts. What it does not say is empty, or None for the precision.

    The alignment `zeros` is that of a width such as `05`: between sign and digits, or none where the value is a string.
    """

    fill: str = ""
    align: str = ""
    sign: str = ""
    alternate: bool = False
    width: int = 0
    separator: str = ""
    precision: int | None = None
    kind: str = ""

    @property
    def plus(self) -> str:
        """What stands before numbers that are not negative."""
        return self.sign.replace("-", "")

    @property
    def with_defaults(self) -> tuple[str, str, int]:
        """Fill, alignment and width of a number."""
        return self.fill or " ", self.align or ">", self.width


def parse_spec(text: str) -> FormatSpec | None:
    """The parts of a format spec; None if it is none of Python 3.10's."""
    found = _SPEC.fullmatch(text)
    if found is None:
        return None
    fill, align = found["fill"] or "", found["align"] or ""
    if found["zeros"] and not fill:
        fill, align = "0", align or "zeros"
    return FormatSpec(
        fill,
        align,
        found["sign"] or "",
        found["alternate"] is not None,
        int(found["width"] or 0),
        found["separator"] or "",
        None if found["precision"] is None else int(found["precision"]),
        found["kind"] or "",
    )


def emit_formatted(emitter: Emitter, range: ir.SourceRange, value: ir.Value, text: str) -> ir.Value:
    """What `format(value, text)` gives; UnsupportedSyntaxError if scripts cannot say that."""
    refused = UnsupportedSyntaxError(
        f"Don't support formatting in JoinedStr: '{text}' of a value of type {value.type}", range
    )
    known = known_value(emitter, value)
    if isinstance(known, (bool, int, float, str)):
        try:
            return emitter.constant(format(known, text), range)
        except ValueError as error:
            raise UnsupportedSyntaxError(f"{refused.message}: {error}", range) from None
    spec = parse_spec(text)
    formatted = None if spec is None else emit_spec(emitter, range, value, spec)
    if formatted is None:
        raise refused
    return formatted


def emit_spec(emitter: Emitter, range: ir.SourceRange, value: ir.Value, spec: FormatSpec) -> ir.Value | None:
    """The text of a value as a format spec asks for it; None if there is no such text of such a value."""
    if value.type is ir.STRING:
        return _emit_string(emitter, range, value, spec)
    if spec.align == "zeros":
        spec = replace(spec, align="=")
    if value.type in (ir.INT, ir.BOOL) and spec.kind not in _FLOAT_KINDS:
        if value.type is ir.BOOL:
            value = emitter.builtin(range, "aten::Int", value)
        return _emit_int(emitter, range, value, spec)
    if spec.kind not in (_FLOAT_KINDS if value.type is not ir.FLOAT else (*_FLOAT_KINDS, "")):
        return None
    if isinstance(value.type, ir.TensorType):
        _refuse_dimensions(emitter, range, value)
    elif value.type not in (ir.INT, ir.BOOL, ir.FLOAT, ir.NUMBER):
        return None
    if value.type is not ir.FLOAT:
        value = emitter.builtin(range, "aten::Float", value)
    return _emit_float(emitter, range, value, spec)


def _emit_string(emitter: Emitter, range: ir.SourceRange, value: ir.Value, spec: FormatSpec) -> ir.Value | None:
    if spec.kind not in ("", "s") or spec.sign or spec.alternate or spec.separator or spec.align == "=":
        return None
    if spec.precision is not None:
        value = call_text_function(emitter, range, "beginning", value, spec.precision)
    if not spec.width:
        return value
    align = "<" if spec.align in ("", "zeros") else spec.align
    return call_text_function(emitter, range, "aligned", value, spec.fill or " ", align, spec.width)


def _emit_int(emitter: Emitter, range: ir.SourceRange, value: ir.Value, spec: FormatSpec) -> ir.Value | None:
    if spec.precision is not None:
        return None
    if spec.kind == "c":
        if spec.sign or spec.alternate or spec.separator:
            return None
        text = call_text_function(emitter, range, "character", value)
        fill, align, width = spec.with_defaults
        return call_text_function(emitter, range, "aligned", text, fill, align.replace("=", ">"), width)
    kind = spec.kind or "d"
    if kind not in _BASES or (spec.separator == "," and kind != "d"):
        return None
    base, prefix = _BASES[kind]
    options = (kind == "X", spec.plus, prefix if spec.alternate else "", *spec.with_defaults, spec.separator)
    return call_text_function(emitter, range, "int_text", value, base, *options)


def _emit_float(emitter: Emitter, range: ir.SourceRange, value: ir.Value, spec: FormatSpec) -> ir.Value:
    precision, kind = spec.precision, spec.kind.lower()
    if kind == "":
        kind, precision = ("r", 0) if precision is None else ("g", precision)
    elif kind == "%":
        kind, value = "f", emitter.builtin(range, "aten::mul", value, 100.0)
    precision = 6 if precision is None else precision
    return call_text_function(
        emitter,
        range,
        "float_text",
        value,
        kind,
        max(precision, 1) if kind == "g" else precision,
        spec.alternate,
        spec.kind == "",
        spec.kind.isupper(),
        "%" if spec.kind == "%" else "",
        spec.plus,
        *spec.with_defaults,
        spec.separator,
    )


def _refuse_dimensions(emitter: Emitter, range: ir.SourceRange, tensor: ir.Value) -> None:
    """Raise TypeError in the script where a tensor is no single number, as its `__format__` does."""
    has_dimensions = emitter.builtin(range, "aten::ne", emitter.builtin(range, "aten::dim", tensor), 0)
    message = "unsupported format string passed to Tensor.__format__"
    emitter.raise_if(range, has_dimensions, message, "builtins.TypeError")


def emit_converted(emitter: Emitter, range: ir.SourceRange, value: ir.Value, conversion: str) -> ir.Value:
    """What `!s`, `!r` or `!a` makes of a value; UnsupportedSyntaxError if scripts cannot say that."""
    known = known_value(emitter, value)
    if isinstance(known, (bool, int, float, str)):
        return emitter.constant(f"{{!{conversion}}}".format(known), range)
    if value.type not in _SIMPLE or (value.type is ir.STRING and conversion == "a"):
        raise UnsupportedSyntaxError(
            f"Don't support conversion in JoinedStr: !{conversion} of a value of type {value.type}", range
        )
    if value.type is ir.STRING and conversion == "r":
        return call_text_function(emitter, range, "quoted", value)
    return emit_text(emitter, range, value)


def emit_text(emitter: Emitter, range: ir.SourceRange, value: ir.Value) -> ir.Value:
    """What `str(value)` gives in Python; where TorchScript's own text is another, of floats only."""
    if value.type is ir.FLOAT:
        return _emit_float(emitter, range, value, FormatSpec())
    return emitter.to_string(value, range)


def emit_whole(emitter: Emitter, range: ir.SourceRange, value: ir.Value) -> ir.Value | None:
    """A number without its fraction, as `%d` takes it; None if it is no number."""
    if value.type is ir.INT:
        return value
    is_number = value.type in (ir.FLOAT, ir.BOOL, ir.NUMBER) or isinstance(value.type, ir.TensorType)
    return emitter.builtin(range, "aten::Int", value) if is_number else None


def call_text_function(emitter: Emitter, range: ir.SourceRange, name: str, *args: Constant) -> ir.Value:
    """Emit the call of one of the functions in `text_functions`."""
    values = [arg if isinstance(arg, ir.Value) else emitter.constant(arg, range) for arg in args]
    function = FunctionValue.of(text_function(name))
    return function.call(emitter, range, [Arg(emitter.sugar(value), range) for value in values], []).as_value(
        emitter, range
    )


class _Services:
    """What this file asks of the compiler, which builds on it; `compiler` fills it in."""

    compile: Callable[[ir.Function, Definition], None]


services = _Services()
_lock = threading.RLock()
"""Held while any of these functions is compiled."""


@cache
def text_function(name: str) -> ir.Function:
    """One of the functions in `text_functions`, which is compiled when its graph is first asked for."""
    definition = _definitions()[name]
    return ir.Function(
        f"__torch__.flambeau.text.{name}",
        define=lambda function: services.compile(function, definition),
        lock=_lock,
    )


@cache
def _definitions() -> dict[str, Definition]:
    source = ir.Source(inspect.getsource(text_functions), "<flambeau text functions>")
    return {
        statement.name: Definition(statement, source)
        for statement in parse_source(source).body
        if isinstance(statement, ast.FunctionDef)
    }
