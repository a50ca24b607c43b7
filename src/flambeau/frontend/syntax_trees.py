"""Python text to syntax trees, in any number of threads at once."""

from __future__ import annotations

import ast

_ATTEMPTS = 100


def syntax_tree(text: str, *, type_comments: bool = False) -> ast.Module:
    """What `ast.parse` gives.

    Python 3.11 counts the depth of the trees of all threads together, and raises SystemError where two threads make
    theirs at the same time.
    """
    for _ in range(_ATTEMPTS):
        try:
            return ast.parse(text, type_comments=type_comments)
        except SystemError as error:
            if "recursion depth mismatch" not in str(error):
                raise
    return ast.parse(text, type_comments=type_comments)
