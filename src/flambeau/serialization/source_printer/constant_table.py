"""The table of constants that code refers to as `CONSTANTS.c0`, `CONSTANTS.c1`, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, final

from flambeau.ir import Type

TensorsEqual: TypeAlias = "Callable[[object, object], bool]"
"""Whether two tensors have equal options and equal data."""


def _identical(a: object, b: object) -> bool:
    return a is b


@final
class ConstantTable:
    """Constants that have no literal: tensors, objects, text that is not ASCII. Equal tensors share an entry."""

    def __init__(self, equal: TensorsEqual = _identical) -> None:
        self.values: list[object] = []
        self.types: list[Type | None] = []
        """Of each value its static type, where the code that refers to it tells."""
        self._equal = equal
        self._indices: dict[int, int] = {}
        self._tensors: list[int] = []

    def add(self, value: object, type: Type | None = None, *, is_tensor: bool = False) -> int:
        """The index of a constant, which is added if no equal one is there."""
        known = self._indices.get(id(value))
        if known is not None:
            return known
        if is_tensor:
            known = next((i for i in self._tensors if self._equal(self.values[i], value)), None)
        if known is None:
            known = len(self.values)
            self.values.append(value)
            self.types.append(type)
            if is_tensor:
                self._tensors.append(known)
        self._indices[id(value)] = known
        return known
