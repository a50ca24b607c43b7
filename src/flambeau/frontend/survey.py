"""What else is wrong with a definition that does not compile: its independent errors, to be reported together.

A failed definition is emitted once more, and a statement that fails is noted and left out. So is every later statement
that reads a variable which a statement left out assigns, for nothing is known of that:

    a = undefined + 1       an error
    b = a * 2               left out: it reads `a`
    c = len(3)              another error

The first error is always the one that the definition fails with; what is emitted here is thrown away.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, final

from flambeau.errors import ScriptError

from .assumptions import Reconsider

if TYPE_CHECKING:
    from .emitter import Emitter

_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


@final
class Survey:
    """The errors found so far, and the variables that are lost."""

    def __init__(self) -> None:
        self.errors: list[ScriptError] = []
        self._lost: set[str] = set()

    def emit(self, emitter: Emitter, statement: ast.stmt) -> None:
        """Emit a statement, or note what is wrong with it."""
        if not self._lost.isdisjoint(_names_read(statement)):
            self._leave_out(emitter, statement)
            return
        environment, graph = emitter.environment, emitter.graph
        frames, place = environment.mark(), graph.insert_point
        results, loop_kind = emitter.results, emitter.loop_kind
        try:
            emitter.statement(statement)
        except ScriptError as error:
            # What only lacks an assumption need not be an error.
            if not isinstance(error, Reconsider):
                self.errors.append(error)
            environment.return_to(frames)
            graph.set_insert_point(place)
            emitter.results, emitter.loop_kind = results, loop_kind
            self._leave_out(emitter, statement)

    def raise_if_any(self) -> None:
        """Raise the first of the errors, along with the others."""
        if self.errors:
            raise self.errors[0].along_with(self.errors[1:])

    def _leave_out(self, emitter: Emitter, statement: ast.stmt) -> None:
        self._lost.update(_names_assigned(statement))
        if isinstance(statement, ast.Assert):
            # It would have said more of these variables.
            self._lost.update(_names_read(statement))
        if isinstance(statement, _LEAVING):
            emitter.exiting.add(emitter.environment.block)


def _names_read(statement: ast.stmt) -> Iterator[str]:
    """The variables and attributes that a statement reads, those in its blocks left out."""
    for part in _parts(statement):
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Load) or isinstance(statement, ast.AugAssign)):
                yield node.id
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield ast.unparse(node)


def _parts(statement: ast.stmt) -> Iterable[ast.AST]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return
    for name, value in ast.iter_fields(statement):
        if name not in _BLOCKS:
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))


def _names_assigned(statement: ast.stmt) -> Iterator[str]:
    """The variables and attributes that a statement assigns, those in its blocks too."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            yield ast.unparse(node.value if isinstance(node, ast.Subscript) else node)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
