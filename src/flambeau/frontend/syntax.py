"""Which function emits which kind of syntax: the registries that the files of each family of syntax fill.

@expression(ast.BinOp)
def emit_binary(emitter, node, hint): ...
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .values.sugared import SugaredValue

ExpressionEmitter: TypeAlias = "Callable[..., SugaredValue]"
"""Takes the emitter, an expression of the kind it is registered for, and the type that the context declares or None."""
StatementEmitter: TypeAlias = "Callable[..., None]"
"""Takes the emitter and a statement of the kind it is registered for."""

E = TypeVar("E", bound="ExpressionEmitter")
S = TypeVar("S", bound="StatementEmitter")

EXPRESSIONS: dict[type[ast.expr], ExpressionEmitter] = {}
STATEMENTS: dict[type[ast.stmt], StatementEmitter] = {}


def expression(*kinds: type[ast.expr]) -> Callable[[E], E]:
    """Register what emits kinds of expressions; ValueError if one is registered already."""

    def register(emit: E) -> E:
        for kind in kinds:
            if EXPRESSIONS.setdefault(kind, emit) is not emit:
                raise ValueError(f"{kind.__name__} is registered already")
        return emit

    return register


def statement(*kinds: type[ast.stmt]) -> Callable[[S], S]:
    """Register what emits kinds of statements; ValueError if one is registered already."""

    def register(emit: S) -> S:
        for kind in kinds:
            if STATEMENTS.setdefault(kind, emit) is not emit:
                raise ValueError(f"{kind.__name__} is registered already")
        return emit

    return register


_PRETTY = {
    ast.FunctionDef: "function definitions",
    ast.AsyncFunctionDef: "async function definitions",
    ast.ClassDef: "class definitions",
    ast.AsyncFor: "async for loops",
    ast.AsyncWith: "async with statements",
    ast.Try: "try blocks",
    ast.Import: "import statements",
    ast.ImportFrom: "import statements",
    ast.Global: "global variables",
    ast.Nonlocal: "nonlocal variables",
}


def pretty_name(node: ast.AST) -> str:
    """How messages call a kind of syntax that is not supported."""
    return _PRETTY.get(type(node), type(node).__name__)
