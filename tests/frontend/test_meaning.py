"""Compiled programs compute what Python computes, run by the reference interpreter.

Most programs are generated: ints, bools and lists of ints; nested ifs and loops with breaks, continues and early
returns, which is what the lowering of variables and exits has to get right.
"""

from __future__ import annotations

import random
import textwrap
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import runtime
from tests.frontend.scripts import compile_text

VARIABLES = ("a", "b", "c")


class Program:
    """A random function of two ints and a list. It ends: every loop is bounded."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.fresh = 0

    def text(self) -> str:
        self.lines = ["def f(a: int, b: int, l: List[int]):", "    c = 0"]
        self.block(1, 3, in_loop=False)
        self.lines.append("    return a, b, c, l")
        return "\n".join(self.lines)

    def emit(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def block(self, depth: int, budget: int, *, in_loop: bool) -> None:
        for _ in range(self.random.randint(1, 3)):
            if self.statement(depth, budget, in_loop=in_loop):
                return

    def statement(self, depth: int, budget: int, *, in_loop: bool) -> bool:
        """Write a statement; whether it leaves the block."""
        choice = self.random.random()
        if budget > 0 and choice < 0.3:
            self.emit(depth, f"if {self.condition()}:")
            self.block(depth + 1, budget - 1, in_loop=in_loop)
            if self.random.random() < 0.6:
                self.emit(depth, "else:")
                self.block(depth + 1, budget - 1, in_loop=in_loop)
        elif budget > 0 and choice < 0.45:
            self.fresh += 1
            source = self.random.choice([f"range({self.random.randint(0, 4)})", "l[:4]", "range(a % 4)"])
            self.emit(depth, f"for i{self.fresh} in {source}:")
            self.emit(depth + 1, f"c += i{self.fresh}")
            self.block(depth + 1, budget - 1, in_loop=True)
        elif budget > 0 and choice < 0.55:
            self.fresh += 1
            self.emit(depth, f"n{self.fresh} = 0")
            self.emit(depth, f"while n{self.fresh} < 4 and {self.condition()}:")
            self.emit(depth + 1, f"n{self.fresh} += 1")
            self.block(depth + 1, budget - 1, in_loop=True)
        elif choice < 0.62 and in_loop:
            self.emit(depth, self.random.choice(["break", "continue"]))
            return True
        elif choice < 0.68 and depth > 1:
            self.emit(depth, f"return {self.expression()}, {self.expression()}, {self.expression()}, l")
            return True
        elif choice < 0.76:
            self.emit(depth, f"l.append({self.expression()})")
        elif choice < 0.82:
            self.emit(depth, f"a, b = {self.expression()}, {self.expression()}")
        elif choice < 0.9:
            operator = self.random.choice(["+", "-", "*"])
            variable = self.random.choice(VARIABLES)
            self.emit(depth, f"{variable} {operator}= {self.expression()}")
            self.emit(depth, f"{variable} %= 1000")
        else:
            self.emit(depth, f"{self.random.choice(VARIABLES)} = {self.expression()}")
        return False

    def expression(self, depth: int = 2) -> str:
        choice = self.random.random()
        if depth == 0 or choice < 0.3:
            return self.random.choice([*VARIABLES, str(self.random.randint(-5, 9))])
        if choice < 0.4:
            return f"({self.expression(depth - 1)} if {self.condition(depth - 1)} else {self.expression(depth - 1)})"
        if choice < 0.5:
            return "len(l)"
        if choice < 0.6:
            return f"sum([v * 2 for v in l if {self.condition(depth - 1)}][:3])"
        operator = self.random.choice(["+", "-", "*", "&", "|", "^"])
        # Python's ints do not wrap: they are kept small.
        return f"({self.expression(depth - 1)} {operator} {self.expression(depth - 1)}) % 1000"

    def condition(self, depth: int = 1) -> str:
        choice = self.random.random()
        if depth > 0 and choice < 0.25:
            operator = self.random.choice(["and", "or"])
            return f"({self.condition(depth - 1)} {operator} {self.condition(depth - 1)})"
        if depth > 0 and choice < 0.35:
            return f"(not {self.condition(depth - 1)})"
        if choice < 0.45:
            return f"{self.expression(0)} in l"
        if choice < 0.55:
            return f"{self.expression(0)} < {self.expression(0)} <= {self.expression(0)}"
        return f"{self.expression(0)} {self.random.choice(['<', '>', '==', '!='])} {self.expression(0)}"


def python_result(text: str, *args: object) -> object:
    names: dict[str, object] = dict(vars(typing))
    exec(textwrap.dedent(text), names)
    return names["f"](*args)


def compiled_result(text: str, *args: object) -> object:
    (result,) = runtime.interpret(compile_text(text).graph, list(args))
    return result


@given(
    seed=st.integers(0, 2**32),
    a=st.integers(-3, 9),
    b=st.integers(-3, 9),
    numbers=st.lists(st.integers(-3, 5), max_size=5),
)
def test_programs_compute_what_python_computes(seed: int, a: int, b: int, numbers: list[int]) -> None:
    text = Program(seed).text()
    assert compiled_result(text, a, b, list(numbers)) == python_result(text, a, b, list(numbers)), text


EXAMPLES = """
def f(n: int):
    a, b = 0, 1
    while a < n:
        a, b = b, a + b
    return a
# 50

def f(s: str):
    out = ""
    for c in s:
        out = c + out
    return out, f"{out}!", s[::-1], s[1:], "%s-%d" % (s, 3), s.split("b"), s.upper(), "a" in s
# "abc"

def f(d: Dict[str, int]):
    t = 0
    for k, v in d.items():
        t += v
    return t, [k for k in d], "a" in d, d.get("z"), len(d)
# {"a": 1, "b": 2}

def f(l: List[int]):
    return [x * y for x in l for y in l if x < y], {x: str(x) for x in l}
# [1, 2, 3]

def f(x: Optional[int]):
    while x is not None:
        if x > 3:
            x = None
        else:
            x = x + 1
    return x
# 1

def f(l: List[int]):
    m = l
    m += [4]
    l[0] *= 5
    *a, b = (1, 2, 3)
    return l, m, len(a), b, l is m
# [1]

def f(t: Tuple[int, Tuple[str, float]]):
    a, (b, c) = t
    return c, b, a, t[1][0], t[-1], t + (1,)
# (1, ("x", 2.5))

def f(t: Tuple[int, float]):
    a, b = t
    return a // -2, a % -3, b // 0.5, -a, a - b, 1 < a < 9, a ^ 3, abs(-a), a / 2, min(a, 3), max(a, b)
# (7, 2.5)

def f(n: int):
    for i in range(n):
        for j in range(i):
            if i * j == 6:
                return i, j
    return 0, 0
# 9

def f(n: int):
    x = y = 0
    while (y := n - x) > 2:
        x += y // 2
    return x, y
# 20

def f(n: int) -> int:
    while True:
        n += 1
        if n % 7 == 0:
            return n
# 9

def f(l: List[str]):
    return [i + len(s) for i, s in enumerate(l, 3)], list(zip(l, l)), "b" in l, l + ["c"], l * 2, sorted(l)
# ["b", "ac"]

def f(l: List[int]):
    y = 1
    def g(a: int):
        return a * y + (1 if len(l) > 2 else 0)
    def h(y: int, l: int = 2):
        return g(y) + (lambda v: v + y + l)(3)
    out = [g(y) for y in l]
    for y in range(3):
        out.append(h(y) + g(y))
    if len(out) > 2:
        y = 7
    return out, g(2), h(1, l=9)
# [4, 5, 6]

def f(x: Optional[int]):
    if x is not None:
        def g():
            return 0 if x is None else x + 1
        y = g()
        if y > 2:
            x = None
            y += g()
        return y
    return -1
# 5

def f(l: List[int]):
    out: List[int] = []
    for i in l:
        for j in l:
            if i * j > 11:
                break
            out.append(j)
        else:
            out.append(-i)
            continue
        out.append(100 * i)
    while len(out) > 90:
        out.pop()
    else:
        out.append(7)
    n = 0
    while n < 5:
        n += 1
        if n in {3, 9}:
            break
    else:
        n = 50
    return out, n, 2 not in {1, 2}
# [1, 2, 3, 4]

def f(n: int):
    a = [i for i in reversed(range(n))] + [i for i in reversed(range(2, n, 3))]
    b = [c for c in reversed("abc")]
    for k in reversed((1, 2)):
        a.append(k)
    return a, b, [x for x in reversed(a)]
# 7

def f(x: List[int]):
    a = "s"
    x = [a for a in x]
    return x, [y for y in x], a
# [2, 3]
"""


@pytest.mark.parametrize("example", EXAMPLES.strip().split("\n\n"))
def test_examples(example: str) -> None:
    text, _, argument = example.rpartition("\n# ")
    assert compiled_result(text, eval(argument)) == python_result(text, eval(argument))
