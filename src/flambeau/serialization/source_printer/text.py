"""Text under construction that remembers which source each part of it was generated from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, final

from flambeau.ir import SourceRange

Piece: TypeAlias = "str | Text"
"""A string that came from nowhere in particular, or a text that knows."""


@final
class Text:
    """A string built from pieces; `marks` are the offsets at which code generated from a source range starts."""

    __slots__ = ("_length", "_parts", "marks")

    def __init__(self, text: str = "", range: SourceRange | None = None) -> None:
        self._parts: list[str] = [text] if text else []
        self._length = len(text)
        self.marks: list[tuple[int, SourceRange]] = [] if range is None else [(0, range)]

    def add(self, *pieces: Piece) -> Text:
        """Append strings and other texts."""
        parts, length = self._parts, self._length
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(piece)
                length += len(piece)
                continue
            if piece.marks:
                self.marks += [(length + offset, range) for offset, range in piece.marks] if length else piece.marks
            parts += piece._parts
            length += piece._length
        self._length = length
        return self

    def add_line(self, indentation: str, targets: str, text: str, range: SourceRange | None) -> None:
        """Append a line that ends with `text`, which was generated from a source range."""
        line = f"{indentation}{targets}{text}\n"
        if range is not None:
            self.marks.append((self._length + len(indentation) + len(targets), range))
        self._parts.append(line)
        self._length += len(line)

    def mark(self, range: SourceRange | None) -> Text:
        """The whole of it was generated from a source range, if that is known."""
        if range is not None:
            self.marks.insert(0, (0, range))
        return self

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""


def glued(*pieces: Piece) -> Piece:
    """All of them, one behind the other."""
    if Text in map(type, pieces):
        return Text().add(*pieces)
    return "".join(pieces)  # type: ignore[arg-type]  # strings all


def listed(before: str, pieces: Sequence[Piece], after: str) -> Piece:
    """Pieces with commas between them, and what stands around them."""
    separated: list[Piece] = [", "] * (2 * len(pieces) + 1)
    separated[1::2] = pieces
    separated[0] = before
    separated[-1] = after if pieces else before + after
    return glued(*separated)
