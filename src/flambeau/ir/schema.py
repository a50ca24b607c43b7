"""Operator and function schemas: names, arguments, alias annotations, and their text.

    aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)

The text form is the one that PyTorch's operator registry uses; `parse_schema` (in `schema_parser`) reads it, and
`str(parse_schema(text)) == text` for every operator.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import final

from . import types as t
from .subtyping import is_subtype
from .types import Type


class Missing:
    """The type of `MISSING`, which stands where an argument has no default."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@final
@dataclass(frozen=True, slots=True)
class AliasInfo:
    """What a schema says of the memory behind one argument or result.

    `before` and `after` are the alias sets that the value is in before and after the call (`after` equals `before`
    unless written `a -> b`); the set `*` is the wildcard. `contained` says the same of what is inside a list, dict or
    tuple.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    is_write: bool = False
    contained: tuple[AliasInfo | None, ...] = ()

    @property
    def is_wildcard(self) -> bool:
        return "*" in self.before or "*" in self.after

    def __str__(self) -> str:
        if not self.before:
            return ""
        moved = "" if self.after == self.before else f" -> {'|'.join(self.after)}"
        return f"({'|'.join(self.before)}{'!' if self.is_write else ''}{moved})"


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """An argument or a result.

    `type` is what values have in TorchScript; `real_type` what the schema says, where that differs (`ScalarType` and
    the like are ints to scripts). `broadcast` is the N of `int[N]`: a single number counts as N equal ones.
    """

    name: str
    type: Type
    real_type: Type | None = None
    broadcast: int | None = None
    default: object = MISSING
    kwarg_only: bool = False
    is_out: bool = False
    alias: AliasInfo | None = None

    @property
    def has_default(self) -> bool:
        return self.default is not MISSING

    @property
    def is_write(self) -> bool:
        """Whether a call writes to the memory behind this argument."""
        return self.alias is not None and self.alias.is_write

    @property
    def declared_type(self) -> Type:
        """The type as the schema's text has it."""
        return self.real_type or self.type

    def type_text(self) -> str:
        """The type with size and alias annotations, as schemas print it."""
        declared, suffix = self.declared_type, ""
        if isinstance(declared, t.OptionalType):
            declared, suffix = declared.element, "?"
        alias = str(self.alias) if self.alias else ""
        if isinstance(declared, t.ListType):
            inner = self.alias.contained[0] if self.alias and self.alias.contained else None
            size = "" if self.broadcast is None else str(self.broadcast)
            return f"{schema_text(declared.element)}{inner or ''}[{size}]{alias}{suffix}"
        return f"{schema_text(declared)}{alias}{suffix}"

    def __str__(self) -> str:
        text = self.type_text()
        if self.name:
            text += f" {self.name}"
        if self.has_default:
            text += f"={self._default_text()}"
        return text

    def _default_text(self) -> str:
        declared = self.declared_type
        if isinstance(declared, t.OptionalType):
            declared = declared.element
        if isinstance(self.default, (list, tuple)) and declared == t.ListType(t.INT):
            values = set(self.default)
            if len(self.default) > 1 and len(values) == 1:
                return value_text(self.default[0])
        return value_text(self.default)


@final
class Place:
    """Where the runtime keeps what it has made of a schema, so that it goes when the schema goes."""

    __slots__ = ("content",)

    def __init__(self) -> None:
        self.content: object = None


@final
@dataclass(frozen=True, slots=True)
class FunctionSchema:
    """The signature of an operator or a function: `name` is qualified (`aten::add`), `overload_name` may be empty."""

    name: str
    overload_name: str
    arguments: tuple[Argument, ...]
    returns: tuple[Argument, ...]
    is_vararg: bool = False
    is_varret: bool = False
    bound: Place = field(default_factory=Place, init=False, repr=False, compare=False)

    @property
    def qualified_name(self) -> str:
        """`aten::add.Tensor`, or `aten::relu` where there is no overload name."""
        return f"{self.name}.{self.overload_name}" if self.overload_name else self.name

    @property
    def is_mutable(self) -> bool:
        """Whether a call writes to any argument."""
        return any(a.is_write for a in self.arguments)

    def find_argument(self, name: str) -> int | None:
        """The index of the argument of that name, or None."""
        return next((i for i, a in enumerate(self.arguments) if a.name == name), None)

    @property
    def return_type(self) -> Type:
        """The type of a call as one value: None, the single result's type, or a tuple (named if all results are)."""
        types = tuple(r.type for r in self.returns)
        if not types:
            return t.NONE
        if len(types) == 1:
            return types[0]
        names = tuple(r.name for r in self.returns)
        if all(names):
            return t.TupleType(types, f"{self.name.rpartition('::')[2]}", names)
        return t.TupleType(types)

    def is_subtype_of_method(self, other: FunctionSchema) -> bool:
        """Whether a method of this schema can stand where an interface asks for `other` (`self` is not compared)."""
        mine, theirs = self.arguments[1:], other.arguments[1:]
        if len(self.returns) != len(other.returns) or len(mine) < len(theirs):
            return False
        returns = all(is_subtype(a.type, b.type) for a, b in zip(self.returns, other.returns, strict=True))
        accepted = all(
            a.name == b.name and a.kwarg_only == b.kwarg_only and is_subtype(b.type, a.type)
            for a, b in zip(mine, theirs, strict=False)
        )
        return returns and accepted and all(a.has_default for a in mine[len(theirs) :])

    def __str__(self) -> str:
        parts: list[str] = []
        keyword = False
        for argument in self.arguments:
            if argument.kwarg_only and not keyword:
                parts.append("*")
                keyword = True
            parts.append(str(argument))
        if self.is_vararg:
            parts.append("...")
        return f"{self.qualified_name}({', '.join(parts)}) -> {self._returns_text()}"

    def _returns_text(self) -> str:
        texts = [str(r) for r in self.returns]
        if self.is_varret:
            texts.append("...")
        if len(texts) == 1 and not texts[0].startswith("("):
            return texts[0]
        return f"({', '.join(texts)})"


def schema_text(given: Type) -> str:
    """A type as schemas print it: a named tuple by its name, all else as graphs do."""
    if isinstance(given, t.TupleType) and given.field_names is not None and given.qualified_name:
        return given.qualified_name
    if isinstance(given, (t.ListType, t.OptionalType)):
        return f"{schema_text(given.contained[0])}{'[]' if isinstance(given, t.ListType) else '?'}"
    return str(given)


def float_text(value: float) -> str:
    """A float with enough digits to be read back exactly, always recognisable as a float: `1.`, `0.5`, `1e-05`."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    text = f"{value:.17g}"
    return text if set(text) & set(".e") else f"{text}."


_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "'": "\\'",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\f": "\\f",
    "\v": "\\v",
    "\b": "\\b",
    "\a": "\\a",
}

_UNESCAPED = re.compile(r"[\w .,:;/()\[\]-]*", re.ASCII)


def quoted(text: str) -> str:
    """A string literal in double quotes; what is not printable ASCII becomes escapes of its UTF-8 bytes."""
    if _UNESCAPED.fullmatch(text):
        return f'"{text}"'
    parts: list[str] = []
    for char in text:
        if char in _ESCAPES:
            parts.append(_ESCAPES[char])
        elif char.isascii() and char.isprintable():
            parts.append(char)
        else:
            parts.extend(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
    return f'"{"".join(parts)}"'


def complex_text(value: complex) -> str:
    """A complex number as graphs print it: `0.+3.j`."""
    imaginary = float_text(value.imag)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{float_text(value.real)}{sign}{imaginary}j"


def value_text(value: object) -> str:
    """A plain value (None, bool, number, string, list, tuple, dict of such) as schemas print defaults."""
    match value:
        case None | bool():
            return str(value)
        case int():
            return str(int(value))
        case float():
            return float_text(value)
        case complex():
            return complex_text(value)
        case str():
            return quoted(value)
        case list() | tuple():
            return f"[{', '.join(map(value_text, value))}]"
        case dict():
            return "{" + ", ".join(f"{value_text(k)}: {value_text(v)}" for k, v in value.items()) + "}"
        case _:
            return str(value)
