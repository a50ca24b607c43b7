"""Make a failing program smaller, as long as it fails in the same way.

python -m tests.programs.reducer plain 17
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.programs.checker import check
from tests.programs.generator import Kind, Program, program_of

_BLOCKS = ("body", "orelse")
_SIMPLE = (
    "0", "0.5", "True", "'a'", "torch.ones(3)", "[1]", "[0.5]", "['a']", "[[1]]", "{'a': 1}", "{1: 'a'}", "(1, 'a')",
    "Point(1, 0.5)", "Color.RED", "torch.jit.annotate(Optional[int], None)", "torch.jit.annotate(Optional[str], None)",
)  # fmt: skip
"""A value of each type that `main` returns."""


def failure(program: Program) -> str | None:
    """How a program fails, in short and without its numbers; None if it does not."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check(program, Path(folder))
        except Exception as error:
            first = next(iter(str(error).strip().splitlines()), "")
            return f"{type(error).__name__}: {re.sub(r'[0-9]+', '', first)[:45]}"
    return None


def reduced(program: Program, seconds: float = 120.0) -> Program:
    """The smallest program found in that time that fails as this one does."""
    end = time.monotonic() + seconds
    wanted = failure(program)
    if wanted is None:
        return program
    changed = True
    while changed:
        changed, index = False, 0
        # After a success the edit of the same number is another one: what is left of the list is tried before the rest.
        while time.monotonic() < end and (smaller := _edited(program.source, index)) is not None:
            candidate = replace(program, source=smaller)
            if failure(candidate) == wanted:
                program, changed = candidate, True
            else:
                index += 1
    return program


def _edited(source: str, index: int) -> str | None:
    """The program with one thing less; None if there are not so many things."""
    tree = ast.parse(source)
    edit = next((edit for i, edit in enumerate(_edits(tree)) if i == index), None)
    if edit is None:
        return None
    edit()
    return ast.unparse(ast.fix_missing_locations(tree))


def _edits(tree: ast.Module) -> Iterator[Callable[[], None]]:
    for node in ast.walk(tree):
        for name in _BLOCKS:
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                for index, statement in enumerate(statements):
                    yield from _edits_of(statements, index, statement, keeps=name == "body")
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(_SIMPLE):
            for index, (element, simple) in enumerate(zip(node.value.elts, _SIMPLE)):
                if ast.unparse(element) != ast.unparse(ast.parse(simple)):
                    yield lambda elements=node.value.elts, i=index, s=simple: elements.__setitem__(i, _parsed(s))


def _edits_of(block: list[ast.stmt], index: int, statement: ast.stmt, keeps: bool) -> Iterator[Callable[[], None]]:
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Return, ast.Pass)):
        return
    empty: list[ast.stmt] = [ast.Pass()] if keeps and len(block) == 1 else []
    yield lambda: block.__setitem__(slice(index, index + 1), empty)
    if isinstance(statement, (ast.If, ast.For, ast.While, ast.With)):
        yield lambda: block.__setitem__(slice(index, index + 1), statement.body)
        if getattr(statement, "orelse", None):
            yield lambda: block.__setitem__(slice(index, index + 1), statement.orelse)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


if __name__ == "__main__":
    found = reduced(program_of(int(sys.argv[2]), Kind(sys.argv[1])))
    print(found, failure(found), sep="\n")
