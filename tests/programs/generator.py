"""A hypothesis strategy for well-typed TorchScript programs.

`programs()` draws the source text of a module: a few helper functions and `main`, which calls them. Every program ends:
loops run a few rounds, lists and strings stay short, numbers stay small. What plain Python and TorchScript define
differently is left out (powers of ints, division by zero, text of floats, the order of nan), or fenced: ints are
reduced often enough to stay far from 64 bits, except in `wide` programs, which are meant to wrap around and cannot be
compared with plain Python. There is no literal 0.0 either: PyTorch merges it with a constant -0.0.

Expressions have no side effects; calls of helpers, which may change lists, stand in statements of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["Program", "programs"]

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[int]], int]

INT, FLOAT, BOOL, STR, TENSOR = "int", "float", "bool", "str", "Tensor"
INTS, FLOATS, STRS = "List[int]", "List[float]", "List[str]"
COUNTS, PAIR, MAYBE = "Dict[str, int]", "Tuple[int, str]", "Optional[int]"
TYPES = (INT, FLOAT, BOOL, STR, TENSOR, INTS, FLOATS, STRS, COUNTS, PAIR, MAYBE)
ELEMENTS = {INTS: INT, FLOATS: FLOAT, STRS: STR}

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
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor
"""


@dataclass(frozen=True)
class Program:
    """The text of a module with a function `main`; `wide` if its ints may leave 64 bits."""

    source: str
    wide: bool

    def __str__(self) -> str:
        return self.source

    __repr__ = __str__


@st.composite
def programs(draw: Draw, wide: bool = False) -> Program:
    """Programs of up to about sixty statements."""
    made = _Generator(draw, wide)
    for index in range(draw(st.integers(0, 2))):
        made.helper(f"helper{index}")
    made.main()
    return Program("\n".join([HEAD, *made.lines]) + "\n", wide)


@dataclass(frozen=True)
class _Signature:
    name: str
    parameters: tuple[str, ...]
    result: str


@dataclass
class _Scope:
    """The variables of a block, and those outside that it leaves alone."""

    variables: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


class _Generator:
    """Writes one program, drawing each choice."""

    def __init__(self, draw: Draw, wide: bool) -> None:
        self._draw = draw
        self._wide = wide
        self.lines: list[str] = []
        self._indent = 0
        self._scopes: list[_Scope] = []
        self._helpers: list[_Signature] = []
        self._names = 0
        self._loops = 0
        self._result = INT
        self._budget = 0

    # --- choices

    def _number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def _pick(self, options: Sequence[T]) -> T:
        return options[self._number(0, len(options) - 1)]

    def _chance(self, percent: int) -> bool:
        return self._number(0, 99) >= 100 - percent

    # --- text and names

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    def _fresh(self) -> str:
        self._names += 1
        return f"v{self._names}"

    @contextmanager
    def _block(self, head: str) -> Iterator[_Scope]:
        self._line(head)
        self._indent += 1
        self._scopes.append(_Scope())
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

    # --- functions

    def helper(self, name: str) -> None:
        parameters = tuple(self._pick(TYPES) for _ in range(self._number(1, 3)))
        result = self._pick(TYPES)
        self._function(name, [(f"p{i}", type) for i, type in enumerate(parameters)], result, 6)
        self._helpers.append(_Signature(name, parameters, result))

    def main(self) -> None:
        self._function("main", PARAMETERS, "Tuple[" + ", ".join(TYPES) + "]", 24)

    def _function(self, name: str, parameters: Sequence[tuple[str, str]], result: str, budget: int) -> None:
        self._result, self._budget, self._loops = result, budget, 0
        listed = ", ".join(f"{parameter}: {type}" for parameter, type in parameters)
        self.lines += ["", ""]
        with self._block(f"def {name}({listed}) -> {result}:") as scope:
            scope.variables.update(parameters)
            if not self._statements(0):
                self._line(f"return {self._returned()}")

    def _returned(self) -> str:
        if not self._result.startswith("Tuple[int, float"):
            return self._stored(self._result, 2)
        return "(" + ", ".join(self._stored(type, 1) for type in TYPES) + ")"

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
        simple = (
            self._new_variable, self._new_variable, self._reassign, self._augment, self._change_list, self._change_dict,
            self._change_tensor, self._unpack, self._call,
        )  # fmt: skip
        if depth < 3 and self._chance(40):
            self._pick((self._if, self._if, self._if_present, self._while, self._for_range, self._for_each))(depth)
            return False
        if depth and self._chance(15):
            return self._leave()
        self._pick(simple)()
        return False

    def _leave(self) -> bool:
        kind = self._number(0, 9)
        if self._loops and kind < 3:
            self._line("break")
        elif self._loops and kind < 6:
            self._line("continue")
        elif kind < 9:
            self._line(f"return {self._returned()}")
        else:
            self._line(f'raise {self._pick(("ValueError", "RuntimeError", "KeyError"))}("stopped")')
        return True

    def _new_variable(self) -> None:
        type = self._pick(TYPES)
        name = self._fresh()
        value = self._stored(type, 3)
        needs_type = type == MAYBE or value.startswith("[]")
        self._line(f"{name}: {type} = {value}" if needs_type or self._chance(30) else f"{name} = {value}")
        self._declare(name, type)

    def _target(self, *types: str) -> tuple[str, str] | None:
        found = [(name, type) for type in types for name in self._variables(type)]
        return self._pick(found) if found else None

    def _reassign(self) -> None:
        target = self._target(*TYPES)
        if target is not None:
            self._line(f"{target[0]} = {self._stored(target[1], 2)}")

    def _augment(self) -> None:
        target = self._target(INT, FLOAT, STR, TENSOR)
        if target is None:
            return
        name, type = target
        if type == INT:
            self._line(f"{name} {self._pick(('+=', '-=', '|=', '&=', '^='))} {self._stored(INT, 1)}")
        elif type == FLOAT:
            self._line(f"{name} {self._pick(('+=', '-='))} {self._stored(FLOAT, 1)}")
        elif type == STR:
            self._line(f"{name} = ({name} + {self._expression(STR, 1)})[:12]")
        else:
            self._line(f"{name} {self._pick(('+=', '-='))} {self._stored(TENSOR, 1)}")

    def _change_list(self) -> None:
        target = self._target(INTS, FLOATS, STRS)
        if target is None:
            return
        name, type = target
        value = self._stored(ELEMENTS[type], 1)
        change = self._number(0, 6)
        if change == 0:
            self._line(f"{name}.append({value})")
        elif change == 1:
            self._line(f"{name}.extend([{value}, {self._stored(ELEMENTS[type], 0)}])")
        elif change == 2:
            self._line(f"{name}.insert({self._number(-2, 3)}, {value})")
        elif change == 3:
            self._line(self._pick((f"{name}.reverse()", f"{name}.sort()")))
        elif change == 4:
            with self._block(f"if len({name}) > {self._number(0, 2)}:"):
                popped = self._fresh()
                self._line(f"{popped} = {name}.pop({self._pick(('', '0', '-1'))})")
                self._declare(popped, ELEMENTS[type])
                self._reassign()
        elif change == 5:
            with self._block(f"if len({name}) > {self._number(1, 3)}:"):
                self._line(f"{name}[{self._number(-1, 1)}] = {value}")
        else:
            other = self._fresh()
            self._line(f"{other} = {name}")
            self._declare(other, type)

    def _change_dict(self) -> None:
        target = self._target(COUNTS)
        if target is None:
            return
        name, key = target[0], self._expression(STR, 1)
        change = self._number(0, 4)
        if change <= 1:
            self._line(f"{name}[{key}] = {self._stored(INT, 1)}")
        elif change == 2:
            with self._block(f"if {key} in {name}:"):
                self._line(self._pick((f"{name}[{key}] += {self._stored(INT, 0)}", f"del {name}[{key}]")))
        elif change == 3:
            popped = self._fresh()
            self._line(f"{popped} = {name}.pop({key}, {self._stored(INT, 0)})")
            self._declare(popped, INT)
        else:
            self._line(f"{name}.update({self._stored(COUNTS, 1)})")

    def _change_tensor(self) -> None:
        target = self._target(TENSOR)
        if target is None:
            return
        name = target[0]
        self._line(
            self._pick(
                (
                    f"{name}.add_({self._stored(TENSOR, 0)}, alpha={self._number(-2, 2)})",
                    f"{name}.mul_({self._literal(FLOAT)}).clamp_(-8.0, 8.0)",
                    f"{name}[{self._number(0, 2)}] = {self._stored(FLOAT, 0)}",
                    f"{name}[1:] += {self._stored(FLOAT, 0)}",
                    f"{name}[:2].neg_()",
                )
            )
        )

    def _unpack(self) -> None:
        first, second = self._fresh(), self._fresh()
        self._line(f"{first}, {second} = {self._stored(PAIR, 1)}")
        self._declare(first, INT)
        self._declare(second, STR)

    def _call(self) -> None:
        if not self._helpers:
            return
        callee = self._pick(self._helpers)
        arguments = [self._stored(type, 1) for type in callee.parameters]
        name = self._fresh()
        self._line(f"{name} = {callee.name}({', '.join(arguments)})")
        self._declare(name, callee.result)

    # --- control flow

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
        with self._block(f"if {name} is not None:") as scope:
            # In here it is an int: None cannot be assigned.
            scope.hidden.add(name)
            self._line(f"{value} = {name} + {self._literal(INT)}")
            self._declare(value, INT)
            self._statements(depth + 1)

    def _while(self, depth: int) -> None:
        fuel = self._fresh()
        self._line(f"{fuel} = {self._number(0, 4)}")
        condition = f" and {self._expression(BOOL, 1)}" if self._chance(60) else ""
        with self._loop(f"while {fuel} > 0{condition}:"):
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
        with self._loop(f"for {name} in range({bounds}):"):
            self._declare(name, INT)
            self._statements(depth + 1)

    def _for_each(self, depth: int) -> None:
        target, types, iterable = self._pick((self._each_element, self._each_number, self._each_pair, self._each_key))()
        with self._loop(f"for {target} in {iterable}:"):
            for name, type in types:
                self._declare(name, type)
            self._statements(depth + 1)

    def _each_element(self) -> tuple[str, list[tuple[str, str]], str]:
        name, type = self._fresh(), self._pick((INTS, FLOATS, STRS))
        return name, [(name, ELEMENTS[type])], f"({self._expression(type, 1)})[:4]"

    def _each_number(self) -> tuple[str, list[tuple[str, str]], str]:
        index, name = self._fresh(), self._fresh()
        return f"{index}, {name}", [(index, INT), (name, STR)], f"enumerate(({self._expression(STR, 1)})[:3])"

    def _each_pair(self) -> tuple[str, list[tuple[str, str]], str]:
        first, second = self._fresh(), self._fresh()
        ints, floats = self._expression(INTS, 1), self._expression(FLOATS, 1)
        return f"{first}, {second}", [(first, INT), (second, FLOAT)], f"zip(({ints})[:4], ({floats})[:4])"

    def _each_key(self) -> tuple[str, list[tuple[str, str]], str]:
        name = self._fresh()
        return name, [(name, STR)], f"list({self._expression(COUNTS, 1)}.keys())[:4]"

    @contextmanager
    def _loop(self, head: str) -> Iterator[None]:
        with self._block(head):
            self._loops += 1
            yield
            self._loops -= 1

    # --- expressions

    def _stored(self, type: str, depth: int) -> str:
        """An expression whose value may be kept: numbers are brought back to a small range."""
        value = self._expression(type, depth)
        if value.isidentifier() or depth == 0:
            return value
        if type == INT and not self._wide:
            return f"({value}) % 1009"
        if type == FLOAT:
            return f"math.fmod({value}, 1024.0)"
        if type == STR:
            return f"({value})[:12]"
        if type == TENSOR:
            return f"torch.clamp({value}, -8.0, 8.0)"
        return value

    def _expression(self, type: str, depth: int) -> str:
        if depth <= 0 or self._chance(20):
            return self._leaf(type)
        make = {
            INT: self._int, FLOAT: self._float, BOOL: self._bool, STR: self._str, TENSOR: self._tensor,
            INTS: self._ints, FLOATS: self._floats, STRS: self._strs, COUNTS: self._counts, PAIR: self._pair,
            MAYBE: self._maybe,
        }[type]  # fmt: skip
        return make(depth - 1)

    def _leaf(self, type: str) -> str:
        known = self._variables(type)
        return self._pick(known) if known and self._chance(75) else self._literal(type)

    def _literal(self, type: str) -> str:
        if type == INT:
            return self._int_literal()
        if type == FLOAT:
            return self._pick(("0.5", "-1.5", "2.0", "0.125", "-0.25", "3.75"))
        if type == BOOL:
            return self._pick(("True", "False"))
        if type == STR:
            return self._pick(('"a"', '"bc"', '"Dd e"', '""', '"x1"'))
        if type == TENSOR:
            return self._pick(
                ("torch.ones(3)", "torch.zeros(3)", "torch.arange(3.0)", "torch.tensor([0.5, -1.0, 2.0])")
            )
        if type in ELEMENTS:
            return f"[{', '.join(self._literal(ELEMENTS[type]) for _ in range(self._number(1, 3)))}]"
        if type == COUNTS:
            return self._pick(('{"a": 1}', '{"bc": 2, "a": 3}', '{"x1": 0}'))
        if type == PAIR:
            return f"({self._literal(INT)}, {self._literal(STR)})"
        return self._pick(("torch.jit.annotate(Optional[int], None)", "torch.jit.annotate(Optional[int], 5)"))

    def _int_literal(self) -> str:
        if self._wide and self._chance(50):
            return self._pick(
                ("9223372036854775807", "4611686018427387904", "-9223372036854775807", "3037000500", "-3")
            )
        return str(self._number(-4, 9)) if self._chance(90) else "100"

    def _factor(self, depth: int) -> str:
        """An int to be multiplied: small, unless overflow is wanted."""
        value = self._expression(INT, depth)
        return value if self._wide else f"(({value}) % 97)"

    def _int(self, depth: int) -> str:
        left = self._expression(INT, depth)
        kind = self._number(0, 11)
        if kind <= 2:
            return f"({left} {self._pick(('+', '-'))} {self._expression(INT, depth)})"
        if kind == 3:
            return f"({self._factor(depth)} * {self._factor(depth)})"
        if kind == 4:
            return f"({left} {self._pick(('//', '%'))} {self._pick(('3', '7', '-4', '10'))})"
        if kind == 5:
            return f"({left} {self._pick(('&', '|', '^'))} {self._expression(INT, depth)})"
        if kind == 6:
            return f"(({left}) % 64 {self._pick(('<<', '>>'))} {self._number(0, 4)})"
        if kind == 7:
            return self._pick((f"(-{left})", f"abs({left})", f"int({self._expression(BOOL, depth)})"))
        if kind == 8:
            return f"{self._pick(('min', 'max'))}({left}, {self._expression(INT, depth)})"
        if kind == 9:
            item = self._fresh()
            return self._pick(
                (
                    f"len({self._expression(INTS, depth)})",
                    f"len({self._expression(STR, depth)})",
                    f"len({self._expression(COUNTS, depth)})",
                    # PyTorch adds up the ints of a list in 32 bits.
                    f"sum([{item} % 1009 for {item} in {self._expression(INTS, depth)}])",
                    f"{self._expression(PAIR, depth)}[0]",
                )
            )
        if kind == 10:
            return self._element(INTS, left)
        return f"({left} if {self._expression(BOOL, depth)} else {self._expression(INT, depth)})"

    def _element(self, type: str, index: str) -> str:
        """An element of a list that may be empty."""
        names = self._variables(type)
        if not names:
            return f"{self._literal(type)}[0]"
        name = self._pick(names)
        return f"({name}[({index}) % len({name})] if len({name}) > 0 else {self._literal(ELEMENTS[type])})"

    def _float(self, depth: int) -> str:
        left = self._expression(FLOAT, depth)
        kind = self._number(0, 8)
        if kind <= 2:
            return f"({left} {self._pick(('+', '-'))} {self._expression(FLOAT, depth)})"
        if kind == 3:
            return f"({left} {self._pick(('*', '/'))} {self._pick(('2.0', '-0.5', '4', '3.0'))})"
        if kind == 4:
            return self._pick((f"(-{left})", f"abs({left})", f"math.floor({left}) * 0.5", f"math.sqrt(abs({left}))"))
        if kind == 5:
            return f"float({self._expression(INT, depth)})"
        if kind == 6:
            return self._pick((f"float({self._expression(TENSOR, depth)}[1])", self._element(FLOATS, self._leaf(INT))))
        if kind == 7:
            return f"{self._pick(('min', 'max'))}({left}, {self._expression(FLOAT, depth)})"
        return f"({left} if {self._expression(BOOL, depth)} else {self._expression(FLOAT, depth)})"

    def _bool(self, depth: int) -> str:
        kind = self._number(0, 8)
        if kind <= 2:
            type = self._pick((INT, FLOAT, STR, INT))
            operator = self._pick(("==", "!=", "<", "<=", ">", ">="))
            return f"({self._expression(type, depth)} {operator} {self._expression(type, depth)})"
        if kind == 3:
            return f"({self._expression(BOOL, depth)} {self._pick(('and', 'or'))} {self._expression(BOOL, depth)})"
        if kind == 4:
            return f"(not {self._expression(BOOL, depth)})"
        if kind == 5:
            return self._pick(
                (
                    f"({self._expression(STR, depth)} in {self._expression(COUNTS, depth)})",
                    f"({self._expression(INT, depth)} in {self._expression(INTS, depth)})",
                    f"({self._expression(STR, depth)} in {self._expression(STR, depth)})",
                    # Not by itself: as a condition it would refine the variable.
                    f"(int({self._expression(MAYBE, depth)} is None) == 1)",
                    f"({self._expression(INTS, depth)} == {self._expression(INTS, depth)})",
                )
            )
        if kind == 6:
            low, middle, high = (self._expression(INT, depth - 1) for _ in range(3))
            return f"({low} < {middle} <= {high})"
        if kind == 7:
            return f"bool(({self._expression(TENSOR, depth)} > {self._leaf(FLOAT)}).any())"
        return f"bool({self._expression(INT, depth)})"

    def _str(self, depth: int) -> str:
        value = self._expression(STR, depth)
        return self._pick(
            (
                f"({value} + {self._expression(STR, depth)})",
                f"str({self._expression(INT, depth)})",
                f'f"{{{self._leaf(INT)}}}-{{{self._variable_or_one(STR)}}}"',
                f"{value}.upper()",
                f'{value}.replace("a", "bb")',
                f"{value}[{self._number(0, 2)}:]",
                f"{value}[::-1]",
                f"{self._expression(PAIR, depth)}[1]",
                f'", ".join({self._expression(STRS, depth)})',
                self._element(STRS, self._leaf(INT)),
            )
        )

    def _variable_or_one(self, type: str) -> str:
        known = self._variables(type)
        return self._pick(known) if known else "1"

    def _tensor(self, depth: int) -> str:
        left = self._expression(TENSOR, depth)
        kind = self._number(0, 5)
        if kind <= 1:
            return f"({left} {self._pick(('+', '-', '*'))} {self._expression(TENSOR, depth)})"
        if kind == 2:
            return f"({left} {self._pick(('+', '*'))} {self._pick((self._leaf(FLOAT), '2', self._leaf(INT)))})"
        if kind == 3:
            return f"torch.{self._pick(('relu', 'tanh', 'neg', 'abs', 'sigmoid'))}({left})"
        if kind == 4:
            return self._pick(
                (f"({left} - {left}.mean())", f"{left}.flip([0])", f"{left}.clone()", f"{left}.cumsum(0)")
            )
        return f"torch.where({left} > 0, {left}, {self._expression(TENSOR, depth)})"

    def _list(self, type: str, depth: int) -> str:
        value = self._expression(type, depth)
        element = self._stored(ELEMENTS[type], depth)
        item = self._fresh()
        return self._pick(
            (
                f"[{element}, {self._stored(ELEMENTS[type], 0)}]",
                f"({value} + {self._expression(type, depth)})[:6]",
                f"{value}[{self._number(-2, 1)}:{self._number(1, 4)}]",
                f"{value}[::-1]",
                f"sorted({value})",
                f"[{item} for {item} in {value}]",
                f"({value} * 2)[:6]",
                f"{value}.copy()",
            )
        )

    def _ints(self, depth: int) -> str:
        if self._chance(30):
            item = self._fresh()
            return self._pick(
                (
                    f"[({item} + {self._leaf(INT)}) % 1009 for {item} in {self._expression(INTS, depth)}]",
                    f"[{item} for {item} in range({self._number(0, 4)})]",
                    f"[len({item}) for {item} in {self._expression(STRS, depth)}]",
                    f"list({self._expression(COUNTS, depth)}.values())",
                )
            )
        return self._list(INTS, depth)

    def _floats(self, depth: int) -> str:
        if self._chance(20):
            item = self._fresh()
            return f"[float({item}) for {item} in {self._expression(INTS, depth)}]"
        return self._list(FLOATS, depth)

    def _strs(self, depth: int) -> str:
        if self._chance(20):
            return self._pick(
                (f"list({self._expression(STR, depth)})[:4]", f'{self._expression(STR, depth)}.split("a")')
            )
        return self._list(STRS, depth)

    def _counts(self, depth: int) -> str:
        item = self._fresh()
        return self._pick(
            (
                f"{{{self._literal(STR)}: {self._stored(INT, depth)}}}",
                f"{{{item}: len({item}) for {item} in {self._expression(STRS, depth)}}}",
                f"{self._expression(COUNTS, depth)}.copy()",
            )
        )

    def _pair(self, depth: int) -> str:
        return f"({self._stored(INT, depth)}, {self._stored(STR, depth)})"

    def _maybe(self, depth: int) -> str:
        value = self._stored(INT, depth)
        return self._pick(
            (
                f"torch.jit.annotate(Optional[int], {value})",
                f"({value} if {self._expression(BOOL, depth)} else None)",
                f"{self._expression(COUNTS, depth)}.get({self._expression(STR, depth)})",
            )
        )
