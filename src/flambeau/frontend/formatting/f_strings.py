"""f-strings and `str.format`.

f"a{x}"                aten::format("a{}", x)
f"{n:5d} {s!r}"        aten::format("{} {}", int_text(n, 10, ..., 5, ""), quoted(s))
"{0:.2f}".format(x)    aten::format("{}", float_text(x, "f", 2, ...))

Only `{}` by itself is an operator's matter; specs and conversions are `formatting`'s.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedSyntaxError

from ..folding import known_value
from ..syntax import expression
from ..values.callables import BuiltinFunction, keywords_of
from ..values.sugared import Arg, SugaredValue
from .formats import emit_converted, emit_formatted
from .texts import shown

if TYPE_CHECKING:
    from ..emitter import Emitter

_TEXT_OF_VALUE = "{}"


@expression(ast.JoinedStr)
def emit_f_string(emitter: Emitter, node: ast.JoinedStr, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    pieces: list[str | ir.Value] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            conversion = "" if part.conversion == -1 else chr(part.conversion)
            spec = "" if part.format_spec is None else _spec(emitter, node, part.format_spec)
            value = shown(emitter, Arg(emitter.sugared(part.value), range_), formatted=not conversion)
            pieces.append(_emit_field(emitter, range_, value, conversion, spec))
        elif isinstance(part, ast.Constant):
            pieces.append(str(part.value))
    return emitter.sugar(emit_joined(emitter, range_, pieces))


def emit_joined(emitter: Emitter, range: ir.SourceRange, pieces: Sequence[str | ir.Value]) -> ir.Value:
    """Texts and values one after the other."""
    template: list[str] = []
    values: list[ir.Value] = []
    for piece in pieces:
        if isinstance(piece, str) and _TEXT_OF_VALUE not in piece:
            template.append(piece)
            continue
        # The operator would take braces in the text for a place to fill in.
        values.append(emitter.constant(piece, range) if isinstance(piece, str) else piece)
        template.append(_TEXT_OF_VALUE)
    return emitter.builtin(range, "aten::format", "".join(template), *values)


def _emit_field(emitter: Emitter, range: ir.SourceRange, value: ir.Value, conversion: str, spec: str) -> ir.Value:
    if conversion:
        value = emit_converted(emitter, range, value, conversion)
    return emit_formatted(emitter, range, value, spec) if spec else value


def _spec(emitter: Emitter, node: ast.JoinedStr, spec: ast.expr) -> str:
    """The text of a format spec, in which what is known may stand in braces."""
    parts = spec.values if isinstance(spec, ast.JoinedStr) else []
    text = ""
    for part in parts:
        if isinstance(part, ast.FormattedValue) and part.conversion == -1 and part.format_spec is None:
            known = known_value(emitter, emitter.value(part.value))
            if isinstance(known, (int, str)):
                text += str(known)
                continue
        if not isinstance(part, ast.Constant):
            raise emitter.unsupported(node, "Don't support formatting in JoinedStr: the format must be known")
        text += str(part.value)
    return text


@final
@dataclass(frozen=True, slots=True, eq=False)
class FormatMethod(SugaredValue):
    """`format` of a string."""

    template: ir.Value

    @property
    def kind(self) -> str:
        return "builtin"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        known = known_value(emitter, self.template)
        fields = _fields(known, range) if isinstance(known, str) else None
        values = [shown(emitter, arg, formatted=True) for arg in args]
        if fields is None:
            as_shown = [Arg(emitter.sugar(value), arg.range) for value, arg in zip(values, args, strict=True)]
            return BuiltinFunction("aten::format", self.template).call(emitter, range, as_shown, kwargs, n_binders)
        keywords = keywords_of(emitter, kwargs)
        pieces: list[str | ir.Value] = []
        automatic = 0
        for text, name, spec, conversion in fields:
            pieces.append(text)
            if name is None:
                continue
            if not name:
                name, automatic = str(automatic), automatic + 1
            value = values[int(name)] if name.isdigit() and int(name) < len(values) else keywords.get(name)
            if value is None:
                raise ScriptError(f"the format string has a place for {name}, which is not given", range)
            pieces.append(_emit_field(emitter, range, value, conversion, spec))
        return emitter.sugar(emit_joined(emitter, range, pieces))


def _fields(template: str, range: ir.SourceRange) -> list[tuple[str, str | None, str, str]] | None:
    """Text, name of the field after it, format spec, conversion; None if all fields are the operator's `{}`."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return None
    if all(not name and not spec and not conversion for _, name, spec, conversion in parsed):
        return None
    named = {name for _, name, _, _ in parsed if name is not None}
    if any("{" in (spec or "") for _, _, spec, _ in parsed):
        raise UnsupportedSyntaxError("Don't support fields in the format of a field of a format string", range)
    if any(not (name.isdecimal() or name.isidentifier() or not name) for name in named):
        raise UnsupportedSyntaxError("Don't support attributes or elements in a format string", range)
    if "" in named and any(name.isdecimal() for name in named):
        raise ScriptError("a format string cannot have both numbered fields and fields without a number", range)
    return [(text, name, spec or "", conversion or "") for text, name, spec, conversion in parsed]
