"""`else` of loops: what runs when a loop ends without a `break`.

    for x in xs:                    $broke = False
        if c:                       for x in xs:
            break          ->           if c:
    else:                                   $broke = True
        f()                                 break
                                    if not $broke:
                                        f()

PyTorch's compiler does not have it; what is emitted is ordinary code.
"""

from __future__ import annotations

import ast
import copy
from typing import TypeVar

S = TypeVar("S", bound=ast.AST)


def may_break(body: list[ast.stmt]) -> bool:
    """Whether a `break` in these statements ends the loop that they are the body of."""
    return any(map(_may_break, body))


def _may_break(node: ast.AST) -> bool:
    if isinstance(node, ast.Break):
        return True
    if isinstance(node, (ast.For, ast.While)):
        return may_break(node.orelse)
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return False
    return any(_may_break(part) for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr))


def without_else(loop: ast.For | ast.While) -> list[ast.stmt]:
    """Statements that do the same as a loop with an `else`, which must not be changed itself."""
    if not may_break(loop.body):
        return [_plain(loop, loop.body), *loop.orelse]
    flag = f"$broke{loop.lineno}_{loop.col_offset}"
    plain = _plain(loop, [_Flagging(flag).visit(statement) for statement in loop.body])
    not_broken = _at(loop, ast.UnaryOp(ast.Not(), _at(loop, ast.Name(flag, ast.Load()))))
    return [_set(flag, False, loop), plain, _at(loop, ast.If(not_broken, loop.orelse, []))]


def _plain(loop: ast.For | ast.While, body: list[ast.stmt]) -> ast.stmt:
    made = ast.While(loop.test, body, []) if isinstance(loop, ast.While) else ast.For(loop.target, loop.iter, body, [])
    return _at(loop, made)


def _at(place: ast.stmt, made: S) -> S:
    return ast.copy_location(made, place)


def _set(flag: str, value: bool, place: ast.stmt) -> ast.stmt:
    target = _at(place, ast.Name(flag, ast.Store()))
    return _at(place, ast.Assign([target], _at(place, ast.Constant(value))))


class _Flagging:
    """Copies statements, with a flag set before each `break` of the loop that they stand in."""

    def __init__(self, flag: str) -> None:
        self._flag = flag

    def visit(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, ast.Break):
            always = _at(node, ast.Constant(True))
            return _at(node, ast.If(always, [_set(self._flag, True, node), node], []))
        copied = copy.copy(node)
        for name, value in ast.iter_fields(node):
            setattr(copied, name, self._field(node, name, value))
        return copied

    def _field(self, node: ast.stmt, name: str, value: object) -> object:
        is_inner_loop = isinstance(node, (ast.For, ast.While)) and name == "body"
        if not isinstance(value, list) or is_inner_loop or isinstance(node, ast.FunctionDef):
            return value
        return [self._part(part) for part in value]

    def _part(self, part: object) -> object:
        if isinstance(part, ast.match_case):
            return ast.match_case(part.pattern, part.guard, [self.visit(statement) for statement in part.body])
        return self.visit(part) if isinstance(part, ast.stmt) else part
