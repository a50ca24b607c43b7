"""Lists of tensors: comparison, search and sorting, by the truth of comparing single elements."""

from __future__ import annotations

import functools

from torch import Tensor

from flambeau.runtime.registry import implements


def _equal(a: Tensor, b: Tensor) -> bool:
    return bool(a.eq(b))


@implements("aten::eq.Tensor_list")
def eq(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(map(_equal, a, b))


@implements("aten::ne.Tensor_list")
def ne(a: list[Tensor], b: list[Tensor]) -> bool:
    return not eq(a, b)


@implements("aten::count.Tensor")
def count(self: list[Tensor], el: Tensor) -> int:
    return sum(_equal(t, el) for t in self)


def _position(values: list[Tensor], el: Tensor) -> int | None:
    return next((i for i, t in enumerate(values) if _equal(t, el)), None)


@implements("aten::index.list_Tensor")
def index(self: list[Tensor], el: Tensor) -> int:
    position = _position(self, el)
    if position is None:
        raise ValueError(f"'{el}' is not in list")
    return position


@implements("aten::remove.Tensor")
def remove(self: list[Tensor], el: Tensor) -> None:
    position = _position(self, el)
    if position is None:
        raise ValueError("list.remove(x): x not in list")
    del self[position]


def _comparison(a: Tensor, b: Tensor) -> int:
    return -1 if bool(a.lt(b)) else 1 if bool(b.lt(a)) else 0


_by_order = functools.cmp_to_key(_comparison)


def _comparison_in_place(a: Tensor, b: Tensor) -> int:
    """Sorting in place does not compare a tensor, of whatever shape, with itself."""
    return 0 if a is b else _comparison(a, b)


_by_order_in_place = functools.cmp_to_key(_comparison_in_place)


@implements("aten::sort.Tensor")
def sort(self: list[Tensor], reverse: bool) -> None:
    self.sort(key=_by_order_in_place, reverse=reverse)


@implements("aten::sorted.Tensor")
def sorted_(input: list[Tensor]) -> list[Tensor]:
    return sorted(input, key=_by_order)
