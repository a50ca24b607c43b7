"""Types as graphs print them, which is `str(type)` but for a few forms.

Futures and remote references have square brackets, named tuples show their fields and defaults; inside dicts, unions
and awaitables, tensors are plain and named tuples go by name.
"""

from __future__ import annotations

import re

from flambeau.ir import types as t
from flambeau.ir.schema import value_text
from flambeau.ir.types import Type

_PLAIN_STRING = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)
_WORDS = frozenset({"None", "True", "False", "inf", "nan"})


def type_text(given: Type) -> str:
    """The text of a value's type."""
    match given:
        case t.ListType(element):
            return f"{type_text(element)}[]"
        case t.OptionalType(element):
            return f"{type_text(element)}?"
        case t.FutureType() | t.RRefType():
            return f"{given.word}[{type_text(given.element)}]"
        case t.TupleType(elements, _, None):
            return f"({', '.join(map(type_text, elements))})"
        case t.TupleType(field_names=tuple(names)):
            return _named_tuple_text(given, names)
        case t.DictType() | t.UnionType() | t.AwaitType():
            return _inner_text(given)
        case _:
            return str(given)


def _named_tuple_text(given: t.TupleType, names: tuple[str, ...]) -> str:
    without = len(names) - len(given.defaults)
    fields = [f"{name} : {type_text(e)}" for name, e in zip(names, given.elements, strict=True)]
    for index, default in enumerate(given.defaults):
        fields[without + index] += f" = {_default_text(default)}"
    return f"NamedTuple({', '.join(fields)})"


def _default_text(value: object) -> str:
    if isinstance(value, str) and _PLAIN_STRING.match(value) and value not in _WORDS:
        return value
    return value_text(value)


def _inner_text(given: Type) -> str:
    match given:
        case t.TensorType():
            return "Tensor"
        case t.TupleType(_, name, tuple()):
            return name
        case t.ListType(element):
            return f"{_inner_text(element)}[]"
        case t.OptionalType(element):
            return f"{_inner_text(element)}?"
        case t.TupleType(elements):
            return f"({', '.join(map(_inner_text, elements))})"
        case t.DictType(key, value):
            return f"Dict({_inner_text(key)}, {_inner_text(value)})"
        case t.UnionType(elements):
            return f"Union({', '.join(map(_inner_text, elements))})"
        case t.FutureType() | t.RRefType() | t.AwaitType():
            return f"{given.word}({_inner_text(given.element)})"
        case _:
            return str(given)
