"""What names mean in an archive's code: its own types, functions and constants, and PyTorch's operators.

Operators whose meaning changed since the archive's version mean what they meant then (`upgraders`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, final

from flambeau.errors import ScriptError
from flambeau.frontend import (
    SERIALIZED_NAMES,
    Arg,
    ClassValue,
    Emitter,
    EnumClass,
    FunctionValue,
    NamedTupleConstructor,
    SimpleValue,
    SugaredValue,
    compile_definition,
    match_call,
    parse_annotation,
)
from flambeau.ir import (
    ClassType,
    EnumType,
    Function,
    NamedType,
    SourceRange,
    TupleType,
    Type,
    bound_class_of,
    infer_constant_type,
    insert_constant,
    insert_graph,
)

from .upgraders import Upgrader, definition_of, upgraders_for

if TYPE_CHECKING:
    from .importer import Importer


@final
class ArchiveResolver:
    """Answers for the names in the code of one archive."""

    def __init__(self, importer: Importer, constants: Callable[[], Sequence[object]]) -> None:
        self.importer = importer
        self._constants = constants

    def resolve_value(self, name: str, range: SourceRange) -> SugaredValue | None:
        match name:
            case "CONSTANTS":
                return ConstantsMeaning(self)
            case "__torch__":
                return QualifiedMeaning(self, name)
            case "torch":
                return TorchMeaning(self.importer.version)
            case _:
                return SERIALIZED_NAMES.get(name)

    def names(self) -> tuple[str, ...]:
        return ()

    def resolve_type(self, expression: ast.expr, range: SourceRange) -> Type:
        return parse_annotation(expression, range, lambda name: self._named_type(name, range))

    def _named_type(self, name: str, range: SourceRange) -> NamedType | None:
        return self.importer.type(name, range) if name.startswith("__torch__.") else None

    def constant(self, name: str, range: SourceRange) -> object:
        """The constant that `CONSTANTS.c0` means; ScriptError if the table has no such entry."""
        table = self._constants()
        index = int(name[1:]) if name[:1] == "c" and name[1:].isdecimal() and name.isascii() else len(table)
        if index >= len(table):
            raise ScriptError(f"the archive has no constant '{name}'", range)
        return table[index]


class _Meaning(SugaredValue):
    __slots__ = ()

    @property
    def kind(self) -> str:
        return "module"


@final
@dataclass(frozen=True, slots=True, eq=False)
class ConstantsMeaning(_Meaning):
    """`CONSTANTS`, whose attributes are the archive's constants."""

    resolver: ArchiveResolver

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        value = self.resolver.constant(name, range)
        type = bound_class_of(value) or infer_constant_type(value)
        if type is None:
            raise ScriptError(f"the constant '{name}' cannot be used here", range)
        return SimpleValue(insert_constant(emitter.graph, value, type, range))


@final
@dataclass(frozen=True, slots=True, eq=False)
class QualifiedMeaning(_Meaning):
    """A prefix of the qualified name of something in the archive, such as `__torch__.a`."""

    resolver: ArchiveResolver
    prefix: str

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        qualified = f"{self.prefix}.{name}"
        found = self.resolver.importer.find(qualified, range)
        match found:
            case Function():
                return FunctionValue.of(found)
            case ClassType():
                return ClassValue(found)
            case EnumType():
                return EnumClass(found)
            case TupleType():
                return NamedTupleConstructor(found)
        return QualifiedMeaning(self.resolver, qualified)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        raise ScriptError(f"the archive does not define '{self.prefix}'", range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class TorchMeaning(_Meaning):
    """`torch`: operators as they were in the archive's version."""

    version: int

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        if name == "autograd":
            return SERIALIZED_NAMES["torch"]
        today = SERIALIZED_NAMES["torch"].attribute(emitter, range, name)
        upgraders = upgraders_for(f"aten::{name}", self.version)
        return FormerOperator(upgraders, today) if upgraders else today


@final
@dataclass(frozen=True, slots=True, eq=False)
class FormerOperator(SugaredValue):
    """An operator some of whose overloads used to mean something else."""

    upgraders: tuple[Upgrader, ...]
    today: SugaredValue

    @property
    def kind(self) -> str:
        return "builtin"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        functions = [_function_of(u) for u in self.upgraders]
        positional = [arg.value(emitter) for arg in args]
        keywords = {arg.name: arg.value(emitter) for arg in kwargs}
        try:
            matched = match_call(emitter.graph, range, [f.schema for f in functions], positional, keywords)
        except ScriptError:  # an overload that never changed
            return self.today.call(emitter, range, args, kwargs, n_binders)
        (result,) = insert_graph(emitter.graph, functions[matched.candidate].graph, matched.inputs)
        return SimpleValue(result)


@final
class _TodaysNames:
    """The names that upgraders use."""

    def resolve_value(self, name: str, range: SourceRange) -> SugaredValue | None:
        return SERIALIZED_NAMES.get(name)

    def names(self) -> tuple[str, ...]:
        return ()

    def resolve_type(self, expression: ast.expr, range: SourceRange) -> Type:
        return parse_annotation(expression, range, lambda _: None)


@cache
def _function_of(upgrader: Upgrader) -> Function:
    function = Function(upgrader.name)
    compile_definition(function, definition_of(upgrader), _TodaysNames())
    return function
