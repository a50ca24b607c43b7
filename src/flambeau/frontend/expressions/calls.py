"""Calls, and the arguments of calls."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from flambeau import ir

from ..assumptions import notes
from ..emitter import Emitter
from ..syntax import expression
from ..values.callables import BuiltinFunction, OperatorOverload
from ..values.index_values import IndexList, IndexTuple, parts_of
from ..values.keywords import KeywordsValue, entries_of
from ..values.optional_reads import read_optional
from ..values.simple_values import SimpleValue
from ..values.special import SpecialForm
from ..values.sugared import Arg, SugaredValue

_CONTAINER_LITERALS = (ast.List, ast.Dict, ast.Tuple, ast.ListComp, ast.DictComp)


@expression(ast.Call)
def emit_call(emitter: Emitter, node: ast.Call, hint: ir.Type | None) -> SugaredValue:
    callee = emitter.sugared(node.func)
    result = emit_call_of(emitter, node, callee, hint)
    return result if isinstance(callee, (BuiltinFunction, SpecialForm)) else read_optional(emitter, node, result)


def emit_call_of(emitter: Emitter, node: ast.Call, callee: SugaredValue, hint: ir.Type | None) -> SugaredValue:
    """Emit a call whose callee is known already."""
    if isinstance(callee, SpecialForm):
        return callee.apply(emitter, node, hint)
    args = positional_arguments(emitter, node.args, joins_lists=isinstance(callee, (BuiltinFunction, OperatorOverload)))
    kwargs = keyword_arguments(emitter, node.keywords)
    return callee.call(emitter, emitter.range(node), args, kwargs)


def positional_arguments(
    emitter: Emitter,
    nodes: Sequence[ast.expr],
    hints: Sequence[ir.Type | None] | None = None,
    *,
    joins_lists: bool = False,
) -> list[Arg]:
    """Emit arguments, or elements of a literal, in order; `*tuple` stands for its elements.

    `hints` are the types that the context declares; only container literals heed them. With `joins_lists`, `*list`
    makes one list of all arguments, as in `x.view(*x.shape[:2], -1)`.
    """
    args: list[Arg] = []
    if joins_lists and any(isinstance(node, ast.Starred) for node in nodes):
        joined, args = starred_arguments(emitter, nodes)
        return args if joined is None else [joined]
    for node, hint in zip(nodes, hints or (None,) * len(nodes), strict=True):
        if isinstance(node, ast.Starred):
            range_ = emitter.range(node)
            parts = emitter.sugared(node.value).as_tuple(emitter, range_)
            args += [Arg(first_class(emitter, part, range_), range_) for part in parts]
        else:
            args.append(argument(emitter, node, hint if isinstance(node, _CONTAINER_LITERALS) else None))
    return args


def starred_arguments(emitter: Emitter, nodes: Sequence[ast.expr]) -> tuple[Arg | None, list[Arg]]:
    """Arguments or elements, some of them starred: one list of all if only a run tells how many there are, or each."""
    parts = spread_parts(emitter, nodes)
    notes.went_beyond = True
    if any(is_spread for _, is_spread in parts):
        return joined_list(emitter, parts, emitter.range(nodes[0])), []
    return None, [part for part, _ in parts]


def spread_parts(emitter: Emitter, nodes: Sequence[ast.expr]) -> list[tuple[Arg, bool]]:
    """Elements in order, and whether each is a list to be spread out; other starred things are spread out already."""
    parts: list[tuple[Arg, bool]] = []
    for part, is_starred in [_starred_or_plain(emitter, node) for node in nodes]:
        if is_starred and not _is_list(part):
            parts += [(element, False) for element in _elements(emitter, part)]
        else:
            parts.append((part, is_starred))
    return parts


def _starred_or_plain(emitter: Emitter, node: ast.expr) -> tuple[Arg, bool]:
    is_starred = isinstance(node, ast.Starred)
    return argument(emitter, node.value if isinstance(node, ast.Starred) else node, None), is_starred


def _is_list(arg: Arg) -> bool:
    return isinstance(arg.sugared, SimpleValue) and isinstance(arg.sugared.value.type, ir.ListType)


def _elements(emitter: Emitter, arg: Arg) -> list[Arg]:
    found = parts_of(emitter, arg.sugared, arg.range) if isinstance(arg.sugared, (IndexTuple, IndexList)) else None
    parts = arg.sugared.iterate(emitter, arg.range).as_tuple(emitter, arg.range) if found is None else found
    return [Arg(first_class(emitter, part, arg.range), arg.range) for part in parts]


def joined_list(emitter: Emitter, parts: Sequence[tuple[Arg, bool]], range: ir.SourceRange) -> Arg:
    """One list of all `spread_parts`, where only a run tells how many there are; if it is but one list, that one."""
    joined: ir.Value | None = None
    element = next(
        p.sugared.value.type.element
        for p, is_spread in parts
        if is_spread and isinstance(p.sugared, SimpleValue) and isinstance(p.sugared.value.type, ir.ListType)
    )
    for is_spread, group in itertools.groupby(parts, key=lambda part: part[1]):
        values = [part.value(emitter) for part, _ in group]
        for following in values if is_spread else [emitter.make_list(values, element, range)]:
            joined = following if joined is None else emitter.builtin(range, "aten::add", joined, following)
    return Arg(emitter.sugar(joined or emitter.make_list([], element, range)), range)


def keyword_arguments(emitter: Emitter, keywords: Sequence[ast.keyword]) -> list[Arg]:
    """Emit keyword arguments, in order."""
    args: list[Arg] = []
    for keyword in keywords:
        if keyword.arg is None:
            args += _expanded(emitter, keyword.value)
        else:
            args.append(argument(emitter, keyword.value, None, keyword.arg))
    return args


def _expanded(emitter: Emitter, node: ast.expr) -> list[Arg]:
    """The arguments that `**mapping` stands for, whose keys must be known."""
    range_ = emitter.range(node)
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        found: list[Arg] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise emitter.unsupported(node, "keyword-arg expansion is not supported")
            found.append(argument(emitter, value, None, key.value))
        return found
    given = emitter.sugared(node)
    if isinstance(given, KeywordsValue):
        return [Arg(first_class(emitter, value, range_), range_, str(name)) for name, value in given.entries.items()]
    entries = entries_of(emitter, given.as_value(emitter, range_)) if given.is_first_class else None
    if entries is None:
        raise emitter.unsupported(node, "keyword-arg expansion is not supported")
    return [Arg(SimpleValue(value), range_, name) for name, value in entries.items()]


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
