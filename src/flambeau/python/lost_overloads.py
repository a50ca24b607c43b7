"""Overloads that PyTorch's own compiler has used up: it empties its table of `@_overload` declarations as it compiles.

A function that it compiled before flambeau first saw it (`torch.norm`, say) is declared in the text of its file still.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from functools import cache

from flambeau.frontend import syntax_tree
from flambeau.python.special_forms import origin

_DECLARATION = re.compile(r"^([ \t]*)@([\w.]+)[^\n]*\n\1def (\w+)\(", re.MULTILINE)


def declared_overloads(module: str, name: str) -> tuple[Callable[..., object], ...]:
    """The declarations of a function in the text of its module, in order; empty if there are none or no text."""
    return _declarations(module).get(name, ())


@cache
def _declarations(module: str) -> Mapping[str, tuple[Callable[..., object], ...]]:
    owner = sys.modules.get(module)
    try:
        text = "" if owner is None else inspect.getsource(owner)
    except (OSError, TypeError):
        text = ""
    if owner is None or "overload" not in text:
        return {}
    namespace, file = vars(owner), inspect.getfile(owner)
    found: dict[str, tuple[Callable[..., object], ...]] = {}
    for place in _DECLARATION.finditer(text):
        if origin(_meant(namespace, place[2])) == ("torch._jit_internal", "_overload"):
            found[place[3]] = (*found.get(place[3], ()), _declared(text, place.start(), file, namespace))
    return found


def _meant(namespace: dict[str, object], dotted: str) -> object:
    first, *rest = dotted.split(".")
    meant = namespace.get(first)
    for part in rest:
        meant = getattr(meant, part, None)
    return meant


def _declared(text: str, start: int, file: str, namespace: dict[str, object]) -> Callable[..., object]:
    """The function that is declared there, without its decorators."""
    lines = inspect.getblock(text[start:].splitlines(keepends=True))
    tree = syntax_tree(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, text.count("\n", 0, start))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"a declaration of an overload is no function: {lines[1]}")
    definition.decorator_list = []
    made: dict[str, Callable[..., object]] = {}
    exec(compile(tree, file, "exec"), namespace, made)  # the module's own text, as importing it has run it
    return made[definition.name]
