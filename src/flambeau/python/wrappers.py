"""The wrappers that users hold around scripted things, seen from inside: what they wrap."""

from __future__ import annotations

from flambeau.ir import Function, ScriptObject


def script_value_of(value: object) -> ScriptObject | Function | None:
    """The object or function that a wrapper stands for (or the value itself, if it is one); None for anything else.

    A wrapper says so by an attribute `script_value`.
    """
    if isinstance(value, (ScriptObject, Function)):
        return value
    wrapped = getattr(type(value), "__flambeau_script_value__", None)
    if wrapped is None:
        return None
    inner = wrapped(value)
    return inner if isinstance(inner, (ScriptObject, Function)) else None
