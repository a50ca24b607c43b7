"""Lists: arithmetic, what changes them, sorting, reductions. Lists of tensors are in `flambeau.runtime.aten`."""

from __future__ import annotations

import functools
from typing import TypeVar

from flambeau.ir import ScriptObject
from flambeau.runtime.calls import call_method
from flambeau.runtime.integers import wrapped
from flambeau.runtime.operators.comparison import ordering_key
from flambeau.runtime.registry import implements

T = TypeVar("T")


@implements("aten::add.t")
def add(a: list[T], b: list[T]) -> list[T]:
    return a + b


@implements("aten::mul.left_t")
def mul_left(l: list[T], n: int) -> list[T]:  # noqa: E741
    return l * n


@implements("aten::mul.right_")
def mul_right(n: int, l: list[T]) -> list[T]:  # noqa: E741
    return l * n


@implements("aten::add_.t")
def add_(self: list[T], b: list[T]) -> list[T]:
    self.extend(b)
    return self


@implements("aten::mul_.t")
def mul_(l: list[T], n: int) -> list[T]:  # noqa: E741
    l *= n  # noqa: E741
    return l


@implements("aten::append.t")
def append(self: list[T], el: T) -> list[T]:
    self.append(el)
    return self


@implements("aten::extend.t")
def extend(self: list[T], other: list[T]) -> None:
    self.extend(other)


@implements("aten::insert.t")
def insert(self: list[T], idx: int, el: T) -> None:
    self.insert(idx, el)


@implements("aten::reverse.t")
def reverse(self: list[object]) -> None:
    self.reverse()


@implements("aten::remove.int", "aten::remove.float", "aten::remove.bool", "aten::remove.str")
def remove(self: list[object], el: object) -> None:
    for position, element in enumerate(self):
        if element == el:
            del self[position]
            return
    raise ValueError("list.remove(x): x not in list")


# --- sorting


@implements("aten::sort.int", "aten::sort.float", "aten::sort.bool")
def sort(self: list[float], reverse: bool) -> None:
    self.sort(reverse=reverse)


@implements("aten::sort.str")
def sort_str(self: list[str], reverse: bool) -> None:
    self.sort(key=ordering_key, reverse=reverse)


@implements("aten::sorted.int", "aten::sorted.float", "aten::sorted.bool")
def sorted_(input: list[float]) -> list[float]:
    return sorted(input)


@implements("aten::sorted.str")
def sorted_str(input: list[str]) -> list[str]:
    return sorted(input, key=ordering_key)


def less_than(a: object, b: object) -> bool:
    """Order by a script class's `__lt__`; tuples element by element, strings by their bytes."""
    if isinstance(a, ScriptObject):
        return bool(call_method(a, "__lt__", b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        for x, y in zip(a, b, strict=True):
            if less_than(x, y):
                return True
            if less_than(y, x):
                return False
        return False
    if isinstance(a, str) and isinstance(b, str):
        return ordering_key(a) < ordering_key(b)
    return bool(a < b)  # type: ignore[operator]  # the compiler has checked that the elements can be ordered


def _comparison(a: object, b: object) -> int:
    return -1 if less_than(a, b) else 1 if less_than(b, a) else 0


_by_order = functools.cmp_to_key(_comparison)


@implements("aten::sort.any")
def sort_any(self: list[object], reverse: bool) -> None:
    self.sort(key=_by_order, reverse=reverse)


@implements("aten::sorted.any")
def sorted_any(self: list[object]) -> list[object]:
    return sorted(self, key=_by_order)


# --- reductions


@implements("aten::sum.int", "aten::sum.bool")
def sum_int(self: list[int]) -> int:
    return wrapped(sum(self))


@implements("aten::sum.float")
def sum_float(self: list[float]) -> float:
    """From left to right; Python's own `sum` compensates for rounding from 3.12 on."""
    total = 0.0
    for value in self:
        total += value
    return total


@implements("aten::sum.complex")
def sum_complex(self: list[complex]) -> complex:
    return sum(self, 0j)


@implements("aten::all.int", "aten::all.float", "aten::all.bool")
def all_(self: list[float]) -> bool:
    return all(self)


@implements("aten::any.int", "aten::any.float", "aten::any.bool", "aten::any.str")
def any_(self: list[object]) -> bool:
    return any(self)


@implements("prim::min.self_int", "prim::min.self_bool")
def min_of(self: list[int]) -> int:
    if not self:
        raise ValueError("min() arg is an empty sequence")
    return min(self)


@implements("prim::max.self_int", "prim::max.self_bool")
def max_of(self: list[int]) -> int:
    if not self:
        raise ValueError("max() arg is an empty sequence")
    return max(self)


@implements("prim::min.self_float")
def min_of_floats(self: list[float]) -> float:
    return min_of(self)  # type: ignore[arg-type]  # any one type


@implements("prim::max.self_float")
def max_of_floats(self: list[float]) -> float:
    return max_of(self)  # type: ignore[arg-type]


@implements("prim::min.int_list", "prim::min.float_list", "prim::min.bool_list")
def min_list(l: list[float], r: list[float]) -> list[float]:  # noqa: E741
    """The one that comes first in order, element by element."""
    return l if l < r else r


@implements("prim::max.int_list", "prim::max.float_list", "prim::max.bool_list")
def max_list(l: list[float], r: list[float]) -> list[float]:  # noqa: E741
    return l if l > r else r
