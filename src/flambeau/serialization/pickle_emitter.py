"""Pickle instructions, one method for each kind of value that has no parts, and the memo.

What PyTorch always memoises (strings, names, storages, devices, tensors, modules) is stored when first written.
Containers are stored only if they turn out to be referred to again, so entries of the memo get their numbers last.
"""

from __future__ import annotations

import struct
from typing import final

from flambeau.errors import ArchiveError
from flambeau.serialization.pickle_opcodes import PROTOCOL, Opcode

__all__ = ["MemoEntry", "PickleEmitter"]

_INT64 = range(-(1 << 63), 1 << 63)


@final
class MemoEntry:
    """Something written that later instructions may refer to."""

    __slots__ = ("index", "wanted")

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        """Whether it goes into the memo: always, or because something referred to it."""
        self.index = -1


@final
class PickleEmitter:
    """A pickle being written."""

    def __init__(self) -> None:
        self._pieces: list[bytes | tuple[bool, MemoEntry]] = []
        """Instructions; a tuple stands for storing (True) or fetching (False) an entry of the memo."""
        self._buffer = bytearray((Opcode.PROTO, PROTOCOL))
        self._texts: dict[str, MemoEntry] = {}
        self._names: dict[str, MemoEntry] = {}

    def op(self, *opcodes: Opcode) -> None:
        """Instructions without operands."""
        self._buffer.extend(opcodes)

    def store(self, wanted: bool = True) -> MemoEntry:
        """Let later instructions refer to the value just written."""
        entry = MemoEntry(wanted)
        self._cut((True, entry))
        return entry

    def fetch(self, entry: MemoEntry) -> None:
        """The value of an entry once more."""
        entry.wanted = True
        self._cut((False, entry))

    def none(self) -> None:
        self._buffer.append(Opcode.NONE)

    def boolean(self, value: bool) -> None:
        self._buffer.append(Opcode.NEWTRUE if value else Opcode.NEWFALSE)

    def integer(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self._buffer += struct.pack("<BB", Opcode.BININT1, value)
        elif 0 <= value < 1 << 16:
            self._buffer += struct.pack("<BH", Opcode.BININT2, value)
        elif -(1 << 31) <= value < 1 << 31:
            self._buffer += struct.pack("<Bi", Opcode.BININT, value)
        elif value in _INT64:
            self._buffer += struct.pack("<BBq", Opcode.LONG1, 8, value)
        else:
            raise ArchiveError("an integer does not fit into 64 bits")

    def real(self, value: float) -> None:
        self._buffer += struct.pack(">Bd", Opcode.BINFLOAT, value)

    def text(self, value: str) -> None:
        """A string; equal ones are written once."""
        known = self._texts.get(value)
        if known is not None:
            self.fetch(known)
            return
        try:
            encoded = value.encode(errors="surrogateescape")
        except UnicodeEncodeError as error:
            raise ArchiveError(f"a string cannot be encoded: {error}") from None
        if len(encoded) >= 1 << 32:
            raise ArchiveError("a string has more than the possible 4 GB")
        self._buffer += struct.pack("<BI", Opcode.BINUNICODE, len(encoded)) + encoded
        self._texts[value] = self.store()

    def name(self, module: str, name: str) -> None:
        """A function or a class."""
        text = f"{module}\n{name}\n"
        known = self._names.get(text)
        if known is not None:
            self.fetch(known)
            return
        if text.count("\n") != 2:
            raise ArchiveError(f"not a name for a class: {module!r}, {name!r}")
        self._buffer += bytes([Opcode.GLOBAL]) + text.encode()
        self._names[text] = self.store()

    def finish(self) -> bytes:
        """The whole pickle."""
        self._buffer.append(Opcode.STOP)
        pieces = [*self._pieces, bytes(self._buffer)]
        done: list[bytes] = []
        count = 0
        for piece in pieces:
            if isinstance(piece, bytes):
                done.append(piece)
                continue
            stores, entry = piece
            if not entry.wanted:
                continue
            if stores:
                entry.index, count = count, count + 1
            short, long = (Opcode.BINPUT, Opcode.LONG_BINPUT) if stores else (Opcode.BINGET, Opcode.LONG_BINGET)
            small = entry.index < 1 << 8
            done.append(struct.pack("<BB" if small else "<BI", short if small else long, entry.index))
        return b"".join(done)

    def _cut(self, piece: tuple[bool, MemoEntry]) -> None:
        if self._buffer:
            self._pieces.append(bytes(self._buffer))
            self._buffer.clear()
        self._pieces.append(piece)
