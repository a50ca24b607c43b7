"""How much there is to parse in a source text, told without parsing it."""

from __future__ import annotations

import string

__all__ = ["token_count"]

_WORD, _SPACE, _OTHER = b"w", b" ", b"o"
_CLASSES = bytearray(_OTHER * 256)
for _byte in range(256):
    if chr(_byte) in string.ascii_letters + string.digits + "_" or _byte >= 0x80:
        _CLASSES[_byte] = ord(_WORD)
    elif chr(_byte) in " \t\r\f":
        _CLASSES[_byte] = ord(_SPACE)


def token_count(text: str) -> int:
    """About how many tokens a text has: names and numbers, signs, ends of lines; in comments and strings, too.

    Parsed, each takes half a kilobyte to one, and one to three microseconds.
    """
    classes = text.encode().translate(bytes(_CLASSES)) + _SPACE
    return classes.count(_OTHER) + classes.count(_WORD + _OTHER) + classes.count(_WORD + _SPACE)
