"""Calls from Python into scripts: arguments in, result out.

`flambeau.runtime` checks and converts arguments and results. As that is most of the time that a call of a small
function takes, a Python function is generated for each callable, which lets arguments through that need no conversion.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, final

from flambeau.errors import ObjectError
from flambeau.ir import (
    BOOL,
    FLOAT,
    INT,
    STRING,
    TENSOR,
    ClassAttribute,
    Function,
    OptionalType,
    ScriptObject,
    TensorData,
    TensorType,
    Type,
    unshaped,
)
from flambeau.runtime import bind, call, from_python, outward_converter, to_python

__all__ = ["Call", "assignable", "intercept_calls", "interception", "invoke"]

Handler: TypeAlias = "Callable[[Call, Sequence[object], Mapping[str, object]], object]"


@final
class Call:
    """What calls one function, or one method of `receiver`.

    `enter` makes the call; it is generated when first used, for the schema that the function then has.
    """

    __slots__ = ("enter", "function", "receiver")

    def __init__(self, function: Function, receiver: ScriptObject | None = None) -> None:
        self.function = function
        self.receiver = receiver
        self.enter: Callable[..., object] = self._first

    def run(self, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Make the call, whoever intercepts calls."""
        return self.enter(*args, **kwargs)

    def _first(self, /, *args: object, **kwargs: object) -> object:
        self.enter = _generated(self.function, self.receiver)
        return self.enter(*args, **kwargs)


@final
class _Interception:
    handler: Handler | None = None


interception = _Interception()
"""Where calls from Python go to instead, while a program is recorded."""


def intercept_calls(handler: Handler | None) -> None:
    """Let all calls from Python, of every thread, go to a handler instead (None: to no handler any more)."""
    interception.handler = handler


def _generated(function: Function, receiver: ScriptObject | None) -> Callable[..., object]:
    """A function that calls `function` from Python:

    def enter(*args, **kwargs):
        if len(args) == 2 and not kwargs:
            (a0, a1) = args
            if a0.__class__ is Tensor and a1.__class__ is float:
                return call(function, (receiver, a0, a1))
        return call(function, bind(schema, args, kwargs, receiver))
    """
    schema = function.schema
    loaded = sys.modules.get("torch")
    convert = outward_converter(schema.return_type)
    result = "call" if convert is None else "convert(call"
    end = "" if convert is None else ")"
    formals = schema.arguments if receiver is None else schema.arguments[1:]
    tests = [_test_of(a.type) for a in formals]
    lines = ["def enter(*args, **kwargs):"]
    if not any(a.kwarg_only for a in formals) and None not in tests:
        names = [f"a{i}" for i in range(len(formals))]
        given = "".join(f"{name}, " for name in names)
        fits = " and ".join(str(test).format(name) for test, name in zip(tests, names, strict=True))
        passed = given if receiver is None else f"receiver, {given}"
        lines += [
            f"    if len(args) == {len(formals)} and not kwargs:",
            f"        ({given}) = args" if names else "        pass",
            f"        if {fits or True}:",
            f"            return {result}(function, ({passed})){end}",
        ]
    lines.append(f"    return {result}(function, bind(schema, args, kwargs, receiver)){end}")
    namespace: dict[str, object] = {
        "Tensor": TensorData if loaded is None else loaded.Tensor,
        "bind": bind,
        "call": call,
        "convert": convert,
        "function": function,
        "receiver": receiver,
        "schema": schema,
    }
    exec(compile("\n".join(lines), f"<flambeau call of {function.qualified_name}>", "exec"), namespace)
    entry: Callable[..., object] = namespace["enter"]  # type: ignore[assignment]  # just defined
    return entry


def _test_of(type: Type) -> str | None:
    """What holds of values of a type that need no conversion; None if that takes more than a glance."""
    if isinstance(type, OptionalType):
        test = _test_of(type.element)
        return None if test is None else f"({{0}} is None or {test})"
    return _UNCHANGED.get(unshaped(type))


_UNCHANGED: dict[Type, str] = {
    TENSOR: "{0}.__class__ is Tensor",
    INT: "{0}.__class__ is int and -0x80000000 <= {0} <= 0x7fffffff",
    FLOAT: "{0}.__class__ is float",
    STRING: "{0}.__class__ is str",
    BOOL: "({0} is True or {0} is False)",
}
"""Larger ints may fit too: the binder sees."""


def invoke(function: Function, receiver: ScriptObject | None, *args: object) -> object:
    """Call a function once."""
    return to_python(call(function, bind(function.schema, args, {}, receiver)), function.schema.return_type)


def assignable(value: object, attribute: ClassAttribute) -> object:
    """A Python value as the slot of an attribute holds it; ObjectError if it does not fit."""
    try:
        if value is None and isinstance(attribute.type, TensorType):  # as an argument it is a tensor that is undefined
            raise TypeError("None is no tensor")
        return from_python(value, attribute.type)
    except TypeError as error:
        type = attribute.type.annotation()
        raise ObjectError(f"Could not cast attribute '{attribute.name}' to type {type}: {error}") from None
