"""Attributes of nodes: a kind and a value.

The kinds have TorchScript's names: `f c i s t g ty ival` for a float, complex, int, string, tensor, graph, type and any
constant value; `fs cs is ss ts gs tys` for lists of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

AttributeKindName: TypeAlias = Literal[
    "f", "fs", "c", "cs", "i", "is", "s", "ss", "t", "ts", "g", "gs", "ty", "tys", "ival"
]


@final
@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute value; lists are stored as tuples."""

    kind: AttributeKindName
    value: object


def attribute(kind: AttributeKindName, value: object) -> Attribute:
    """An attribute; list kinds take any sequence."""
    if len(kind) > 1 and kind.endswith("s") and isinstance(value, list):
        return Attribute(kind, tuple(value))
    return Attribute(kind, value)
