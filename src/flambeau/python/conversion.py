"""Python values as scripts hold them: what goes into the slots of an object, checked against the slot's type.

Lists, dicts and tuples are copied (a script never shares containers with Python), dtypes become numbers, members of
Enum classes `EnumValue`s, objects of script classes `ScriptObject`s, wrappers what they wrap. Tensors stay the same
objects.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.ir import (
    ClassType,
    DictType,
    EnumType,
    EnumValue,
    FunctionType,
    InterfaceType,
    ListType,
    OptionalType,
    ScriptObject,
    TensorType,
    TupleType,
    Type,
    UnionType,
)
from flambeau.python.constants import enumeration_number
from flambeau.python.named_types import enum_value
from flambeau.python.type_inference import NotInferred, infer_type
from flambeau.python.unit import unit
from flambeau.python.wrappers import script_value_of


class ConversionError(ScriptError):
    """A Python value does not fit the TorchScript type it is to have."""


def to_script(value: object, wanted: Type) -> object:
    """A Python value as a value of a type; ConversionError if it is none."""
    if isinstance(wanted, TensorType):
        return _expect(value, wanted, isinstance(value, torch.Tensor))
    if isinstance(wanted, ir.PrimitiveType):
        return _PRIMITIVES.get(wanted, _any)(value, wanted)
    return _STRUCTURED[type(wanted)](value, wanted) if type(wanted) in _STRUCTURED else _any(value, wanted)


def _refuse(value: object, wanted: Type) -> ConversionError:
    shown = repr(value)
    if len(shown) > 200:
        shown = f"{shown[:200]}..."
    return ConversionError(f"Unable to cast {shown} to {wanted.annotation()}")


def _expect(value: object, wanted: Type, fits: bool) -> object:
    if not fits:
        raise _refuse(value, wanted)
    return value


def _any(value: object, wanted: Type) -> object:
    inferred = infer_type(value)
    if isinstance(inferred, NotInferred):
        raise ConversionError(inferred.reason)
    return to_script(value, inferred)


def _none(value: object, wanted: Type) -> object:
    return _expect(value, wanted, value is None)


def _int(value: object, wanted: Type) -> object:
    number = enumeration_number(value)
    if number is not None:
        return number
    if isinstance(value, bool) or not (isinstance(value, int) or hasattr(value, "__index__")):
        raise _refuse(value, wanted)
    return int(value)


def _float(value: object, wanted: Type) -> object:
    if isinstance(value, (bool, complex, str)) or not hasattr(value, "__float__"):
        if not hasattr(value, "__index__"):
            raise _refuse(value, wanted)
    return float(value)  # type: ignore[arg-type]  # it has `__float__` or `__index__`


def _complex(value: object, wanted: Type) -> object:
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, complex)):
        raise _refuse(value, wanted)
    return complex(value)


def _number(value: object, wanted: Type) -> object:
    return _expect(value, wanted, isinstance(value, (int, float, complex)) and not isinstance(value, bool))


def _instance_of(*classes: type) -> Callable[[object, Type], object]:
    return lambda value, wanted: _expect(value, wanted, isinstance(value, classes))


def _device(value: object, wanted: Type) -> object:
    return torch.device(value) if isinstance(value, str) else _expect(value, wanted, isinstance(value, torch.device))


def _string(value: object, wanted: Type) -> object:
    return str(_expect(value, wanted, isinstance(value, str)))


_PRIMITIVES: Mapping[Type, Callable[[object, Type], object]] = {
    ir.NONE: _none,
    ir.INT: _int,
    ir.FLOAT: _float,
    ir.COMPLEX: _complex,
    ir.NUMBER: _number,
    ir.BOOL: _instance_of(bool),
    ir.STRING: _string,
    ir.DEVICE: _device,
    ir.GENERATOR: _instance_of(torch.Generator),
    ir.STREAM: _instance_of(torch.Stream),
}


def _list(value: object, wanted: Type) -> object:
    if not isinstance(wanted, ListType) or not isinstance(value, (list, tuple, torch.Size)):
        raise _refuse(value, wanted)
    return [to_script(v, wanted.element) for v in value]


def _dict(value: object, wanted: Type) -> object:
    if not isinstance(wanted, DictType) or not isinstance(value, dict):
        raise _refuse(value, wanted)
    return {to_script(k, wanted.key): to_script(v, wanted.value) for k, v in value.items()}


def _tuple(value: object, wanted: Type) -> object:
    if not isinstance(wanted, TupleType) or not isinstance(value, tuple) or len(value) != len(wanted.elements):
        raise _refuse(value, wanted)
    elements = tuple(to_script(v, t) for v, t in zip(value, wanted.elements, strict=True))
    make = getattr(type(value), "_make", None)
    return make(elements) if callable(make) and wanted.field_names is not None else elements


def _optional(value: object, wanted: Type) -> object:
    return None if value is None or not isinstance(wanted, OptionalType) else to_script(value, wanted.element)


def _union(value: object, wanted: Type) -> object:
    if isinstance(wanted, UnionType):
        inferred = infer_type(value)
        if not isinstance(inferred, NotInferred) and ir.is_subtype(inferred, wanted):
            return to_script(value, inferred)
        for member in wanted.elements:
            try:
                return to_script(value, member)
            except ConversionError:
                continue
    raise _refuse(value, wanted)


def _enum(value: object, wanted: Type) -> object:
    if isinstance(value, enum.Enum) and isinstance(wanted, EnumType):
        member = enum_value(value)
        if member.type == wanted:
            return member
    return _expect(value, wanted, isinstance(value, EnumValue) and value.type == wanted)


def _object(value: object, wanted: Type) -> object:
    scripted = script_value_of(value)
    if isinstance(scripted, ScriptObject):
        return _expect(scripted, wanted, ir.is_subtype(scripted.type, wanted))
    if isinstance(wanted, ClassType) and not wanted.is_module and unit.named_types.get(type(value)) is wanted:
        return script_object(value, wanted)
    if hasattr(value, "_type") and type(value).__name__ == "ScriptObject":  # an object of a class that PyTorch binds
        return value
    raise _refuse(value, wanted)


def script_object(value: object, wanted: ClassType) -> ScriptObject:
    """An object of a Python class as an object of the script class it was compiled to."""
    made = ScriptObject(wanted)
    for attribute in wanted.attributes:
        if not hasattr(value, attribute.name):
            raise ConversionError(f"'{type(value).__name__}' object has no attribute '{attribute.name}'")
        made.set(attribute.name, to_script(getattr(value, attribute.name), attribute.type))
    return made


def _function(value: object, wanted: Type) -> object:
    scripted = script_value_of(value)
    return _expect(scripted, wanted, isinstance(wanted, FunctionType) and wanted.function is scripted)


_STRUCTURED: Mapping[type[Type], Callable[[object, Type], object]] = {
    ListType: _list,
    DictType: _dict,
    TupleType: _tuple,
    OptionalType: _optional,
    UnionType: _union,
    EnumType: _enum,
    ClassType: _object,
    InterfaceType: _object,
    FunctionType: _function,
}


def default_value(value: object) -> object:
    """The value of a default argument as scripts hold it, whatever the argument's type will be."""
    number = enumeration_number(value)
    if number is not None:
        return number
    match value:
        case enum.Enum() if not isinstance(value, (int, str, float)):
            return enum_value(value)
        case list():
            return [default_value(v) for v in value]
        case tuple():
            return tuple(map(default_value, value))
        case dict():
            return {default_value(k): default_value(v) for k, v in value.items()}
        case _:
            scripted = script_value_of(value)
            return value if scripted is None else scripted
