"""Names in printed code: which are reserved, and how values get theirs."""

from __future__ import annotations

import keyword
import re
from functools import lru_cache
from typing import final

from flambeau.ir import Value

_RESERVED = frozenset(keyword.kwlist) | {
    "_",
    "as",
    "aten",
    "attribute",
    "CONSTANTS",
    "fork",
    "awaitable",
    "getattr",
    "inf",
    "nan",
    "infj",
    "nanj",
    "ops",
    "__torch__",
    "torch",
    "uninitialized",
    "unchecked_cast",
    "annotate",
    "isinstance",
    "print",
    "int",
    "float",
    "bool",
    "str",
    "complex",
    "sorted",
    "range",
    "List",
    "Dict",
    "Tuple",
    "Optional",
    "Union",
    "Future",
    "Await",
    "Any",
    "Tensor",
    "Module",
    "NamedTuple",
    "Enum",
    "Interface",
    "ModuleInterface",
    "Final",
}
_INVALID = re.compile(r"[^A-Za-z0-9_]")


@lru_cache(4096)
def is_identifier(name: str) -> bool:
    """Whether a name can be written as an attribute or a variable."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


@lru_cache(4096)
def identifier_from(debug_name: str) -> str:
    """A valid identifier near a debug name: without numeric suffix, with `_` for what identifiers cannot have."""
    base = debug_name.partition(".")[0] or "_"
    base = _INVALID.sub("_", base)
    return f"_{base}" if base[0].isdigit() else base


@final
class ValueNames:
    """Hands out variable names: `x`, `x0`, `x1`, ...; `_0`, `_1`, ... for values that have no name.

    A name is handed out once in a function. The numbers go on through all functions of a file, as PyTorch has them.
    """

    def __init__(self) -> None:
        self._used = set(_RESERVED)
        self._counters: dict[str, int] = {}
        self.of: dict[Value, str] = {}
        """The names of the values that have one."""

    def begin_function(self) -> None:
        """What follows may use all names again."""
        self._used = set(_RESERVED)
        self.of.clear()

    def fresh(self, candidate: str) -> str:
        """The candidate if it is free, else with a number behind it."""
        name = candidate
        while name in self._used:
            number = self._counters.get(name, 0)
            self._counters[name] = number + 1
            name = f"{candidate}{number}"
        self._used.add(name)
        return name

    def define(self, value: Value) -> str:
        """Give a value a name of its own, now."""
        name = self.of[value] = self.fresh(identifier_from(value.debug_name) if value.has_debug_name else "_")
        return name
