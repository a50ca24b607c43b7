"""In-place operators whose effect nobody sees.

    %n : Tensor = prim::NumToTensor(%size)
    %m : Tensor = aten::mul_(%n, %k)            may go if what follows reads neither %n nor %m

Checks of shapes compute with sizes in place; their results are compared in Python, and nothing is left of them in the
graph but such writes. Only memory that an operator has made here, and of which no view was taken, is looked at.
"""

from __future__ import annotations

from flambeau.ir import Node, Value


def writes_in_vain(writer: Node) -> bool:
    """Whether an operator, of which no result is read, does nothing but write to tensors that nobody reads after it."""
    operator = writer.operator
    if operator is None or operator.has_side_effects:
        return False
    arguments = operator.schema.arguments
    targets = [v for v, argument in zip(writer.inputs, arguments, strict=False) if argument.is_write]
    return bool(targets) and all(_is_unseen_after(writer, target) for target in targets)


def _is_unseen_after(writer: Node, target: Value) -> bool:
    """Whether the memory of a tensor was made here, and everything that knows it comes before the writer."""
    value: Value | None = target
    while value is not None:
        if any(use.user is not writer and not _is_past_reader(use.user, writer, value) for use in value.uses):
            return False
        if _is_new(value):
            return True
        value = _written_by_same(value)
    return False


def _is_past_reader(user: Node, writer: Node, value: Value) -> bool:
    operator = user.operator
    if operator is None or user.owning_block is not writer.owning_block or not user.is_before(writer):
        return False
    aliased = any(result.alias is not None for result in operator.schema.returns)
    return not aliased or _written_by_same(user.outputs[0]) is value


def _is_new(value: Value) -> bool:
    operator = value.node.operator
    return operator is not None and operator.schema.returns[value.offset].alias is None


def _written_by_same(value: Value) -> Value | None:
    """The tensor that an in-place operator wrote to and returned as `value`; None if `value` is no such result."""
    operator = value.node.operator
    if operator is None or value.offset >= len(operator.schema.returns):
        return None
    alias = operator.schema.returns[value.offset].alias
    if alias is None or not alias.is_write:
        return None
    for given, argument in zip(value.node.inputs, operator.schema.arguments, strict=False):
        if argument.alias is not None and argument.alias.is_write and argument.alias.before == alias.before:
            return given
    return None
