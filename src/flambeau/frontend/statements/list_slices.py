"""Assignment to slices of lists and their deletion: `xs[1:3] = ys`, `del xs[2:]`, `xs[:] = []`.

TorchScript has no operator for it. The list is emptied and filled anew, so that it stays the same object; where there
is a step, one element after the other is assigned or deleted:

    xs[a:b] = ys      ->      new = xs[:a] + ys + xs[max(len(xs[:a]), b):];  xs.clear();  xs.extend(new)
    xs[a:b:2] = ys    ->      for place in range(len(xs))[a:b:2]: xs[place] = the next of ys
"""

from __future__ import annotations

import ast

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..syntax_trees import syntax_tree
from ..values.simple_values import SugaredTuple
from ..values.sugared import SugaredValue


def assign_slice(
    emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ast.Slice, value: SugaredValue
) -> None:
    """Emit `container[start:stop:step] = value`."""
    elements = _as_list(emitter, range, value, container.type)
    if _has_step(emitter, index):
        _assign_each(emitter, range, container, index, elements)
        return
    bounds = _bounds(emitter, index)
    _replace(emitter, range, container, bounds, elements)


def delete_slice(emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ast.Slice) -> None:
    """Emit `del container[start:stop:step]`."""
    if _has_step(emitter, index):
        places = _places(emitter, range, container, index)
        emitter.builtin(range, "aten::sort", places, True)
        _run(emitter, index, _DELETION, xs=container, places=places)
        return
    _replace(emitter, range, container, _bounds(emitter, index), None)


def extend_slice(
    emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ast.Slice, value: SugaredValue
) -> None:
    """Emit `container[start:stop] += value`."""
    if _has_step(emitter, index):
        # Where it grows the list Python raises, and else it does nothing.
        raise emitter.unsupported(index, "`+=` of slices of lists with a step is not supported")
    start, stop = _bounds(emitter, index)
    former = emitter.builtin(range, "aten::slice", container, start, stop, 1)
    added = emitter.builtin(range, "aten::add", former, _as_list(emitter, range, value, container.type))
    _replace(emitter, range, container, (start, stop), added)


_ASSIGNMENT = """
next = 0
for place in places:
    xs[place] = values[next]
    next = next + 1
"""
_DELETION = """
for place in places:
    del xs[place]
"""


def _assign_each(
    emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ast.Slice, elements: ir.Value
) -> None:
    places = _places(emitter, range, container, index)
    # A copy: it may be the list itself.
    values = emitter.builtin(range, "aten::slice", elements, None, None, 1)
    lengths = [emitter.builtin(range, "aten::len", part) for part in (values, places)]
    message = emitter.builtin(
        range, "aten::format", "attempt to assign sequence of size {} to extended slice of size {}", *lengths
    )
    emitter.raise_if(range, emitter.builtin(range, "aten::ne", *lengths), message, "builtins.ValueError")
    _run(emitter, index, _ASSIGNMENT, xs=container, places=places, values=values)


def _has_step(emitter: Emitter, index: ast.Slice) -> bool:
    return index.step is not None and ir.constant_value(emitter.value(index.step)) not in (None, 1)


def _places(emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ast.Slice) -> ir.Value:
    """The places in a list that a slice means."""
    start, stop, step = (
        None if node is None else _bound(emitter, node) for node in (index.lower, index.upper, index.step)
    )
    everything = emitter.builtin(range, "prim::rangelist", emitter.builtin(range, "aten::len", container))
    return emitter.builtin(range, "aten::slice", everything, start, stop, step)


def _run(emitter: Emitter, index: ast.Slice, text: str, **variables: ir.Value) -> None:
    """Emit statements that stand for a slice, on variables of their own."""
    suffix = f"{index.lineno}_{index.col_offset}"
    for name, value in variables.items():
        emitter.environment.assign(f"${name}{suffix}", emitter.sugar(value), emitter.range(index))
    body = syntax_tree(text).body
    for statement in body:
        for part in ast.walk(statement):
            if isinstance(part, (ast.expr, ast.stmt)):
                ast.copy_location(part, index)
            if isinstance(part, ast.Name):
                part.id = f"${part.id}{suffix}"
    emitter.statements(body)


def _bounds(emitter: Emitter, index: ast.Slice) -> tuple[ir.Value | None, ir.Value | None]:
    start, stop = (None if node is None else _bound(emitter, node) for node in (index.lower, index.upper))
    return start, stop


def _bound(emitter: Emitter, node: ast.expr) -> ir.Value | None:
    value = emitter.value(node)
    return None if value.type is ir.NONE else value


def _as_list(emitter: Emitter, range: ir.SourceRange, value: SugaredValue, wanted: ir.Type) -> ir.Value:
    """What is assigned, as a list of the type that the container has."""
    given = None if isinstance(value, SugaredTuple) else value.as_value(emitter, range)
    if given is None or isinstance(given.type, ir.TupleType):
        parts = [part.as_value(emitter, range) for part in value.as_tuple(emitter, range)]
        element = wanted.element if isinstance(wanted, ir.ListType) else ir.TENSOR
        given = emitter.make_list([emitter.converted(part, element, range) for part in parts], element, range)
    given = emitter.converted(given, wanted, range, allow_conversions=False)
    if not ir.is_subtype(given.type, wanted):
        raise ScriptError(
            f"a slice of a {type_name(wanted)} can only be assigned a list of that type, not a {type_name(given.type)}",
            range,
        )
    return given


def _replace(
    emitter: Emitter,
    range: ir.SourceRange,
    container: ir.Value,
    bounds: tuple[ir.Value | None, ir.Value | None],
    elements: ir.Value | None,
) -> None:
    start, stop = bounds
    parts: list[ir.Value] = []
    if start is not None:
        parts.append(emitter.builtin(range, "aten::slice", container, None, start, 1))
    if elements is not None:
        # A copy: it may be the list itself.
        parts.append(emitter.builtin(range, "aten::slice", elements, None, None, 1))
    if stop is not None:
        parts.append(_after(emitter, range, container, parts[0] if start is not None else None, stop))
    joined = parts[0] if parts else None
    for part in parts[1:]:
        joined = emitter.builtin(range, "aten::add", joined, part)
    emitter.builtin(range, "aten::clear", container)
    if joined is not None:
        emitter.builtin(range, "aten::extend", container, joined)


def _after(
    emitter: Emitter, range: ir.SourceRange, container: ir.Value, head: ir.Value | None, stop: ir.Value
) -> ir.Value:
    """The elements behind a slice; one whose end lies before its beginning is empty and stands at the beginning."""
    tail = emitter.builtin(range, "aten::slice", container, stop, None, 1)
    if head is None:
        return tail
    lengths = [emitter.builtin(range, "aten::len", part) for part in (container, tail, head)]
    end = emitter.builtin(range, "aten::sub", lengths[0], lengths[1])
    first = emitter.builtin(range, "prim::max", lengths[2], end)
    return emitter.builtin(range, "aten::slice", container, first, None, 1)
