"""What is known of tensors that a graph holds as constants."""

from __future__ import annotations

from flambeau.ir import OpaqueConstant, TensorType, Value, constant_value, is_tensor, tensor_type_of

__all__ = ["constant_tensor_type"]


def constant_tensor_type(value: Value) -> TensorType | None:
    """The exact type of a constant tensor; None if a value is none."""
    known = constant_value(value)
    if isinstance(known, OpaqueConstant):  # read from a text that leaves the elements out
        return value.type if isinstance(value.type, TensorType) else None
    return tensor_type_of(known) if is_tensor(known) else None
