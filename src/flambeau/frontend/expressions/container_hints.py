"""Which list or dict type a context declares for a literal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name

C = TypeVar("C", ir.ListType, ir.DictType)


def container_hint(hint: ir.Type | None, kind: type[C], range: ir.SourceRange, holds: Callable[[C], bool]) -> C | None:
    """The declared type as a list (or dict) type: itself, or the member of a Union that `holds` the elements.

    None if nothing is declared; ScriptError if what is declared is no list (dict).
    """
    if hint is None or hint is ir.ANY:
        return None
    if isinstance(hint, kind):
        return hint
    word = kind.__name__.removesuffix("Type")
    if isinstance(hint, (ir.OptionalType, ir.UnionType)):
        members = [member for member in _members(hint) if isinstance(member, kind)]
        if not members:
            raise ScriptError(
                f"Expected an Union type annotation with an inner {word} type, but got {type_name(hint)}", range
            )
        fitting = [member for member in members if holds(member)]
        if not fitting and len(members) > 1:
            raise ScriptError(
                f"Union type annotation `{type_name(hint)}` can hold any of the following {word.lower()} types: "
                f"{', '.join(map(type_name, members))}, but none of them accepts the given elements",
                range,
            )
        return (fitting or members)[0]
    raise ScriptError(f"Expected an annotation of type {word} but got {type_name(hint)}", range)


def _members(given: ir.OptionalType | ir.UnionType) -> tuple[ir.Type, ...]:
    if isinstance(given, ir.OptionalType):
        return _members(given.element) if isinstance(given.element, ir.UnionType) else (given.element,)
    return tuple(given.elements)
