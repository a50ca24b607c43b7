"""`isinstance` for types that say what a container holds: `isinstance(value, List[str])`.

In scripts it is part of the language and narrows the type of the value. In Python the contents are looked at, each
item of each container.
"""

from __future__ import annotations

import builtins
import types
import typing
import warnings
from typing import Any, TypeGuard

from flambeau.errors import ScriptError

__all__ = ["isinstance"]

_BARE: dict[object, str] = {
    typing.List: "List",  # noqa: UP006 # the object itself is the key
    typing.Dict: "Dict",  # noqa: UP006
    typing.Tuple: "Tuple",  # noqa: UP006
    typing.Optional: "Optional",
    list: "list",
    dict: "dict",
    tuple: "tuple",
}
"""Containers that must say what they contain."""
_ONE_LACKING = "a contained type. Please add a contained type, e.g. {}[int]"
_LACKING = {"dict": "contained types. Please add contained type, e.g. {}[int, int]"}


def isinstance(obj: object, target_type: Any) -> TypeGuard[Any]:
    """Whether a value is of a type, or of one of a tuple of types.

    Items of lists, dicts and tuples count: `[1]` is no `List[str]`. Nothing tells what an empty container may hold, so
    it is of every container type of its kind, with a warning. ScriptError for `List` and the like without a type of
    their items, and for what is no type.
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, each) for each in target_type)
    name = next((name for bare, name in _BARE.items() if bare is target_type), None)
    if name is not None:
        raise ScriptError(f"Attempted to use {name} without {_LACKING.get(name.lower(), _ONE_LACKING).format(name)}")
    origin = typing.get_origin(target_type)
    if origin is not None:
        return _holds(obj, origin, typing.get_args(target_type))
    if target_type is typing.Any:
        return True
    if target_type is None:
        return obj is None
    if not builtins.isinstance(target_type, type):
        raise ScriptError("The second argument to `torch.jit.isinstance` must be a type or a tuple of types")
    return builtins.isinstance(obj, target_type)


def _holds(obj: object, origin: object, arguments: tuple[Any, ...]) -> bool:
    if origin is typing.Union or origin is types.UnionType:
        return any(isinstance(obj, member) for member in arguments)
    if not builtins.isinstance(origin, type) or not builtins.isinstance(obj, origin):
        return False
    if origin not in (list, dict, tuple):
        return True
    if not obj and arguments not in ((), ((),)):
        warnings.warn(
            "The inner type of a container is lost when calling torch.jit.isinstance in eager mode: an empty "
            f"{origin.__name__} counts as one of any type",
            stacklevel=3,
        )
    if builtins.isinstance(obj, list):
        return all(isinstance(item, arguments[0]) for item in obj)
    if builtins.isinstance(obj, dict):
        return all(isinstance(k, arguments[0]) and isinstance(v, arguments[1]) for k, v in obj.items())
    return _tuple_holds(obj, arguments)


def _tuple_holds(obj: Any, arguments: tuple[Any, ...]) -> bool:
    if len(arguments) == 2 and arguments[1] is ...:
        return all(isinstance(item, arguments[0]) for item in obj)
    items = () if arguments == ((),) else arguments
    return len(obj) == len(items) and all(isinstance(*pair) for pair in zip(obj, items, strict=True))
