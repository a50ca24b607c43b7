"""Classes that C++ code binds, such as the packed parameters of quantized modules.

Their qualified names start with `__torch__.torch.classes.`. Programs do not define them: PyTorch, or a library that is
loaded into it, has them. Here they are types without attributes, whose objects are passed around unopened and whose
methods are schemas without graphs. Those of PyTorch's own classes that programs call stand in the table below; of other
classes, whoever sees an object adds them (`add_bound_methods`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from .class_types import ClassType, Property
from .function import Function
from .schema import FunctionSchema
from .text.schema_parser import parse_schema
from .text.type_parser import custom_class as known_class
from .types import NamedType

__all__ = ["BOUND_CLASSES", "add_bound_methods", "bound_class_of", "custom_class", "is_bound"]

BOUND_CLASSES = "__torch__.torch.classes."
"""What the qualified names of these classes start with."""

_CONVOLUTION = """
__getstate__({self} _0) -> ((str, Tensor[], Tensor?[]) _0)
__setstate__({self} _0, Any _1) -> NoneType _0
weight({self} _0) -> Tensor _0
bias({self} _0) -> Tensor? _0
unpack({self} _0) -> ((Tensor, Tensor?) _0)
stride({self} _0) -> int[] _0
padding({self} _0) -> int[] _0
output_padding({self} _0) -> int[] _0
dilation({self} _0) -> int[] _0
groups({self} _0) -> int _0
transpose({self} _0) -> bool _0
"""
_METHODS = {
    "quantized.LinearPackedParamsBase": """
__getstate__({self} _0) -> ((Tensor, Tensor?) _0)
__setstate__({self} _0, (Tensor, Tensor?) _1) -> NoneType _0
bias({self} _0) -> Tensor? _0
unpack({self} _0) -> ((Tensor, Tensor?) _0)
""",
    "quantized.Conv2dPackedParamsBase": _CONVOLUTION,
    "quantized.Conv3dPackedParamsBase": _CONVOLUTION,
    "quantized.EmbeddingPackedParamsBase": """
__getstate__({self} _0) -> ((int, Tensor[], float[], int[]) _0)
__setstate__({self} _0, (int, Tensor[], float[], int[]) _1) -> NoneType _0
bit_rate({self} _0) -> int _0
unpack({self} _0) -> Tensor _0
version({self} _0) -> int _0
""",
    "cuda.Stream": """
__init__({self} _0, Device? device=None, int priority=0) -> NoneType _0
query({self} _0) -> bool _0
record_event({self} _0, {cuda}Event _1) -> {cuda}Event _0
synchronize({self} _0) -> NoneType _0
wait_event({self} _0, {cuda}Event _1) -> NoneType _0
wait_stream({self} _0, {self} _1) -> NoneType _0
device_index({self} _0) -> int _0
device_getter({self} _0) -> Device _0
id({self} _0) -> int _0
""",
    "cuda.Event": """
__init__({self} _0, bool enable_timing=False, bool blocking=False, bool interprocess=False) -> NoneType _0
elapsed_time({self} _0, {self} _1) -> float _0
query({self} _0) -> bool _0
record({self} _0, {cuda}Stream _1) -> NoneType _0
synchronize({self} _0) -> NoneType _0
wait({self} _0, {cuda}Stream _1) -> NoneType _0
""",
    "rnn.CellParamsBase": """
__getstate__({self} _0) -> ((str, Tensor[], float[], int[], {quantized}LinearPackedParamsBase[]) _0)
__setstate__({self} _0, (str, Tensor[], float[], int[], {quantized}LinearPackedParamsBase[]) _1) -> NoneType _0
""",
}
"""Schemas of methods, by class; one named `x_getter` reads the property `x`."""


def is_bound(named: NamedType | Function) -> bool:
    """Whether a type is such a class."""
    return named.qualified_name.startswith(BOUND_CLASSES)


def bound_class_of(value: object) -> ClassType | None:
    """The class of an object that PyTorch holds; None for any other value. (PyTorch need not be installed.)"""
    if type(value).__name__ != "ScriptObject" or type(value).__module__ not in ("torch", "torch._C"):
        return None
    return custom_class(value._type().qualified_name())  # type: ignore[attr-defined]  # PyTorch's own object


@cache
def custom_class(qualified_name: str) -> ClassType:
    """The class of that name, with the methods that are known of it. There need be none in PyTorch."""
    cls = known_class(qualified_name)
    text = _METHODS.get(qualified_name.removeprefix(BOUND_CLASSES), "")
    given = text.format(self=qualified_name, quantized=f"{BOUND_CLASSES}quantized.", cuda=f"{BOUND_CLASSES}cuda.")
    add_bound_methods(cls, (parse_schema(line) for line in given.splitlines() if line))
    return cls


def add_bound_methods(cls: ClassType, schemas: Iterable[FunctionSchema]) -> None:
    """Let programs call methods of a class; those that it has already stay."""
    for schema in schemas:
        if schema.name not in cls.methods:
            receiver, *rest = schema.arguments
            named = (replace(receiver, name="self"), *rest)
            function = Function(f"{cls.qualified_name}.{schema.name}", None, replace(schema, arguments=named))
            cls.add_method(schema.name, function)
            read = schema.name.removesuffix("_getter")
            if read != schema.name:
                cls.properties[read] = Property(read, function)
