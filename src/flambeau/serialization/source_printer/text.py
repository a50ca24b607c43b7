"""Text under construction that remembers which source each part of it was generated from."""

from __future__ import annotations

from typing import final

from flambeau.ir import SourceRange


@final
class Text:
    """A string built from pieces; `marks` are the offsets at which code generated from a source range starts."""

    __slots__ = ("_length", "_parts", "marks")

    def __init__(self, text: str = "", range: SourceRange | None = None) -> None:
        self._parts: list[str] = [text] if text else []
        self._length = len(text)
        self.marks: list[tuple[int, SourceRange]] = [] if range is None else [(0, range)]

    def add(self, *pieces: str | Text) -> Text:
        """Append strings and other texts."""
        for piece in pieces:
            if isinstance(piece, Text):
                self.marks.extend((self._length + offset, range) for offset, range in piece.marks)
                self._parts.extend(piece._parts)
                self._length += piece._length
            else:
                self._parts.append(piece)
                self._length += len(piece)
        return self

    def join(self, separator: str, pieces: list[Text]) -> Text:
        """Append texts with a separator between them."""
        for index, piece in enumerate(pieces):
            if index:
                self.add(separator)
            self.add(piece)
        return self

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""
