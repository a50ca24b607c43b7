"""Well-typed TorchScript programs, made from a number.

`program_of(seed)` writes the source text of a module: a few helper functions, classes and `main`, which uses them.
Every program ends: loops run a few rounds, lists and strings stay short, numbers stay small. What plain Python and
TorchScript define differently is left out, or fenced: ints are reduced often enough to stay far from 64 bits, except in
`WIDE` programs, which are meant to wrap around. `EXTENDED` ones use what torch.jit does not compile.

    python -m tests.programs.generator 17 plain      prints a program
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.programs.statements import Statements
from tests.programs.writer import (
    BOOL,
    COLOR,
    COUNTS,
    EITHER,
    ELEMENTS,
    FLOAT,
    FLOATS,
    INT,
    INTS,
    MAYBE,
    MAYBE_STR,
    NAMES,
    PRESENT,
    RETURNED,
    STR,
    TENSOR,
    TYPES,
    Kind,
    Signature,
)  # fmt: skip

__all__ = ["Kind", "Program", "program_of"]

PARAMETERS = (
    ("a", INT),
    ("b", FLOAT),
    ("c", BOOL),
    ("s", STR),
    ("xs", INTS),
    ("d", COUNTS),
    ("m", MAYBE),
    ("t", TENSOR),
)
"""The parameters of `main`."""

HEAD = """\
import math
from enum import Enum
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor


class Point(NamedTuple):
    x: int
    y: float
    name: str = "p"


class Color(Enum):
    RED = 1
    GREEN = 2
    BLUE = 7


class Box:
    def __init__(self, n: int, s: str) -> None:
        self.n = n
        self.s = s
        self.xs = [n % 7, len(s)]

    @property
    def size(self) -> int:
        return len(self.xs) + self.n % 5

    @size.setter
    def size(self, value: int) -> None:
        self.n = value

    def __len__(self) -> int:
        return len(self.xs)

    def __contains__(self, k: int) -> bool:
        return k in self.xs

    def __getitem__(self, i: int) -> int:
        return self.xs[i % len(self.xs)] if len(self.xs) > 0 else self.n

    def __setitem__(self, i: int, value: int) -> None:
        self.xs.append(value + i)

    def __add__(self, k: int) -> int:
        return self.n + k"""


@dataclass(frozen=True)
class Program:
    """The text of a module with a function `main`, and what it may be compared with."""

    source: str
    kind: Kind

    def __str__(self) -> str:
        return self.source


def program_of(seed: int, kind: Kind = Kind.PLAIN) -> Program:
    """The program of that number: up to about sixty statements."""
    made = _Generator(seed, kind)
    made.methods()
    made.helpers()
    made.main()
    return Program("\n".join([HEAD, *made.lines]) + "\n", kind)


class _Generator(Statements):
    """Writes functions, and statements with blocks."""

    # --- functions

    def methods(self) -> None:
        """Some methods of `Box`, whose attributes are variables like others."""
        self._indent = 1
        for index in range(self._number(0, 2)):
            parameters = tuple(self._pick(TYPES[:-1]) for _ in range(self._number(0, 2)))
            made = Signature(f"method{index}", parameters, self._pick(TYPES[:-1]))
            own = [("self.n", INT), ("self.s", STR), ("self.xs", INTS)]
            self._function(made, [(f"p{i}", type) for i, type in enumerate(parameters)], 4, own)
            self._methods.append(made)
        self._indent = 0

    def helpers(self) -> None:
        for index in range(self._number(0, 3)):
            types = TYPES if self._chance(60) else (INT, STR, FLOAT, MAYBE, BOOL)
            parameters = tuple(self._pick(types) for _ in range(self._number(1, 3)))
            made = Signature(f"helper{index}", parameters, self._pick(TYPES))
            self._function(made, [(f"p{i}", type) for i, type in enumerate(parameters)], 6)
            self._functions.append(made)

    def main(self) -> None:
        # PyTorch cannot hand out an enum's member from an archive, unless it compiled the enum as well.
        self._returned_types = tuple(type for type in RETURNED if type != COLOR or not self._extended)
        made = Signature("main", tuple(type for _, type in PARAMETERS), f"Tuple[{', '.join(self._returned_types)}]")
        self._function(made, PARAMETERS, 22)

    def _function(
        self,
        made: Signature,
        parameters: Sequence[tuple[str, str]],
        budget: int,
        own: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        self._result, self._budget, self._loops = made.result, budget, 0
        listed = [f"{parameter}: {type}" for parameter, type in parameters]
        if own is not None:
            listed.insert(0, "self")
        self.lines += [""] if own is not None else ["", ""]
        with self._block(f"def {made.name}({', '.join(listed)}) -> {made.result}:") as scope:
            scope.variables.update([*parameters, *(own or ())])
            if not self._statements(0):
                self._line(f"return {self._returned()}")

    def _returned(self) -> str:
        if not self._result.startswith("Tuple[int, float"):
            return self._stored(self._result, 2)
        return "(" + ", ".join(self._stored(type, 1) for type in self._returned_types) + ")"

    # --- statements

    def _statements(self, depth: int) -> bool:
        """The statements of a block; whether the last one leaves it in every case."""
        for _ in range(self._number(1 if depth else 2, 4 if depth else 12)):
            if self._budget <= 0:
                return False
            self._budget -= 1
            if self._statement(depth):
                return True
        return False

    def _statement(self, depth: int) -> bool:
        if depth < 3 and self._chance(40):
            blocks = [
                self._if, self._if, self._if_present, self._while, self._for_range, self._for_each, self._for_each,
                self._if_instance, self._with,
            ]  # fmt: skip
            if self._extended:
                blocks += [self._match, self._local_function]
            self._pick(blocks)(depth)
            return False
        if depth and self._chance(15):
            return self._leave()
        if self._chance(8):
            self._leave_unless_present()
            return False
        self._simple()
        return False

    def _leave(self) -> bool:
        kind = self._number(0, 9)
        if self._loops and kind < 3:
            self._line("break")
        elif self._loops and kind < 6:
            self._line("continue")
        else:
            self._return_or_raise()
        return True

    def _return_or_raise(self) -> None:
        if self._chance(75):
            self._line(f"return {self._returned()}")
        else:
            self._line(f'raise {self._pick(("ValueError", "RuntimeError", "KeyError"))}("stopped")')

    def _leave_unless_present(self) -> None:
        """From here on an Optional variable is known to have a value."""
        target = self._target(MAYBE, MAYBE_STR)
        if target is None or "." in target[0]:
            return
        name, type = target
        if self._chance(15):
            self._line(f'assert {name} is not None, "absent"')
        else:
            # torch.jit learns nothing from `break` and `continue`.
            with self._block(f"if {name} is None:"):
                self._return_or_raise()
        self._hide_for_good(name)
        value = self._fresh()
        self._line(f"{value} = {name} + {self._literal(PRESENT[type])}")
        self._declare(value, PRESENT[type])

    # --- branches

    def _if(self, depth: int) -> None:
        with self._block(f"if {self._expression(BOOL, 2)}:"):
            self._statements(depth + 1)
        if self._chance(30):
            with self._block(f"elif {self._expression(BOOL, 1)}:"):
                self._statements(depth + 1)
        if self._chance(50):
            with self._block("else:"):
                self._statements(depth + 1)

    def _if_present(self, depth: int) -> None:
        name = self._pick([*self._variables(MAYBE), ""])
        if not name:
            name = self._fresh()
            self._line(f"{name}: {MAYBE} = {self._stored(MAYBE, 1)}")
            self._declare(name, MAYBE)
        value = self._fresh()
        more = f" and {name} {self._pick(('>', '!='))} {self._leaf(INT)}" if self._chance(40) else ""
        with self._block(f"if {name} is not None{more}:"):
            # In here it is an int: None cannot be assigned.
            self._hide(name)
            self._line(f"{value} = {name} + {self._literal(INT)}")
            self._declare(value, INT)
            self._statements(depth + 1)

    def _if_instance(self, depth: int) -> None:
        target = self._target(EITHER)
        if target is None:
            return
        name, value = target[0], self._fresh()
        for type, head in ((INT, f"if isinstance({name}, int):"), (STR, "else:")):
            with self._block(head):
                self._hide_for_good(name)
                self._line(f"{value} = {name} + {self._literal(type)}")
                self._declare(value, type)
                self._statements(depth + 1)

    def _with(self, depth: int) -> None:
        with self._block("with torch.no_grad():"):
            self._statements(depth + 1)

    def _match(self, depth: int) -> None:
        type = self._pick((INT, STR))
        with self._block(f"match {self._expression(type, 1)}:"):
            first, second = ("1", "2 | 3 | -1") if type == INT else ('"a"', '"" | "bc"')
            with self._block(f"case {first}:"):
                self._statements(depth + 1)
            with self._block(f"case {second}:"):
                self._statements(depth + 1)
            with self._block("case _:"):
                self._statements(depth + 1)

    def _local_function(self, depth: int) -> None:
        name, parameter, result = self._fresh(), self._fresh(), self._fresh()
        if self._chance(50):
            self._line(f"{name} = lambda {parameter}: {parameter} + {self._leaf(INT)}")
        else:
            with self._block(f"def {name}({parameter}: int) -> int:"):
                self._declare(parameter, INT)
                with self._block(f"if {self._expression(BOOL, 1)}:"):
                    self._line(f"return {self._stored(INT, 1)}")
                self._line(f"return {self._stored(INT, 1)}")
        self._line(f"{result} = {name}({self._stored(INT, 1)})")
        self._declare(result, INT)

    # --- loops

    def _while(self, depth: int) -> None:
        fuel = self._fresh()
        self._line(f"{fuel} = {self._number(0, 4)}")
        condition = f" and {self._expression(BOOL, 1)}" if self._chance(60) else ""
        with self._loop(f"while {fuel} > 0{condition}:", depth):
            self._line(f"{fuel} -= 1")
            self._statements(depth + 1)

    def _for_range(self, depth: int) -> None:
        name = self._fresh()
        bounds = self._pick(
            (
                f"{self._number(0, 4)}",
                f"{self._leaf(INT)} % 5",
                f"{self._number(-2, 1)}, {self._number(0, 3)}",
                f"{self._number(0, 6)}, {self._number(-2, 2)}, -2",
            )
        )
        with self._loop(f"for {name} in range({bounds}):", depth):
            self._declare(name, INT)
            self._statements(depth + 1)

    def _for_each(self, depth: int) -> None:
        kinds = (self._each_element, self._each_number, self._each_pair, self._each_key, self._each_item)
        target, types, iterable = self._pick(kinds)()
        with self._loop(f"for {target} in {iterable}:", depth):
            for name, type in types:
                self._declare(name, type)
            self._statements(depth + 1)

    def _each_element(self) -> tuple[str, list[tuple[str, str]], str]:
        name, type = self._fresh(), self._pick((*ELEMENTS, STR))
        return name, [(name, ELEMENTS.get(type, STR))], f"({self._expression(type, 1)})[:4]"

    def _each_number(self) -> tuple[str, list[tuple[str, str]], str]:
        index, name = self._fresh(), self._fresh()
        # PyTorch makes no round from a negative number.
        start = self._pick(("", "", ", 1", ", -3" if self._extended else ", 4"))
        return f"{index}, {name}", [(index, INT), (name, STR)], f"enumerate(({self._expression(STR, 1)})[:3]{start})"

    def _each_pair(self) -> tuple[str, list[tuple[str, str]], str]:
        first, second = self._fresh(), self._fresh()
        ints, floats = self._expression(INTS, 1), self._expression(FLOATS, 1)
        return f"{first}, {second}", [(first, INT), (second, FLOAT)], f"zip(({ints})[:4], ({floats})[:4])"

    def _each_key(self) -> tuple[str, list[tuple[str, str]], str]:
        name = self._fresh()
        return name, [(name, STR)], f"list({self._expression(COUNTS, 1)}.keys())[:4]"

    def _each_item(self) -> tuple[str, list[tuple[str, str]], str]:
        key, value = self._fresh(), self._fresh()
        return f"{key}, {value}", [(key, INT), (value, STR)], f"list({self._expression(NAMES, 1)}.items())[:3]"

    @contextmanager
    def _loop(self, head: str, depth: int) -> Iterator[None]:
        with self._block(head):
            self._loops += 1
            yield
            self._loops -= 1
        if self._extended and self._chance(30):
            with self._block("else:"):
                self._statements(depth + 1)


if __name__ == "__main__":
    print(program_of(int(sys.argv[1]), Kind(sys.argv[2] if len(sys.argv) > 2 else "plain")))
