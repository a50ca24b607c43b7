"""What names mean where a Python function was written: its closure, its module's globals, Python's builtins."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import final


@final
class Absent:
    """The type of `ABSENT`, which stands for "there is no such name" (None is a value)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What Python code of others may raise."""


@final
class Namespace:
    """A chain of mappings from names to Python objects, the innermost first."""

    __slots__ = ("_layers",)

    def __init__(self, *layers: Mapping[str, object]) -> None:
        self._layers = layers

    def find(self, name: str) -> object:
        """What the name stands for, or `ABSENT`."""
        for layer in self._layers:
            if name in layer:
                return layer[name]
        return ABSENT

    def names(self) -> Iterator[str]:
        """All names."""
        for layer in self._layers:
            yield from layer

    def within(self, layer: Mapping[str, object]) -> Namespace:
        """The namespace with one more mapping in front."""
        return Namespace(layer, *self._layers)


def attribute_of(obj: object, name: str) -> object:
    """An attribute of an object of any class, or `ABSENT`; also if asking for it raises."""
    try:
        return getattr(obj, name, ABSENT)
    except FAILURES:
        return ABSENT


def namespace_of(function: Callable[..., object]) -> Namespace:
    """The names that a function's body sees, apart from its own variables."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    return Namespace(closure_of(function), getattr(function, "__globals__", {}), vars(builtins))


def namespace_of_class(cls: type) -> Namespace:
    """The names that a class's methods see: closures, the globals of the class's module, builtins."""
    captured: dict[str, object] = {}
    module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    for member in vars(cls).values():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if inspect.isfunction(function):
            captured.update(closure_of(function))
            module = module or function.__globals__
    return Namespace(captured, {cls.__name__: cls}, module, vars(builtins))


def closure_of(function: object) -> dict[str, object]:
    """The variables that a function captured, as far as they are assigned yet."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is None or not cells:
        return {}
    captured: dict[str, object] = {}
    for name, cell in zip(code.co_freevars, cells, strict=True):
        try:
            captured[name] = cell.cell_contents
        except ValueError:  # the enclosing function has not assigned it
            continue
    return captured
