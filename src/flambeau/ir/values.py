"""Run-time values that have no Python type of their own: objects of script classes and members of enums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from .class_types import ClassType, EnumType


@final
class ScriptObject:
    """An object of a TorchScript class: its type, and one value per attribute in the order of `type.attributes`.

    A slot that was not assigned yet holds `UNSET`.
    """

    __slots__ = ("__weakref__", "slots", "type")

    def __init__(self, type: ClassType, slots: list[object] | None = None) -> None:
        self.type = type
        self.slots: list[object] = [UNSET] * len(type.attributes) if slots is None else slots

    def get(self, name: str) -> object:
        """The value of an attribute; AttributeError if there is none of that name or it is not set."""
        slot = self.type.find_slot(name)
        value = UNSET if slot is None else self.slots[slot]
        if value is UNSET:
            raise AttributeError(f"'{self.type.qualified_name}' object has no attribute '{name}'")
        return value

    def set(self, name: str, value: object) -> None:
        """Assign an attribute (its type is not checked); AttributeError if there is none of that name."""
        slot = self.type.find_slot(name)
        if slot is None:
            raise AttributeError(f"'{self.type.qualified_name}' object has no attribute '{name}'")
        self.slots[slot] = value

    def __repr__(self) -> str:
        return f"<{self.type.qualified_name} object at {id(self):#x}>"


@final
class Unset:
    """The type of `UNSET`, which fills slots that were never assigned."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


@final
@dataclass(frozen=True, slots=True)
class EnumValue:
    """A member of an enum class."""

    type: EnumType
    name: str
    value: object

    def __repr__(self) -> str:
        return f"{self.type.name}.{self.name}"
