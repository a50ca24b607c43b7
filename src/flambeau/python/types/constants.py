"""Python values that are constants to a script: numbers of dtypes and the like, and what `Final` may hold."""

from __future__ import annotations

import torch

from flambeau.errors import ScriptError
from flambeau.python.names import type_name
from flambeau.runtime import aten

_ENUMERATIONS = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
_CONSTANT_CLASSES = (bool, float, int, str, type(None), torch.device, torch.layout, torch.dtype, torch.qscheme)


def enumeration_number(value: object) -> int | None:
    """The number that scripts use for a dtype, layout, memory format or quantization scheme; None for other values."""
    return aten.enumeration_number(value) if isinstance(value, _ENUMERATIONS) else None


def is_constant_value(value: object) -> bool:
    """Whether a value may stand in a script as a constant."""
    if isinstance(value, (tuple, list)):
        return all(map(is_constant_value, value))
    return isinstance(value, (*_CONSTANT_CLASSES, complex, torch.memory_format))


def is_unchangeable(value: object) -> bool:
    """Whether a constant value can never be another one: no lists in it."""
    return not isinstance(value, list) and (not isinstance(value, tuple) or all(map(is_unchangeable, value)))


def is_plain_data(value: object) -> bool:
    """Whether a value consists of constants in lists, tuples and dicts only: how something is configured."""
    if isinstance(value, dict):
        return all(isinstance(key, (str, int, float, bool)) for key in value) and all(
            map(is_plain_data, value.values())
        )
    if isinstance(value, (list, tuple)):
        return all(map(is_plain_data, value))
    return is_constant_value(value)


def script_constant(value: object) -> object:
    """A constant as scripts hold it: numbers for dtypes and the like, tuples for lists."""
    if isinstance(value, (tuple, list)):
        return tuple(map(script_constant, value))
    number = enumeration_number(value)
    if number is not None:
        return number
    # Without subclasses: an `IntEnum` member is its number.
    match value:
        case bool():
            return bool(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case complex():
            return complex(value)
        case str():
            return str.__str__(value)
        case _:
            return value


def final_constant(owner: str, name: str, value: object) -> object:
    """The value of a `Final` attribute as scripts hold it; ScriptError if it is not of a class that constants have."""
    if not is_constant_value(value):
        offending = _first_invalid(value)
        allowed = ", ".join(type_name(c) for c in _CONSTANT_CLASSES)
        raise ScriptError(
            f"'{type_name(offending)}' object in attribute '{owner}.{name}' is not a valid constant.\n"
            f"Valid constants are:\n1. a nn.ModuleList\n2. a value of type {{{allowed}}}\n3. a list or tuple of (2)"
        )
    return script_constant(value)


def _first_invalid(value: object) -> object:
    if isinstance(value, (tuple, list)):
        return next(_first_invalid(v) for v in value if not is_constant_value(v))
    return value
