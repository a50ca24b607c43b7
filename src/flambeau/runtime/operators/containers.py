"""What lists and strings share a name for: length, indexing, slices, membership. Dicts are in `dicts`.

Lists are Python lists; a negative index counts from the end.
"""

from __future__ import annotations

from typing import TypeVar

from flambeau.runtime.integers import INT_MAX, INT_MIN
from flambeau.runtime.registry import implements

T = TypeVar("T")

NOT_IN_RANGE = "list index out of range"


@implements("aten::len.t", "aten::len.any")
def length(a: list[object]) -> int:
    return len(a)


@implements("aten::__getitem__.t", "aten::select.t")
def getitem(list: list[T], idx: int) -> T:
    return list[idx]


@implements("aten::__contains__.int_list", "aten::__contains__.str_list")
def contains(l: list[T], item: T) -> bool:  # noqa: E741
    return item in l


@implements("aten::__contains__.float_list")
def contains_float(l: list[float], item: float) -> bool:  # noqa: E741
    return any(x == item for x in l)


@implements("aten::_set_item.t")
def set_item(l: list[T], idx: int, el: T) -> list[T]:  # noqa: E741
    if not -len(l) <= idx < len(l):
        raise IndexError(NOT_IN_RANGE)
    l[idx] = el
    return l


@implements("aten::Delete.t")
def delete(self: list[object], idx: int) -> None:
    if not -len(self) <= idx < len(self):
        raise IndexError(NOT_IN_RANGE)
    del self[idx]


@implements("aten::clear.t")
def clear(self: list[object]) -> None:
    self.clear()


@implements("aten::copy.t", "aten::list.t")
def copy(self: list[T]) -> list[T]:
    return self.copy()


@implements("aten::pop.t")
def pop(self: list[T], idx: int) -> T:
    if not self:
        raise IndexError("pop from empty list")
    if not -len(self) <= idx < len(self):
        raise IndexError(NOT_IN_RANGE)
    return self.pop(idx)


@implements("aten::slice.t")
def slice_list(l: list[T], start: int | None, end: int | None, step: int) -> list[T]:  # noqa: E741
    return l[slice_of(start, end, step)]


def slice_of(start: int | None, end: int | None, step: int) -> slice:
    """A Python slice; the largest int stands for "not given", as None does."""
    if step == 0:
        raise ValueError("List slice should have non-zero step")
    if step == INT_MIN:
        raise ValueError("List slice step is out of bounds")
    return slice(None if start == INT_MAX else start, None if end == INT_MAX else end, step)


@implements("aten::count.int", "aten::count.float", "aten::count.bool", "aten::count.str")
def count(self: list[object], el: object) -> int:
    return sum(x == el for x in self)


@implements("aten::index.list_int", "aten::index.list_float", "aten::index.list_bool", "aten::index.list_str")
def index(self: list[object], el: object) -> int:
    for position, element in enumerate(self):
        if element == el:
            return position
    raise ValueError(f"'{el}' is not in list")
