"""Values of Python programs to run-time values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flambeau.errors import ExecutionError
from flambeau.ir import FunctionSchema, ScriptObject, Type

__all__ = ["bind", "from_python", "to_python"]


def bind(
    schema: FunctionSchema,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    self_object: ScriptObject | None = None,
) -> list[object]:
    """The arguments of a call, complete and in the order of the schema."""
    given = list(args) if self_object is None else [self_object, *args]
    for argument in schema.arguments[len(given) :]:
        if argument.name in kwargs:
            given.append(kwargs[argument.name])
        elif argument.has_default:
            given.append(argument.default)
        else:
            raise ExecutionError(
                f"{schema.name}() is missing value for argument '{argument.name}'. Declaration: {schema}"
            )
    return given


def from_python(value: object, type: Type) -> object:
    """A value as scripts have it."""
    return value


def to_python(value: object, type: Type) -> object:
    """A value as Python programs have it."""
    return value
