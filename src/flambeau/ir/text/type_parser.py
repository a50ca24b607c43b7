"""Types from their graph and schema text (`int[]`, `Dict(str, Tensor)`, `Float(2, *, device=cpu)`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from .. import types as t
from ..class_types import ClassType
from ..scalar_types import ScalarType
from ..schema import AliasInfo
from ..source import Source
from ..subtyping import optional, union
from ..types import Type
from .lexer import TokenStream, number, unquoted

NamedTypes: TypeAlias = "Callable[[str], Type | None]"
"""Finds a class, interface or enum by qualified name."""

MAX_DEPTH = 100
_DEFAULT_WORDS = {"None": None, "True": True, "False": False}
_CUSTOM_CLASS_PREFIX = "__torch__.torch.classes."

BASE_TYPES: dict[str, Type] = {
    **{str(p): p for p in t.PRIMITIVES},
    "Tensor": t.TENSOR,
    "number": t.NUMBER,
    "None": t.NONE,
    "Dimname": t.STRING,
    "ConstQuantizerPtr": t.INT,
}
_WRAPPERS: dict[str, type[t.FutureType] | type[t.AwaitType] | type[t.RRefType]] = {
    "Future": t.FutureType,
    "Await": t.AwaitType,
    "RRef": t.RRefType,
}
_SCALAR_TYPES = {s.type_name: s for s in ScalarType}


class Parsed(NamedTuple):
    """A type, the alias annotations in its text, and the N of a fixed-size list."""

    type: Type
    alias: AliasInfo | None = None
    size: int | None = None


class TypeParser:
    """Reads types from a token stream; `aliases` says whether alias annotations are part of the language here."""

    def __init__(self, stream: TokenStream, find_named: NamedTypes | None = None, *, aliases: bool = False) -> None:
        self._stream = stream
        self._find_named = find_named
        self._aliases = aliases
        self._fresh = 0
        self._depth = 0
        self._height = 0
        """How deep the types are nested that were read since the enclosing one began."""

    def parse(self) -> Parsed:
        """A type with its suffixes."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._stream.fail("type is nested too deeply")
        beside, self._height = self._height, 0
        parsed = self._suffixes(self._base())
        self._height = max(beside, self._height + 1)
        self._depth -= 1
        return parsed

    def _suffixes(self, base: Parsed) -> Parsed:
        stream = self._stream
        type, alias, size = base
        while self._height < MAX_DEPTH:
            if stream.at("["):
                self._height += 1
                if stream.peek().kind == "ident":  # e.g. Tensor[Undefined], handled with the base type
                    stream.fail("expected a list size")
                stream.next()
                size = None
                if stream.at("number"):
                    number = stream.next().text
                    if not number.isdecimal():
                        stream.fail("expected a list size")
                    size = int(number)
                stream.expect("]")
                contained = (alias,) if alias else ()
                outer = self._alias_set()
                if outer is None and alias is not None:
                    outer = AliasInfo(is_write=alias.is_write)
                alias = AliasInfo(outer.before, outer.after, outer.is_write, contained) if outer else None
                type = t.ListType(type)
            elif stream.accept("?"):
                self._height += 1
                type = optional(type)
            else:
                return Parsed(type, alias, size)
        stream.fail("type is nested too deeply")

    def _base(self) -> Parsed:
        stream = self._stream
        if stream.at("("):
            elements, alias = self._elements()
            return Parsed(t.TupleType(elements), alias)
        token = stream.expect("ident")
        word = token.text
        if word == "Dict" and stream.at("("):
            return self._dict()
        if word == "Union" and stream.at("("):
            elements, _ = self._elements()
            return Parsed(union(elements), self._alias_set())
        if word in _WRAPPERS and stream.at("(", "["):
            return self._wrapper(word)
        if word == "NamedTuple" and stream.at("("):
            return Parsed(self._named_tuple())
        if word == "Enum" and stream.at("<"):
            return Parsed(self._bracketed_name())
        if word == "InterfaceType" and stream.at("<"):
            return Parsed(self._bracketed_name())
        if (tensor := self._tensor(word)) is not None:
            return Parsed(tensor, self._alias_set())
        if word in BASE_TYPES:
            return Parsed(BASE_TYPES[word], self._alias_set())
        if stream.at("."):
            return Parsed(self._qualified(word), self._alias_set())
        if self._find_named and (found := self._find_named(word)) is not None:
            return Parsed(found, self._alias_set())
        if word[0].islower():
            return Parsed(t.VarType(word), self._alias_set())
        stream.fail(f"unknown type specifier '{word}'", token)

    # --- composite types

    def _elements(self) -> tuple[tuple[Type, ...], AliasInfo | None]:
        stream = self._stream
        stream.expect("(")
        parsed: list[Parsed] = []
        while not stream.at(")"):
            parsed.append(self.parse())
            if not stream.accept(","):
                break
        stream.expect(")")
        contained = tuple(p.alias for p in parsed)
        outer = self._alias_set()
        if not any(contained):
            return tuple(p.type for p in parsed), outer
        outer = outer or AliasInfo(is_write=any(a is not None and a.is_write for a in contained))
        return tuple(p.type for p in parsed), AliasInfo(outer.before, outer.after, outer.is_write, contained)

    def _dict(self) -> Parsed:
        (key, value), contained = self._elements_of("Dict", 2)
        return Parsed(t.DictType(key, value), contained)

    def _wrapper(self, word: str) -> Parsed:
        if self._stream.accept("["):
            inner = self.parse()
            self._stream.expect("]")
            return Parsed(_WRAPPERS[word](inner.type), self._alias_set())
        (element,), contained = self._elements_of(word, 1)
        return Parsed(_WRAPPERS[word](element), contained)

    def _elements_of(self, word: str, count: int) -> tuple[tuple[Type, ...], AliasInfo | None]:
        start = self._stream.current
        elements, alias = self._elements()
        if len(elements) != count:
            self._stream.fail(f"{word} takes {count} types, not {len(elements)}", start)
        return elements, alias

    def _named_tuple(self) -> Type:
        stream = self._stream
        stream.expect("(")
        names: list[str] = []
        types: list[Type] = []
        defaults: list[object] = []
        while not stream.at(")"):
            names.append(stream.expect("ident").text)
            stream.expect(":")
            types.append(self.parse().type)
            if stream.accept("="):
                defaults.append(self._field_default())
            if not stream.accept(","):
                break
        stream.expect(")")
        return t.TupleType(tuple(types), "NamedTuple", tuple(names), tuple(defaults))

    def _field_default(self) -> object:
        stream = self._stream
        if stream.accept("["):
            values: list[object] = []
            while not stream.at("]"):
                values.append(self._field_default())
                if not stream.accept(","):
                    break
            stream.expect("]")
            return values
        negative = stream.accept("-")
        token = stream.next()
        match token.kind:
            case "number":
                return -number(token.text) if negative else number(token.text)
            case "string":
                return unquoted(token.text)
            case "ident" if token.text in ("inf", "nan"):
                return float(f"-{token.text}" if negative else token.text)
            case "ident":
                return _DEFAULT_WORDS.get(token.text, token.text)
            case _:
                stream.fail("expected the default of a field", token)

    def _bracketed_name(self) -> Type:
        self._stream.expect("<")
        found = self._qualified(self._stream.expect("ident").text)
        self._stream.expect(">")
        return found

    def _qualified(self, first: str) -> Type:
        stream = self._stream
        start = stream.current
        atoms = [first]
        while stream.at(".") and stream.peek().kind == "ident":
            stream.next()
            atoms.append(stream.next().text)
        name = ".".join(atoms)
        if self._find_named and (found := self._find_named(name)) is not None:
            return found
        if name.startswith(_CUSTOM_CLASS_PREFIX):
            return custom_class(name)
        stream.fail(f"unknown class '{name}'", start)

    # --- tensors

    def _tensor(self, word: str) -> Type | None:
        if word == "Tensor":
            return self._tensor_facts(t.TensorType(), opens_dims=False)
        if word in _SCALAR_TYPES and self._stream.at("("):
            return self._tensor_facts(t.TensorType(scalar_type=_SCALAR_TYPES[word]), opens_dims=True)
        if word.endswith("Tensor") and word[:-6] in _SCALAR_TYPES:
            return self._tensor_facts(t.TensorType(scalar_type=_SCALAR_TYPES[word[:-6]]), opens_dims=False)
        return None

    def _tensor_facts(self, base: t.TensorType, *, opens_dims: bool) -> Type:
        stream = self._stream
        if stream.at("(") and (opens_dims or self._facts_follow()):
            stream.next()
            dims: list[t.Dim] = []
            facts: dict[str, object] = {}
            while not stream.at(")"):
                if stream.at("ident") and stream.peek().kind == "=":
                    self._fact(facts)
                else:
                    dims.append(self._dim())
                if not stream.accept(","):
                    break
            stream.expect(")")
            sizes = tuple(dims) if dims or opens_dims else None
            base = base.replace(sizes=sizes, **facts)
        if stream.at("[") and stream.peek().text == "Undefined":
            for _ in range(3):
                stream.next()
            base = base.replace(undefined=True)
        return base

    def _facts_follow(self) -> bool:
        first, second = self._stream.peek(), self._stream.peek(2)
        if first.kind == "ident":
            return second.kind == "=" or first.text == "SS"
        return first.kind in ("number", "*") and not (first.kind == "*" and self._aliases)

    def _dim(self) -> t.Dim:
        stream = self._stream
        if stream.accept("*"):
            return None
        if stream.accept_word("SS"):
            stream.expect("(")
            stream.expect("-")
            dim = t.SymbolicDim(int(stream.expect("number").text))
            stream.expect(")")
            return dim
        return self._int()

    def _int(self) -> int:
        sign = -1 if self._stream.accept("-") else 1
        token = self._stream.expect("number")
        value = number(token.text)
        if not isinstance(value, int):
            self._stream.fail(f"expected a whole number, not {token.text}", token)
        return sign * value

    def _fact(self, facts: dict[str, object]) -> None:
        stream = self._stream
        name = stream.next()
        stream.expect("=")
        match name.text:
            case "strides":
                stream.expect("[")
                strides: list[int] = []
                while not stream.at("]"):
                    strides.append(self._int())
                    if not stream.accept(","):
                        break
                stream.expect("]")
                facts["strides"] = tuple(strides)
            case "requires_grad":
                facts["requires_grad"] = bool(self._int())
            case "device":
                device = stream.expect("ident").text
                facts["device"] = f"{device}:{self._int()}" if stream.accept(":") else device
            case _:
                stream.fail(f"unknown fact '{name.text}' of a tensor type", name)

    # --- alias annotations

    def _alias_set(self) -> AliasInfo | None:
        stream = self._stream
        if not self._aliases:
            return None
        if stream.accept("!"):
            self._fresh += 1
            name = (f"${self._fresh}",)
            return AliasInfo(name, name, True)
        if not stream.at("(") or stream.peek().kind not in ("ident", "*"):
            return None
        stream.next()
        before = self._alias_names()
        write = stream.accept("!")
        after = self._alias_names() if stream.accept("->") else before
        stream.expect(")")
        return AliasInfo(before, after, write)

    def _alias_names(self) -> tuple[str, ...]:
        stream = self._stream
        names = [stream.next().text]
        while stream.accept("|"):
            names.append(stream.next().text)
        return tuple(names)


_CUSTOM_CLASSES: dict[str, ClassType] = {}


def custom_class(qualified_name: str) -> ClassType:
    """The type of a class that PyTorch binds (`__torch__.torch.classes.ns.Name`): one a name, without members."""
    return _CUSTOM_CLASSES.setdefault(qualified_name, ClassType(qualified_name))


def parse_type(text: str, find_named: NamedTypes | None = None) -> Type:
    """The type that a text stands for, as graphs print it; ParseError if it is malformed."""
    stream = TokenStream(Source(text))
    parsed = TypeParser(stream, find_named).parse()
    stream.expect("end")
    return parsed.type
