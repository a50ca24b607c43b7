"""Questions about run-time values: is this one of that type, and which Python class has a NamedTuple type?

Lists and dicts do not carry their element types at run time, so theirs are judged by what they hold; an empty list is
one of any list type.
"""

from __future__ import annotations

import keyword
from collections import namedtuple
from collections.abc import Callable
from functools import cache

from flambeau.ir import (
    ANY,
    ANY_CLASS,
    ANY_ENUM,
    ANY_LIST,
    ANY_TUPLE,
    BOOL,
    COMPLEX,
    DEVICE,
    FLOAT,
    INT,
    NONE,
    NUMBER,
    STRING,
    ClassType,
    Device,
    DictType,
    EnumType,
    EnumValue,
    Function,
    FunctionType,
    FutureType,
    InterfaceType,
    ListType,
    OptionalType,
    PrimitiveType,
    ScriptObject,
    TensorType,
    TupleType,
    Type,
    UnionType,
    is_device,
    is_subtype,
    is_tensor,
)
from flambeau.runtime.futures import Future

__all__ = ["is_instance", "named_tuple_class", "new_tuple"]


@cache
def named_tuple_class(name: str, fields: tuple[str, ...]) -> Callable[..., tuple[object, ...]]:
    """The Python class of a NamedTuple type; the same one for the same name and fields."""
    rename = any(not f.isidentifier() or keyword.iskeyword(f) or f.startswith("_") for f in fields)
    usable = name if name.isidentifier() and not keyword.iskeyword(name) else "Tuple"
    return namedtuple(usable, fields, rename=rename)


def new_tuple(type: TupleType, elements: tuple[object, ...]) -> tuple[object, ...]:
    """The value of a tuple type with these elements: a NamedTuple where the type is one.

    What operators return has names in scripts only: `torch.max(x, 1).values`.
    """
    if type.field_names is None or not type.qualified_name:
        return elements
    return named_tuple_class(type.name, type.field_names)(*elements)


_PRIMITIVE: dict[PrimitiveType, type | tuple[type, ...]] = {
    INT: int,
    FLOAT: float,
    COMPLEX: complex,
    BOOL: bool,
    STRING: str,
    NUMBER: (int, float, complex),
    ANY_LIST: list,
    ANY_TUPLE: tuple,
    ANY_CLASS: ScriptObject,
    ANY_ENUM: EnumValue,
    DEVICE: Device,
}


def is_instance(value: object, type: Type) -> bool:
    """Whether a run-time value is one of a type."""
    match type:
        case PrimitiveType():
            return _is_primitive(value, type)
        case TensorType():
            return is_tensor(value)
        case OptionalType(element):
            return value is None or is_instance(value, element)
        case UnionType(elements):
            return any(is_instance(value, e) for e in elements)
        case ListType(element):
            return isinstance(value, list) and all(is_instance(v, element) for v in value)
        case DictType(key, element):
            return isinstance(value, dict) and all(
                is_instance(k, key) and is_instance(v, element) for k, v in value.items()
            )
        case TupleType():
            return _is_tuple(value, type)
        case _:
            return _is_named(value, type)


def _is_primitive(value: object, type: PrimitiveType) -> bool:
    if type is ANY:
        return True
    if value is None or type is NONE:
        return value is None and type is NONE
    if isinstance(value, bool):
        return type is BOOL
    if type is DEVICE and is_device(value):
        return True
    return isinstance(value, _PRIMITIVE.get(type, ()))


def _is_tuple(value: object, type: TupleType) -> bool:
    if not isinstance(value, tuple) or len(value) != len(type.elements):
        return False
    if type.field_names is not None and getattr(value, "_fields", None) != type.field_names:
        return False
    return all(map(is_instance, value, type.elements))


def _is_named(value: object, type: Type) -> bool:
    match type:
        case ClassType() | InterfaceType():
            return isinstance(value, ScriptObject) and is_subtype(value.type, type)
        case EnumType():
            return isinstance(value, EnumValue) and value.type == type
        case FunctionType(function):
            return isinstance(value, Function) and value is function
        case FutureType():
            return isinstance(value, Future)
        case _:
            return False
