"""How deep the values in objects of a class can be, as far as the class tells."""

from __future__ import annotations

from typing import final

from flambeau.ir import (
    BOOL,
    COMPLEX,
    DEVICE,
    FLOAT,
    INT,
    NONE,
    STRING,
    ClassType,
    OptionalType,
    TensorType,
    Type,
)
from flambeau.serialization.pickles.described import ValueDescriber

__all__ = ["ClassHeights"]

_LEAVES = frozenset({INT, FLOAT, COMPLEX, BOOL, STRING, DEVICE, NONE})
_MOST = 8


@final
class ClassHeights:
    """Finds classes in whose objects only few objects can lie in one another, beside tensors and plain values."""

    def __init__(self, describer: ValueDescriber) -> None:
        self._describer = describer
        self._heights: dict[ClassType, int | None] = {}

    def of(self, cls: ClassType, most: int | None = None) -> int | None:
        """How many objects lie in one another in an object of the class, itself included.

        None if that is unknown, or more than `most`, or if objects of the class are not written attribute by attribute.
        """
        most = _MOST if most is None else most
        if cls in self._heights or not most:
            return self._heights.get(cls)
        self._heights[cls] = None  # while it is looked for: classes may lead to each other in circles
        if self._describer.is_stored_by_slots(cls):
            heights = [self._of_attribute(attribute.type, most - 1) for attribute in cls.attributes]
            known = [height for height in heights if height is not None]
            if len(known) == len(heights):
                self._heights[cls] = 1 + max(known, default=0)
        return self._heights[cls]

    def _of_attribute(self, type: Type, most: int) -> int | None:
        if isinstance(type, ClassType):
            return self.of(type, most)
        if isinstance(type, OptionalType):
            type = type.element
        return 0 if isinstance(type, TensorType) or type in _LEAVES else None
