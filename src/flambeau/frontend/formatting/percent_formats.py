"""`text % values`, where the text is known and asks for more than an operator gives.

    "%s %d" % (s, n)       aten::percentFormat, as in PyTorch
    "%5.1f%%" % x          aten::format("{}%", float_text(x, "f", 1, ..., 5, ""))

`aten::percentFormat` knows no flags, widths and precisions, and no `g`, `x`, `X`, `o`, `r`.
"""

from __future__ import annotations

import re

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedSyntaxError

from ..emitter import Emitter
from ..folding import known_value
from ..matching.conversions import unpack_tuple
from .f_strings import emit_joined
from .formats import FormatSpec, emit_converted, emit_spec, emit_text, emit_whole

_DIRECTIVE = re.compile(
    r"%(?P<flags>[-#0 +]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?[hlL]?(?P<kind>[diuoxXeEfFgGcrs%])"
)
_OPERATORS = frozenset(("%d", "%i", "%e", "%E", "%f", "%F", "%c", "%s", "%%"))
"""The directives that the operator has."""


def emit_percent_format(emitter: Emitter, left: ir.Value, right: ir.Value, range: ir.SourceRange) -> ir.Value:
    """Emit `left % right` of a string."""
    known = known_value(emitter, left)
    directives = list(_DIRECTIVE.finditer(known)) if isinstance(known, str) else []
    rest = _DIRECTIVE.sub("", known) if isinstance(known, str) else "%"
    if "%" in rest or all(found[0] in _OPERATORS for found in directives):
        return emitter.builtin(range, "aten::percentFormat", left, right)
    emitter.graph.current_range = range
    values = unpack_tuple(emitter.graph, right) if isinstance(right.type, ir.TupleType) else [right]
    wanted = [found for found in directives if found["kind"] != "%"]
    if len(values) != len(wanted):
        problem = "not enough arguments for" if len(values) < len(wanted) else "not all arguments converted by the"
        raise ScriptError(f"{problem} format string: it takes {len(wanted)}, and {len(values)} are given", range)
    pieces: list[str | ir.Value] = []
    position = 0
    remaining = iter(values)
    for found in directives:
        pieces += [str(known)[position : found.start()]]
        pieces += ["%"] if found["kind"] == "%" else [_emit_directive(emitter, range, next(remaining), found)]
        position = found.end()
    return emit_joined(emitter, range, [*pieces, str(known)[position:]])


def _emit_directive(emitter: Emitter, range: ir.SourceRange, value: ir.Value, found: re.Match[str]) -> ir.Value:
    flags, kind = found["flags"], found["kind"]
    precision = None if found["precision"] is None else int(found["precision"] or 0)
    sign = "+" if "+" in flags else " " if " " in flags else ""
    given: ir.Value | None = value
    spec = FormatSpec(align="<" if "-" in flags else ">", width=int(found["width"] or 0))
    if kind in "sr":
        given = emit_converted(emitter, range, value, "r") if kind == "r" else emit_text(emitter, range, value)
        spec = FormatSpec(align=spec.align, width=spec.width, precision=precision)
    elif kind == "c":
        spec = FormatSpec(align=spec.align, width=spec.width, kind="" if value.type is ir.STRING else "c")
    else:
        if kind in "diu":
            given, kind = emit_whole(emitter, range, value), "d"
        is_zeros = "0" in flags and "-" not in flags
        spec = FormatSpec(
            "0" if is_zeros else "",
            "=" if is_zeros else spec.align,
            sign,
            "#" in flags,
            spec.width,
            precision=precision,
            kind=kind,
        )
    text = None if given is None else emit_spec(emitter, range, given, spec)
    if text is None:
        raise UnsupportedSyntaxError(f"Don't support '{found[0]}' of a value of type {value.type}", range)
    return text
