"""Tokens of the text forms: schemas, types and graphs."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn, final

from flambeau.errors import ParseError

from ..source import Source, SourceRange


class Token(NamedTuple):
    """`kind` is `ident`, `number`, `string`, `comment`, `end`, or the punctuation itself."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?j?)
      | (?P<ident>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<punct>->|::|\.\.\.|[^\s\w])
    """,
    re.VERBOSE,
)


def tokenize(source: Source) -> list[Token]:
    """All tokens of a text, comments included, and an `end` token."""
    tokens: list[Token] = []
    position, text = 0, source.text
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ParseError(f"unexpected character {text[position]!r}", source.range(position, position + 1))
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(match[0] if kind == "punct" else kind, match[0], position))
        position = match.end()
    tokens.append(Token("end", "", position))
    return tokens


@final
class TokenStream:
    """A cursor over tokens; comments are passed over, and can be asked for by the line they end."""

    def __init__(self, source: Source) -> None:
        self.source = source
        everything = tokenize(source)
        self._tokens = [token for token in everything if token.kind != "comment"]
        self._comments = {source.line_of(token.start): token for token in everything if token.kind == "comment"}
        self._index = 0

    @property
    def current(self) -> Token:
        return self._tokens[self._index]

    def peek(self, distance: int = 1) -> Token:
        """A token further on (the `end` token, past the end)."""
        return self._tokens[min(self._index + distance, len(self._tokens) - 1)]

    def at(self, *kinds: str) -> bool:
        return self.current.kind in kinds

    def at_word(self, *words: str) -> bool:
        return self.current.kind == "ident" and self.current.text in words

    def next(self) -> Token:
        token = self.current
        if token.kind != "end":
            self._index += 1
        return token

    def accept(self, kind: str) -> bool:
        """Pass over a token of that kind, if it is next."""
        if self.current.kind != kind:
            return False
        self._index += 1
        return True

    def accept_word(self, word: str) -> bool:
        if not self.at_word(word):
            return False
        self._index += 1
        return True

    def expect(self, kind: str) -> Token:
        if self.current.kind != kind:
            self.fail(f"expected {_shown(kind)} but found {_shown_token(self.current)} here")
        return self.next()

    def expect_word(self, word: str) -> Token:
        if not self.at_word(word):
            self.fail(f"expected '{word}' but found {_shown_token(self.current)} here")
        return self.next()

    def comment_on_line_of(self, token: Token) -> Token | None:
        """The comment that ends the line of a token."""
        return self._comments.get(self.source.line_of(token.start))

    def range(self, token: Token) -> SourceRange:
        return self.source.range(token.start, max(token.end, token.start))

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise ParseError(message, self.range(token or self.current))


def _shown(kind: str) -> str:
    return kind if kind.isidentifier() else f"'{kind}'"


def _shown_token(token: Token) -> str:
    return "the end" if token.kind == "end" else f"'{token.text}'"


_SIMPLE_ESCAPES = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "b": 8, "a": 7, "\\": 92, '"': 34, "'": 39}
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)


def unquoted(literal: str) -> str:
    """The string that a literal in quotes stands for; octal and hexadecimal escapes are bytes of UTF-8."""

    def byte(match: re.Match[bytes]) -> bytes:
        escape = match[1].decode("latin-1")
        if escape[0] in "01234567":
            return bytes([int(escape, 8) & 255])
        if escape[0] == "x" and len(escape) == 3:
            return bytes([int(escape[1:], 16)])
        return bytes([_SIMPLE_ESCAPES[escape]]) if escape in _SIMPLE_ESCAPES else match[0]

    return _ESCAPE.sub(byte, literal[1:-1].encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def number(text: str) -> int | float | complex:
    """The number that a token stands for: complex with `j`, float with a point or exponent, else int."""
    if text.endswith("j"):
        return complex(0.0, float(text[:-1]))
    if set(text) & set(".eE"):
        return float(text)
    return int(text)
