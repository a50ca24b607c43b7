"""What an operator had been given when it failed, for the text of the exception: names, dtypes, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from flambeau.ir import Argument, EnumValue, Node, TensorType, Value, constant_of, is_constant, is_device, is_tensor

__all__ = ["UNKNOWN", "Operand", "argument_text", "operand_values", "undefined_argument"]

Operand: TypeAlias = "str | tuple[Operand, ...]"
"""The variable of generated code that holds a value, those of a list's elements, or "" for neither."""

UNKNOWN = object()
"""Stands for a value that is not to be had any more."""
_MOST_ELEMENTS = 4
_DEEPEST = 3
_LONGEST_TEXT = 40


def operand_values(node: Node, operands: Sequence[Operand], variables: Mapping[str, object]) -> list[object]:
    """The inputs of a node, as far as they are constants or in variables."""
    return [_operand_value(v, operand, variables) for v, operand in zip(node.inputs, operands, strict=False)]


def _operand_value(value: Value, operand: Operand, variables: Mapping[str, object]) -> object:
    if is_constant(value):
        return constant_of(value.node)
    if isinstance(operand, tuple):
        return operand_values(value.node, operand, variables)
    return variables.get(operand, UNKNOWN)


def argument_text(node: Node, values: Sequence[object]) -> str:
    """The arguments of a call as a line (`aten::mm(self: float32[2, 3], mat2: float32[2, 3])`); "" if it has none."""
    known = _arguments(node, values)
    if not known:
        return ""
    texts = [f"{argument.name}: {_text(value)}" for argument, value in known if value is not UNKNOWN]
    return f"{node.kind}({', '.join(texts)})" if texts else ""


def undefined_argument(node: Node, values: Sequence[object]) -> str:
    """What is wrong with the first argument that must be a tensor and is None; "" if there is none."""
    for position, (argument, value) in enumerate(_arguments(node, values)):
        if value is None and isinstance(argument.type, TensorType):
            return (
                "Expected a proper Tensor but got None (or an undefined Tensor in C++) "
                f"for argument #{position} '{argument.name}'"
            )
    return ""


def _arguments(node: Node, values: Sequence[object]) -> list[tuple[Argument, object]]:
    operator = node.operator
    if operator is None or operator.is_vararg:
        return []
    return list(zip(operator.schema.arguments, values, strict=False))


def _text(value: object, depth: int = 0) -> str:
    if value is UNKNOWN:
        return "?"
    if is_tensor(value):
        try:
            return _tensor_text(value)
        except (AttributeError, RuntimeError, TypeError, ValueError):  # of a subclass that does not tell
            return type(value).__name__
    match value:
        case list() | tuple() if depth == _DEEPEST:
            return "[...]"
        case list() | tuple():
            shown = [_text(v, depth + 1) for v in value[:_MOST_ELEMENTS]]
            more = [f"... {len(value)} in all"] if len(value) > _MOST_ELEMENTS else []
            return f"[{', '.join([*shown, *more])}]"
        case str():
            return repr(value) if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]!r}..."
        case None | bool() | int() | float() | complex():
            return repr(value)
        case dict():
            return f"dict of {len(value)}"
        case EnumValue():
            return value.name
        case _:
            return str(value) if is_device(value) else type(value).__name__


def _tensor_text(value: Any) -> str:
    """dtype and sizes; layout and device where they are not the usual ones."""
    if value.is_nested:  # some have no sizes
        return f"nested {str(value.dtype).removeprefix('torch.')}"
    text = f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    layout, device = str(value.layout).removeprefix("torch."), str(value.device)
    marks = [mark for mark, usual in ((layout, "strided"), (device, "cpu")) if mark != usual]
    return " ".join([text, *marks])
