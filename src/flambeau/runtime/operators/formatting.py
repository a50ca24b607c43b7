"""Formatting: `str.format` with plain `{}`, and `%` with single-letter conversions.

`%f` and `%e` show floats as floats of 32 bits are, with more digits than those have; infinities and NaNs of `%F` are in
small letters.
"""

from __future__ import annotations

import math

from flambeau.ir import EnumValue, Function, ScriptObject, is_device, is_tensor
from flambeau.runtime.integers import single
from flambeau.runtime.operators.strings import from_bytes, to_bytes
from flambeau.runtime.registry import implements
from flambeau.runtime.text import text_of

_INT32 = 1 << 31


@implements("aten::format")
def format_(self: str, *arguments: object) -> str:
    """Each `{}` takes the next argument; arguments that are left over are ignored."""
    pieces = self.split("{}")
    if len(pieces) - 1 > len(arguments):
        raise IndexError(f"Too few arguments for format string: {self}")
    result = [pieces[0]]
    for piece, argument in zip(pieces[1:], arguments, strict=False):
        result += (text_of(argument), piece)
    return "".join(result)


@implements("aten::percentFormat")
def percent_format(self: str, *given: object) -> str:
    """One tuple stands for the values in it."""
    arguments = given[0] if len(given) == 1 and isinstance(given[0], tuple) else given
    result: list[str] = []
    used = position = 0
    while (percent := self.find("%", position)) >= 0:
        result.append(self[position:percent])
        position = percent + 2
        if position > len(self):
            raise ValueError("Incomplete format specifier")
        specifier = self[percent + 1]
        if specifier == "%":
            result.append("%")
            continue
        if used == len(arguments):
            raise TypeError("Too few arguments for format string")
        result.append(_formatted(specifier, arguments[used]))
        used += 1
    if used < len(arguments):
        raise TypeError("Too many arguments for format string")
    result.append(self[position:])
    return "".join(result)


def _formatted(specifier: str, value: object) -> str:
    if specifier == "s":
        return text_of(value)
    if specifier == "c":
        return _character(value)
    if specifier not in "dieEfF":
        raise ValueError(f"The specifier %{specifier} is not supported in TorchScript format strings")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"%{specifier} requires a number for formatting, but got {_kind_of(value)}")
    if specifier in "di":
        return str(value if isinstance(value, int) else _to_int32(value))
    if isinstance(value, float) and math.isnan(value):
        text = text_of(value)
        return text.upper() if specifier == "E" else text
    text = f"%{specifier}" % (value if isinstance(value, int) else single(value))
    return text.lower() if specifier == "F" else text


def _to_int32(value: float) -> int:
    """As C++ converts; what does not fit becomes the smallest."""
    whole = int(value) if math.isfinite(value) else -_INT32
    return whole if -_INT32 <= whole < _INT32 else -_INT32


def _character(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return from_bytes(bytes((value & 0xFF,)))
    if isinstance(value, str) and len(to_bytes(value)) == 1:
        return value
    raise TypeError(f"%c requires an int or char for formatting, but got {_kind_of(value)}")


def _kind_of(value: object) -> str:
    """What TorchScript's messages call the kind of a run-time value."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "Bool"),
        (int, "Int"),
        (float, "Double"),
        (complex, "ComplexDouble"),
        (str, "String"),
        (list, "GenericList"),
        (dict, "GenericDict"),
        (tuple, "Tuple"),
        (EnumValue, "Enum"),
        (ScriptObject, "Object"),
        (Function, "Function"),
    )
    if value is None:
        return "None"
    if is_tensor(value):
        return "Tensor"
    return next((name for kind, name in kinds if isinstance(value, kind)), "Device" if is_device(value) else "Any")
