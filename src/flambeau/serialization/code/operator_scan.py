"""Which operators an archive's code calls, without compiling it.

Code is compiled when it is first called; that an operator does not exist should be known before. Names are found by a
search in the text, which costs next to nothing; only if one is unknown is the syntax tree asked whether it is really
called, and where.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

from flambeau.errors import ArchiveError
from flambeau.frontend import builtin_functions_named, parse_source, range_of
from flambeau.ir import Source, all_operator_names, operators_named, similar_operators

__all__ = ["check_operators", "is_operator", "operators_called", "qualifiers_named"]

_MENTION = re.compile(r"(?<![\w.\"'])(?:torch\.(autograd\.)?|ops\.(\w+)\.)(\w+)\s*\(")
_QUALIFIED = re.compile(r"__torch__(?:\.\w+)+")


@cache
def _known() -> frozenset[str]:
    return frozenset(all_operator_names())


def is_operator(kind: str) -> bool:
    """Whether there is an operator or built-in function of a name such as `aten::add`."""
    return kind in _known() or bool(operators_named(kind)) or bool(builtin_functions_named(kind))


def mentioned(text: str) -> set[str]:
    """The operators that a text seems to call; what stands in strings and comments counts too."""
    return {f"{namespace or 'aten'}::{name}" for _, namespace, name in _MENTION.findall(text)}


def operators_called(source: Source) -> Counter[str]:
    """The operators that code calls, with how often they stand in it; ScriptError if it is no Python."""
    return Counter(kind for _, kind in _calls(source))


def check_operators(source: Source, exists: Callable[[str], bool]) -> None:
    """ArchiveError, with the place, if code calls an operator of which neither we nor `exists` know."""
    unknown = {kind for kind in mentioned(source.text) if not is_operator(kind) and not exists(kind)}
    if not unknown:
        return
    for call, kind in _calls(source):
        if kind in unknown:
            similar = similar_operators(kind)
            hint = f"Here are some suggestions: \n{''.join(f'{s:>{len(s) + 4}}' for s in similar)}\n" if similar else ""
            raise ArchiveError(
                f"Unknown builtin op: {kind}.\n{hint}The original call is:\n{range_of(source, call).highlight()}",
                source.filename,
            )


def _calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(parse_source(source)):
        if isinstance(node, ast.Call):
            kind = _operator_of(node.func)
            if kind is not None:
                yield node, kind


def _operator_of(called: ast.expr) -> str | None:
    match called:
        case ast.Attribute(value=ast.Name(id="torch"), attr=name):
            return f"aten::{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="torch"), attr="autograd"), attr=name):
            return f"aten::{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="ops"), attr=namespace), attr=name):
            return f"{namespace}::{name}"
    return None


def qualifiers_named(text: str) -> set[str]:
    """Everything that code may refer to: qualified names, and all that they start with."""
    found: set[str] = set()
    for name in set(_QUALIFIED.findall(text)):
        while name and name not in found:
            found.add(name)
            name = name.rpartition(".")[0]
    return found
