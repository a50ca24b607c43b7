"""Values of Python programs as scripts hold them, type by type.

A converter is made once for each type; it returns the run-time value or raises `Mismatch`. Lists, dicts and tuples are
copied element by element, but for a `ScriptList` or `ScriptDict` of the type, which is shared; tensors and objects stay
what they are. What is accepted is what PyTorch's TorchScript accepts: an int for a float, a tensor of one element for a
number, any sequence for a list, None for a tensor; also dtypes and the like for ints.

Classes and enums of Python are known to the package that scripted them; it says how to convert their instances with
`register_inward`.
"""

from __future__ import annotations

import enum
import functools
import math
import operator
import sys
from collections.abc import Callable, Iterable
from types import NoneType
from typing import TypeAlias, TypeVar

from flambeau import ir
from flambeau.errors import FlambeauError
from flambeau.ir import (
    AwaitType,
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
    remembered_by_type,
)
from flambeau.runtime.containers import ScriptDict, ScriptList
from flambeau.runtime.futures import Awaitable, Future
from flambeau.runtime.instances import is_instance, new_tuple
from flambeau.runtime.integers import INT_MAX, INT_MIN
from flambeau.runtime.nodes import is_custom_class, runtime_value
from flambeau.runtime.registry import load_tensor_backend, special_tensors

__all__ = ["Converter", "Mismatch", "converter", "register_inward", "script_value_of"]

N = TypeVar("N")
Converter: TypeAlias = "Callable[[object], object]"
Inward: TypeAlias = "Callable[[object, Type], object]"


class Mismatch(TypeError):
    """A value does not fit a type; the message is the detail."""


def _refuse(value: object, type_: Type) -> Mismatch:
    return Mismatch(f"Unable to cast Python instance of type {type(value)} to {type_.annotation()}")


def _no_inward(value: object, type_: Type) -> object:
    raise _refuse(value, type_)


_inward: Inward = _no_inward


def register_inward(convert: Inward) -> None:
    """Say how instances of scripted Python classes and enums become run-time values.

    It is asked for values that nothing here knows, with the type that they are to have (`Any` included), and raises
    TypeError or FlambeauError for those that do not fit.
    """
    global _inward
    _inward = convert


def _by_registered(value: object, type_: Type) -> object:
    try:
        return _inward(value, type_)
    except Mismatch:
        raise
    except (TypeError, FlambeauError) as error:
        raise Mismatch(str(error)) from error


def script_value_of(value: object) -> object:
    """What a user's wrapper around a scripted thing stands for; the value itself if it is no wrapper."""
    unwrap = getattr(type(value), "__flambeau_script_value__", None)
    return value if unwrap is None else unwrap(value)


@remembered_by_type
def converter(type_: Type) -> Converter:
    """What turns Python values into values of a type."""
    if isinstance(type_, PrimitiveType):
        simple = _PRIMITIVE.get(type_)
        return simple if simple is not None else lambda value: value
    make = _MAKERS.get(type(type_))
    return make(type_) if make is not None else lambda value: value


# --- numbers, strings


def _is_sized_tensor(value: object) -> bool:
    """Whether a value is a tensor of one element, which can stand for a number."""
    return is_tensor(value) and value.numel() == 1  # type: ignore[attr-defined]  # a tensor has it


def _asked(type_: Type) -> Callable[[Callable[[object], N]], Callable[[object], N]]:
    """What values raise when they are asked for a number is why they do not fit."""

    def protect(convert: Callable[[object], N]) -> Callable[[object], N]:
        @functools.wraps(convert)
        def protected(value: object) -> N:
            try:
                return convert(value)
            except Mismatch:
                raise
            except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
                raise Mismatch(f"{_refuse(value, type_)} ({error})") from error

        return protected

    return protect


def _int(value: object) -> object:
    if type(value) is not int:
        value = _as_int(value)
    if INT_MIN <= value <= INT_MAX:
        return value
    raise _refuse(value, ir.INT)


@_asked(ir.INT)
def _as_int(value: object) -> int:
    if isinstance(value, int):  # a bool, an IntEnum
        return int(value)
    if _is_sized_tensor(value):
        item = value.item()  # type: ignore[attr-defined]  # a tensor has it
        if isinstance(item, float) and math.isfinite(item):
            return int(item)
        return _as_int(item)
    if type(value).__module__ == "torch":
        number = load_tensor_backend().enumeration_number(value)
        if number is not None:
            return number
    if is_tensor(value) or not hasattr(value, "__index__"):
        raise _refuse(value, ir.INT)
    return operator.index(value)


def _float(value: object) -> object:
    return value if type(value) is float else _as_float(value)


@_asked(ir.FLOAT)
def _as_float(value: object) -> float:
    if isinstance(value, int):
        return float(value)
    if _is_sized_tensor(value):
        return _as_float(value.item())  # type: ignore[attr-defined]  # a tensor has it
    if is_tensor(value) or isinstance(value, (complex, str)) or not _has_any(value, "__float__", "__index__"):
        raise _refuse(value, ir.FLOAT)
    return float(value)  # type: ignore[arg-type]  # it has one of the two


def _has_any(value: object, *names: str) -> bool:
    return any(hasattr(value, name) for name in names)


@_asked(ir.COMPLEX)
def _complex(value: object) -> object:
    if isinstance(value, (int, float, complex)):
        return complex(value)
    if _is_sized_tensor(value):
        return complex(value.item())  # type: ignore[attr-defined]  # a tensor has it
    if is_tensor(value) or isinstance(value, str) or not _has_any(value, "__complex__", "__float__", "__index__"):
        raise _refuse(value, ir.COMPLEX)
    return complex(value)  # type: ignore[call-overload]  # it has one of the three


def _bool(value: object) -> object:
    return value if value is True or value is False else _as_bool(value)


@_asked(ir.BOOL)
def _as_bool(value: object) -> bool:
    if value is None or not hasattr(value, "__bool__"):
        raise _refuse(value, ir.BOOL)
    return bool(value)


@_asked(ir.NUMBER)
def _number(value: object) -> object:
    if isinstance(value, (int, float, complex)):
        return value
    if is_tensor(value) or not hasattr(value, "item"):
        raise Mismatch(f"Cannot cast {value!r} to number")
    return value.item()  # a number of NumPy


def _str(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        raise _refuse(value, ir.STRING)
    return str(value) if type(value) is not str else value


def _none(value: object) -> object:
    if value is not None:
        raise _refuse(value, ir.NONE)
    return None


@_asked(ir.DEVICE)
def _device(value: object) -> object:
    if is_device(value):
        return value
    if isinstance(value, str):
        try:
            value = Device.parse(value)
        except ValueError as error:
            raise Mismatch(str(error)) from error
    if not isinstance(value, Device):
        raise _refuse(value, ir.DEVICE)
    return runtime_value(value) if "torch" in sys.modules else value


def _named(name: str, type_: Type) -> Converter:
    """For objects of a class of PyTorch, told by its name."""

    def convert(value: object) -> object:
        if not any(c.__name__ == name for c in type(value).__mro__):
            raise _refuse(value, type_)
        return value

    return convert


# --- whatever it is


def _any(value: object) -> object:
    """A value of whatever type it has by itself."""
    value = script_value_of(value)
    match value:
        case None | bool() | float() | complex() | str() | ScriptObject() | Function() | EnumValue() | Future():
            return value
        case ScriptList():
            return value.items
        case ScriptDict():
            return value.entries
        case int() if not isinstance(value, enum.Enum):
            return _int(value)
        case list():
            return _uniform([_any(v) for v in value], value)
        case dict():
            if not value:
                raise Mismatch(_not_inferred(value, "Dictionary inputs must have entries"))
            return {_any(k): _any(v) for k, v in value.items()}
        case tuple():
            elements = tuple(map(_any, value))
            make = getattr(type(value), "_make", None)
            return make(elements) if make is not None else elements
    if is_tensor(value) or is_device(value):
        return value
    return _by_registered(value, ir.ANY)


def _uniform(elements: list[object], given: object) -> list[object]:
    if not elements:
        raise Mismatch(_not_inferred(given, "List trace inputs must have elements"))
    kinds = {type(e) for e in elements}
    if len(kinds) > 1 and not all(map(is_tensor, elements)):
        first, second = sorted(kind.__name__ for kind in kinds)[:2]
        reason = f"List inputs to traced functions must have consistent element type. Found {first} and {second}"
        raise Mismatch(_not_inferred(given, reason))
    return elements


def _not_inferred(value: object, reason: str) -> str:
    return f"Tracer cannot infer type of {value!r}\n:{reason}"


_PRIMITIVE: dict[PrimitiveType, Converter] = {
    ir.INT: _int,
    ir.SYM_INT: _int,
    ir.FLOAT: _float,
    ir.SYM_FLOAT: _float,
    ir.COMPLEX: _complex,
    ir.BOOL: _bool,
    ir.SYM_BOOL: _bool,
    ir.NUMBER: _number,
    ir.STRING: _str,
    ir.NONE: _none,
    ir.DEVICE: _device,
    ir.ANY: _any,
    ir.SCALAR_TYPE: _int,
    ir.LAYOUT: _int,
    ir.MEMORY_FORMAT: _int,
    ir.QSCHEME: _int,
    ir.GENERATOR: _named("Generator", ir.GENERATOR),
    ir.STREAM: _named("Stream", ir.STREAM),
}


# --- tensors, containers


def _tensor(type_: TensorType) -> Converter:
    loaded = sys.modules.get("torch")
    known: type = loaded.Tensor if loaded is not None else ir.TensorData

    plain = frozenset({known, getattr(loaded and loaded.nn, "Parameter", known)})
    usual_dispatch = getattr(known, "__torch_dispatch__", None)

    def convert(value: object) -> object:
        if value.__class__ in plain:
            return value
        if isinstance(value, known) or value is None or is_tensor(value):
            if value is not None and getattr(type(value), "__torch_dispatch__", None) is not usual_dispatch:
                special_tensors.add(type(value))
            return value
        raise Mismatch(f"Unable to cast {value!r} to Tensor")

    return convert


def _is_sequence(value: object) -> bool:
    """Whether a value other than a list or tuple can stand for a list: ranges, sizes, sets, arrays."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)) and not is_tensor(value)


def _list(type_: ListType) -> Converter:
    element = converter(type_.element)
    holds_tensors = isinstance(type_.element, TensorType)

    def convert(value: object) -> object:
        if value.__class__ is ScriptList and value.type == type_:
            return value.items
        if isinstance(value, (list, tuple)) or _is_sequence(value):
            elements = [element(v) for v in value]  # type: ignore[attr-defined]  # it can be iterated over
            if holds_tensors and NoneType in map(type, elements):
                raise _refuse(value, type_)
            return elements
        raise _refuse(value, type_)

    return convert


def _dict(type_: DictType) -> Converter:
    key, element = converter(type_.key), converter(type_.value)

    def convert(value: object) -> object:
        if isinstance(value, dict):
            return {key(k): element(v) for k, v in value.items()}
        if value.__class__ is ScriptDict and value.type == type_:
            return value.entries
        try:
            pairs = dict(value)  # type: ignore[call-overload]  # pairs, or an error
        except (TypeError, ValueError):
            raise _refuse(value, type_) from None
        return {key(k): element(v) for k, v in pairs.items()}

    return convert


def _tuple(type_: TupleType) -> Converter:
    elements = tuple(map(converter, type_.elements))

    def convert(value: object) -> object:
        if not isinstance(value, tuple):
            if not _is_sequence(value):
                raise _refuse(value, type_)
            value = tuple(value)  # type: ignore[arg-type]  # it can be iterated over
        if tuple.__len__(value) != len(elements):  # whatever a derived class makes of its length
            name = type_.annotation()
            raise Mismatch(f"Object {value!r} had a different number of elements than type {name}")
        return new_tuple(type_, tuple([c(v) for c, v in zip(elements, tuple.__iter__(value), strict=True)]))

    return convert


def _optional(type_: OptionalType) -> Converter:
    element = converter(type_.element)
    return lambda value: None if value is None else element(value)


def _union(type_: UnionType) -> Converter:
    """The member that the value is one of as it stands; nothing is converted from one type to another."""
    members = [(member, converter(member)) for member in type_.elements]

    def convert(value: object) -> object:
        inner = script_value_of(value)
        for member, convert_member in members:
            if _is_already(inner, member):
                return convert_member(inner)
        for member, convert_member in members:
            if isinstance(member, (ClassType, InterfaceType, EnumType)):
                try:
                    return convert_member(inner)
                except Mismatch:
                    continue
        name = type(value).__name__
        raise Mismatch(f"Expected a member of {type_.annotation()} but instead found type {name}")

    return convert


def _is_already(value: object, type_: Type) -> bool:
    """Whether a Python value is one of a type, sequences counting as what they are in Python."""
    if isinstance(value, (ScriptList, ScriptDict)):
        return value.type == type_
    if isinstance(type_, ListType):
        return isinstance(value, list) and all(_is_already(v, type_.element) for v in value)
    return is_instance(value, type_)


# --- named types


def _enum(type_: EnumType) -> Converter:
    by_name = {name: EnumValue(type_, name, value) for name, value in type_.members}

    def convert(value: object) -> object:
        if isinstance(value, EnumValue) and value.type == type_:
            return value
        if isinstance(value, enum.Enum) and type(value).__name__ == type_.name:
            member = by_name.get(value.name)
            if member is not None:
                return member
        return _by_registered(value, type_)

    return convert


def _object(type_: ClassType | InterfaceType) -> Converter:
    custom = is_custom_class(type_)

    def convert(value: object) -> object:
        value = script_value_of(value)
        if isinstance(value, ScriptObject) and is_subtype(value.type, type_):
            return value
        if custom and not isinstance(value, ScriptObject) and hasattr(value, "_type"):
            return value
        return _by_registered(value, type_)

    return convert


def _function(type_: FunctionType) -> Converter:
    def convert(value: object) -> object:
        inner = script_value_of(value)
        if inner is not type_.function:
            raise _refuse(value, type_)
        return inner

    return convert


def _wrapped(kind: type) -> Callable[[Type], Converter]:
    def make(type_: Type) -> Converter:
        def convert(value: object) -> object:
            if not isinstance(value, kind):
                raise _refuse(value, type_)
            return value

        return convert

    return make


_MAKERS: dict[type[Type], Callable[..., Converter]] = {
    TensorType: _tensor,
    ListType: _list,
    DictType: _dict,
    TupleType: _tuple,
    OptionalType: _optional,
    UnionType: _union,
    EnumType: _enum,
    ClassType: _object,
    InterfaceType: _object,
    FunctionType: _function,
    FutureType: _wrapped(Future),
    AwaitType: _wrapped(Awaitable),
}
