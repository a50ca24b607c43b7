"""A call from Python, the whole way: arguments bound and converted, the function run, its result converted back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flambeau.ir import Function, ScriptObject
from flambeau.runtime.binding import binder_of
from flambeau.runtime.executor import call

__all__ = ["invoke"]


def invoke(
    function: Function,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    self_object: ScriptObject | None = None,
) -> object:
    """Call a function, or a method of `self_object`, with Python's values."""
    binder = binder_of(function.schema)
    result = call(function, binder.bind(args if self_object is None else (self_object, *args), kwargs))
    return result if binder.outward is None else binder.outward(result)
