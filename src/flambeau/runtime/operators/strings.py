"""Strings, which in TorchScript are sequences of UTF-8 bytes.

`len` counts bytes, `s[0]` is one byte, and character classes are ASCII's. A byte that is no character by itself is kept
as Python's `surrogateescape` does; joined with its neighbours it becomes the character again. Text that is all ASCII,
where bytes are characters, takes the short way.

Where PyTorch never returns (an empty separator, counting empty strings), these do what Python does.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flambeau.runtime.operators.containers import slice_of
from flambeau.runtime.registry import implements

_NOT_FOUND = "ValueError: substring not found"
_IDENTIFIER = re.compile(rb"[A-Za-z][A-Za-z0-9]*")  # TorchScript knows no underscores here
_LINE_ENDS = re.compile(rb"[\n\r\v\f\x1c\x1d\x1e]")


def to_bytes(text: str) -> bytes:
    """The bytes that a string stands for."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """The string that stands for some bytes."""
    return data.decode("utf-8", "surrogateescape")


# --- length, parts, concatenation


@implements("aten::len.str")
def length(s: str) -> int:
    return len(s) if s.isascii() else len(to_bytes(s))


@implements("aten::__getitem__.str", "prim::StringIndex")
def getitem(s: str, index: int) -> str:
    if s.isascii():
        return s[index]
    data = to_bytes(s)
    return from_bytes(bytes((data[index],)))


@implements("aten::slice.str")
def slice_str(string: str, start: int | None, end: int | None, step: int) -> str:
    part = slice_of(start, end, step)
    return string[part] if string.isascii() else from_bytes(to_bytes(string)[part])


@implements("aten::list")
def characters(t: str) -> list[str]:
    return list(t) if t.isascii() else [from_bytes(bytes((byte,))) for byte in to_bytes(t)]


@implements("aten::add.str")
def add(a: str, b: str) -> str:
    return _rejoined(a + b)


def _rejoined(text: str) -> str:
    """Bytes that came together at a seam may make up a character."""
    return text if text.isascii() else from_bytes(to_bytes(text))


@implements("aten::join")
def join(self: str, values: list[str]) -> str:
    return _rejoined(self.join(values))


@implements("aten::ord")
def ord_(string: str) -> int:
    data = to_bytes(string)
    if len(data) != 1:
        raise TypeError(f"String for ord() must be 1 character, found {len(data)}")
    return data[0]


@implements("aten::chr")
def chr_(i: int) -> str:
    """One byte; PyTorch checks for Unicode's range but keeps the lowest eight bits only."""
    if not 0 <= i < 0x110000:
        raise ValueError(f"chr() arg not in range(0x110000), found {i}")
    return from_bytes(bytes((i & 0xFF,)))


# --- searching


def _bounds(size: int, start: int, end: int) -> tuple[int, int]:
    """Negative positions count from the end; here, `end=-1` is the end itself."""
    first = max(0, size + start) if start < 0 else start
    last = max(0, size + end + 1) if end < 0 else end
    return first, last


def _found(self: str, substr: str, start: int, end: int, search: Callable[[bytes, bytes], int]) -> int:
    data = to_bytes(self)
    first, last = _bounds(len(data), start, end)
    if first > len(data) and last > first:
        raise IndexError(_beyond(first, data))
    position = search(data[first:last], to_bytes(substr))
    return position if position < 0 else position + first


def _beyond(start: int, data: bytes) -> str:
    return f"start {start} is beyond the end of a string of length {len(data)}"


@implements("aten::find")
def find(self: str, substr: str, start: int, end: int) -> int:
    return _found(self, substr, start, end, bytes.find)


@implements("aten::rfind")
def rfind(self: str, substr: str, start: int, end: int) -> int:
    return _found(self, substr, start, end, bytes.rfind)


@implements("aten::index.str")
def index(self: str, substr: str, start: int, end: int) -> int:
    position = find(self, substr, start, end)
    if position < 0:
        raise ValueError(_NOT_FOUND)
    return position


@implements("aten::rindex")
def rindex(self: str, substr: str, start: int, end: int) -> int:
    position = rfind(self, substr, start, end)
    if position < 0:
        raise ValueError(_NOT_FOUND)
    return position


@implements("aten::count")
def count(self: str, substr: str, start: int, end: int) -> int:
    """An occurrence counts where it starts before `end`."""
    data, part = to_bytes(self), to_bytes(substr)
    first, last = _bounds(len(data), start, end)
    if not part:
        return data[first:last].count(part)
    return data[first : min(len(data), last + len(part) - 1)].count(part) if first < last else 0


def _piece(self: str, start: int, end: int) -> bytes:
    data = to_bytes(self)
    first, last = _bounds(len(data), start, end)
    if first > len(data):
        raise IndexError(_beyond(first, data))
    return data[first:last] if first <= last else data[first:]


@implements("aten::startswith")
def startswith(self: str, substr: str, start: int, end: int) -> bool:
    return _piece(self, start, end).startswith(to_bytes(substr))


@implements("aten::endswith")
def endswith(self: str, substr: str, start: int, end: int) -> bool:
    return _piece(self, start, end).endswith(to_bytes(substr))


# --- splitting


def _separator(separator: str) -> bytes:
    if not separator:
        raise ValueError("ValueError: empty separator")
    return to_bytes(separator)


@implements("aten::split.str")
def split(self: str, separator: str | None, max: int) -> list[str]:
    """At white space, if there is no separator; `max` does not count then."""
    data = to_bytes(self)
    pieces = data.split() if separator is None else data.split(_separator(separator), max)
    return [from_bytes(piece) for piece in pieces]


@implements("aten::rsplit")
def rsplit(self: str, separator: str, max: int) -> list[str]:
    return [from_bytes(piece) for piece in to_bytes(self).rsplit(_separator(separator), max)]


@implements("aten::splitlines")
def splitlines(self: str, keepends: bool) -> list[str]:
    """Each of `\\r` and `\\n` ends a line, so `\\r\\n` ends two; a kept end is an element of its own."""
    data = to_bytes(self)
    lines: list[bytes] = []
    start = 0
    for end in _LINE_ENDS.finditer(data):
        lines.append(data[start : end.start()])
        if keepends:
            lines.append(end[0])
        start = end.end()
    if start != len(data):
        lines.append(data[start:])
    return [from_bytes(line) for line in lines]


@implements("aten::partition")
def partition(self: str, separator: str) -> tuple[str, str, str]:
    before, found, after = to_bytes(self).partition(_separator(separator))
    return from_bytes(before), from_bytes(found), from_bytes(after)


@implements("aten::rpartition")
def rpartition(self: str, separator: str) -> tuple[str, str, str]:
    before, found, after = to_bytes(self).rpartition(_separator(separator))
    return from_bytes(before), from_bytes(found), from_bytes(after)


# --- changed copies


@implements("aten::replace")
def replace(self: str, old: str, new: str, max: int) -> str:
    if not old and max >= 0:
        return from_bytes(to_bytes(new) * max + to_bytes(self))
    return from_bytes(to_bytes(self).replace(to_bytes(old), to_bytes(new), max))


@implements("aten::strip")
def strip(self: str, chars: str) -> str:
    return from_bytes(to_bytes(self).strip(to_bytes(chars)))


@implements("aten::lstrip")
def lstrip(self: str, chars: str) -> str:
    return from_bytes(to_bytes(self).lstrip(to_bytes(chars)))


@implements("aten::rstrip")
def rstrip(self: str, chars: str) -> str:
    return from_bytes(to_bytes(self).rstrip(to_bytes(chars)))


def _fill(fillchar: str) -> bytes:
    data = to_bytes(fillchar)
    if len(data) != 1:
        raise TypeError("TypeError: The fill character must be exactly one character long")
    return data


@implements("aten::center")
def center(self: str, width: int, fillchar: str) -> str:
    return from_bytes(to_bytes(self).center(width, _fill(fillchar)))


@implements("aten::ljust")
def ljust(self: str, width: int, fillchar: str) -> str:
    return from_bytes(to_bytes(self).ljust(width, _fill(fillchar)))


@implements("aten::rjust")
def rjust(self: str, width: int, fillchar: str) -> str:
    return from_bytes(to_bytes(self).rjust(width, _fill(fillchar)))


@implements("aten::zfill")
def zfill(self: str, width: int) -> str:
    """Zeros stand before the sign, if there is one."""
    return from_bytes(to_bytes(self).rjust(width, b"0"))


@implements("aten::expandtabs")
def expandtabs(self: str, tabsize: int) -> str:
    """Columns count from the start of the string, not of the line."""
    result = bytearray()
    for byte in to_bytes(self):
        if byte != ord("\t"):
            result.append(byte)
        elif tabsize > 0:
            result += b" " * (tabsize - len(result) % tabsize)
    return from_bytes(bytes(result))


def _changing(name: str, change: Callable[[bytes], bytes]) -> None:
    @implements(f"aten::{name}")
    def kernel(self: str) -> str:
        return from_bytes(change(to_bytes(self)))


def _testing(name: str, test: Callable[[bytes], bool]) -> None:
    @implements(f"aten::{name}")
    def kernel(self: str) -> bool:
        return test(to_bytes(self))


_changing("capitalize", bytes.capitalize)
_changing("lower", bytes.lower)
_changing("swapcase", bytes.swapcase)
_changing("title", bytes.title)
_changing("upper", bytes.upper)

_testing("isalnum", bytes.isalnum)
_testing("isalpha", bytes.isalpha)
_testing("isdecimal", bytes.isdigit)
_testing("isdigit", bytes.isdigit)
_testing("isidentifier", lambda data: _IDENTIFIER.fullmatch(data) is not None)
_testing("islower", bytes.islower)
_testing("isnumeric", bytes.isdigit)
_testing("isprintable", lambda data: all(0x20 <= byte < 0x7F for byte in data))
_testing("isspace", bytes.isspace)
_testing("istitle", bytes.istitle)
_testing("isupper", bytes.isupper)
