"""Results that depend on a type only, remembered without keeping anybody's classes alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from .types import NamedType, Type

_Result = TypeVar("_Result")
_MOST = 10_000


def remembered_by_type(compute: Callable[[Type], _Result]) -> Callable[[Type], _Result]:
    """A function of a type that computes its results once.

    Named types (classes, interfaces, functions) hold graphs, and graphs hold weights. They would live as long as the
    memory of results, so results for types that contain one are computed each time.
    """
    known: dict[Type, _Result] = {}

    @wraps(compute)
    def remembering(type: Type) -> _Result:
        try:
            return known[type]
        except KeyError:
            result = compute(type)
            if not _names_something(type):
                if len(known) >= _MOST:
                    known.clear()
                known[type] = result
            return result

    return remembering


def _names_something(type: Type) -> bool:
    return isinstance(type, NamedType) or any(map(_names_something, type.contained))
