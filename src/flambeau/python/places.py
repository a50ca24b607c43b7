"""Errors that arise away from any source text get the place in the script that led to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flambeau.errors import ScriptError
from flambeau.ir import SourceRange


@contextmanager
def at(range: SourceRange | None) -> Iterator[None]:
    """Give a ScriptError that has no place this one."""
    try:
        yield
    except ScriptError as error:
        if error.range is None:
            error.range = range
        raise
