"""The arguments of an operator as values of the graph: tensors by identity, all else as constants.

A plain number where the schema wants a tensor (`x * 2`) becomes a constant tensor, as in TorchScript's traces: a
`Long` or a `Double` of no dimensions. Where such a constant would promote otherwise than the number did, it has the
type that the number took on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from flambeau import ir
from flambeau.errors import UnsupportedError
from flambeau.ir import Argument, ListType, OptionalType, TensorType, Type, Value
from flambeau.python.tracing.numbers import symbolic_number
from flambeau.python.tracing.operators import OperatorFacts
from flambeau.python.types.constants import enumeration_number

if TYPE_CHECKING:
    from types import FrameType

    from flambeau.python.tracing.recorder import Recorder

list_of_tensors = ListType(ir.TENSOR)

_CONVERSIONS: dict[Type, str] = {
    ir.INT: "aten::Int",
    ir.FLOAT: "aten::FloatImplicit",
    ir.NUMBER: "aten::ScalarImplicit",
}
"""How a tensor of one element becomes a number of a type."""


def tensor_type(tensor: Tensor) -> Type:
    """All that a tensor tells of its type."""
    known = ir.tensor_type_of(tensor)
    return known.replace(requires_grad=tensor.requires_grad) if known.is_refined else known


def emit_argument(
    recorder: Recorder, argument: Argument, value: object, given: Sequence[object], frame: FrameType | None
) -> Value:
    """The value of one argument of an operator; `given` are all of them."""
    found = emit(recorder, argument.type, value, given, frame)
    if found is None:
        raise UnsupportedError(
            f"a call cannot be recorded: its argument '{argument.name}' of type {argument.type_text()} is "
            f"{type(value).__name__} {value!r}"
        )
    return found


def emit(
    recorder: Recorder, type: Type, value: object, given: Sequence[object], frame: FrameType | None
) -> Value | None:
    """A value of a type in the open scope; None if there is no way to express it."""
    if isinstance(value, Tensor):
        return recorder.value_of(value, frame)
    if value is None:
        return ir.insert_constant(recorder.graph, None)
    if isinstance(type, OptionalType):
        type = type.element
    symbolic = symbolic_number(value)
    if symbolic is not None:
        return emit_number(recorder, type, symbolic.tensor, frame)
    if isinstance(type, ListType):
        return _emit_list(recorder, type, value, given, frame)
    if isinstance(type, TensorType) and isinstance(value, (bool, int, float, complex)):
        return ir.insert_constant(recorder.graph, constant_tensor(value, given))
    return _emit_constant(recorder, type, value)


def emit_number(recorder: Recorder, type: Type, tensor: Tensor, frame: FrameType | None = None) -> Value | None:
    """The number in a tensor of one element, as a value of a type of numbers."""
    wanted = type.element if isinstance(type, OptionalType) else type
    if wanted not in _CONVERSIONS:
        return None
    return recorder.insert(_CONVERSIONS[wanted], [recorder.value_of(tensor, frame)], wanted)


def _emit_list(
    recorder: Recorder, type: ListType, value: object, given: Sequence[object], frame: FrameType | None
) -> Value | None:
    if not isinstance(value, (list, tuple)):
        return None
    elements: list[Value] = []
    for element in value:
        emitted = emit(recorder, type.element, element, given, frame)
        if emitted is None:
            return None
        elements.append(emitted)
    return recorder.insert("prim::ListConstruct", elements, type)


def _emit_constant(recorder: Recorder, type: Type, value: object) -> Value | None:
    number = enumeration_number(value)
    if number is not None:
        return ir.insert_constant(recorder.graph, number)
    if isinstance(value, torch.Generator):
        return ir.insert_constant(recorder.graph, value, ir.GENERATOR)
    if type is ir.FLOAT and isinstance(value, int):
        value = float(value)
    elif type in (ir.INT, ir.NUMBER) and isinstance(value, bool):
        value = int(value)  # scripts have no bools among their numbers
    if not isinstance(value, (bool, int, float, complex, str, torch.device)):
        return None
    return ir.insert_constant(recorder.graph, value)


_FILLED = {"aten::full": 1, "aten::scalar_tensor": 0}
"""Operators whose result has the type of a number, unless they are told another: which argument is the number."""


def with_type_of_bools(facts: OperatorFacts, given: list[object]) -> list[object]:
    """The arguments of an operator, with the type of the result where a bool says it: the graph will have an int."""
    index = _FILLED.get(facts.kind)
    dtype = facts.schema.find_argument("dtype")
    if index is None or dtype is None or given[dtype] is not None or not isinstance(given[index], bool):
        return given
    return [*given[:dtype], torch.bool, *given[dtype + 1 :]]


_DTYPES: dict[type, torch.dtype] = {
    bool: torch.bool,
    int: torch.int64,
    float: torch.float64,
    complex: torch.complex128,
}


def constant_tensor(number: bool | int | float | complex, given: Sequence[object]) -> Tensor:
    """The constant for a number among tensors, of a type that promotes as the number does."""
    plain = torch.tensor(number, dtype=_DTYPES[type(number)])
    other = next((t for t in given if isinstance(t, Tensor)), None)
    if other is None:
        return plain
    promoted = torch.result_type(other, number)
    if torch.result_type(other, plain) == promoted:
        return plain
    return torch.tensor(number, dtype=promoted)
