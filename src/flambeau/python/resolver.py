"""The resolver of live code: names are looked up where a Python function was written."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import final

from flambeau.errors import ScriptError
from flambeau.frontend import Definition, SugaredValue
from flambeau.ir import SourceRange, Type
from flambeau.python.mode_decorators import context_names
from flambeau.python.namespaces import ABSENT, Namespace, namespace_of
from flambeau.python.types.annotations import AnnotationReader


@final
class PythonResolver:
    """Answers for the free names and the annotations of one function or class.

    `annotations` maps the text of annotations to the objects that Python evaluated them to. It is asked when the text
    itself cannot be resolved any more: annotations may use names that were local where the function was made and that
    it does not capture.
    """

    def __init__(
        self,
        namespace: Namespace,
        sugared: Callable[[object, SourceRange], SugaredValue],
        annotations: Mapping[str, object] | None = None,
    ) -> None:
        self.namespace = namespace
        self._sugared = sugared
        self._annotations = annotations or {}

    def resolve_value(self, name: str, range: SourceRange) -> SugaredValue | None:
        """What a free name stands for; None if there is no such name."""
        found = self.namespace.find(name)
        return None if found is ABSENT else self._sugared(found, range)

    def resolve_import(self, module: str, name: str, range: SourceRange) -> SugaredValue:
        """What an import statement binds; ImportError if there is no such thing to be imported."""
        package = self.namespace.find("__package__")
        try:
            found: object = import_module(module, package if isinstance(package, str) else None)
        except (TypeError, ValueError) as error:  # of relative imports where there is no package
            raise ImportError(str(error)) from None
        if name == ".":
            found = import_module(module.partition(".")[0])
        elif name:
            found = getattr(found, name, ABSENT)
            if found is ABSENT and isinstance(package, str):
                with suppress(ModuleNotFoundError):
                    found = import_module(f"{module}.{name}" if module.strip(".") else f"{module}{name}", package)
            if found is ABSENT:
                raise ImportError(f"cannot import name '{name}' from '{module}'")
        return self._sugared(found, range)

    def names(self) -> Iterable[str]:
        """The names that the function or class sees."""
        return self.namespace.names()

    def resolve_type(self, expression: ast.expr, range: SourceRange) -> Type:
        """The type that an annotation denotes; ScriptError if it denotes none."""
        reader = AnnotationReader(self.namespace, lambda node: _place_inside(expression, node, range))
        try:
            return reader.of_expression(expression)
        except ScriptError:
            evaluated = self._annotations.get(ast.unparse(expression), ABSENT)
            if evaluated is ABSENT or isinstance(evaluated, str):
                raise
            return reader.of_object(evaluated, range)


def evaluated_annotations(definition: Definition, function: Callable[..., object]) -> dict[str, object]:
    """The annotations of a function's parameters and result: source text to object."""
    evaluated: Mapping[str, object] = getattr(inspect.unwrap(function), "__annotations__", {})
    written: dict[str, ast.expr | None] = {p.arg: p.annotation for p in definition.parameters}
    written["return"] = definition.node.returns
    return {
        ast.unparse(node): evaluated[name] for name, node in written.items() if node is not None and name in evaluated
    }


def resolver_of(
    function: Callable[..., object], definition: Definition, sugared: Callable[[object, SourceRange], SugaredValue]
) -> PythonResolver:
    """The resolver for the body of a Python function."""
    namespace, contexts = namespace_of(function), context_names(function)
    return PythonResolver(
        namespace.within(contexts) if contexts else namespace, sugared, evaluated_annotations(definition, function)
    )


def _place_inside(outer: ast.expr, inner: ast.expr, range: SourceRange) -> SourceRange:
    """The place of a part of an expression whose own place is `range`."""
    if inner is outer or inner.end_col_offset is None or inner.lineno != outer.lineno:
        return range
    start = range.start + inner.col_offset - outer.col_offset
    end = start + inner.end_col_offset - inner.col_offset
    inside = range.start <= start and end <= range.end and inner.end_lineno == inner.lineno
    return SourceRange(range.source, start, end) if inside else range
