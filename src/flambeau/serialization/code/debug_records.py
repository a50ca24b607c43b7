"""Debug records (`.debug_pkl`): which place of the original Python source each piece of an archive's code came from.

A record is a list of entries, sorted by their offset in the code: from there on, the code stands for such a range of
such a source. Two encodings exist: sources in full with each entry, and (what newer PyTorch and this room write) as
indices of lines in a table of strings. Offsets in files count UTF-8 bytes, in `Source` characters; they are converted.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from types import NoneType
from typing import TypeGuard, final

from flambeau.errors import ArchiveError
from flambeau.ir import OriginalRanges, Source, SourceRange
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits
from flambeau.serialization.pickles.emitter import MemoEntry, PickleEmitter
from flambeau.serialization.pickles.opcodes import Opcode
from flambeau.serialization.pickles.reader import read_pickle

__all__ = ["DebugRecordWriter", "LazyOriginals", "original_ranges"]

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_MAX_LINE = (1 << 31) - 1
_MAX_TEXT = 1 << 25
"""Characters that all sources of one record may have together."""
_LINE_COST = 16
"""What looking up one line counts for, in characters."""
_REMEMBERED = 16
"""Of so many tables of strings the pickled form is kept: a model that is saved again has the same ones."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@final
class Utf8Offsets:
    """Converts between offsets in characters and in UTF-8 bytes of one text."""

    def __init__(self, text: str) -> None:
        self._size = len(text)
        self._starts: list[int] = []
        """Where, in bytes, the characters of more than one byte start."""
        self._extra = [0]
        """How many bytes more than characters there are before each of them, and at the end."""
        for found in _NOT_ASCII.finditer(text) if not text.isascii() else ():
            self._starts.append(found.start() + self._extra[-1])
            self._extra.append(self._extra[-1] + len(found[0].encode(errors="surrogatepass")) - 1)

    def characters(self, offset: int) -> int:
        """From bytes to characters; inside a character, its start."""
        passed = bisect_left(self._starts, offset)
        if not passed:
            return offset
        return max(offset - self._extra[passed], self._starts[passed - 1] - self._extra[passed - 1])

    def bytes(self, offset: int) -> int:
        """From characters to bytes."""
        if not self._starts:
            return offset
        low, high = 0, len(self._starts)
        while low < high:
            middle = (low + high) // 2
            if self._starts[middle] - self._extra[middle] < offset:
                low = middle + 1
            else:
                high = middle
        return offset + self._extra[low]


def original_ranges(
    data: bytes | memoryview, limits: Limits = DEFAULT_LIMITS, *, record: str | None = None, code: str = ""
) -> OriginalRanges:
    """The places that a debug record gives. `code` is the text it belongs to; it matters if it is not ASCII."""
    value = read_pickle(data, limits=limits, record=record)
    try:
        return _Reader(limits, code).ranges(value)
    except ArchiveError as error:
        raise ArchiveError(f"not a debug record: {error.message}", record) from None


@final
class LazyOriginals:
    """The places of a debug record that is decoded when the first of them is asked for.

    By then something else has gone wrong, which must not be hidden: a damaged record gives no places.
    """

    def __init__(self, read: Callable[[], OriginalRanges]) -> None:
        self._read = read

    @cached_property
    def _ranges(self) -> OriginalRanges:
        try:
            return self._read()
        except ArchiveError:
            return OriginalRanges((), ())

    def find(self, offset: int) -> SourceRange | None:
        """The original place of the last entry at or before `offset`."""
        return self._ranges.find(offset)


@final
class _Reader:
    def __init__(self, limits: Limits, code: str) -> None:
        self._code = Utf8Offsets(code)
        self._strings: tuple[object, ...] | None = None
        self._sources: dict[int | tuple[object, ...], tuple[Source, Utf8Offsets]] = {}
        """By the identity of the description in the record (most entries share one), and by its content."""
        self._budget = min(limits.text_size, _MAX_TEXT)

    def ranges(self, value: object) -> OriginalRanges:
        if not isinstance(value, tuple):
            raise ArchiveError("it is not a tuple")
        entries: object = value
        if value and value[0] == _FORMAT:
            if len(value) != 3 or not isinstance(value[1], tuple):
                raise ArchiveError("it has no table of strings")
            self._strings, entries = value[1], value[2]
        if not isinstance(entries, tuple):
            raise ArchiveError("it has no entries")
        found = sorted((self._entry(e) for e in entries), key=lambda entry: entry[0])
        return OriginalRanges(tuple(start for start, _ in found), tuple(place for _, place in found))

    def _entry(self, entry: object) -> tuple[int, SourceRange | None]:
        """`(offset, (source, start, end)[, tag])`"""
        if not isinstance(entry, tuple) or len(entry) not in (2, 3) or not _is_count(entry[0]):
            raise ArchiveError("an entry is malformed")
        offset, place = entry[0], entry[1]
        if not isinstance(place, tuple) or len(place) != 3 or not _is_count(place[1]) or not _is_count(place[2]):
            raise ArchiveError("an entry has no place")
        source, offsets = self._source(place[0])
        if not source.text and not source.filename:
            return self._code.characters(offset), None
        start, end = offsets.characters(place[1]), offsets.characters(place[2])
        if not start <= end <= len(source.text):
            raise ArchiveError("an entry's place lies outside its source")
        return self._code.characters(offset), SourceRange(source, start, end)

    def _source(self, description: object) -> tuple[Source, Utf8Offsets]:
        if not isinstance(description, tuple) or len(description) != 3:
            raise ArchiveError("an entry has no source")
        known = self._sources.get(id(description))
        if known is None:
            text, filename, line = description
            if not _is_count(line) or line > _MAX_LINE or not isinstance(filename, (str, int, NoneType)):
                raise ArchiveError("a source has an impossible line or file name")
            lines = self._lines(text)
            if (lines, filename, line) not in self._sources:
                source = Source(self._text(lines), self._filename(filename), line)
                self._sources[lines, filename, line] = source, Utf8Offsets(source.text)
            known = self._sources[id(description)] = self._sources[lines, filename, line]
        return known

    def _lines(self, text: object) -> str | tuple[int, ...]:
        if isinstance(text, str):
            return text
        if not isinstance(text, list):
            raise ArchiveError("a source has no text")
        self._spend(len(text) * _LINE_COST)
        lines = tuple(line for line in text if _is_count(line))
        if len(lines) != len(text):
            raise ArchiveError("a source has no text")
        return lines

    def _text(self, lines: str | tuple[int, ...]) -> str:
        strings = [lines] if isinstance(lines, str) else [self._string(i) for i in lines]
        self._spend(sum(map(len, strings)))
        return "".join(strings)

    def _spend(self, characters: int) -> None:
        self._budget -= characters
        if self._budget < 0:
            raise ArchiveError("its sources are too large")

    def _filename(self, filename: str | int | None) -> str:
        return self._string(filename) if isinstance(filename, int) else filename or ""

    def _string(self, index: int) -> str:
        found = self._strings[index] if self._strings is not None and 0 <= index < len(self._strings) else None
        if not isinstance(found, str):
            raise ArchiveError("a string is missing from its table")
        return found


@final
class DebugRecordWriter:
    """Writes the debug records of one archive; ranges are numbered throughout it."""

    def __init__(self) -> None:
        self._tags: dict[tuple[int, int, int], tuple[int, Source]] = {}

    def write(self, entries: Iterable[tuple[int, SourceRange | None]], code: str = "") -> bytes:
        """The record for places by offset in the code; None is a place that nothing is known of.

        `code` is the text that the offsets are of; it matters if it is not ASCII.
        """
        tag = self._tag
        if code.isascii():
            return _Record().pickle([(offset, place, tag(place)) for offset, place in entries])
        in_bytes = Utf8Offsets(code).bytes
        return _Record().pickle([(in_bytes(offset), place, tag(place)) for offset, place in entries])

    def _tag(self, place: SourceRange | None) -> int:
        """The number of a place; 0 is no place."""
        if place is None:
            return 0
        source = place.source
        key = id(source), place.start, place.end
        known = self._tags.get(key)
        if known is None:
            known = self._tags[key] = len(self._tags) + 1, source
        return known[0]


@final
class _Record:
    """One record being written: its table of strings, and its pickle."""

    def __init__(self) -> None:
        self._out = PickleEmitter()
        self._strings: dict[str, int] = {"": 0}
        self._lines: dict[int, tuple[list[int], int, Utf8Offsets]] = {}
        """By identity of the source: the indices of its lines and of its file name, and its offsets."""
        self._sources: dict[int | None, MemoEntry] = {}

    def pickle(self, entries: list[tuple[int, SourceRange | None, int]]) -> bytes:
        for _, place, _ in entries:
            if place is not None and id(place.source) not in self._lines:
                lines = [self._index(line) for line in _lines(place.source.text)]
                name = self._index(place.source.filename)
                self._lines[id(place.source)] = lines, name, Utf8Offsets(place.source.text)
        out = self._out
        integer = out.integer
        out.append(*_table(tuple(self._strings)))
        _open_tuple(out, len(entries))
        repeated: dict[int, bytes] = {}  # by tag, what follows the offset
        buffer = out.buffer
        for offset, place, tag in entries:
            integer(offset)
            known = repeated.get(tag)
            if known is not None:
                buffer += known
                continue
            start, stored = len(buffer), out.stored
            self._place(place)
            buffer.append(Opcode.TUPLE3)
            out.integer(tag)
            buffer.append(Opcode.TUPLE3)
            if out.stored == stored:
                repeated[tag] = bytes(buffer[start:])
        _close_tuple(out, len(entries))
        out.store()
        out.op(Opcode.TUPLE3)
        return out.finish()

    def _index(self, string: str) -> int:
        return self._strings.setdefault(string, len(self._strings))

    def _place(self, place: SourceRange | None) -> None:
        out = self._out
        key = None if place is None else id(place.source)
        known = self._sources.get(key)
        if known is not None:
            out.fetch(known)
        else:
            lines, filename = ([], 0) if key is None else self._lines[key][:2]
            self._integers(lines)
            out.integer(filename)
            out.integer(0 if place is None else place.source.first_line)
            out.op(Opcode.TUPLE3)
            self._sources[key] = out.store()
        if place is None or key is None:
            out.integer(0)
            out.integer(0)
            return
        bytes_before = self._lines[key][2].bytes
        out.integer(bytes_before(place.start))
        out.integer(bytes_before(place.end))

    def _integers(self, values: list[int]) -> None:
        self._out.name("torch.jit._pickle", "build_intlist")
        self._out.op(Opcode.MARK, Opcode.EMPTY_LIST, Opcode.MARK)
        for value in values:
            self._out.integer(value)
        self._out.op(Opcode.APPENDS, Opcode.TUPLE, Opcode.REDUCE)


@lru_cache(_REMEMBERED)
def _table(strings: tuple[str, ...]) -> tuple[bytes, int]:
    """How a record with this table of strings begins, and how many values that stores."""
    out = PickleEmitter()
    start = len(out.buffer)
    out.text(_FORMAT)
    _open_tuple(out, len(strings))
    for string in strings:
        out.text(string)
    _close_tuple(out, len(strings))
    out.store()
    return bytes(out.buffer[start:]), out.stored


def _open_tuple(out: PickleEmitter, length: int) -> None:
    if length > 3:
        out.op(Opcode.MARK)


def _close_tuple(out: PickleEmitter, length: int) -> None:
    by_length = (Opcode.EMPTY_TUPLE, Opcode.TUPLE1, Opcode.TUPLE2, Opcode.TUPLE3)
    out.op(by_length[length] if length < len(by_length) else Opcode.TUPLE)


def _lines(text: str) -> list[str]:
    """The lines with their ends, and what follows the last end (often nothing)."""
    *whole, rest = text.split("\n")
    return [*(f"{line}\n" for line in whole), rest]


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0
