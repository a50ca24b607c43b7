"""What values are, as the writer of pickles needs to know it.

The base `ValueDescriber` knows the values of `flambeau.ir`. Whoever has others (PyTorch's tensors, objects whose
`__getstate__` has to run, objects bound from C++) derives from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import final

from flambeau.errors import ArchiveError, UnsupportedError
from flambeau.ir import (
    ANY,
    BOOL,
    COMPLEX,
    DEVICE,
    FLOAT,
    INT,
    NONE,
    STRING,
    TENSOR,
    ClassAttribute,
    ClassType,
    Device,
    DictType,
    EnumValue,
    ListType,
    NamedType,
    ScriptObject,
    TensorData,
    TupleType,
    Type,
    optional,
)

__all__ = ["ObjectContents", "ValueDescriber", "dynamic_type", "has_stored_state"]

_PLAIN: tuple[tuple[type, Type], ...] = (
    (bool, BOOL),
    (int, INT),
    (float, FLOAT),
    (complex, COMPLEX),
    (str, STRING),
    (NoneType, NONE),
)
"""Python's plain types; the first that a value is an instance of counts."""
_INFERENCE_DEPTH = 16
"""Below this many containers within one another, elements count as `Any`."""


@final
@dataclass(slots=True)
class ObjectContents:
    """What is written of an object: what its `__getstate__` returned, with its type, or else its attributes."""

    type: NamedType
    attributes: Sequence[ClassAttribute] = ()
    """In the order of the class."""
    values: Sequence[object] = ()
    """One for each attribute."""
    state: tuple[object, Type] | None = None
    always_shared: bool = False
    """Modules are memoised whether something else refers to them or not."""


def has_stored_state(cls: ClassType) -> bool:
    """Whether objects are stored as what `__getstate__` returns; one of the two methods alone means nothing."""
    return "__getstate__" in cls.methods and "__setstate__" in cls.methods


class ValueDescriber:
    """Tells what a value is. Each method answers None for values of another kind."""

    def tensor(self, value: object) -> TensorData | None:
        """The tensor; equal storages must come as the same `Storage` object, every time."""
        return value if isinstance(value, TensorData) else None

    def device(self, value: object) -> str | None:
        """The device as text (`cuda:0`)."""
        return str(value) if isinstance(value, Device) else None

    def enum_member(self, value: object) -> EnumValue | None:
        return value if isinstance(value, EnumValue) else None

    def object_type(self, value: object) -> NamedType | None:
        """The class of an object of a script class."""
        return value.type if isinstance(value, ScriptObject) else None

    def is_stored_by_slots(self, cls: ClassType) -> bool:
        """Whether all that is stored of any object of a class is what its slots hold; `contents` is not asked then."""
        return not has_stored_state(cls)

    def contents(self, value: object) -> ObjectContents | None:
        """The parts of an object of a script class."""
        if not isinstance(value, ScriptObject):
            return None
        if has_stored_state(value.type):
            raise UnsupportedError(
                f"'{value.type.qualified_name}' has __getstate__, and there is nothing here to run it"
            )
        return ObjectContents(value.type, value.type.attributes, value.slots, always_shared=value.type.is_module)

    def type_of(self, value: object) -> Type | None:
        """The type of a value where only a value is given; None leaves it to the elements to tell."""
        return None


def dynamic_type(value: object, describer: ValueDescriber, depth: int = 0) -> Type:
    """The type of a value in a place that is declared `Any`; elements of different types make a list of `Any`."""
    for python_type, script_type in _PLAIN:
        if isinstance(value, python_type):
            return script_type
    told = describer.type_of(value)
    if told is not None:
        return told
    if depth >= _INFERENCE_DEPTH:
        return ANY
    if isinstance(value, list):
        return ListType(_common_type([dynamic_type(v, describer, depth + 1) for v in value]))
    if isinstance(value, dict):
        keys = _common_type([dynamic_type(k, describer, depth + 1) for k in value])
        values = _common_type([dynamic_type(v, describer, depth + 1) for v in value.values()])
        return DictType(STRING if keys is ANY else keys, values)
    if isinstance(value, tuple):
        return TupleType(tuple(dynamic_type(v, describer, depth + 1) for v in value))
    if describer.tensor(value) is not None:
        return TENSOR
    if describer.device(value) is not None:
        return DEVICE
    member = describer.enum_member(value)
    if member is not None:
        return member.type
    cls = describer.object_type(value)
    if cls is not None:
        return cls
    raise ArchiveError(f"a value of type {type(value).__name__} cannot be written to an archive")


def _common_type(types: list[Type]) -> Type:
    """The one type of all elements, an optional of it if some are None, else `Any`."""
    kinds = list(dict.fromkeys(types))
    given = [t for t in kinds if t is not NONE]
    if len(given) != 1:
        return NONE if kinds == [NONE] else ANY
    return optional(given[0]) if len(kinds) == 2 else given[0]
