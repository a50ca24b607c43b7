"""What `torch._C`'s graphs, types and schemas are under the drop-in: views of flambeau's, with PyTorch's method names.

    graph = scripted.graph              a view, as the drop-in is installed
    for node in graph.nodes():
        node.kind(), node.output().type()
    graph.ir                            the `flambeau.ir.Graph`

A view holds nothing but what it shows. Two views of one thing are equal. What a view does not have under a name of
PyTorch's it takes from what it shows.

PyTorch's own code goes on working with PyTorch's classes, which it finds under the same names: so an object of such a
class counts as one of the view's, and PyTorch's code gets PyTorch's objects from what it calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

V = TypeVar("V", bound="View")
ORIGINALS: dict[str, type] = {}
"""PyTorch's classes by name, while views stand in their place."""


def called_from_torch(depth: int = 2) -> bool:
    """Whether the caller's caller is code of PyTorch's (its tools for tests apart, which are for users)."""
    frame = sys._getframe(depth)
    name = frame.f_globals.get("__name__") or ""
    return name == "torch" or (name.startswith("torch.") and not name.startswith("torch.testing"))


class ViewMeta(type):
    """The class of views' classes: instances of PyTorch's class of that name count as instances."""

    def __instancecheck__(cls, instance: object) -> bool:
        original = ORIGINALS.get(cls.__name__)
        return super().__instancecheck__(instance) or (original is not None and isinstance(instance, original))

    def __subclasscheck__(cls, subclass: type) -> bool:
        original = ORIGINALS.get(cls.__name__)
        return super().__subclasscheck__(subclass) or (original is not None and issubclass(subclass, original))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        original = ORIGINALS.get(cls.__name__)
        if original is not None and called_from_torch():
            return original(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class View(metaclass=ViewMeta):
    """A view of `ir`."""

    __slots__ = ("__weakref__", "ir")
    by_value: ClassVar[bool] = False
    """Whether two of them are equal when what they show is, or only when it is the same object."""

    def __init__(self, ir: Any) -> None:
        self.ir = ir

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, View):
            return NotImplemented
        return bool(self.ir == other.ir) if self.by_value else self.ir is other.ir

    def __hash__(self) -> int:
        return hash(self.ir) if self.by_value else id(self.ir)

    def __str__(self) -> str:
        return str(self.ir)

    def __repr__(self) -> str:
        return str(self.ir)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "ir":
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.ir, name)


def shown(value: Any) -> Any:
    """What a view shows; any other value as it is, lists and tuples item by item."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(shown, value))
    return value.ir if View in type(value).__mro__ else value


def each(view: Callable[[Any], V], items: Iterable[Any]) -> list[V]:
    """A view of each item."""
    return [view(item) for item in items]


def iterated(view: Callable[[Any], V], items: Iterable[Any]) -> Iterator[V]:
    """A view of each item, made as it is asked for."""
    return map(view, items)
