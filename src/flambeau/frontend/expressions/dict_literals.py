"""Dict literals that hold other dicts; set literals.

{**options, "scale": 2}     a dictionary that exists at compile time, if `options` is one
{**table, "a": n}           a new dict, updated by one after the other
{1, 2}                      asked for what is in it, and for its length
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import UnsupportedSyntaxError

from ..assumptions import notes
from ..folding import known_value
from ..syntax import expression
from ..values.keywords import KeywordsValue, entries_of
from ..values.simple_values import SimpleValue
from ..values.sugared import Arg, SugaredValue
from .calls import argument

if TYPE_CHECKING:
    from ..emitter import Emitter


def merged_dict(emitter: Emitter, node: ast.Dict) -> SugaredValue | None:
    """What a dict literal with `**` in it means; None if only a run can tell and the parts are no dicts of one type."""
    notes.went_beyond = True
    range_ = emitter.range(node)
    parts: list[tuple[Arg | None, Arg]] = []
    for written, held in zip(node.keys, node.values, strict=True):
        key = None if written is None else argument(emitter, written, None)
        parts.append((key, argument(emitter, held, None)))
    known = _known_entries(emitter, parts)
    if known is not None:
        return KeywordsValue(known)
    kinds = [value.value(emitter).type for key, value in parts if key is None and value.sugared.is_first_class]
    if not kinds or not all(isinstance(kind, ir.DictType) and kind == kinds[0] for kind in kinds):
        return None
    made = emitter.insert("prim::DictConstruct", (), (kinds[0],), range_).output
    for key, value in parts:
        if key is None:
            emitter.builtin(range_, "aten::update", made, value.value(emitter))
        else:
            emitter.builtin(range_, "aten::_set_item", made, key.value(emitter), value.value(emitter))
    return emitter.sugar(made)


def _known_entries(emitter: Emitter, parts: list[tuple[Arg | None, Arg]]) -> dict[object, SugaredValue] | None:
    entries: dict[object, SugaredValue] = {}
    for key, value in parts:
        if key is not None:
            name = known_value(emitter, key.value(emitter))
            if not isinstance(name, str):
                return None
            entries[name] = value.sugared
        elif isinstance(value.sugared, KeywordsValue):
            entries.update(value.sugared.entries)
        elif not value.sugared.is_first_class:
            return None
        else:
            found = entries_of(emitter, value.value(emitter))
            if found is None:
                return None
            entries.update({name: SimpleValue(entry) for name, entry in found.items()})
    return entries


@final
@dataclass(frozen=True, slots=True, eq=False)
class SetValue(SugaredValue):
    """A set literal: there is no such value in a graph."""

    elements: tuple[Arg, ...]
    place: ir.SourceRange

    @property
    def kind(self) -> str:
        return "set"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        raise no_sets(self.place)

    def truth(self, emitter: Emitter, range: ir.SourceRange) -> bool | None:
        return bool(self.elements)

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        known = [known_value(emitter, element.value(emitter)) for element in self.elements]
        if ir.NOT_CONSTANT in known:
            raise no_sets(self.place)
        return emitter.constant(len(set(known)), range)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        raise no_sets(self.place)  # the order is nothing to rely on

    def contains(self, emitter: Emitter, range: ir.SourceRange, item: ir.Value) -> ir.Value:
        values = [element.value(emitter) for element in self.elements]
        known = [known_value(emitter, value) for value in (item, *values)]
        if ir.NOT_CONSTANT not in known:
            return emitter.constant(known[0] in known[1:], range)
        searched = emitter.make_list(values, values[0].type, range)
        return emitter.builtin(range, "aten::__contains__", searched, item)


def no_sets(place: ir.SourceRange) -> UnsupportedSyntaxError:
    """The error that a set is used as a value."""
    return UnsupportedSyntaxError("Set aren't supported", place)


@expression(ast.Set)
def emit_set(emitter: Emitter, node: ast.Set, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    if not emitter.infers or any(isinstance(element, ast.Starred) for element in node.elts):
        raise no_sets(range_)
    notes.went_beyond = True
    return SetValue(tuple(argument(emitter, element, None) for element in node.elts), range_)
