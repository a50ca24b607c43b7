"""A function with declarations for type checkers."""

from __future__ import annotations

from typing import overload


@overload
def doubled(x: int) -> int: ...
@overload
def doubled(x: int, y: int) -> int: ...
def doubled(x: int, y: int = 0) -> int:
    return x * 2 + y
