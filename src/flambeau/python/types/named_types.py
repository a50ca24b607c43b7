"""NamedTuple and Enum classes as types, and their values."""

from __future__ import annotations

import enum
import inspect

import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.ir import EnumType, EnumValue, SourceRange, TupleType, Type
from flambeau.python.names import qualified_name
from flambeau.python.namespaces import namespace_of_class
from flambeau.python.types import constants
from flambeau.python.types.annotations import AnnotationReader
from flambeau.python.types.type_inference import NotInferred, infer_type
from flambeau.python.unit import unit


def named_tuple_type(cls: type, range: SourceRange | None = None) -> TupleType:
    """The type of a NamedTuple class, of either kind; a field without annotation is a tensor."""
    known = unit.named_types.get(cls)
    if isinstance(known, TupleType):
        return known
    names: tuple[str, ...] = tuple(getattr(cls, "_fields", ()))
    annotations = inspect.get_annotations(cls) or inspect.get_annotations(cls.__base__ or object)
    reader = AnnotationReader(namespace_of_class(cls))
    elements = tuple(
        reader.of_object(annotations[name], range) if name in annotations else ir.INFERRED_TENSOR for name in names
    )
    name = unit.compilation_unit.free_name(qualified_name(cls))
    made = TupleType(elements, name, names, _defaults(cls, names, range))
    unit.add_named_type(cls, made)
    return made


def _defaults(cls: type, names: tuple[str, ...], range: SourceRange | None) -> tuple[object, ...]:
    given: dict[str, object] = getattr(cls, "_field_defaults", {})
    defaults = tuple(given[name] for name in names if name in given)
    if any(isinstance(value, torch.Tensor) for value in defaults):
        raise ScriptError(
            "Tensors are not supported as default NamedTuple fields. Their mutability could lead to potential memory "
            "aliasing problems",
            range,
        )
    return tuple(map(constants.script_constant, defaults))


def enum_type(cls: type[enum.Enum], range: SourceRange | None = None) -> EnumType:
    """The type of an Enum class; the values of its members must have types that unify, else they are Any."""
    known = unit.named_types.get(cls)
    if isinstance(known, EnumType):
        return known
    members = [(member.name, _member_value(member)) for member in cls]
    if not members:
        raise ScriptError(f"No enum values defined for: '{cls}'", range)
    types: list[Type] = []
    for _, value in members:
        inferred = infer_type(value)
        if isinstance(inferred, NotInferred):
            raise ScriptError(inferred.reason, range)
        types.append(inferred)
    value_type = ir.unify_all(tuple(types)) or ir.ANY
    made = EnumType(
        unit.compilation_unit.free_name(qualified_name(cls)),
        value_type,
        tuple(members),
        tuple((str(member), format(member)) for member in cls),
        issubclass(cls, (int, float, str)),
    )
    unit.add_named_type(cls, made)
    return made


def enum_value(member: enum.Enum) -> EnumValue:
    """A member as scripts hold it."""
    return EnumValue(enum_type(type(member)), member.name, _member_value(member))


def _member_value(member: enum.Enum) -> object:
    return constants.script_constant(member.value)
