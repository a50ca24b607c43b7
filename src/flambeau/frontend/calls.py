"""Calls, and the arguments of calls."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flambeau import ir

from .emitter import Emitter
from .special import SpecialForm
from .sugared import Arg, SugaredValue
from .syntax import expression
from .values import SimpleValue

_CONTAINER_LITERALS = (ast.List, ast.Dict, ast.Tuple, ast.ListComp, ast.DictComp)


@expression(ast.Call)
def emit_call(emitter: Emitter, node: ast.Call, hint: ir.Type | None) -> SugaredValue:
    callee = emitter.sugared(node.func)
    if isinstance(callee, SpecialForm):
        return callee.apply(emitter, node, hint)
    args = positional_arguments(emitter, node.args)
    kwargs = keyword_arguments(emitter, node.keywords)
    return callee.call(emitter, emitter.range(node), args, kwargs)


def positional_arguments(
    emitter: Emitter, nodes: Sequence[ast.expr], hints: Sequence[ir.Type | None] | None = None
) -> list[Arg]:
    """Emit arguments, or elements of a literal, in order; `*tuple` stands for its elements.

    `hints` are the types that the context declares; only container literals heed them.
    """
    args: list[Arg] = []
    for node, hint in zip(nodes, hints or (None,) * len(nodes), strict=True):
        if isinstance(node, ast.Starred):
            range_ = emitter.range(node)
            parts = emitter.sugared(node.value).as_tuple(emitter, range_)
            args += [Arg(first_class(emitter, part, range_), range_) for part in parts]
        else:
            args.append(argument(emitter, node, hint if isinstance(node, _CONTAINER_LITERALS) else None))
    return args


def keyword_arguments(emitter: Emitter, keywords: Sequence[ast.keyword]) -> list[Arg]:
    """Emit keyword arguments, in order."""
    args: list[Arg] = []
    for keyword in keywords:
        if keyword.arg is None:
            args += [argument(emitter, value, None, name) for name, value in _expanded(emitter, keyword.value)]
        else:
            args.append(argument(emitter, keyword.value, None, keyword.arg))
    return args


def _expanded(emitter: Emitter, node: ast.expr) -> list[tuple[str, ast.expr]]:
    """The arguments that `**{"name": value}` stands for: a literal whose keys are string literals."""
    found: list[tuple[str, ast.expr]] = []
    if not isinstance(node, ast.Dict):
        raise emitter.unsupported(node, "keyword-arg expansion is not supported")
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise emitter.unsupported(node, "keyword-arg expansion is not supported")
        found.append((key.value, value))
    return found


def argument(emitter: Emitter, node: ast.expr, hint: ir.Type | None, name: str = "") -> Arg:
    """Emit one argument. What is a value of the graph becomes one here, so that arguments are evaluated in order."""
    range_ = emitter.range(node)
    sugared = first_class(emitter, emitter.sugared(node, None if hint is ir.ANY else hint), range_)
    return Arg(sugared, range_, name)


def first_class(emitter: Emitter, sugared: SugaredValue, range: ir.SourceRange) -> SugaredValue:
    """The same, as a `SimpleValue` where it is a value of the graph."""
    if isinstance(sugared, SimpleValue) or not sugared.is_first_class:
        return sugared
    return SimpleValue(sugared.as_value(emitter, range))
