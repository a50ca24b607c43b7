"""Between tensors and plain values.

The `...Implicit` forms stand where a tensor is passed for a number; they take 0-dim tensors that need no gradient only.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

from flambeau.errors import InvalidGraphError
from flambeau.ir import BOOL, COMPLEX, FLOAT, INT, ListType, Node, ScalarType, TensorType, Type
from flambeau.runtime.aten.enumerations import dtype_number
from flambeau.runtime.integers import INT_MAX, INT_MIN
from flambeau.runtime.registry import Kernel, implements, specialises

Number: TypeAlias = "bool | int | float | complex"


def _to_int(value: Number) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, complex) or not math.isfinite(value) or not INT_MIN <= int(value) <= INT_MAX:
        raise OverflowError("value cannot be converted to type int64_t without overflow")
    return int(value)


def _to_float(value: Number) -> float:
    if isinstance(value, complex):
        if value.imag != 0:
            raise OverflowError("value cannot be converted to type double without overflow")
        return value.real
    return float(value)


@implements("aten::Bool.Tensor")
def to_bool(a: Tensor) -> bool:
    return bool(a)


@implements("aten::Int.Tensor")
def to_int(a: Tensor) -> int:
    value = a.item()
    return value if value.__class__ is int else _to_int(value)


@implements("aten::Float.Tensor")
def to_float(a: Tensor) -> float:
    value = a.item()
    return value if value.__class__ is float else _to_float(value)


@implements(
    *("aten::Complex.Tensor_Tensor", "aten::Complex.Tensor_float", "aten::Complex.float_Tensor"),
    *("aten::Complex.Tensor_int", "aten::Complex.int_Tensor", "aten::Complex.Tensor_bool", "aten::Complex.bool_Tensor"),
)
def to_complex(x: Tensor | float, y: Tensor | float) -> complex:
    real, imaginary = (float(p.item()) if isinstance(p, Tensor) else float(p) for p in (x, y))
    return complex(real, imaginary)


# --- implicit


def _checked(a: Tensor) -> Number:
    if a.requires_grad:
        raise RuntimeError("Cannot input a tensor that requires grad as a scalar argument")
    if a.dim() != 0:
        raise RuntimeError("Cannot input a tensor of dimension other than 0 as a scalar argument")
    return a.item()


@implements("aten::IntImplicit")
def int_implicit(a: Tensor) -> int:
    value = _checked(a)
    if isinstance(value, bool) or not isinstance(value, int):
        name = ScalarType(dtype_number(a.dtype)).name
        raise RuntimeError(f"Cannot input a tensor of type {name} as an integral argument")
    return value


@implements("aten::FloatImplicit")
def float_implicit(a: Tensor) -> float:
    return _to_float(_checked(a))


@implements("aten::ComplexImplicit")
def complex_implicit(a: Tensor) -> complex:
    return complex(_checked(a))


@implements("aten::ScalarImplicit")
def scalar_implicit(a: Tensor) -> Number:
    return _checked(a)


# --- numbers and lists to tensors


_NUMBER_DTYPES = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}


@implements("prim::NumToTensor.Scalar", "prim::NumToTensor.bool")
def number_to_tensor(a: Number) -> Tensor:
    return torch.tensor(a, dtype=_NUMBER_DTYPES[type(a)], device="cpu")


@implements("aten::_list_to_tensor")
def list_to_tensor(self: list[int]) -> Tensor:
    return torch.tensor(self, dtype=torch.int32, device="cpu")


@implements("aten::_tensor_to_list")
def tensor_to_list(self: Tensor) -> list[int]:
    if self.numel() and self.dtype is not torch.int32:
        raise RuntimeError(f"expected scalar type Int but found {ScalarType(dtype_number(self.dtype)).name}")
    return self.reshape(-1).tolist()


_ELEMENTS: dict[Type, tuple[torch.dtype, ...]] = {
    INT: (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    FLOAT: (torch.float32, torch.float64, torch.float16, torch.bfloat16),
    BOOL: (torch.bool,),
    COMPLEX: (torch.complex64, torch.complex128, torch.complex32),
}
_MISMATCH = "Output annotation element type and runtime tensor element type must match for tolist()"
_WRONG_RANK = "Output annotation list dimension and runtime tensor dimension must match for tolist()"


@specialises("prim::tolist")
def tolist(node: Node) -> Kernel:
    """The nesting and the element type are those that the script's annotation gives the result."""
    rank, element = 0, node.output.type
    while isinstance(element, ListType):
        rank, element = rank + 1, element.element
    if element not in _ELEMENTS:
        raise InvalidGraphError(f"tolist() cannot make {node.output.type}")
    accepted = _ELEMENTS[element]
    expected = ScalarType(dtype_number(accepted[0])).name

    def kernel(tensor: Tensor, *described: object) -> object:
        if tensor.dtype not in accepted:
            raise RuntimeError(f"{_MISMATCH}: {expected} vs {ScalarType(dtype_number(tensor.dtype)).name}")
        if tensor.dim() != rank:
            raise RuntimeError(_WRONG_RANK)
        return tensor.tolist()

    return kernel


# --- torch.tensor


def element_dtype(given: Type) -> torch.dtype:
    """The dtype that `torch.tensor` chooses for (nested lists of) values of a type."""
    while isinstance(given, ListType):
        given = given.element
    if given is FLOAT:
        return torch.get_default_dtype()
    if given is COMPLEX:
        return torch.complex128 if torch.get_default_dtype() is torch.float64 else torch.complex64
    if given is INT or given is BOOL:
        return torch.int64 if given is INT else torch.bool
    raise RuntimeError(f"Input must be of ints, floats, or bools, got {given}")


def of_tensors(given: Type) -> bool:
    """Whether a type is a list (of lists) of tensors."""
    while isinstance(given, ListType):
        given = given.element
    return isinstance(given, TensorType)
