"""The text of run-time values as scripts see it: `print`, `str`, `format`.

Strings stand without quotes, also in containers; a float always shows that it is one (`1.`, `0.10000000000000001`).
Tensors look as they do in C++, not as in Python.
"""

from __future__ import annotations

import math

from flambeau.ir import EnumValue, ScriptObject, TensorData, is_tensor, tensor_text
from flambeau.runtime.registry import load_tensor_backend

__all__ = ["float_text", "text_of"]

_INT_LIMIT = 2.0**63


def float_text(value: float) -> str:
    """A whole number with a point, anything else with all its digits; a NaN with its sign, as C++ shows it."""
    if -_INT_LIMIT <= value < _INT_LIMIT and value == int(value):
        return f"{int(value)}."
    if math.isnan(value) and math.copysign(1.0, value) < 0:
        return "-nan"
    return f"{value:.17g}"


def text_of(value: object) -> str:
    """The text that printing a value shows."""
    match value:
        case str():
            return value
        case None | bool() | int():
            return str(value)
        case float():
            return float_text(value)
        case complex():
            sign = "" if value.imag < 0 else "+"
            return f"{float_text(value.real)}{sign}{float_text(value.imag)}j"
        case list():
            return f"[{', '.join(map(text_of, value))}]"
        case dict():
            return "{" + ", ".join(f"{text_of(k)}: {text_of(v)}" for k, v in value.items()) + "}"
        case tuple():
            return _tuple_text(value)
        case EnumValue():
            return f"Enum<{value.type.name}.{value.name}>"
        case ScriptObject():
            return f"<{value.type.qualified_name} object at {id(value):#x}>"
        case TensorData():
            return tensor_text(value)
        case _ if is_tensor(value):
            return tensor_text(load_tensor_backend().tensor_data(value))
        case _:
            return str(value)


def _tuple_text(value: tuple[object, ...]) -> str:
    fields = getattr(value, "_fields", None)
    if fields is not None:
        return f"({', '.join(f'{n}={text_of(v)}' for n, v in zip(fields, value, strict=True))})"
    inner = ", ".join(map(text_of, value))
    return f"({inner},)" if len(value) == 1 else f"({inner})"
