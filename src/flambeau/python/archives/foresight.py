"""How much an operator would make, found by running it on tensors that have sizes and no memory (`meta`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from flambeau.errors import FlambeauError
from flambeau.ir import DEVICE, Node, OptionalType, Type

__all__ = ["result_size"]

_META = torch.device("meta")


def result_size(node: Node, operands: Sequence[object]) -> int | None:
    """The bytes of all tensors that the operator of a node would return; None for operators that cannot tell."""
    operator = node.operator
    if operator is None or operator.is_jit_only or operator.schema.is_vararg or not node.kind.startswith("aten::"):
        return None
    schema = operator.schema
    packet = getattr(torch.ops.aten, node.kind.removeprefix("aten::"), None)
    overload: Any = getattr(packet, schema.overload_name or "default", None)
    if overload is None:
        return None
    positional, named = [], {}
    for argument, operand in zip(schema.arguments, operands, strict=True):
        value = _META if _is_device(argument.type) else _without_memory(operand)
        if argument.kwarg_only:
            named[argument.name] = None if argument.name == "pin_memory" else value
        else:
            positional.append(value)
    try:
        with torch.no_grad():
            return _bytes(overload(*positional, **named))
    except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, FlambeauError):
            raise
        return None


def _is_device(type: Type) -> bool:
    return type is DEVICE or (isinstance(type, OptionalType) and type.element is DEVICE)


def _without_memory(operand: object) -> object:
    if isinstance(operand, Tensor):
        if operand.is_quantized or operand.layout is not torch.strided:
            return torch.empty(operand.shape, dtype=torch.float64, device=_META)
        return torch.empty_strided(operand.size(), operand.stride(), dtype=operand.dtype, device=_META)
    if isinstance(operand, (list, tuple)):
        return [_without_memory(item) for item in operand]
    return operand


def _bytes(result: object) -> int:
    if isinstance(result, Tensor):
        return result.numel() * result.element_size()
    return sum(map(_bytes, result)) if isinstance(result, (list, tuple)) else 0
