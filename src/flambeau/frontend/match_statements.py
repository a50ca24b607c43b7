"""`match` on constants, members of Enum classes, `None` and names.

    match mode:                     $subject = mode
        case "a" | "b":             if $subject == "a" or $subject == "b":
            f()             ->          f()
        case other if c:            else:
            g()                         other = $subject
                                        if c:
                                            g()

PyTorch's compiler does not have it; what is emitted is ordinary code. Patterns that take values apart are rejected.
"""

from __future__ import annotations

import ast
from typing import TypeVar

from .emitter import Emitter
from .syntax import statement

S = TypeVar("S", ast.expr, ast.stmt)


@statement(ast.Match)
def emit_match(emitter: Emitter, node: ast.Match) -> None:
    name = f"$subject{node.lineno}_{node.col_offset}"
    emitter.statement(_at(node.subject, ast.Assign([_at(node.subject, ast.Name(name, ast.Store()))], node.subject)))
    emitter.statements(_branches(emitter, name, node.cases))


def _branches(emitter: Emitter, subject: str, cases: list[ast.match_case]) -> list[ast.stmt]:
    """Statements that run the first case that matches."""
    following: list[ast.stmt] = []
    for case in reversed(cases):
        following = _branch(emitter, subject, case, following)
    return following


def _branch(emitter: Emitter, subject: str, case: ast.match_case, following: list[ast.stmt]) -> list[ast.stmt]:
    pattern = case.pattern
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        body = case.body if case.guard is None else [_at(pattern, ast.If(case.guard, case.body, following))]
        return [*_capture(subject, pattern), *body]
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        if case.guard is not None:
            raise emitter.unsupported(pattern, "patterns with `as` and a guard aren't supported")
        test = _test(emitter, subject, pattern.pattern)
        return [_at(pattern, ast.If(test, [*_capture(subject, pattern), *case.body], following))]
    test = _test(emitter, subject, pattern)
    if case.guard is not None:
        test = _at(pattern, ast.BoolOp(ast.And(), [test, case.guard]))
    return [_at(pattern, ast.If(test, case.body, following))]


def _capture(subject: str, pattern: ast.MatchAs) -> list[ast.stmt]:
    if pattern.name is None:
        return []
    target = _at(pattern, ast.Name(pattern.name, ast.Store()))
    return [_at(pattern, ast.Assign([target], _load(subject, pattern)))]


def _test(emitter: Emitter, subject: str, pattern: ast.pattern) -> ast.expr:
    """The condition that the subject matches a pattern."""
    if isinstance(pattern, ast.MatchOr):
        return _at(pattern, ast.BoolOp(ast.Or(), [_test(emitter, subject, part) for part in pattern.patterns]))
    if isinstance(pattern, ast.MatchValue):
        return _at(pattern, ast.Compare(_load(subject, pattern), [ast.Eq()], [pattern.value]))
    if isinstance(pattern, ast.MatchSingleton):
        value = _at(pattern, ast.Constant(pattern.value))
        if pattern.value is None:
            return _at(pattern, ast.Compare(_load(subject, pattern), [ast.Is()], [value]))
        return _at(pattern, ast.BoolOp(ast.And(), [_is_bool(subject, pattern), _equals(subject, pattern, value)]))
    raise emitter.unsupported(
        pattern,
        f"{type(pattern).__name__} patterns aren't supported: only constants, members of Enum classes and names",
    )


def _is_bool(subject: str, pattern: ast.pattern) -> ast.expr:
    names = _load("isinstance", pattern), _load("bool", pattern)
    return _at(pattern, ast.Call(names[0], [_load(subject, pattern), names[1]], []))


def _equals(subject: str, pattern: ast.pattern, value: ast.expr) -> ast.expr:
    return _at(pattern, ast.Compare(_load(subject, pattern), [ast.Eq()], [value]))


def _load(name: str, place: ast.pattern) -> ast.expr:
    return _at(place, ast.Name(name, ast.Load()))


def _at(place: ast.pattern | ast.expr, made: S) -> S:
    made.lineno, made.col_offset = place.lineno, place.col_offset
    made.end_lineno, made.end_col_offset = place.end_lineno, place.end_col_offset
    return made
