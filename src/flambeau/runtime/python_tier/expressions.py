"""Pieces of generated code that compute a value, and what one must know to put them elsewhere than where they arose."""

from __future__ import annotations

import keyword
import math
import re
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau.ir import Node, Value, base_name
from flambeau.runtime.integers import INT_MAX, INT_MIN

__all__ = ["ANY_INT", "Bounds", "Expression", "Names", "literal", "within_64_bits"]

Bounds: TypeAlias = "tuple[int, int]"
"""The smallest and the largest int that a value can be."""
ANY_INT: Bounds = (INT_MIN, INT_MAX)


@final
@dataclass(slots=True, eq=False)
class Expression:
    """Code for one value."""

    text: str
    is_atom: bool = True
    """Whether it can stand as an operand without parentheses."""
    is_simple: bool = False
    """Whether it is a variable or a literal, which costs nothing to write twice."""
    reads: frozenset[str] = frozenset()
    """The variables that it reads."""
    reads_state: bool = False
    """Whether it looks into something that a statement could change (a list, an object's attribute)."""
    raiser: Node | None = None
    """The node in it that may raise. There is one at most, as a line of code stands for one node in tracebacks."""
    bounds: Bounds = ANY_INT
    """Of an int; wider than 64 bits where the value still has to be wrapped."""
    released: list[Value] = field(default_factory=list)
    """Values that nobody reads any more once it has been computed."""

    @property
    def operand(self) -> str:
        return self.text if self.is_atom else f"({self.text})"

    @property
    def is_wrapped(self) -> bool:
        return within_64_bits(self.bounds)


def within_64_bits(bounds: Bounds) -> bool:
    return bounds[0] >= INT_MIN and bounds[1] <= INT_MAX


def literal(value: object) -> Expression | None:
    """The code of a constant, if it has a literal."""
    if value is None or isinstance(value, (bool, str)):
        return Expression(repr(value), is_simple=True)
    if isinstance(value, int):
        text = repr(value) if value >= 0 else f"({value!r})"
        return Expression(text, is_simple=True, bounds=(value, value))
    if isinstance(value, float) and math.isfinite(value):
        return Expression(repr(value) if math.copysign(1.0, value) > 0 else f"({value!r})", is_simple=True)
    return None


_NOT_A_LETTER = re.compile(r"\W")


@final
class Names:
    """The names of one piece of generated code, each given once. Variables are called what the script calls them."""

    def __init__(self) -> None:
        self._taken: set[str] = {
            *keyword.kwlist,
            *("BaseException", "IndexError", "RuntimeError", "give_up", "item", "part"),
            *("abs", "bool", "dict", "float", "int", "len", "list", "max", "min", "range", "tuple"),
        }
        self._counts: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        """`wanted`, or if that is taken, `wanted_2` and so on."""
        name = wanted
        while name in self._taken:
            self._counts[wanted] = number = self._counts.get(wanted, 1) + 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def variable(self, value: Value) -> str:
        """A name for the variable of a value."""
        text = _NOT_A_LETTER.sub("_", base_name(value.debug_name)) if value.has_debug_name else "v"
        return self.fresh(text if text.isidentifier() and not text.startswith("__") else f"v{text}")
