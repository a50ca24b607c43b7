"""Running functions: each is compiled for the tier that the settings say when it is first called."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.ir import Function
from flambeau.runtime.calls import services
from flambeau.runtime.interpreter import interpret

__all__ = ["call"]


def call(function: Function, arguments: Sequence[object]) -> object:
    """Run a function on run-time values, one for each argument of its schema; its result as one value."""
    results = interpret(function.graph, list(arguments))
    return results[0] if len(results) == 1 else tuple(results) if results else None


services.call = call
