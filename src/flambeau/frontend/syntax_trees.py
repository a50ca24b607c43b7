"""Python text to syntax trees, in any number of threads at once."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_ATTEMPTS = 100


def syntax_tree(text: str, *, type_comments: bool = False) -> ast.Module:
    """What `ast.parse` gives.

    Python 3.11 counts the depth of the trees of all threads together, and raises SystemError where two threads make
    theirs at the same time.
    """
    return _tried_again(lambda: ast.parse(text, type_comments=type_comments))


def expression_tree(text: str) -> ast.expr:
    """The tree of a text that is one expression, which may stand between spaces; errors are those of `ast.parse`."""
    return _tried_again(lambda: ast.parse(text.strip(), mode="eval")).body


def _tried_again(parse: Callable[[], T]) -> T:
    for _ in range(_ATTEMPTS):
        try:
            return parse()
        except SystemError as error:
            if "recursion depth mismatch" not in str(error):
                raise
    return parse()
