"""What a parameter's use says of its type, where nothing else does: only what leaves no doubt.

    if mode == "train": ...                 a str
    assert how in (None, "mean", "sum")     a str
    for i in range(steps): ...              an int

To be tried where the parameter as a Tensor does not compile.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flambeau import ir
from flambeau.frontend import Definition


def used_types(definition: Definition) -> dict[str, ir.Type]:
    """The types of un-annotated parameters that their uses tell."""
    names = {p.arg for p in definition.parameters if p.annotation is None and not p.type_comment}
    found: dict[str, ir.Type] = {}
    doubtful: set[str] = set()
    for name, type in _uses(definition.node):
        if name in names:
            if found.setdefault(name, type) != type:
                doubtful.add(name)
    return {name: type for name, type in found.items() if name not in doubtful}


def _uses(function: ast.FunctionDef) -> Iterator[tuple[str, ir.Type]]:
    for node in ast.walk(function):
        match node:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.NotEq()], comparators=[other]):
                if _is_text(other):
                    yield name, ir.STRING
            case ast.Compare(left=other, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Name(id=name)]):
                if _is_text(other):
                    yield name, ir.STRING
            case ast.Compare(
                left=ast.Name(id=name),
                ops=[ast.In() | ast.NotIn()],
                comparators=[ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements)],
            ):
                if any(map(_is_text, elements)) and all(_is_text(e) or _is_none(e) for e in elements):
                    yield name, ir.STRING
            case ast.Call(func=ast.Name(id="range"), args=arguments):
                yield from ((a.id, ir.INT) for a in arguments if isinstance(a, ast.Name))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
