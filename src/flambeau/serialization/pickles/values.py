"""What the values in a pickle become: `ValueBuilder` makes them; other values than its plain ones come from deriving.

The base class needs neither PyTorch nor the archive's classes: tensors become `TensorData`, objects and enum members
placeholders. That is enough to look into an archive, and the tests read everything with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.ir import Device, ScalarType, Storage, TensorData

__all__ = ["PickledEnum", "PickledObject", "StorageReader", "TypeTags", "ValueBuilder"]

StorageReader: TypeAlias = Callable[[str, ScalarType, int, str], Storage]
"""Finds a storage by the key, element type, number of elements and device that a pickle gives for it."""


@final
@dataclass(slots=True, eq=False)
class PickledObject:
    """An object as a pickle describes it. A plain state is a dict of attribute names to values; a class that has
    `__setstate__` may have any state."""

    class_name: str
    state: object = None


@final
@dataclass(frozen=True, slots=True)
class PickledEnum:
    """An enum member as a pickle describes it."""

    class_name: str
    value: object


@final
class TypeTags:
    """The types that a pickle states for its lists and dicts (`List[str]`), by the identity of the container."""

    __slots__ = ("_tags",)

    def __init__(self) -> None:
        self._tags: dict[int, tuple[object, str]] = {}

    def set(self, container: object, type_text: str) -> None:
        self._tags[id(container)] = (container, type_text)

    def find(self, container: object) -> str | None:
        """The type stated for this very object, as an annotation; None if none was."""
        found = self._tags.get(id(container))
        return None if found is None else found[1]


class ValueBuilder:
    """Makes the values that a pickle describes; derive from it to get other values than these plain ones.

    Lists and dicts are Python's own and are not passed through here, but `tag` learns their types.
    """

    def __init__(self) -> None:
        self.tags = TypeTags()
        self.shared: set[int] = set()
        """The identities of lists, dicts and tuples that the pickle has referred to again. Its reader keeps them."""

    def find_class(self, qualified_name: str) -> object:
        """What stands for a class of the archive (`__torch__...`); ArchiveError if there is none of that name."""
        return qualified_name

    def new_object(self, cls: object) -> object:
        """A new object of a class that `find_class` gave, without its state."""
        return PickledObject(str(cls))

    def set_state(self, instance: object, state: object) -> object:
        """Give an object of `new_object` its state. Called once for each, before anything else can refer to it.

        The result is the object, or what stands for it from then on.
        """
        if isinstance(instance, PickledObject):
            instance.state = state
        return instance

    def enum_member(self, cls: object, value: object) -> object:
        """The member of an enum class that has this value."""
        return PickledEnum(str(cls), value)

    def device(self, text: str) -> object:
        """A device value such as `cuda:0`."""
        try:
            return Device.parse(text)
        except ValueError as error:
            raise ArchiveError(str(error)) from None

    def tensor(self, data: TensorData) -> object:
        """A tensor value. Tensors that share memory come with the same `Storage`."""
        return data

    def tag(self, container: list[object] | dict[object, object], type_text: str) -> None:
        """The pickle states the type of a list or dict, as an annotation (`Dict[str, int]`)."""
        self.tags.set(container, type_text)
