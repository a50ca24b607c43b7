"""Calls from Python: arguments are matched with a schema and converted, or refused in TorchScript's words.

For each schema a Python function is generated that lets arguments through that need no conversion, and calls the
converter of any other: for a small function, binding is most of the cost of a call.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import final

from flambeau.errors import ExecutionError
from flambeau.ir import (
    BOOL,
    FLOAT,
    INT,
    STRING,
    TENSOR,
    Argument,
    FunctionSchema,
    ScriptObject,
    TensorData,
    Type,
)
from flambeau.runtime.inward import Converter, Mismatch, converter
from flambeau.runtime.outward import outward_converter

__all__ = ["ArgumentError", "Binder", "bind", "binder_of", "from_python"]

_NO_ARGUMENTS: Mapping[str, object] = {}


class ArgumentError(ExecutionError, RuntimeError, TypeError):
    """A call from Python does not fit the schema of the function: number, names or types of the arguments."""


def from_python(value: object, type: Type) -> object:
    """A Python value as a run-time value of a type; TypeError if it does not fit."""
    return converter(type)(value)


@final
class Binder:
    """What binds the calls of one schema."""

    __slots__ = ("arguments", "convert", "converters", "has_keyword_only", "outward", "schema")

    def __init__(self, schema: FunctionSchema) -> None:
        self.schema = schema
        self.arguments = schema.arguments
        self.converters: tuple[Converter, ...] = tuple(converter(a.type) for a in schema.arguments)
        self.outward = outward_converter(schema.return_type)
        """What makes a Python value of the result; None where they are the same."""
        self.convert = _converting(self.arguments, self.converters)
        self.has_keyword_only = any(a.kwarg_only for a in schema.arguments)

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
        if not kwargs and len(args) == len(self.arguments) and not self.has_keyword_only:
            given: Sequence[object] = args
        else:
            given = self._complete(args, kwargs)
        try:
            return self.convert(*given)
        except Mismatch:
            raise self._mismatch(given) from None
        except RecursionError:
            raise ArgumentError(
                f"{self.schema.name}() was called with values that contain one another too deeply. "
                f"Declaration: {self.schema}"
            ) from None

    def _complete(self, args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
        """One value for each argument, defaults filled in."""
        self._check_counts(args, kwargs)
        given = list(args)
        used = 0
        for argument in self.arguments[len(given) :]:
            if argument.name in kwargs:
                given.append(kwargs[argument.name])
                used += 1
            elif argument.has_default:
                given.append(_default(argument))
            else:
                raise ArgumentError(
                    f"{self.schema.name}() is missing value for argument '{argument.name}'. Declaration: {self.schema}"
                )
        if used < len(kwargs):
            raise self._unknown_keyword(args, kwargs)
        return given

    def _check_counts(self, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        schema, count = self.schema, len(args) + len(kwargs)
        positional = sum(not a.kwarg_only for a in self.arguments)
        if count > len(self.arguments):
            raise ArgumentError(
                f"{schema.name}() expected at most {len(self.arguments)} argument(s) but received {count} argument(s). "
                f"Declaration: {schema}"
            )
        if len(args) > positional:
            raise ArgumentError(
                f"{schema.name}() takes {positional} positional argument(s) but {len(args)} was/were given.  "
                f"Declaration: {schema}"
            )

    def _unknown_keyword(self, args: Sequence[object], kwargs: Mapping[str, object]) -> ArgumentError:
        names = [a.name for a in self.arguments]
        twice = next((n for n in kwargs if n in names[: len(args)]), None)
        if twice is not None:
            return ArgumentError(
                f"Argument '{twice}' specified both as positional and keyword argument. Schema: {self.schema}"
            )
        unknown = next(n for n in kwargs if n not in names)
        return ArgumentError(
            f"Unknown keyword argument '{unknown}' for operator '{self.schema.name}'. Schema: {self.schema}"
        )

    def _mismatch(self, given: Sequence[object]) -> ArgumentError:
        for position, (argument, convert, value) in enumerate(zip(self.arguments, self.converters, given, strict=True)):
            try:
                convert(value)
            except Mismatch as mismatch:
                wanted = argument.type.annotation()
                if getattr(argument.type, "inferred", False):
                    wanted += " (inferred)"
                return ArgumentError(
                    f"{self.schema.name}() Expected a value of type '{wanted}' for argument '{argument.name}' but "
                    f"instead found type '{type(value).__name__}'.\n"
                    f"{_note(argument)}Position: {position}\nValue: {value!r}\nDeclaration: {self.schema}\n"
                    f"Cast error details: {mismatch}"
                )
        return ArgumentError(f"{self.schema.name}() was called with values that changed. Declaration: {self.schema}")


def _note(argument: Argument) -> str:
    if not getattr(argument.type, "inferred", False):
        return ""
    return f"Inferred '{argument.name}' to be of type 'Tensor' because it was not annotated with an explicit type.\n"


def _default(argument: Argument) -> object:
    """The default of an argument; one that could be changed is copied for each call."""
    value = argument.default
    return copy.deepcopy(value) if isinstance(value, (list, dict)) else value


def _converting(arguments: tuple[Argument, ...], converters: tuple[Converter, ...]) -> Callable[..., list[object]]:
    """A function from the arguments to the list of their converted values."""
    loaded = sys.modules.get("torch")
    names: dict[str, object] = {"Tensor": loaded.Tensor if loaded is not None else TensorData}
    parts: list[str] = []
    for i, (argument, convert) in enumerate(zip(arguments, converters, strict=True)):
        names[f"c{i}"] = convert
        fits = _FITS.get(argument.type)
        parts.append(f"a{i} if {fits.format(f'a{i}')} else c{i}(a{i})" if fits else f"c{i}(a{i})")
    parameters = ", ".join(f"a{i}" for i in range(len(arguments)))
    result: Callable[..., list[object]] = eval(f"lambda {parameters}: [{', '.join(parts)}]", names)
    return result


_FITS: dict[Type, str] = {
    TENSOR: "{0}.__class__ is Tensor",
    INT: "{0}.__class__ is int and -1073741824 < {0} < 1073741824",
    FLOAT: "{0}.__class__ is float",
    STRING: "{0}.__class__ is str",
    BOOL: "{0} is True or {0} is False",
}
"""What holds of values that need no conversion. (Larger ints may yet fit in 64 bits; the converter sees.)"""


def binder_of(schema: FunctionSchema) -> Binder:
    """What binds the calls of a schema; made once."""
    binder = schema.bound.content
    if not isinstance(binder, Binder):
        binder = schema.bound.content = Binder(schema)
    return binder


def bind(
    schema: FunctionSchema,
    args: Sequence[object],
    kwargs: Mapping[str, object] = _NO_ARGUMENTS,
    self_object: ScriptObject | None = None,
) -> list[object]:
    """The arguments of a call, converted, complete and in the order of the schema.

    ArgumentError, with TorchScript's message, if they do not fit. `self_object` is the first argument of a method.
    """
    return binder_of(schema).bind(args if self_object is None else (self_object, *args), kwargs)
