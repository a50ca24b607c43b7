"""The TorchScript type of a Python value, for attributes and arguments that nobody annotated.

A value that has none gives a `NotInferred`, which says why in TorchScript's words; whether that is an error is for
the caller to say (an attribute that is never used may have any type).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final
from weakref import WeakSet

import torch

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedError
from flambeau.ir import EnumValue, Function, FunctionType, NamedType, ScriptObject, Type
from flambeau.python.names import type_name
from flambeau.python.types.annotations import is_compilable, is_named_tuple
from flambeau.python.unit import services, unit
from flambeau.runtime import ScriptDict, ScriptList


@final
@dataclass(frozen=True, slots=True)
class NotInferred:
    """A value has no TorchScript type, and why."""

    reason: str


_ENUMERATIONS = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
_BY_CLASS: tuple[tuple[type, Type], ...] = (
    (torch.Tensor, ir.TENSOR),
    (type(None), ir.NONE),
    (bool, ir.BOOL),
    (int, ir.INT),
    (float, ir.FLOAT),
    (complex, ir.COMPLEX),
    (str, ir.STRING),
    (torch.device, ir.DEVICE),
    (torch.Generator, ir.GENERATOR),
    (torch.Stream, ir.STREAM),
    *((kind, ir.INT) for kind in _ENUMERATIONS),
)


_refused: WeakSet[type] = WeakSet()
"""Classes that do not compile, as was seen when the type of an object was asked for."""


def infer_type(value: object) -> Type | NotInferred:
    """The type of a value, or why it has none."""
    try:
        return _inferred(value)
    except RecursionError:
        return NotInferred("its values are nested in one another too deeply.")


def _inferred(value: object) -> Type | NotInferred:
    for cls, known in _BY_CLASS:
        if isinstance(value, cls):
            return known
    match value:
        case enum.Enum():
            return _class_type(type(value))
        case Function():
            return FunctionType(value)
        case ScriptObject() | EnumValue() | ScriptList() | ScriptDict():
            return value.type
        case tuple():
            return _infer_tuple(value)
        case dict():
            return _infer_dict(value)
        case list():
            return _infer_list(value)
    scripted = unit.named_types.get(type(value)) or ir.bound_class_of(value)
    if scripted is not None:
        return scripted
    return NotInferred(
        "Only tensors and (possibly nested) tuples of tensors, lists, or dicts are supported as inputs or outputs of "
        f"traced functions, but instead got value of type {type(value).__name__}."
    )


def _has_source(cls: type) -> bool:
    """Whether it is a class of the user's that may well be a script class."""
    return cls not in _refused and is_compilable(cls) and not issubclass(cls, torch.Tensor)


def _class_type(cls: type) -> NamedType | NotInferred:
    try:
        return services.class_type(cls, None)
    except (ScriptError, UnsupportedError) as error:
        _refused.add(cls)
        return NotInferred(str(error))


def _infer_tuple(value: tuple[object, ...]) -> Type | NotInferred:
    elements: list[Type] = []
    for element in tuple.__iter__(value):  # whatever a derived class makes of iteration
        inferred = _inferred(element)
        if isinstance(inferred, NotInferred):
            return inferred
        elements.append(inferred)
    if is_named_tuple(type(value)):
        named = _class_type(type(value))
        if isinstance(named, ir.TupleType) and all(map(ir.is_subtype, elements, named.elements)):
            return named
    return ir.TupleType(tuple(elements))


def _infer_dict(value: dict[object, object]) -> Type | NotInferred:
    if not value:
        return NotInferred("Dictionary inputs must have entries")
    key = _common_type(value.keys(), "Dictionary inputs to traced functions must have consistent type")
    if isinstance(key, NotInferred):
        return key
    element = _common_type(value.values(), "Dictionary inputs to traced functions must have consistent type")
    return element if isinstance(element, NotInferred) else ir.DictType(key, element)


def _infer_list(value: list[object]) -> Type | NotInferred:
    if not value:
        return NotInferred("List trace inputs must have elements")
    element = _common_type(value, "List inputs to traced functions must have consistent element type")
    return element if isinstance(element, NotInferred) else ir.ListType(element)


def _common_type(values: Iterable[object], complaint: str) -> Type | NotInferred:
    common: Type | None = None
    for value in values:
        inferred = _inferred(value)
        if isinstance(inferred, NotInferred) and _has_source(type(value)):
            inferred = _class_type(type(value))
        if isinstance(inferred, NotInferred):
            return inferred
        joined = inferred if common is None else ir.unify(common, inferred)
        if joined is None:
            return NotInferred(f"{complaint}. Found {_shown(common)} and {_shown(inferred)}")
        common = joined
    return common if common is not None else NotInferred(complaint)


def _shown(type: Type | None) -> str:
    return "" if type is None else type.annotation()


def describe(value: object) -> str:
    """`type_name` of a value, for messages."""
    return type_name(value)
