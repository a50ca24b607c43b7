"""The base of the generator: its random choices, the lines it writes, the variables it may use, the types it knows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

INT, FLOAT, BOOL, STR, TENSOR = "int", "float", "bool", "str", "Tensor"
INTS, FLOATS, STRS, GRID = "List[int]", "List[float]", "List[str]", "List[List[int]]"
COUNTS, NAMES = "Dict[str, int]", "Dict[int, str]"
PAIR, POINT, COLOR = "Tuple[int, str]", "Point", "Color"
MAYBE, MAYBE_STR, EITHER = "Optional[int]", "Optional[str]", "Union[int, str]"
BOX = "Box"
RETURNED = (
    INT, FLOAT, BOOL, STR, TENSOR, INTS, FLOATS, STRS, GRID, COUNTS, NAMES, PAIR, POINT, COLOR, MAYBE, MAYBE_STR,
)  # fmt: skip
"""The types of what `main` returns: those that Python sees as its own."""
TYPES = (*RETURNED, EITHER, BOX)
ELEMENTS = {INTS: INT, FLOATS: FLOAT, STRS: STR, GRID: INTS}
KEYS = {COUNTS: (STR, INT), NAMES: (INT, STR)}
PRESENT = {MAYBE: INT, MAYBE_STR: STR}
IMMUTABLE = (INT, FLOAT, BOOL, STR, PAIR, POINT, COLOR, MAYBE, MAYBE_STR, EITHER)


class Kind(Enum):
    """What a program may be compared with."""

    PLAIN = "plain"
    WIDE = "wide"
    """Its ints may leave 64 bits: plain Python is no comparison."""
    EXTENDED = "extended"
    """It uses what torch.jit does not compile: torch.jit is none."""


@dataclass(frozen=True)
class Signature:
    """A function, or a method of `Box`, that the program may call."""

    name: str
    parameters: tuple[str, ...]
    result: str

    @property
    def is_pure(self) -> bool:
        """Whether calls change nothing that can be seen."""
        return "." not in self.name and all(type in IMMUTABLE for type in self.parameters)


@dataclass
class Scope:
    """The variables of a block, and those outside that it leaves alone."""

    variables: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    is_with: bool = False


class Writer:
    """Writes one program, drawing each choice from the seed."""

    def __init__(self, seed: int, kind: Kind) -> None:
        self._random = random.Random(seed)
        self._wide = kind is Kind.WIDE
        self._extended = kind is Kind.EXTENDED
        self.lines: list[str] = []
        self._indent = 0
        self._scopes: list[Scope] = []
        self._functions: list[Signature] = []
        self._methods: list[Signature] = []
        self._names = 0
        self._loops = 0
        self._result = INT
        self._returned_types: tuple[str, ...] = ()
        self._budget = 0

    # --- choices

    def _number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def _pick(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    # --- text and names

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    def _fresh(self) -> str:
        self._names += 1
        return f"v{self._names}"

    @contextmanager
    def _block(self, head: str) -> Iterator[Scope]:
        self._line(head)
        self._indent += 1
        self._scopes.append(Scope(is_with=head.startswith("with ")))
        start = len(self.lines)
        yield self._scopes[-1]
        if len(self.lines) == start:
            self._line("pass")
        self._scopes.pop()
        self._indent -= 1

    def _variables(self, type: str) -> list[str]:
        hidden = {name for scope in self._scopes for name in scope.hidden}
        found = [name for scope in self._scopes for name, known in scope.variables.items() if known == type]
        return [name for name in found if name not in hidden]

    def _declare(self, name: str, type: str) -> None:
        self._scopes[-1].variables[name] = type

    def _hide(self, name: str) -> None:
        """From here to the end of the block a condition says more of a variable, and nothing else may be assigned.

        What is learnt in a `with` statement holds after it as well.
        """
        scope = next(scope for scope in reversed(self._scopes) if not scope.is_with)
        scope.hidden.add(name)

    def _hide_for_good(self, name: str) -> None:
        """As `_hide`, in the blocks around this one too: where the other branch leaves, it is known there as well."""
        for scope in self._scopes:
            scope.hidden.add(name)

    def _target(self, *types: str) -> tuple[str, str] | None:
        """A variable of one of these types, and its type."""
        found = [(name, type) for type in types for name in self._variables(type)]
        return self._pick(found) if found else None
