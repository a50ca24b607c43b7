"""Lists and dicts that scripts and Python share: what a script does to one is seen in Python, and the other way round.

Plain lists and dicts are copied when they are passed to scripts. These hold the script's own container, and convert
items as they go in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSequence
from typing import Any, TypeAlias, final

from flambeau.ir import DictType, ListType

__all__ = ["ScriptDict", "ScriptList"]

_Conversion: TypeAlias = "Callable[[Any], Any]"


@final
class ScriptList(MutableSequence[Any]):
    """A list of a script. Items that do not fit its type are refused with TypeError."""

    __slots__ = ("_inward", "_outward", "items", "type")
    __hash__ = None  # type: ignore[assignment]  # as lists have none

    def __init__(self, type: ListType, items: Iterable[object], inward: _Conversion, outward: _Conversion) -> None:
        self.type = type
        self._inward = inward
        self._outward = outward
        self.items: list[Any] = [inward(item) for item in items]
        """What scripts work with."""

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self._outward(self.items[index])
        result = ScriptList(self.type, (), self._inward, self._outward)
        result.items = self.items[index]
        return result

    def __setitem__(self, index: Any, value: Any) -> None:
        self.items[index] = [self._inward(v) for v in value] if isinstance(index, slice) else self._inward(value)

    def __delitem__(self, index: Any) -> None:
        del self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def insert(self, index: int, value: Any) -> None:
        self.items.insert(index, self._inward(value))

    def clear(self) -> None:
        self.items.clear()

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (list, ScriptList)) else NotImplemented

    def __repr__(self) -> str:
        return repr(list(self))


@final
class ScriptDict(MutableMapping[Any, Any]):
    """A dict of a script. Keys and values that do not fit its type are refused with TypeError."""

    __slots__ = ("_inward", "_outward", "entries", "type")
    __hash__ = None  # type: ignore[assignment]  # as dicts have none

    def __init__(
        self,
        type: DictType,
        entries: dict[Any, Any],
        inward: tuple[_Conversion, _Conversion],
        outward: tuple[_Conversion, _Conversion],
    ) -> None:
        self.type = type
        self._inward = inward
        self._outward = outward
        self.entries: dict[Any, Any] = {inward[0](key): inward[1](value) for key, value in entries.items()}
        """What scripts work with."""

    def __getitem__(self, key: Any) -> Any:
        return self._outward[1](self.entries[self._inward[0](key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries[self._inward[0](key)] = self._inward[1](value)

    def __delitem__(self, key: Any) -> None:
        del self.entries[self._inward[0](key)]

    def __contains__(self, key: object) -> bool:
        return self._inward[0](key) in self.entries

    def __iter__(self) -> Iterator[Any]:
        return map(self._outward[0], self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return repr(dict(self))
