"""Values of a pickle as the types say that an archive's classes declare.

A pickle does not tell all: NamedTuples are stored as tuples, and lists of old archives say nothing of their elements.
Nor is a pickle to be believed: what does not have the declared type is refused here, since neither the compiler nor the
runtime looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NoReturn, final

from flambeau.errors import ArchiveError
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
    DictType,
    EnumType,
    EnumValue,
    InterfaceType,
    ListType,
    OptionalType,
    PrimitiveType,
    ScriptObject,
    TensorType,
    TupleType,
    Type,
    UnionType,
    bound_class_of,
    is_device,
    is_subtype,
    is_tensor,
)
from flambeau.runtime import new_tuple

__all__ = ["DeclaredTypes"]

_EXACT: dict[Type, frozenset[type]] = {
    INT: frozenset({int}),
    FLOAT: frozenset({float}),
    COMPLEX: frozenset({complex}),
    BOOL: frozenset({bool}),
    STRING: frozenset({str}),
    NONE: frozenset({type(None)}),
    NUMBER: frozenset({int, float, complex}),
}
"""The Python classes of values of these types; containers of them are checked at the speed of C."""
_INSTANCES: dict[Type, type] = {ANY_LIST: list, ANY_TUPLE: tuple, ANY_CLASS: ScriptObject, ANY_ENUM: EnumValue}
_WIDENED: dict[Type, tuple[type, ...]] = {FLOAT: (int,), COMPLEX: (int, float), INT: (bool,)}
"""What Python would take for a value of the type as well."""


@final
class DeclaredTypes:
    """Makes the values of a pickle those of their declared types.

    `shared` are the identities of the containers that the pickle refers to more than once. Each is gone through once
    for each type that it is declared with: thirty lists, each of which holds the one before twice, are a billion lists
    to whoever follows all references.
    """

    def __init__(self, shared: Collection[int] = ()) -> None:
        self.shared = shared
        self._known: dict[tuple[int, int], tuple[object, Type, object]] = {}
        """By the identities of a shared container and of a type: both, and what the container is as one of the type."""

    def conformed(self, value: object, declared: Type) -> object:
        """The value as one of the declared type; ArchiveError if it is none."""
        exact = _EXACT.get(declared)
        if exact is not None:
            return value if type(value) in exact else _widened(value, declared)
        simple = _SIMPLE.get(type(declared))
        if simple is not None:
            return simple(value, declared)
        compound = _COMPOUND.get(type(declared))
        if compound is None:
            return _refuse(value, declared)
        if id(value) not in self.shared:
            return compound(self, value, declared)
        key = id(value), id(declared)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = value, declared, compound(self, value, declared)
        return known[2]

    def _optional(self, value: object, declared: Type) -> object:
        return None if value is None else self.conformed(value, declared.contained[0])

    def _union(self, value: object, declared: Type) -> object:
        for alternative in declared.contained:
            try:
                return self.conformed(value, alternative)
            except ArchiveError:
                continue
        return _refuse(value, declared)

    def _list(self, value: object, declared: Type) -> object:
        if type(value) is not list:
            return _refuse(value, declared)
        (element,) = declared.contained
        if not _all_exact(value, element):
            value[:] = [self.conformed(item, element) for item in value]
        return value

    def _dict(self, value: object, declared: Type) -> object:
        if type(value) is not dict:
            return _refuse(value, declared)
        key, element = declared.contained
        if not _all_exact(value, key):
            for item in value:
                self.conformed(item, key)
        if not _all_exact(value.values(), element):
            for item in value:
                value[item] = self.conformed(value[item], element)
        return value

    def _tuple(self, value: object, declared: Type) -> object:
        if not isinstance(value, tuple) or not isinstance(declared, TupleType):
            return _refuse(value, declared)
        if len(value) != len(declared.elements):
            raise ArchiveError(f"a tuple of {len(value)} values stands where '{declared.annotation()}' is declared")
        return new_tuple(declared, tuple(map(self.conformed, value, declared.elements)))


def _widened(value: object, declared: Type) -> object:
    if type(value) in _WIDENED.get(declared, ()):
        return float(value) if declared is FLOAT else complex(value) if declared is COMPLEX else int(value)  # type: ignore[arg-type,call-overload]  # a number
    return _refuse(value, declared)


def _refuse(value: object, declared: Type) -> NoReturn:
    raise ArchiveError(f"a value of type {_kind(value)} stands where '{declared.annotation()}' is declared")


def _kind(value: object) -> str:
    if isinstance(value, (ScriptObject, EnumValue)):
        return value.type.qualified_name
    return "None" if value is None else type(value).__name__


def _primitive(value: object, declared: Type) -> object:
    if declared is ANY or (declared is DEVICE and is_device(value)):
        return value
    wanted = _INSTANCES.get(declared)
    return value if wanted is not None and isinstance(value, wanted) else _refuse(value, declared)


def _tensor(value: object, declared: Type) -> object:
    # An undefined tensor is stored as None.
    return value if value is None or is_tensor(value) else _refuse(value, declared)


def _all_exact(values: Iterable[object], element: Type) -> bool:
    exact = _EXACT.get(element)
    return exact is not None and exact.issuperset(map(type, values))


def _enum(value: object, declared: Type) -> object:
    return value if isinstance(value, EnumValue) and value.type == declared else _refuse(value, declared)


def _object(value: object, declared: Type) -> object:
    cls = value.type if isinstance(value, ScriptObject) else bound_class_of(value)
    return value if cls is not None and (cls is declared or is_subtype(cls, declared)) else _refuse(value, declared)


_SIMPLE: dict[type[Type], Callable[[object, Type], object]] = {
    PrimitiveType: _primitive,
    TensorType: _tensor,
    EnumType: _enum,
    ClassType: _object,
    InterfaceType: _object,
}
_COMPOUND: dict[type[Type], Callable[[DeclaredTypes, object, Type], object]] = {
    OptionalType: DeclaredTypes._optional,
    UnionType: DeclaredTypes._union,
    ListType: DeclaredTypes._list,
    DictType: DeclaredTypes._dict,
    TupleType: DeclaredTypes._tuple,
}
