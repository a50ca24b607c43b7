"""Errors that have nothing to do with each other are reported together; what only follows from one is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import List, Optional

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import api
from flambeau.errors import ScriptError

# ruff: noqa: F821, F841


def messages(target: object) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(target)
    error = caught.value
    assert all(other.message in str(error) for other in error.others)
    return [problem.message.splitlines()[0] for problem in (error, *error.others)]


def statements(x: int, ys: List[int]) -> int:
    a = missing + 1
    b = ys.nothing()
    return x.bad()


def consequences(x: int) -> int:
    a = missing + 1
    b = a.more()
    b.attribute = 3
    for i in range(b):
        c = i
    return c


def in_blocks(x: int, ys: List[int]) -> int:
    for y in ys:
        if y > 0:
            z = missing
        else:
            z = 2
        w = y.real_part
    with torch.no_grad():
        v = ys.nothing
    return x


def refined_after_a_failing_return(x: Optional[int]) -> int:
    if x is None:
        return missing
    return x + 1


def refined_after_a_failing_assert(x: Optional[int]) -> int:
    assert x is not None, missing
    return x + 1


def frames_of_failing_blocks(x: int) -> int:
    n = 0
    while missing > n:
        n = n + 1
    for i in 3.5:
        n = i
    y = [a.b for a in [x]]
    return x.bad()


def callee(x: int) -> int:
    a = x.first
    b = x.second
    return x


def two_calls_of_a_failing_function(x: int) -> int:
    y = callee(x)
    z = callee(x + 1)
    return missing


CASES: list[tuple[Callable[..., object], list[str]]] = [
    (
        statements,
        [
            "undefined value missing",
            "'List[int]' object has no attribute or method 'nothing'.",
            "'int' object has no attribute or method 'bad'.",
        ],
    ),
    (consequences, ["undefined value missing"]),
    (
        in_blocks,
        [
            "undefined value missing",
            "'int' object has no attribute or method 'real_part'.",
            "'List[int]' object has no attribute or method 'nothing'.",
        ],
    ),
    (refined_after_a_failing_return, ["undefined value missing"]),
    (refined_after_a_failing_assert, ["undefined value missing"]),
    (
        frames_of_failing_blocks,
        [
            "undefined value missing",
            "'float' object is not iterable",
            "'int' object has no attribute or method 'b'.",
            "'int' object has no attribute or method 'bad'.",
        ],
    ),
    (
        two_calls_of_a_failing_function,
        [
            "'int' object has no attribute or method 'first'.",
            "'int' object has no attribute or method 'second'.",
            "undefined value missing",
        ],
    ),
]


@pytest.mark.parametrize(("function", "expected"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_independent_errors_of_a_function(function: Callable[..., object], expected: list[str]) -> None:
    assert messages(function) == expected


@pytest.mark.parametrize("function", [function for function, _ in CASES])
def test_the_first_error_is_that_of_pytorch(function: Callable[..., object]) -> None:
    with pytest.raises(RuntimeError) as theirs:
        torch.jit.script(function)
    assert messages(function)[0] in str(theirs.value)


class Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unknown_method()


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)

    @torch.jit.export
    def first(self, n: int) -> int:
        return n.bad()

    @torch.jit.export
    def second(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_methods_of_a_module() -> None:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(Outer())
    error = caught.value
    assert "unknown_method" in error.message
    assert [other.message for other in error.others] == ["'int' object has no attribute or method 'bad'."]
    text = str(error)
    assert "'Inner.forward' is being compiled since it was called from 'Outer.forward'" in text
    assert "Another error, independent of the first:" in text


class Point:
    def __init__(self, x: int) -> None:
        self.x = x

    def first(self) -> int:
        return self.y

    def second(self) -> int:
        return self.x.bad()


def test_methods_of_a_class() -> None:
    found = messages(Point)
    assert len(found) == 2
    assert "has no attribute or method 'y'" in found[0]
    assert "'int' object has no attribute or method 'bad'" in found[1]


def test_functions_of_a_text() -> None:
    text = "def f(x: int) -> int:\n  return x.a\n\ndef g(x: int) -> int:\n  return x.b\n"
    with pytest.raises(ScriptError) as caught:
        api.CompilationUnit(text)
    assert [error.message[-4:] for error in (caught.value, *caught.value.others)] == ["'a'.", "'b'."]


def test_not_too_many_are_shown() -> None:
    lines = "".join(f"  a{i} = x.b{i}\n" for i in range(40))
    with pytest.raises(ScriptError) as caught:
        api.CompilationUnit(f"def f(x: int) -> int:\n{lines}  return x\n")
    assert len(caught.value.others) == 9


def test_a_program_without_errors_is_emitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from flambeau.frontend import compiler

    monkeypatch.setattr(compiler, "Survey", None)
    assert flambeau.script(fine)(2) == 3


def fine(x: int) -> int:
    return x + 1
