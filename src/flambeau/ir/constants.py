"""Constants: `prim::Constant` nodes and the Python values they stand for.

    %1 : int = prim::Constant[value=3]()

Numbers, bools and strings are stored as attributes of kind `i`, `f`, `c`, `s` (a bool is an `i` whose output is
`bool`), tensors as `t`, None as no attribute at all, and all else (lists, tuples, dicts, enum members, devices,
functions, objects) as `ival`.
"""

from __future__ import annotations

from typing import Any, final

from . import types as t
from .class_types import ClassType, EnumType, FunctionType
from .function import Function
from .graph import Graph
from .node import Node, Value
from .scalar_types import Layout, ScalarType
from .source import SourceRange
from .subtyping import unify_all
from .tensor import Device, TensorData
from .types import Type
from .values import EnumValue, ScriptObject


@final
class NotConstant:
    """The type of `NOT_CONSTANT`, which stands for "not known before the program runs"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_CONSTANT"

    def __bool__(self) -> bool:
        return False


NOT_CONSTANT = NotConstant()

_BY_TYPE: dict[type, tuple[Type, str]] = {
    bool: (t.BOOL, "i"),
    int: (t.INT, "i"),
    float: (t.FLOAT, "f"),
    complex: (t.COMPLEX, "c"),
    str: (t.STRING, "s"),
}


def infer_constant_type(value: object) -> Type | None:
    """The type of a value that can be a constant; None if it cannot be one, or its type is not unique (empty list)."""
    if value is None:
        return t.NONE
    if type(value) in _BY_TYPE:
        return _BY_TYPE[type(value)][0]
    match value:
        case list():
            element = unify_all(tuple(map(t.unshaped, _known_types(value))))
            return None if element is None else t.ListType(element)
        case tuple():
            elements = tuple(infer_constant_type(v) for v in value)
            known = tuple(e for e in elements if e is not None)
            return t.TupleType(known) if len(known) == len(elements) else None
        case dict():
            key = unify_all(tuple(map(t.unshaped, _known_types(value))))
            element = unify_all(tuple(map(t.unshaped, _known_types(value.values()))))
            return None if key is None or element is None else t.DictType(key, element)
        case EnumValue():
            return value.type
        case ScriptObject():
            return value.type
        case Function():
            return FunctionType(value)
        case _:
            return _tensor_or_device_type(value)


def _known_types(values: object) -> list[Type]:
    types = [infer_constant_type(v) for v in values]  # type: ignore[attr-defined]  # a list or a view of a dict
    return [] if None in types else [x for x in types if x is not None]


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor, PyTorch's or ours. (PyTorch need not be installed, so it is known by its name.)"""
    return isinstance(value, TensorData) or any(
        c.__name__ == "Tensor" and c.__module__ in ("torch", "torch._tensor") for c in type(value).__mro__
    )


def is_device(value: object) -> bool:
    """Whether a value is a device, PyTorch's or ours."""
    return isinstance(value, Device) or (type(value).__name__ == "device" and type(value).__module__ == "torch")


def tensor_type_of(value: Any) -> t.TensorType:
    """All that a tensor (PyTorch's or ours) tells of its type; `requires_grad` is not told, as constants have none."""
    if isinstance(value, TensorData):
        strided = value.layout is Layout.Strided
        return t.TensorType(
            value.dtype, value.sizes, value.strides if strided else None, value.device, requires_grad=False
        )
    try:
        dtype = ScalarType.from_dtype_name(str(value.dtype).removeprefix("torch."))
        strides = tuple(value.stride()) if str(value.layout) == "torch.strided" else None
        return t.TensorType(dtype, tuple(value.shape), strides, str(value.device), requires_grad=False)
    except (RuntimeError, NotImplementedError, TypeError):  # tensor subclasses may refuse any of these questions
        return t.TENSOR


def _tensor_or_device_type(value: object) -> Type | None:
    if is_tensor(value):
        return tensor_type_of(value)
    return t.DEVICE if is_device(value) else None


def create_constant(graph: Graph, value: object, type: Type | None = None) -> Node:
    """A constant node (in no block yet); ValueError if the value cannot be a constant.

    `type` states the type where the value does not tell it (an empty list, a dtype that is an int, an optional).
    """
    known = type or infer_constant_type(value)
    if known is None:
        raise ValueError(f"Unsupported value kind: {value!r} cannot be a constant")
    node = graph.create("prim::Constant", (), (known,))
    if value is None:
        return node
    if value.__class__ in _BY_TYPE:
        kind = _BY_TYPE[value.__class__][1]
        return node.set_attribute("value", kind, int(value) if isinstance(value, bool) else value)  # type: ignore[arg-type]
    return node.set_attribute("value", "t" if is_tensor(value) else "ival", value)


def insert_constant(graph: Graph, value: object, type: Type | None = None, range: SourceRange | None = None) -> Value:
    """Insert a constant at the insert point and return its value; ValueError if it cannot be a constant."""
    node = create_constant(graph, value, type)
    if range is not None:
        node.range = range
    return graph.insert_node(node).output


def is_constant(value: Value) -> bool:
    """Whether a value is the output of a `prim::Constant`."""
    return value.node.kind == "prim::Constant"


def constant_of(node: Node) -> object:
    """The Python value of a constant node."""
    given = node.attributes.get("value")
    if given is None:
        return None
    if given.kind == "i" and node.output.type is t.BOOL:
        return bool(given.value)
    if given.kind in ("fs", "is", "ss", "ts", "cs"):
        return list(given.value)  # type: ignore[call-overload]  # plural kinds hold tuples
    return given.value


def constant_value(value: Value) -> object:
    """The Python value of a constant, or `NOT_CONSTANT`. (None is the constant None.)"""
    return constant_of(value.node) if is_constant(value) else NOT_CONSTANT


def is_none(value: Value) -> bool:
    """Whether a value is certainly None."""
    return value.type is t.NONE or (is_constant(value) and constant_of(value.node) is None)


def is_immutable(given: Type) -> bool:
    """Whether values of a type can never change: no tensors, lists, dicts or objects in them."""
    if isinstance(given, (t.TensorType, t.ListType, t.DictType, ClassType)) or given is t.ANY:
        return False
    if isinstance(given, (EnumType, FunctionType)):
        return True
    return all(map(is_immutable, given.contained))
