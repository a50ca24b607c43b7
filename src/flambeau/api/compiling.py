"""TorchScript source text given by hand: functions for a compilation unit, methods for a type.

The text holds nothing but `def`s. Names in it mean, unless a resolver says otherwise: the functions and classes of the
compilation unit, `torch` (its operators), `ops` and `math`, and TorchScript's builtins. Annotations are written as in
archives (`Tensor`, `List[int]`, `Optional[str]`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import final

from flambeau.errors import CollectedErrors, ObjectError, ScriptError
from flambeau.frontend import (
    SERIALIZED_NAMES,
    ClassDefinition,
    ClassValue,
    Definition,
    EnumClass,
    FunctionValue,
    MathModule,
    NamedTupleConstructor,
    Resolver,
    SugaredFactory,
    SugaredValue,
    compile_definition,
    definitions_in,
    parse_annotation,
)
from flambeau.ir import (
    ClassType,
    CompilationUnit,
    EnumType,
    Function,
    NamedType,
    Source,
    SourceRange,
    TupleType,
    Type,
)
from flambeau.passes import after_compilation

__all__ = ["TextResolver", "define_functions", "define_methods"]


@final
class TextResolver:
    """Says what names mean in source text: what the unit defines, and the namespaces that every script knows."""

    def __init__(self, unit: CompilationUnit | None, further: Resolver | None = None) -> None:
        self._unit = unit or CompilationUnit()
        self._further = further

    def resolve_value(self, name: str, range: SourceRange) -> SugaredValue | None:
        function = self._unit.find_function(name)
        if function is not None:
            return FunctionValue.of(function)
        match self._unit.find_type(name):
            case ClassType() as found:
                return ClassValue(found)
            case EnumType() as found:
                return EnumClass(found)
            case TupleType() as found:
                return NamedTupleConstructor(found)
        known = None if self._further is None else self._further.resolve_value(name, range)
        return _NAMES.get(name) if known is None else known

    def names(self) -> list[str]:
        return [*_NAMES, *([] if self._further is None else self._further.names())]

    def resolve_type(self, expression: ast.expr, range: SourceRange) -> Type:
        if self._further is not None:
            return self._further.resolve_type(expression, range)
        return parse_annotation(expression, range, self._named_type)

    def _named_type(self, name: str) -> NamedType | None:
        return self._unit.find_type(name)


_NAMES: dict[str, SugaredValue] = {**SERIALIZED_NAMES, "math": MathModule()}


def _definitions(text: str) -> list[Definition]:
    """The functions in a text; ScriptError if it holds anything else."""
    found: list[Definition] = []
    for definition in definitions_in(Source(text)):
        if isinstance(definition, ClassDefinition):
            raise ScriptError("expected def but found 'class' here", definition.range(definition.node))
        found.append(definition)
    return found


def define_functions(unit: CompilationUnit, text: str, resolver: Resolver | None = None) -> list[Function]:
    """Compile the functions of a text into a unit; they may call each other. If one fails, none is added."""
    names = TextResolver(unit, resolver)
    created = [Function(d.name, define=_compiler(d, names)) for d in _definitions(text)]
    added: list[Function] = []
    try:
        for function in created:
            if unit.is_taken(function.qualified_name):
                raise ObjectError(f"method '{function.qualified_name}' already defined.")
            added.append(unit.add_function(function))
        _compile_all(created)
    except (ScriptError, ObjectError):
        for function in added:
            del unit.functions[function.qualified_name]
        raise
    return created


def define_methods(
    owner: ClassType,
    text: str,
    resolver: Resolver | None = None,
    unit: CompilationUnit | None = None,
    self_value: SugaredFactory | None = None,
) -> list[Function]:
    """Compile the functions of a text as methods of a type; they may call each other. If one fails, none is added."""
    names = TextResolver(unit, resolver)
    added: list[Function] = []
    try:
        for definition in _definitions(text):
            if owner.methods.get(definition.name) is not None or owner.find_slot(definition.name) is not None:
                raise ObjectError(f"Can't redefine method: {definition.name} on class: {owner.qualified_name}")
            name = f"{owner.qualified_name}.{definition.name}"
            function = Function(name, define=_compiler(definition, names, owner, self_value))
            owner.add_method(definition.name, function)
            added.append(function)
        _compile_all(added)
    except (ScriptError, ObjectError):
        for function in added:
            del owner.methods[function.name]
        raise
    return added


def _compile_all(functions: list[Function]) -> None:
    collected = CollectedErrors()
    for function in functions:
        with collected:
            function.ensure_defined()
    collected.raise_if_any()


def _compiler(
    definition: Definition,
    names: TextResolver,
    owner: ClassType | None = None,
    self_value: SugaredFactory | None = None,
) -> Callable[[Function], None]:
    def define(function: Function) -> None:
        compile_definition(
            function, definition, names, self_type=owner, self_value=self_value, finish=after_compilation
        )

    return define
