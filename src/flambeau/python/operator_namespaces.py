"""Operators reached as `torch.ops.namespace.name`: those that a program registered itself are entered in the table."""

from __future__ import annotations

from flambeau.errors import OperatorError, ParseError
from flambeau.ir import operators_named, register_operator


def register_packet(packet: object, name: str) -> None:
    """Enter the overloads of an operator that the table does not have, from the schemas that PyTorch holds of them."""
    if operators_named(name):
        return
    overloads = getattr(packet, "overloads", None)
    if not callable(overloads):
        return
    for overload in overloads():
        schema = getattr(getattr(packet, overload), "_schema", None)
        try:
            register_operator(str(schema))
        except (OperatorError, ParseError):
            continue
