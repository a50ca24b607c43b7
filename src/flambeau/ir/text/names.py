"""The named types and functions that the text of a graph mentions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import final

from flambeau.ir import types as t
from flambeau.ir.class_types import ClassType, EnumType, FunctionType, InterfaceType
from flambeau.ir.function import Function
from flambeau.ir.text.type_parser import NamedTypes, parse_type
from flambeau.ir.types import Type

_ANGLED = re.compile(r"\b(Enum|InterfaceType)<([\w.]+)>")


@final
class NamesInText:
    """Named types and functions of one text: those that the caller knows, and stand-ins for all others."""

    def __init__(self, find_named: NamedTypes | None, find_function: Callable[[str], Function | None] | None) -> None:
        self._find_named = find_named
        self._find_function = find_function
        self._types: dict[str, Type] = {}
        self._parsed: dict[str, Type] = {}
        self._functions: dict[str, Function] = {}

    def type(self, text: str) -> Type:
        """The type of a text; ParseError, with a place in that text, if it is malformed."""
        known = self._parsed.get(text)
        if known is None:
            for word, name in _ANGLED.findall(text):
                if self.known(name) is None:
                    self._types[name] = EnumType(name, t.INT, ()) if word == "Enum" else InterfaceType(name)
            known = self._parsed[text] = parse_type(text, self._find)
        return known

    def known(self, name: str) -> Type | None:
        found = self._find_named(name) if self._find_named else None
        return found or self._types.get(name)

    def _find(self, name: str) -> Type | None:
        found = self.known(name)
        if found is None and name == "Function":
            found = self._types[name] = FunctionType(Function(""))
        if found is None and name.startswith("__torch__.") and not name.startswith("__torch__.torch.classes."):
            found = self._types[name] = ClassType(name)
        return found

    def function(self, name: str) -> Function:
        if name not in self._functions:
            found = self._find_function(name) if self._find_function else None
            self._functions[name] = found or Function(name)
        return self._functions[name]
