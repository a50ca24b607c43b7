"""Calls from Python into scripts: arguments in, result out.

Arguments are checked and converted against the schema by `flambeau.runtime`, which also runs the function. What is
added here: objects in the result come wrapped (`Instance`, `Module`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

from flambeau.errors import ObjectError
from flambeau.ir import ClassAttribute, Function, ScriptObject, Type
from flambeau.runtime import bind, call, from_python, to_python

__all__ = [
    "Call",
    "assignable",
    "intercept_calls",
    "invoke",
    "outward",
    "register_object_wrapper",
]


@final
class Call:
    """What calls one function, or one method of `receiver`."""

    __slots__ = ("function", "receiver")

    def __init__(self, function: Function, receiver: ScriptObject | None) -> None:
        self.function = function
        self.receiver = receiver

    def __call__(self, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        if _interception.handler is not None:
            return _interception.handler(self, args, kwargs)
        return self.run(args, kwargs)

    def run(self, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Make the call, whoever intercepts calls."""
        function = self.function
        schema = function.schema
        return outward(call(function, bind(schema, args, kwargs, self.receiver)), schema.return_type)


class _Interception:
    handler: Callable[[Call, Sequence[object], Mapping[str, object]], object] | None = None


_interception = _Interception()


def intercept_calls(handler: Callable[[Call, Sequence[object], Mapping[str, object]], object] | None) -> None:
    """Let all calls from Python, of every thread, go to a handler instead (None: to no handler any more)."""
    _interception.handler = handler


def invoke(function: Function, receiver: ScriptObject | None, *args: object) -> object:
    return Call(function, receiver)(args, {})


def outward(value: object, type: Type) -> object:
    """A value of a script in Python's own types."""
    return to_python(value, type)


def assignable(value: object, attribute: ClassAttribute) -> object:
    try:
        return from_python(value, attribute.type)
    except TypeError as error:
        raise ObjectError(f"Could not cast attribute '{attribute.name}' to type {attribute.type}: {error}") from None


_wrappers: list[Callable[[ScriptObject], object]] = []


def register_object_wrapper(wrapper: Callable[[ScriptObject], object]) -> None:
    _wrappers.append(wrapper)
