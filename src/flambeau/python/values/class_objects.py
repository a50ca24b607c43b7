"""`type(x)` and `self.__class__`: classes as they come up in tests and in messages.

    if type(x) is list: ...              decided when the script is compiled, from the type that `x` has there
    raise TypeError(f"got {type(x)}")    the text that Python gives the class
    type(self).__name__                  a constant

A class is no value of a graph: it cannot be returned or put into a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, final

import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import BUILTINS, Arg, ConstantValue, SugaredValue
from flambeau.ir import SourceRange, Value
from flambeau.python.unit import services, unit

if TYPE_CHECKING:
    from flambeau.frontend import Emitter

_CLASSES: dict[ir.Type, type] = {
    ir.INT: int,
    ir.FLOAT: float,
    ir.COMPLEX: complex,
    ir.BOOL: bool,
    ir.STRING: str,
    ir.NONE: NoneType,
    ir.DEVICE: torch.device,
}
_CLASSES_OF_KINDS: tuple[tuple[type[ir.Type], type], ...] = (
    (ir.TensorType, torch.Tensor),
    (ir.ListType, list),
    (ir.DictType, dict),
)
_TEXTS = ("__name__", "__qualname__", "__module__")


@final
@dataclass(frozen=True, slots=True, eq=False)
class TypeFunction(SugaredValue):
    """`type`, called with one argument."""

    @property
    def kind(self) -> str:
        return "class"

    @property
    def identity(self) -> object:
        return type

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) != 1 or kwargs:
            raise ScriptError("type is supported in TorchScript with one argument only", range)
        given = args[0].sugared
        if given.instance_class is not None:
            return ClassObject.of(given.instance_class, range)
        value = args[0].value(emitter)
        if _is_parameter(emitter.environment.origin(value)):
            return ClassObject.of(torch.nn.Parameter, range)
        return ClassObject.of(_class_of(value.type, range), range)


def _is_parameter(value: Value) -> bool:
    """Whether a tensor was just read from a module that has it as a parameter."""
    node = value.node
    if node.kind != "prim::GetAttr" or not isinstance(node.input.type, ir.ClassType):
        return False
    attribute = node.input.type.find_attribute(node.string_attribute("name"))
    return attribute is not None and attribute.kind == "parameter"


def _class_of(given: ir.Type, range: SourceRange) -> type:
    if given in _CLASSES:
        return _CLASSES[given]
    if isinstance(given, ir.NamedType) and given in unit.python_classes:
        return unit.python_classes[given]
    if isinstance(given, ir.TupleType) and given.field_names is None:
        return tuple
    for kind, cls in _CLASSES_OF_KINDS:
        if isinstance(given, kind):
            return cls
    raise ScriptError(f"type() of a value of type {given} is not known before it runs; use isinstance", range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ClassObject(SugaredValue):
    """The class of something; what its name means where it is called or asked for its members."""

    cls: type
    meaning: SugaredValue

    @classmethod
    def of(cls, meant: type, range: SourceRange) -> ClassObject:
        builtin = BUILTINS.get(meant.__name__) if meant.__module__ == "builtins" else None
        return cls(meant, builtin or services.sugared(meant, range))

    @property
    def kind(self) -> str:
        return "class"

    @property
    def identity(self) -> object:
        return self.meaning.identity or self.cls

    @property
    def meant_class(self) -> type | None:
        return self.meaning.meant_class

    @property
    def text(self) -> str:
        return str(self.cls)

    def as_value(self, emitter: Emitter, range: SourceRange) -> Value:
        self.refuse("a class as a value is currently not supported in Torchscript", range)

    def truth(self, emitter: Emitter, range: SourceRange) -> bool:
        return True

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        if name in _TEXTS:
            return ConstantValue(getattr(self.cls, name))
        return self.meaning.attribute(emitter, range, name)

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        return hasattr(self.cls, name)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return self.meaning.call(emitter, range, args, kwargs, n_binders)
