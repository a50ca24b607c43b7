"""The table of constants that code refers to as `CONSTANTS.c0`, `CONSTANTS.c1`, ..."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol, final

from flambeau.ir import Type


class TensorKeys(Protocol):
    """Tells tensors apart that are constants, in two steps, the second of which may cost reading all of their bytes."""

    def options(self, tensor: object) -> Hashable:
        """Equal for tensors of the same type, sizes and so on."""

    def contents_key(self, tensor: object) -> Hashable:
        """Of tensors with equal options, equal for those with equal elements."""


class _ByIdentity:
    def options(self, tensor: object) -> Hashable:
        return id(tensor)

    def contents_key(self, tensor: object) -> Hashable:
        return id(tensor)


@final
class ConstantTable:
    """Constants that have no literal: tensors, objects, text that is not ASCII. Equal tensors share an entry."""

    def __init__(self, keys: TensorKeys | None = None) -> None:
        self.values: list[object] = []
        self.types: list[Type | None] = []
        """Of each value its static type, where the code that refers to it tells."""
        self._keys = keys or _ByIdentity()
        self._indices: dict[int, int] = {}
        self._only: dict[Hashable, int] = {}
        """By options, the only tensor that has them so far, whose contents nobody needed to know."""
        self._tensors: dict[tuple[Hashable, Hashable], int] = {}

    def add(self, value: object, type: Type | None = None, *, is_tensor: bool = False) -> int:
        """The index of a constant, which is added if no equal one is there."""
        known = self._indices.get(id(value))
        if known is not None:
            return known
        known = self._equal_tensor(value) if is_tensor else len(self.values)
        if known == len(self.values):
            self.values.append(value)
            self.types.append(type)
        self._indices[id(value)] = known
        return known

    def _equal_tensor(self, value: object) -> int:
        """The index of a tensor that is equal, or else that of the next entry."""
        options, following = self._keys.options(value), len(self.values)
        only = self._only.setdefault(options, following)
        if only == following:
            return following
        if only >= 0:
            self._tensors[options, self._keys.contents_key(self.values[only])] = only
            self._only[options] = -1
        return self._tensors.setdefault((options, self._keys.contents_key(value)), following)
