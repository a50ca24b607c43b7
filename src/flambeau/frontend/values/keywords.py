"""Dictionaries that exist at compile time: keyword arguments of a call, `**kwargs` of a function, configurations.

Their keys are strings that are known; their values are anything (modules and functions too). What is asked of one by a
known key is decided at compile time:

    kwargs.get("scale", 1.0)      the argument, or the default
    self.blocks(x, **kwargs)      one keyword argument for each entry
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..folding import known_value
from .simple_values import ConstantValue, SimpleValue, SugaredTuple
from .sugared import Arg, SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter
    from ..environment import Frame


@final
@dataclass(frozen=True, slots=True, eq=False)
class KeywordsValue(SugaredValue):
    """A dictionary whose keys are known."""

    entries: dict[object, SugaredValue]

    @property
    def kind(self) -> str:
        return "dictionary of keyword arguments"

    @property
    def is_first_class(self) -> bool:
        return False

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        values = [entry.as_value(emitter, range) for entry in self.entries.values()]
        if not values:
            return emitter.insert("prim::DictConstruct", (), (ir.DictType(ir.STRING, ir.TENSOR),), range).output
        joined = ir.unify_all(tuple(value.type for value in values), default_to_union=True) or ir.ANY
        keys = [emitter.constant(name, range) for name in self.entries]
        key_type = ir.unify_all(tuple(key.type for key in keys))
        if key_type is None:
            raise ScriptError("Dict keys must contain only a single type", range)
        pairs = [part for pair in zip(keys, values, strict=True) for part in pair]
        return emitter.insert("prim::DictConstruct", pairs, (ir.DictType(key_type, joined),), range).output

    def escaped(self, frame: Frame) -> SugaredValue:
        return KeywordsValue({name: entry.escaped(frame) for name, entry in self.entries.items()})

    def truth(self, emitter: Emitter, range: ir.SourceRange) -> bool | None:
        return bool(self.entries)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return SugaredTuple(tuple(ConstantValue(name) for name in self.entries))

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return emitter.constant(len(self.entries), range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        name = known_value(emitter, index)
        if not isinstance(name, str):
            return SimpleValue(self.as_value(emitter, range)).item(emitter, range, index, hint)
        if name not in self.entries:
            raise ScriptError(f"there is no keyword argument '{name}' in this call", range)
        return self.entries[name]

    def set_item(self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, value: SugaredValue) -> None:
        """`kwargs[name] = value`."""
        name = known_value(emitter, index)
        if not isinstance(name, str):
            raise ScriptError("the key of a dictionary of keyword arguments must be known at compile time", range)
        _refuse_branches(emitter, range)
        self.entries[name] = value

    def contains(self, emitter: Emitter, range: ir.SourceRange, item: ir.Value) -> ir.Value:
        name = known_value(emitter, item)
        if not isinstance(name, str):
            return SimpleValue(self.as_value(emitter, range)).contains(emitter, range, item)
        return emitter.constant(name in self.entries, range)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        if name not in _METHODS:
            self.refuse(f"a dictionary of keyword arguments has no method '{name}' in a script", range)
        return _Method(self, name)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Method(SugaredValue):
    """A method of a dictionary of keyword arguments."""

    owner: KeywordsValue
    name: str

    @property
    def kind(self) -> str:
        return "method"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return _METHODS[self.name](self.owner, emitter, range, [*args, *kwargs])


def _get(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    name = _key(emitter, range, args)
    if name in owner.entries:
        return owner.entries[name]
    return args[1].sugared if len(args) > 1 else SimpleValue(emitter.constant(None, range))


def _pop(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    name = _key(emitter, range, args)
    _refuse_branches(emitter, range)
    if name in owner.entries:
        return owner.entries.pop(name)
    if len(args) > 1:
        return args[1].sugared
    raise ScriptError(f"there is no keyword argument '{name}' in this call", range)


def _refuse_branches(emitter: Emitter, range: ir.SourceRange) -> None:
    if emitter.environment.frame.parent is not None:
        raise ScriptError("keyword arguments cannot be changed in a branch or loop that only a run decides", range)


def _setdefault(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    name = _key(emitter, range, args)
    if len(args) != 2:
        raise ScriptError("setdefault needs a key and a value here", range)
    _refuse_branches(emitter, range)
    return owner.entries.setdefault(name, args[1].sugared)


def _key(emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> str:
    name = known_value(emitter, args[0].value(emitter)) if 1 <= len(args) <= 2 else None
    if not isinstance(name, str):
        raise ScriptError("the key of a dictionary of keyword arguments must be known at compile time", range)
    return name


def _keys(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    return SugaredTuple(tuple(ConstantValue(name) for name in owner.entries))


def _values(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    return SugaredTuple(tuple(owner.entries.values()))


def _items(owner: KeywordsValue, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg]) -> SugaredValue:
    return SugaredTuple(tuple(SugaredTuple((ConstantValue(name), value)) for name, value in owner.entries.items()))


_METHODS: dict[str, Callable[[KeywordsValue, Emitter, ir.SourceRange, Sequence[Arg]], SugaredValue]] = {
    "get": _get,
    "pop": _pop,
    "setdefault": _setdefault,
    "keys": _keys,
    "values": _values,
    "items": _items,
}


_CHANGING = frozenset({"aten::_set_item", "aten::update", "aten::pop", "aten::popitem", "aten::clear", "aten::Delete"})


def entries_of(emitter: Emitter, value: ir.Value) -> dict[str, ir.Value] | None:
    """The entries of a dict literal whose keys are known strings, if nothing can have changed it; else None."""
    made = emitter.environment.origin(value)
    if made.node.kind != "prim::DictConstruct":
        return None
    found: dict[str, ir.Value] = {}
    inputs = made.node.inputs
    for key, entry in zip(inputs[::2], inputs[1::2], strict=True):
        name = known_value(emitter, key)
        if not isinstance(name, str):
            return None
        found[name] = entry
    for node in emitter.graph.walk():
        if node.kind in _CHANGING and emitter.environment.origin(node.inputs[0]) is made:
            return None
    return found
