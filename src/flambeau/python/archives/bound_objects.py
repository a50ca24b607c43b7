"""Objects of classes that C++ code binds (`torch.ScriptObject`), for archives: their state out of them and back in.

A class takes part if it is registered with `__getstate__` and `__setstate__`; the state is plain values and tensors.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

import torch

from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import FunctionSchema, add_bound_methods, custom_class, parse_schema
from flambeau.serialization import ObjectContents

__all__ = ["bound_contents", "bound_object"]


def bound_contents(value: object) -> ObjectContents | None:
    """The class and the state of a bound object; None for any other value, ArchiveError if it cannot be saved."""
    if not isinstance(value, torch.ScriptObject):
        return None
    bound: Any = value  # PyTorch's type hints know little of it
    name = bound._type().qualified_name()
    if not bound._has_method("__getstate__"):
        raise ArchiveError(
            f"Cannot serialize custom bound C++ class {name}. Please define serialization methods via def_pickle() for "
            "this class."
        )
    state, _ = bound.__getstate__()
    return ObjectContents(custom_class(name), state=(state, _schema("__getstate__", bound).return_type))


def bound_object(class_name: str, state: object) -> torch.ScriptObject:
    """A new object of the class with that state; ArchiveError if there is no such class, or it refuses the state."""
    made: Any = torch.ScriptObject.__new__(torch.ScriptObject)
    try:
        made.__setstate__((state, class_name))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, FlambeauError):
            raise
        hint = "is the library that defines it loaded?"
        raise ArchiveError(f"an object of the C++ class '{class_name}' cannot be made ({hint}): {error}") from error
    bound: torch.ScriptObject = made
    add_bound_methods(custom_class(class_name), map(_schema, made._method_names(), repeat(made)))
    return bound


def _schema(method: str, bound: Any) -> FunctionSchema:
    return parse_schema(str(bound._get_method(method).schema))
