"""Classes as values: script classes, named tuples, enums."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..diagnostics.suggestions import similar
from ..folding import known_value
from ..matching.schema_matching import match_call
from .callables import FunctionValue, keywords_of, values_of
from .simple_values import ConstantValue
from .special import SpecialForm, special_form
from .sugared import Arg, SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class ClassValue(SugaredValue):
    """A script class: calling it makes an object."""

    type: ir.ClassType

    @property
    def kind(self) -> str:
        return self.type.annotation()

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if "__init__" not in self.type.methods:
            raise ScriptError(f"Class {self.type.name} does not have an __init__ function defined", range)
        made = emitter.sugar(emitter.insert("prim::CreateObject", (), (self.type,), range).output)
        made.attribute(emitter, range, "__init__").call(emitter, range, args, kwargs)
        return made

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        if name == "__new__":
            return SpecialForm("__new__", type=self.type)
        if name in self.type.static_methods:
            return FunctionValue.of(self.type.static_methods[name])
        if name in self.type.constants:
            return ConstantValue(self.type.constants[name])
        raise ScriptError(f"Tried to lookup unknown attribute on class {self.type.annotation()}", range)


@special_form("__new__")
def emit_new(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`T.__new__(T)`: an object whose `__init__` is called afterwards."""
    range_ = emitter.range(node)
    if len(node.args) != 1 or node.keywords:
        raise ScriptError("Only one argument to __new__ allowed", range_)
    given = emitter.sugared(node.args[0])
    if not isinstance(given, ClassValue):
        raise ScriptError(f"Expected class value as argument to __new__, got {given.kind} instead", range_)
    if given.type is not form.type:
        raise ScriptError(
            "Argument to __new__() must match the class you are calling __new__() on. "
            f"Got: {type_name(given.type)}, expected: {form.type}",
            range_,
        )
    return emitter.sugar(emitter.insert("prim::CreateObject", (), (given.type,), range_).output)


@final
@dataclass(frozen=True, slots=True, eq=False)
class NamedTupleConstructor(SugaredValue):
    """A NamedTuple class: calling it makes a tuple."""

    type: ir.TupleType

    @property
    def kind(self) -> str:
        return "named tuple"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        matched = match_call(
            emitter.graph, range, [self.schema], values_of(emitter, args), keywords_of(emitter, kwargs)
        )
        return emitter.sugar(emitter.make_tuple(matched.inputs, range, self.type))

    @property
    def schema(self) -> ir.FunctionSchema:
        """The constructor's parameters: the fields, the last of which may have defaults."""
        names, types = self.type.field_names or (), self.type.elements
        defaults = (ir.MISSING,) * (len(names) - len(self.type.defaults)) + self.type.defaults
        arguments = tuple(
            ir.Argument(name, type, default=default) for name, type, default in zip(names, types, defaults, strict=True)
        )
        return ir.FunctionSchema(self.type.name, "", arguments, (ir.Argument("", self.type),))


@final
@dataclass(frozen=True, slots=True, eq=False)
class EnumClass(SugaredValue):
    """An enum class: its attributes are the members."""

    type: ir.EnumType

    @property
    def kind(self) -> str:
        return "EnumClass"

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        for member, value in self.type.members:
            if member == name:
                return ConstantValue(ir.EnumValue(self.type, member, value), self.type)
        raise ScriptError(
            f"Enum '{self.type.annotation()}' does not have a value named '{name}'",
            range,
            remedy=similar(name, lambda: [member for member, _ in self.type.members]),
        )

    def has_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> bool:
        return any(member == name for member, _ in self.type.members)

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        """The member with a value, which must be known."""
        wanted = known_value(emitter, args[0].value(emitter)) if len(args) == 1 and not kwargs else ir.NOT_CONSTANT
        if wanted is ir.NOT_CONSTANT:
            raise ScriptError(f"cannot call a {self.kind}, but with one value that is known at compile time", range)
        for name, value in self.type.members:
            if value == wanted:
                return ConstantValue(ir.EnumValue(self.type, name, value), self.type)
        raise ScriptError(f"{wanted!r} is not the value of a member of '{self.type.annotation()}'", range)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        members = [ir.EnumValue(self.type, name, value) for name, value in self.type.members]
        return emitter.sugar(emitter.constant(members, range, ir.ListType(self.type)))

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return emitter.constant(len(self.type.members), range)
