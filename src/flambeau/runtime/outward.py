"""Run-time values as Python programs hold them: containers copied, so that a script never shares one with Python.

Objects of script classes, enum members and functions stay as they are, unless the package that scripted them says what
they are in Python (`register_outward`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeAlias

from flambeau.errors import ExecutionError
from flambeau.ir import (
    ANY,
    DictType,
    ListType,
    OptionalType,
    PrimitiveType,
    TensorType,
    TupleType,
    Type,
    remembered_by_type,
)

__all__ = ["outward_converter", "register_outward", "to_python"]

Converter: TypeAlias = "Callable[[object], object]"
_Container: TypeAlias = "list[object] | dict[object, object] | tuple[object, ...]"
_CONTAINERS = (list, dict, tuple)

_outward: dict[type, Converter] = {}


def register_outward(kind: type, convert: Converter) -> None:
    """Say what values of a class (`ScriptObject`, `EnumValue`, `Function`, `Future`) are in Python."""
    _outward[kind] = convert


def to_python(value: object, type: Type) -> object:
    """A run-time value of a type as Python programs have it."""
    convert = outward_converter(type)
    return value if convert is None else convert(value)


@remembered_by_type
def outward_converter(type: Type) -> Converter | None:
    """What turns values of a type into Python's; None where they are the same."""
    match type:
        case TensorType() | PrimitiveType() if type is not ANY:
            return None
        case ListType(element):
            return _list(outward_converter(element))
        case OptionalType(element):
            return _optional(outward_converter(element))
        case DictType(key, value):
            return _dict(outward_converter(key), outward_converter(value))
        case TupleType(elements):
            return _tuple(tuple(map(outward_converter, elements)))
        case _:  # of a class, or of a type that is only known at run time
            return _dynamic


def _list(element: Converter | None) -> Converter:
    if element is None:
        return lambda value: list(value)  # type: ignore[call-overload]  # a list
    return lambda value: [element(v) for v in value]  # type: ignore[attr-defined]


def _dict(key: Converter | None, element: Converter | None) -> Converter:
    if key is None and element is None:
        return lambda value: dict(value)  # type: ignore[call-overload]  # a dict
    convert_key, convert_element = key or _same, element or _same
    return lambda value: {convert_key(k): convert_element(v) for k, v in value.items()}  # type: ignore[attr-defined]


def _tuple(elements: tuple[Converter | None, ...]) -> Converter | None:
    if not any(elements):
        return None
    converters = tuple(e or _same for e in elements)

    def convert(value: object) -> object:
        converted = [c(v) for c, v in zip(converters, value, strict=True)]  # type: ignore[call-overload]  # a tuple
        return getattr(value, "_make", tuple)(converted)

    return convert


def _optional(element: Converter | None) -> Converter | None:
    if element is None:
        return None
    return lambda value: None if value is None else element(value)


def _same(value: object) -> object:
    return value


def _dynamic(value: object) -> object:
    """A value by what it is, not by its type."""
    if isinstance(value, _CONTAINERS):
        return _container(value)
    convert = _outward.get(value.__class__)
    return value if convert is None else convert(value)


def _container(outermost: _Container) -> object:
    """A copy of a container, whatever the depth of those in it: they wait on a stack for their parts."""
    stack: list[tuple[_Container, Iterator[object], list[object]]] = []
    open_containers: set[int] = set()
    entered: _Container | None = outermost
    while True:
        if entered is not None:
            if id(entered) in open_containers:
                raise ExecutionError("a list or dict that contains itself cannot be given to Python")
            open_containers.add(id(entered))
            parts = chain.from_iterable(entered.items()) if isinstance(entered, dict) else iter(entered)
            stack.append((entered, parts, []))
            entered = None
        container, parts, converted = stack[-1]
        for part in parts:
            if isinstance(part, _CONTAINERS):
                entered = part
                break
            converted.append(_dynamic(part))
        else:
            stack.pop()
            open_containers.remove(id(container))
            made = _like(container, converted)
            if not stack:
                return made
            stack[-1][2].append(made)


def _like(container: _Container, parts: list[object]) -> object:
    if isinstance(container, list):
        return parts
    if isinstance(container, dict):
        return dict(zip(parts[::2], parts[1::2], strict=True))
    return getattr(container, "_make", tuple)(parts)
