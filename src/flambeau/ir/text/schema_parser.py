"""Schemas from their text. The grammar is that of PyTorch's operator registry; `str(parse_schema(text)) == text`."""

from __future__ import annotations

from typing import final

from .. import types as t
from ..scalar_types import Layout, MemoryFormat, ScalarType
from ..schema import MISSING, AliasInfo, Argument, FunctionSchema
from ..source import Source
from ..types import Type
from .lexer import Token, TokenStream, number, unquoted
from .type_parser import Parsed, TypeParser

_SCHEMA_INTS = frozenset({t.SCALAR_TYPE, t.LAYOUT, t.MEMORY_FORMAT, t.SYM_INT})
_SCRIPT_TYPES: dict[Type, Type] = {
    **dict.fromkeys(_SCHEMA_INTS, t.INT),
    t.SYM_FLOAT: t.FLOAT,
    t.SYM_BOOL: t.BOOL,
}
_WORDS: dict[str, object] = {
    "True": True,
    "False": False,
    "None": None,
    "inf": float("inf"),
    "nan": float("nan"),
    "float": int(ScalarType.Float),
    "complex": int(ScalarType.ComplexFloat),
    "long": int(ScalarType.Long),
    "strided": int(Layout.Strided),
    "Mean": 1,
    "Sum": 2,
    "contiguous_format": int(MemoryFormat.Contiguous),
}

_OPTIONAL_FLOAT = t.OptionalType(t.FLOAT)  # `float? correction=1` keeps its int


def parse_schema(text: str) -> FunctionSchema:
    """The schema that a text stands for; ParseError if it is malformed or only names an operator."""
    return SchemaParser(TokenStream(Source(text, "<schema>"))).parse()


def script_type(real: Type) -> Type:
    """The type that scripts see for one that schemas write: ints for dtypes, layouts, symbolic sizes and the like."""
    if real in _SCRIPT_TYPES:
        return _SCRIPT_TYPES[real]
    contained = real.contained
    mapped = tuple(map(script_type, contained))
    return real if mapped == contained else real.with_contained(mapped)


@final
class SchemaParser:
    """Reads one schema from a token stream."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream
        self._types = TypeParser(stream, aliases=True)

    def parse(self) -> FunctionSchema:
        stream = self._stream
        name, overload = self._name()
        if not stream.at("("):
            stream.fail("Tried to parse a function schema but only the operator name was given")
        arguments, vararg = self._arguments()
        stream.expect("->")
        returns, varret = self._returns()
        stream.expect("end")
        return FunctionSchema(name, overload, arguments, returns, vararg, varret)

    def _name(self) -> tuple[str, str]:
        stream = self._stream
        name = stream.expect("ident").text
        while stream.at("::"):
            stream.next()
            name = f"{name}::{stream.expect('ident').text}"
        if not stream.accept("."):
            return name, ""
        token = stream.expect("ident")
        if token.text == "default" or (token.text.startswith("__") and not token.text.endswith("__")):
            stream.fail(f"{token.text} is not a legal overload name for aten operators", token)
        return name, token.text

    def _arguments(self) -> tuple[tuple[Argument, ...], bool]:
        stream = self._stream
        stream.expect("(")
        arguments: list[Argument] = []
        keyword = False
        while not stream.at(")"):
            if stream.accept("..."):
                if any(a.has_default for a in arguments):
                    stream.fail("schemas with vararg (...) can't have default value args")
                stream.expect(")")
                return tuple(arguments), True
            if stream.accept("*"):
                keyword = True
            else:
                arguments.append(self._argument(keyword))
            if not stream.accept(","):
                break
        stream.expect(")")
        return tuple(arguments), False

    def _argument(self, keyword: bool) -> Argument:
        stream = self._stream
        parsed = self._types.parse()
        name = stream.expect("ident").text
        default: object = MISSING
        if stream.accept("="):
            default = self._default(parsed)
        is_out = keyword and parsed.alias is not None and parsed.alias.is_write
        return _argument(name, parsed, default, keyword, is_out)

    def _returns(self) -> tuple[tuple[Argument, ...], bool]:
        stream = self._stream
        if stream.accept("..."):
            return (), True
        if not stream.at("(") or self._is_tuple_type():
            parsed = self._types.parse()
            name = stream.next().text if stream.at("ident") else ""
            return (_argument(name, parsed),), False
        stream.expect("(")
        returns: list[Argument] = []
        while not stream.at(")"):
            if stream.accept("..."):
                stream.expect(")")
                return tuple(returns), True
            parsed = self._types.parse()
            returns.append(_argument(stream.next().text if stream.at("ident") else "", parsed))
            if not stream.accept(","):
                break
        stream.expect(")")
        return tuple(returns), False

    def _is_tuple_type(self) -> bool:
        """Whether the parenthesis that is next belongs to a type, as in `-> (int, int)[]`, not to a list of results."""
        depth, distance = 0, 0
        while True:
            token = self._stream.peek(distance)
            depth += {"(": 1, ")": -1}.get(token.kind, 0)
            if token.kind == "end" or depth == 0:
                return self._stream.peek(distance + 1).kind in ("[", "?", "ident") and token.kind != "end"
            distance += 1

    # --- defaults

    def _default(self, parsed: Parsed) -> object:
        wanted = parsed.type.element if isinstance(parsed.type, t.OptionalType) else parsed.type
        value = self._value(parsed.type if parsed.type == _OPTIONAL_FLOAT else wanted)
        if (
            isinstance(wanted, t.ListType)
            and parsed.size is not None
            and not isinstance(value, list)
            and value is not None
        ):
            return [value] * parsed.size
        return value

    def _value(self, wanted: Type) -> object:
        stream = self._stream
        if stream.accept("["):
            values: list[object] = []
            element = wanted.element if isinstance(wanted, t.ListType) else wanted
            while not stream.at("]"):
                values.append(self._value(element))
                if not stream.accept(","):
                    break
            stream.expect("]")
            return values
        if isinstance(wanted, t.ListType):
            wanted = wanted.element
        negative = stream.accept("-")
        token = stream.next()
        if token.kind == "string":
            return unquoted(token.text)
        if token.kind == "number":
            value = self._number(token, wanted)
            return -value if negative else value
        if token.kind == "ident":
            return self._word(token, wanted, negative)
        stream.fail(f"expected a default value but found '{token.text}' here", token)

    def _number(self, token: Token, wanted: Type) -> int | float | complex:
        value = number(token.text)
        if isinstance(value, int) and wanted is t.FLOAT:
            return float(value)
        if wanted is t.COMPLEX:
            return complex(value)
        return value

    def _word(self, token: Token, wanted: Type, negative: bool) -> object:
        stream = self._stream
        if wanted is t.DEVICE and token.text != "None":
            return f"{token.text}:{stream.next().text}" if stream.accept(":") else token.text
        if token.text not in _WORDS:
            stream.fail(f"unknown default value '{token.text}'", token)
        value = _WORDS[token.text]
        return -value if negative and isinstance(value, float) else value


def _argument(
    name: str, parsed: Parsed, default: object = MISSING, keyword: bool = False, is_out: bool = False
) -> Argument:
    alias: AliasInfo | None = parsed.alias
    script = script_type(parsed.type)
    real = None if script == parsed.type else parsed.type
    return Argument(name, script, real, parsed.size, default, keyword, is_out, alias)
