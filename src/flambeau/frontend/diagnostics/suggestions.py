"""Names that a person may have meant, for errors about names that mean nothing.

Looking for them takes milliseconds, and many attempts to compile fail before one is right: so it is done when the error
is shown, and what errors carry are functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from flambeau import ir

_MOST = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that offers the known names that are most like `name`; empty if none is.

    Private names and those of operators in place are offered only for such names, special methods never.
    """
    if name.startswith("__"):
        return ""
    offered = {other for other in known if (other[:1] == "_", other[-1:] == "_") == (name[:1] == "_", name[-1:] == "_")}
    found = get_close_matches(name, sorted(offered - {name}), _MOST)
    return f"did you mean {' or '.join(repr(other) for other in found)}?" if found else ""


def similar(name: str, known: Callable[[], Iterable[str]]) -> Callable[[], str]:
    """`did_you_mean`, to be asked later."""
    return lambda: did_you_mean(name, known())


def similar_keyword(name: str, schemas: Iterable[ir.FunctionSchema]) -> str:
    """What may have been meant by a keyword that no schema has; empty if one has it."""
    known = {argument.name for schema in schemas for argument in schema.arguments} - {"self"}
    return "" if name in known else did_you_mean(name, known)
