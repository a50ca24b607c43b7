"""When two nodes compute the same thing: a key that nodes of the same kind, inputs, attributes and result types share.

Whether one may stand for the other (effects, randomness, memory) is for the caller to judge. Constants are compared
by type and bits: `True` is not `1`, `0.` is not `-0.`. Tensors of up to `BY_VALUE` elements are compared by their
values, larger ones, and objects, by identity. Nodes with sub-blocks are never equal.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable
from typing import Any

from flambeau.ir.attributes import Attribute
from flambeau.ir.constants import is_tensor
from flambeau.ir.graph import Graph
from flambeau.ir.node import Node
from flambeau.ir.tensor import Device, TensorData
from flambeau.ir.values import EnumValue

BY_VALUE = 1024


def node_key(node: Node) -> Hashable | None:
    """A key that equal nodes share; None for a node that equals no other."""
    if node.blocks:
        return None
    attributes = node.attributes
    keys = [(name, _attribute_key(attributes[name])) for name in sorted(attributes)]
    return (node.kind, tuple(map(id, node.inputs)), tuple(keys), tuple(v.type for v in node.outputs))


def equal_nodes(a: Node, b: Node) -> bool:
    """Whether two nodes compute the same thing."""
    return a is b or (node_key(a) is not None and node_key(a) == node_key(b))


def _attribute_key(given: Attribute) -> Hashable:
    if isinstance(given.value, Graph):
        return ("g", id(given.value))
    return (given.kind, value_key(given.value))


def value_key(value: object) -> Hashable:
    """A key that two values share if one constant can stand for both."""
    match value:
        case None | bool() | int() | str():
            return (type(value), value)
        case float():
            return (float, struct.pack("d", value))
        case complex():
            return (complex, struct.pack("dd", value.real, value.imag))
        case list() | tuple():
            return (type(value), tuple(map(value_key, value)))
        case dict():
            return (dict, tuple((value_key(k), value_key(v)) for k, v in value.items()))
        case EnumValue() | Device():
            return (type(value), value)
        case _ if is_tensor(value):
            return _tensor_key(value)
        case _ if type(value).__hash__ is not object.__hash__ and type(value).__hash__ is not None:
            return (type(value), value)
        case _:
            return id(value)


def _tensor_key(tensor: Any) -> Hashable:
    if isinstance(tensor, TensorData):
        return _tensor_data_key(tensor)
    try:
        simple = tensor.numel() <= BY_VALUE and str(tensor.layout) == "torch.strided" and not tensor.is_quantized
        if not simple or tensor.is_conj() or tensor.is_neg() or str(tensor.device) != "cpu":
            return id(tensor)
        data = bytes(tensor.detach().contiguous().clone().untyped_storage().tolist())
    except (RuntimeError, NotImplementedError, TypeError):  # tensors without data, subclasses that refuse
        return id(tensor)
    facts = (str(tensor.dtype), tuple(tensor.shape), tuple(tensor.stride()), bool(tensor.requires_grad))
    return (type(tensor), facts, data)


def _tensor_data_key(tensor: TensorData) -> Hashable:
    if tensor.numel > BY_VALUE or tensor.quantizer is not None or tensor.parts or tensor.dtype.numpy_name is None:
        return id(tensor)
    if tensor.storage is None or not tensor.storage.has_data:
        return id(tensor)
    facts = (tensor.dtype, tensor.sizes, tensor.strides, tensor.device, tensor.requires_grad)
    return (TensorData, facts, tensor.numpy().tobytes())
