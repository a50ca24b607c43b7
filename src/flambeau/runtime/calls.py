"""How the lower files of the runtime call functions: the executor, which builds on them, fills this in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from flambeau.errors import ExecutionError
from flambeau.ir import Function, ScriptObject

__all__ = ["call_method", "services"]


@final
class _Services:
    """Filled in by `executor`."""

    call: Callable[[Function, Sequence[object]], object]
    """Run a function on run-time values."""


services = _Services()


def call_method(self: ScriptObject, name: str, *arguments: object) -> object:
    """Call a method of a script object; ExecutionError if its class has none of that name."""
    method = self.type.methods.get(name)
    if method is None:
        raise ExecutionError(f"'{self.type.qualified_name}' object has no method '{name}'")
    return services.call(method, (self, *arguments))
