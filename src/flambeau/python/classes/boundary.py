"""What scripted Python classes are on either side of a call, which `flambeau.runtime` is told by `install`.

An object of a class that was scripted from Python comes back as a new object of the Python class with the same
attributes, an enum member as the member of the Python class; the other way they are recognised as such. Objects of
classes that only an archive defines come back as `flambeau.api.Instance`, modules as `ScriptModule`; both refer to the
script's own object.
"""

from __future__ import annotations

import enum
from typing import Any

from flambeau.api import Instance
from flambeau.ir import EnumValue, ScriptObject
from flambeau.python.modules.script_module import wrap_module
from flambeau.python.types.conversion import instance_to_script
from flambeau.python.unit import unit
from flambeau.runtime import register_inward, register_outward, to_python

__all__ = ["install"]


def _python_object(value: object) -> object:
    if not isinstance(value, ScriptObject):
        return value
    if value.type.is_module:
        return wrap_module(value)
    cls: Any = unit.python_classes.get(value.type)
    if cls is None:
        return Instance(value)
    result: object = cls.__new__(cls)
    # No script class contains itself, so this ends.
    for attribute, held in zip(value.type.attributes, value.slots, strict=True):
        object.__setattr__(result, attribute.name, to_python(held, attribute.type))
    return result


def _enum_member(value: object) -> object:
    if not isinstance(value, EnumValue):
        return value
    cls = unit.python_classes.get(value.type)
    return cls[value.name] if cls is not None and issubclass(cls, enum.Enum) else value


def install() -> None:
    """Let calls convert what was scripted from Python."""
    register_inward(instance_to_script)
    register_outward(ScriptObject, _python_object)
    register_outward(EnumValue, _enum_member)
