"""Pickle instructions, one method for each kind of value that has no parts, and the memo.

What PyTorch always memoises (strings, names, storages, devices, tensors, modules) is stored when first written.
Containers are stored only if they turn out to be referred to again. That is known too late to write it, so such a
pickle is written once more, with the knowledge of the first time (`missed`); hardly any is.
"""

from __future__ import annotations

import struct
from collections.abc import Set
from functools import partial
from typing import TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.serialization.pickles.opcodes import PROTOCOL, Opcode

__all__ = ["MemoEntry", "PickleEmitter", "fetching"]

MemoEntry: TypeAlias = int
"""Something written that later instructions may refer to: its number in the memo, or, if it was not stored, the
complement of its number among what is stored on demand."""

_INT64 = range(-(1 << 63), 1 << 63)
_PUT_LONG = partial(struct.Struct("<BI").pack, Opcode.LONG_BINPUT)
_GET_LONG = partial(struct.Struct("<BI").pack, Opcode.LONG_BINGET)
_SHORT = partial(struct.Struct("<BH").pack, Opcode.BININT2)
_TEXT = partial(struct.Struct("<BI").pack, Opcode.BINUNICODE)
_SMALL = tuple(bytes((Opcode.BININT1, value)) for value in range(1 << 8))
_PUT = tuple(bytes((Opcode.BINPUT, index)) for index in range(1 << 8))
_GET = tuple(bytes((Opcode.BINGET, index)) for index in range(1 << 8))


def fetching(entry: MemoEntry) -> bytes:
    """The instruction that fetches what is stored."""
    return _GET[entry] if entry < 256 else _GET_LONG(entry)


@final
class PickleEmitter:
    """A pickle being written. `wanted` are the numbers of those values, among the ones stored on demand, to store."""

    def __init__(self, wanted: Set[int] = frozenset()) -> None:
        self.buffer = bytearray((Opcode.PROTO, PROTOCOL))
        """The instructions so far; whoever knows better how to write something may append to it."""
        self.missed: set[int] = set()
        """Values stored on demand that were referred to without being stored: the pickle is of no use then."""
        self._wanted = wanted
        self._stored = 0
        self._on_demand = 0
        self.texts: dict[str, bytes] = {}
        """By string that was written, the instruction that fetches it."""
        self._names: dict[tuple[str, str], MemoEntry] = {}

    @property
    def stored(self) -> int:
        """How many values are in the memo. While that does not change, writing the same gives the same bytes."""
        return self._stored

    def op(self, *opcodes: Opcode) -> None:
        """Instructions without operands."""
        self.buffer.extend(opcodes)

    def append(self, instructions: bytes, stored: int) -> None:
        """Instructions that another emitter wrote at this place of its pickle, with the values that they store."""
        self.buffer += instructions
        self._stored += stored

    def store(self) -> MemoEntry:
        """Let later instructions refer to the value just written."""
        index = self._stored
        self._stored = index + 1
        self.buffer += _PUT[index] if index < 256 else _PUT_LONG(index)
        return index

    def store_on_demand(self) -> MemoEntry:
        """The same, if later instructions do so."""
        number = self._on_demand
        self._on_demand = number + 1
        return self.store() if number in self._wanted else ~number

    def fetch(self, entry: MemoEntry) -> None:
        """The value of an entry once more."""
        if entry < 0:
            self.missed.add(~entry)
        else:
            self.buffer += fetching(entry)

    def demand(self, entry: MemoEntry) -> None:
        """An entry is to be stored, though nothing refers to it."""
        if entry < 0:
            self.missed.add(~entry)

    def none(self) -> None:
        self.buffer.append(Opcode.NONE)

    def boolean(self, value: bool) -> None:
        self.buffer.append(Opcode.NEWTRUE if value else Opcode.NEWFALSE)

    def integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.buffer += _SMALL[value]
        elif 0 <= value < 65536:
            self.buffer += _SHORT(value)
        elif -(1 << 31) <= value < 1 << 31:
            self.buffer += struct.pack("<Bi", Opcode.BININT, value)
        elif value in _INT64:
            self.buffer += struct.pack("<BBq", Opcode.LONG1, 8, value)
        else:
            raise ArchiveError("an integer does not fit into 64 bits")

    def integers(self, values: tuple[int, ...]) -> None:
        """A tuple of integers, with the instructions for a long one, however many there are."""
        self.buffer.append(Opcode.MARK)
        for value in values:
            self.integer(value)
        self.buffer.append(Opcode.TUPLE)

    def real(self, value: float) -> None:
        self.buffer += struct.pack(">Bd", Opcode.BINFLOAT, value)

    def text(self, value: str) -> None:
        """A string; equal ones are written once."""
        known = self.texts.get(value)
        if known is not None:
            self.buffer += known
            return
        try:
            encoded = value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise ArchiveError(f"a string cannot be encoded: {error}") from None
        if len(encoded) >= 1 << 32:
            raise ArchiveError("a string has more than the possible 4 GB")
        index = self._stored
        self._stored = index + 1
        self.buffer += _TEXT(len(encoded)) + encoded + (_PUT[index] if index < 256 else _PUT_LONG(index))
        self.texts[value] = _GET[index] if index < 256 else _GET_LONG(index)

    def name(self, module: str, name: str) -> MemoEntry:
        """A function or a class."""
        known = self._names.get((module, name))
        if known is not None:
            self.fetch(known)
            return known
        text = f"{module}\n{name}\n"
        if text.count("\n") != 2:
            raise ArchiveError(f"not a name for a class: {module!r}, {name!r}")
        self.buffer += bytes([Opcode.GLOBAL]) + text.encode()
        entry = self._names[module, name] = self.store()
        return entry

    def finish(self) -> bytes:
        """The whole pickle."""
        self.buffer.append(Opcode.STOP)
        return bytes(self.buffer)
