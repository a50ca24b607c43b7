"""Dicts: Python's, in order of insertion. A tensor as a key is itself, whatever its elements."""

from __future__ import annotations

from typing import TypeVar

from flambeau.runtime.registry import implements
from flambeau.runtime.text import text_of

K = TypeVar("K")
V = TypeVar("V")

_KEYS = ("str", "int", "bool", "float", "complex", "Tensor")


def _each(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(key) for key in _KEYS)


def _missing(key: object) -> KeyError:
    return KeyError(text_of(key))


@implements("aten::dict", *_each("aten::dict.{}"))
def from_pairs(inputs: list[tuple[K, V]] | tuple[()] = ()) -> dict[K, V]:
    return dict(inputs)


@implements(*_each("aten::dict.Dict_{}"), *_each("aten::copy.Dict_{}"))
def copy(self: dict[K, V]) -> dict[K, V]:
    return self.copy()


@implements(*_each("aten::len.Dict_{}"))
def length(self: dict[K, V]) -> int:
    return len(self)


@implements(*_each("aten::keys.{}"))
def keys(self: dict[K, V]) -> list[K]:
    return list(self)


@implements(*_each("aten::values.{}"))
def values(self: dict[K, V]) -> list[V]:
    return list(self.values())


@implements(*_each("aten::items.{}"))
def items(self: dict[K, V]) -> list[tuple[K, V]]:
    return list(self.items())


@implements(*_each("aten::__contains__.{}"))
def contains(dict: dict[K, V], key: K) -> bool:
    return key in dict


@implements(*_each("aten::__getitem__.Dict_{}"))
def getitem(self: dict[K, V], key: K) -> V:
    if key not in self:
        raise _missing(key)
    return self[key]


@implements(*_each("aten::get.{}"))
def get(self: dict[K, V], key: K) -> V | None:
    return self.get(key)


@implements(*_each("aten::get.default_{}"))
def get_default(self: dict[K, V], key: K, default_value: V) -> V:
    return self.get(key, default_value)


@implements(*_each("aten::setdefault.{}"))
def setdefault(self: dict[K, V], key: K, default_value: V) -> V:
    return self.setdefault(key, default_value)


@implements(*_each("aten::_set_item.{}"))
def set_item(l: dict[K, V], idx: K, v: V) -> None:  # noqa: E741
    l[idx] = v


@implements(*_each("aten::Delete.Dict_{}"))
def delete(self: dict[K, V], key: K) -> None:
    if key not in self:
        raise _missing(key)
    del self[key]


@implements(*_each("aten::pop.Dict_{}"))
def pop(self: dict[K, V], key: K) -> V:
    if key not in self:
        raise _missing(key)
    return self.pop(key)


@implements(*_each("aten::pop.Dict_default_{}"))
def pop_default(self: dict[K, V], key: K, default_value: V) -> V:
    return self.pop(key, default_value)


@implements(*_each("aten::popitem.{}"))
def popitem(self: dict[K, V]) -> tuple[K, V]:
    """The oldest item, where Python's takes the newest."""
    if not self:
        raise KeyError("popitem(): dictionary is empty")
    key = next(iter(self))
    return key, self.pop(key)


@implements(*_each("aten::clear.{}"))
def clear(self: dict[K, V]) -> None:
    self.clear()


@implements(*_each("aten::update.{}"))
def update(self: dict[K, V], to_add: dict[K, V]) -> None:
    self.update(to_add)
