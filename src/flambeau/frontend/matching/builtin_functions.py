"""Built-in functions that are written in TorchScript themselves.

They are overloads of `aten::` names, tried after the operators of that name, and inlined where they are called. Their
text is compiled when a name is first asked for.

    2 * x      ->  aten::mul(x, 2)           by mul(a: int, b: Tensor) below
    x.ndim     ->  aten::dim(x)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

from flambeau import ir

from ..definition import ClassDefinition, Definition, definitions_in

_SCALARS = ("float", "int", "complex")
_ORDERED = ("float", "int")

_SCALAR_WITH_TENSOR = """
def mul(a: {scalar}, b: Tensor) -> Tensor:
    return b * a

def add(a: {scalar}, b: Tensor) -> Tensor:
    return b + a

def sub(a: {scalar}, b: Tensor) -> Tensor:
    return torch.neg(b) + a

def div(a: {scalar}, b: Tensor) -> Tensor:
    return torch.reciprocal(b) * a
"""

_SCALAR_ORDER = """
def lt(a: {scalar}, b: Tensor) -> Tensor:
    return b > a

def le(a: {scalar}, b: Tensor) -> Tensor:
    return b >= a

def gt(a: {scalar}, b: Tensor) -> Tensor:
    return b < a

def ge(a: {scalar}, b: Tensor) -> Tensor:
    return b <= a
"""

_REPEATED = """
def _{name}(x: BroadcastingList{count}[{scalar}]) -> List[{scalar}]:
    return x
"""
_REPEATED_NAMES = {"single": 1, "pair": 2, "triple": 3, "quadruple": 4}

_FLOORDIV = """
def floordiv(self: Tensor, other: {other}) -> Tensor:
    return torch.floor_divide(self, other)
"""

_OTHERS = """
def ndim(a: Tensor) -> int:
    return a.dim()

def T(a: Tensor) -> Tensor:
    return a.numpy_T()

def H(a: Tensor) -> Tensor:
    return a.matrix_H()

def shape(a: Tensor) -> List[int]:
    return a.size()

def list_with_default(out_size: List[int], defaults: List[int]) -> List[int]:
    assert len(defaults) > len(out_size)
    return out_size

def _assert(condition: bool, message: str) -> None:
    assert condition, message

def _assert(condition: Tensor, message: str) -> None:
    assert bool(condition), message

def _assert_int_or_pair(vals: List[int], name: str, message: str) -> None:
    pass

def type(
    self: Tensor, dtype: int, non_blocking: bool=False, copy: bool=False, memory_format: Optional[int]=None
) -> Tensor:
    return self.to(dtype, non_blocking, copy, memory_format)

def __contains__(self: str, key: str) -> bool:
    return self.find(key, 0, len(self)) != -1
"""


def _texts() -> list[str]:
    return [
        *(_SCALAR_WITH_TENSOR.format(scalar=scalar) for scalar in _SCALARS),
        *(_SCALAR_ORDER.format(scalar=scalar) for scalar in _ORDERED),
        *(
            _REPEATED.format(name=name, count=count, scalar=scalar)
            for name, count in _REPEATED_NAMES.items()
            for scalar in _ORDERED
        ),
        *(_FLOORDIV.format(other=other) for other in ("Tensor", "int", "float")),
        _OTHERS,
    ]


@cache
def _definitions() -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for number, text in enumerate(_texts()):
        for definition in definitions_in(ir.Source(text, f"<flambeau built-in functions {number}>")):
            if not isinstance(definition, ClassDefinition):
                found.setdefault(f"aten::{definition.name}", []).append(definition)
    return found


class _Services:
    """What this file asks of the compiler, which builds on it; `compiler` fills it in."""

    compile: Callable[[ir.Function, Definition], None]
    schema: Callable[[Definition], ir.FunctionSchema]


services = _Services()
_lock = threading.Lock()
_compiled: dict[str, tuple[ir.Function, ...]] = {}


def builtin_functions_named(kind: str) -> tuple[ir.Function, ...]:
    """The functions of a name such as `aten::ndim`, in the order in which matching tries them; empty if there is none.

    Each has a schema; its graph is made when first asked for.
    """
    known = _compiled.get(kind)
    if known is None:
        with _lock:
            definitions = _definitions().get(kind, ())
        functions = tuple(
            ir.Function(kind, schema=services.schema(definition), define=_definer(definition))
            for definition in definitions
        )
        known = _compiled.setdefault(kind, functions)
    return known


def _definer(definition: Definition) -> Callable[[ir.Function], None]:
    return lambda function: services.compile(function, definition)
