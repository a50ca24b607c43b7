"""Python values as scripts hold them: what goes into the slots of an object, checked against the slot's type.

`flambeau.runtime` converts all but instances of classes, which only this package knows: members of Enum classes become
`EnumValue`s, objects of script classes `ScriptObject`s. Containers are copied, tensors stay the same objects.
"""

from __future__ import annotations

import enum

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.ir import ClassType, EnumType, ScriptObject, Type
from flambeau.python.types.constants import enumeration_number
from flambeau.python.types.named_types import enum_value
from flambeau.python.types.type_inference import NotInferred, infer_type
from flambeau.python.unit import unit
from flambeau.python.wrappers import script_value_of
from flambeau.runtime import from_python


class ConversionError(ScriptError):
    """A Python value does not fit the TorchScript type it is to have."""


def to_script(value: object, wanted: Type) -> object:
    """A Python value as a value of a type; ConversionError if it is none."""
    try:
        return from_python(value, wanted)
    except TypeError as error:
        raise ConversionError(str(error)) from None


def instance_to_script(value: object, wanted: Type) -> object:
    """An instance of a Python class as a value of a type: what the runtime asks about values that it does not know."""
    if isinstance(value, enum.Enum):
        member = enum_value(value)
        if isinstance(wanted, EnumType) and member.type == wanted:
            return member
        if wanted is ir.ANY:
            return value.value if isinstance(value, (int, str, float)) else member
    number = enumeration_number(value)
    if number is not None and wanted is ir.ANY:
        return number
    made = unit.named_types.get(type(value))
    if isinstance(made, ClassType) and (made is wanted or wanted is ir.ANY):
        return script_object(value, made)
    if wanted is ir.ANY:
        inferred = infer_type(value)
        if isinstance(inferred, NotInferred):
            raise ConversionError(inferred.reason)
    raise ConversionError(f"Unable to cast Python instance of type {type(value)} to {wanted.annotation()}")


def script_object(value: object, wanted: ClassType) -> ScriptObject:
    """An object of a Python class as an object of the script class it was compiled to."""
    made = ScriptObject(wanted)
    for attribute in wanted.attributes:
        if not hasattr(value, attribute.name):
            raise ConversionError(f"'{type(value).__name__}' object has no attribute '{attribute.name}'")
        made.set(attribute.name, to_script(getattr(value, attribute.name), attribute.type))
    return made


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
