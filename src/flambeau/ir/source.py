"""Source text and places in it, and how a place is shown to a user."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol, final

CONTEXT_LINES = 3
"""Lines shown before and after the marked ones."""
_LINE_END = re.compile(r"\r\n?|\n")
"""What ends a line in Python's eyes (`str.splitlines` knows more, such as form feeds)."""


@final
@dataclass(slots=True, eq=False)
class Source:
    """A text that programs come from: a file, a part of one, or a string.

    `first_line` is the number (from 1) that line 0 of `text` has in the file, `indent` the number of columns that were
    cut from the left of each line. `original` maps a place in generated code (an archive's) to the place in the source
    that it was generated from, where debug records say so.
    """

    text: str
    filename: str = "<string>"
    first_line: int = 1
    indent: int = 0
    original: Originals | None = None
    _line_starts: list[int] = field(default_factory=list, repr=False)

    @property
    def line_starts(self) -> list[int]:
        """The offset at which each line starts."""
        if not self._line_starts:
            starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
            if len(starts) > 1 and starts[-1] == len(self.text):
                starts.pop()
            self._line_starts = starts
        return self._line_starts

    def line_of(self, offset: int) -> int:
        """The index (from 0) of the line that an offset lies on."""
        return bisect_right(self.line_starts, offset) - 1

    def line(self, index: int) -> str:
        """The text of a line, without its end."""
        starts = self.line_starts
        end = starts[index + 1] if index + 1 < len(starts) else len(self.text)
        return self.text[starts[index] : end].rstrip("\r\n")

    def offset(self, line: int, column: int) -> int:
        """The offset of a column of a line, both from 0; the column counts UTF-8 bytes, as Python's `ast` does."""
        if not self.text.isascii():
            column = len(self.line(line).encode()[:column].decode(errors="ignore"))
        return self.line_starts[line] + column

    def range(self, start: int = 0, end: int | None = None) -> SourceRange:
        """The place from `start` up to `end` (default: the whole text)."""
        return SourceRange(self, start, len(self.text) if end is None else end)


class Originals(Protocol):
    """Where generated text came from."""

    def find(self, offset: int) -> SourceRange | None:
        """The original place of what is generated at `offset`, if it is known."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class OriginalRanges:
    """For generated text: sorted start offsets, and the place in the original source that each stands for, if any."""

    starts: tuple[int, ...]
    ranges: tuple[SourceRange | None, ...]

    def find(self, offset: int) -> SourceRange | None:
        """The original place of the last entry at or before `offset`."""
        index = bisect_right(self.starts, offset) - 1
        return self.ranges[index] if index >= 0 else None


@final
@dataclass(frozen=True, slots=True, eq=False)
class SourceRange:
    """A place: the characters from `start` up to `end` of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line number in the file, from 1."""
        return self.source.line_of(self.start) + self.source.first_line

    @property
    def column(self) -> int:
        """The column in the file, from 0."""
        return self.start - self.source.line_starts[self.source.line_of(self.start)] + self.source.indent

    @property
    def filename(self) -> str:
        return self.source.filename

    @property
    def text(self) -> str:
        """The marked text."""
        return self.source.text[self.start : self.end]

    def original(self) -> SourceRange | None:
        """The place in the source that this generated code came from, if it is generated and the place is known."""
        return self.source.original.find(self.start) if self.source.original else None

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}"

    def highlight(self, function: str = "") -> str:
        """The place with its surroundings: file and line, some lines of context, the place underlined."""
        source = self.source
        first = source.line_of(self.start)
        last = max(first, source.line_of(max(self.start, self.end - 1)))
        where = f", in {function}" if function else ""
        shown = [f'  File "{self.filename}", line {self.line}{where}']
        stop = min(len(source.line_starts), last + 1 + CONTEXT_LINES)
        for index in range(max(0, first - CONTEXT_LINES), stop):
            text = source.line(index)
            shown.append(text)
            if first <= index <= last:
                shown.append(self._underline(index, text) + (" <--- HERE" if index == last else ""))
        return "\n".join(line.rstrip() for line in shown) + "\n"

    def _underline(self, index: int, text: str) -> str:
        begin = self.source.line_starts[index]
        blank = len(text) - len(text.lstrip())
        start = max(self.start - begin, blank)
        end = min(self.end - begin, len(text))
        return " " * start + "~" * max(1, end - start)
