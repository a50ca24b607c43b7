"""Which attributes the methods of a class assign: those that no method does keep the values that the object has."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from weakref import WeakKeyDictionary

from torch import nn

_ASSIGNED: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()
_IN_PYTHON_ONLY = frozenset({"__init__", "__setstate__", "__setattr__", "extra_repr", "__repr__", "__deepcopy__"})
"""Methods that scripts never call."""


def assigned_attributes(cls: type) -> frozenset[str]:
    """Names of attributes that a method other than `__init__` assigns, on whatever object."""
    if cls not in _ASSIGNED:
        _ASSIGNED[cls] = frozenset(name for code in _codes(cls) for name in _stores(code))
    return _ASSIGNED[cls]


def _codes(cls: type) -> Iterator[CodeType]:
    for base in cls.__mro__:
        if base in (nn.Module, object):
            continue
        for name, member in vars(base).items():
            functions = (member.fget, member.fset) if isinstance(member, property) else (member,)
            for function in functions:
                code = getattr(getattr(function, "__func__", function), "__code__", None)
                if isinstance(code, CodeType) and name not in _IN_PYTHON_ONLY:
                    yield code


def _stores(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_ATTR", "DELETE_ATTR"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _stores(constant)
