"""Which attributes the methods of a class assign: those that no method does keep the values that the object has."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from weakref import WeakKeyDictionary

from torch import nn

_ASSIGNED: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()
_REACHED: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()
_IN_PYTHON_ONLY = frozenset({"__init__", "__setstate__", "__setattr__", "extra_repr", "__repr__", "__deepcopy__"})
"""Methods that scripts never call."""
_BEGINNINGS = frozenset({"forward", "__call__"})


def assigned_attributes(cls: type) -> frozenset[str]:
    """Names of attributes that a method other than `__init__` assigns, on whatever object."""
    if cls not in _ASSIGNED:
        _ASSIGNED[cls] = frozenset(name for _, code in _codes(cls) for name in _stores(code))
    return _ASSIGNED[cls]


def reached_assignments(cls: type) -> frozenset[str]:
    """The same, of methods only that calling a module leads to, as far as the class itself shows: `forward`, and those
    that it names, and so on. Switches such as `use_cache(mode)` are for users.
    """
    if cls not in _REACHED:
        codes: dict[str, list[CodeType]] = {}
        for name, code in _codes(cls):
            codes.setdefault(name, []).append(code)
        pending, reached = list(_BEGINNINGS), set(_BEGINNINGS)
        assigned: set[str] = set()
        while pending:
            for code in codes.get(pending.pop(), ()):
                assigned.update(_stores(code))
                named = {name for name in _names(code) if name in codes} - reached
                pending += named
                reached |= named
        _REACHED[cls] = frozenset(assigned)
    return _REACHED[cls]


def _codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """The code of methods that scripts may call, with their names."""
    for base in cls.__mro__:
        if base in (nn.Module, object):
            continue
        for name, member in vars(base).items():
            functions = (member.fget, member.fset) if isinstance(member, property) else (member,)
            for function in functions:
                code = getattr(getattr(function, "__func__", function), "__code__", None)
                if isinstance(code, CodeType) and name not in _IN_PYTHON_ONLY:
                    yield name, code


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _stores(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_ATTR", "DELETE_ATTR"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _stores(constant)
