"""Enums, optionals, tuples whose type only the compiler knows, and modules held in containers."""

from __future__ import annotations

from typing import TypeVar

from flambeau.ir import EnumValue, ScriptObject
from flambeau.runtime.registry import implements

T = TypeVar("T")


@implements("prim::EnumName")
def enum_name(enum: EnumValue) -> str:
    return enum.name


@implements("prim::EnumValue.int", "prim::EnumValue.float", "prim::EnumValue.str")
def enum_value(enum: EnumValue) -> object:
    return enum.value


@implements("prim::unchecked_unwrap_optional", "prim::unchecked_cast")
def unchecked(optional: T) -> T:
    return optional


@implements("aten::_unwrap_optional")
def unwrap_optional(optional: T | None) -> T:
    if optional is None:
        raise ValueError("Unwrapping null optional")
    return optional


@implements("prim::IfThenElse")
def if_then_else(cond: bool, x: T, y: T) -> T:
    return x if cond else y


@implements("prim::TupleIndex")
def tuple_index(tup: tuple[T, ...], i: int) -> T:
    if not -len(tup) <= i < len(tup):
        raise IndexError("Tuple index out of range")
    return tup[i]


@implements("prim::Uninitialized")
def uninitialized() -> None:
    """A value that the program never reads."""
    return


@implements("prim::id")
def id_(x: ScriptObject | None) -> int:
    return 0 if x is None else id(x)


@implements("prim::ModuleContainerIndex.list")
def module_at(self: ScriptObject, ind: int) -> object:
    """The submodule at a position of a ModuleList."""
    names = [a.name for a in self.type.attributes if a.name.isdigit()]
    if not -len(names) <= ind < len(names):
        raise IndexError(f"index {ind} is out of range for a container of {len(names)} modules")
    return self.get(names[ind])


@implements("prim::ModuleContainerIndex.dict")
def module_of(self: ScriptObject, ind: str) -> object:
    """The submodule of that name of a ModuleDict."""
    return self.get(ind)
