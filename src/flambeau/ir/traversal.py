"""Recursion over blocks without Python's recursion limit: generators that yield generators, on an explicit stack."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import GeneratorType
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Nested: TypeAlias = "Generator[T | Nested[T], None, None]"
"""Yields items, and generators whose items stand in their place."""


def flat(outer: Nested[T]) -> Iterator[T]:
    """The items of a generator and, where it yields generators, of those, in order."""
    stack: list[Nested[T]] = [outer]
    while stack:
        try:
            item: Any = next(stack[-1])
        except StopIteration:
            stack.pop()
            continue
        if isinstance(item, GeneratorType):
            stack.append(item)
        else:
            yield item
