"""Programs of one operator, run by PyTorch's TorchScript and by ours, and how to compare what comes out."""

from __future__ import annotations

import copy
import math
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from flambeau import ir, runtime
from flambeau.ir import Operator

_VARIABLES = {"t": "int", "t1": "int", "t2": "int", "tVal": "int"}


@dataclass(frozen=True)
class Program:
    """An operator called on the program's inputs; the result is a tuple of its results and of the containers it got."""

    text: str
    input_types: tuple[str, ...]

    def by_torch(self) -> object:
        graph = torch._C.parse_ir(self.text)
        return torch._C._create_function_from_graph("f", graph)


def spelled(type: ir.Type, variables: dict[str, str]) -> str:
    """A type as graphs write it, with type variables replaced."""
    if isinstance(type, ir.VarType):
        return variables[type.name]
    if not type.contained:
        return str(type)
    inner = [spelled(t, variables) for t in type.contained]
    match type:
        case ir.ListType():
            return f"{inner[0]}[]"
        case ir.OptionalType():
            return f"{inner[0]}?"
        case ir.DictType():
            return f"Dict({inner[0]}, {inner[1]})"
        case ir.TupleType():
            return f"({', '.join(inner)})"
        case _:
            return f"{type.kind.removesuffix('Type')}({inner[0]})"


def program(operator: Operator, variables: dict[str, str] | None = None) -> Program:
    """The program that calls one overload."""
    names = _VARIABLES | (variables or {})
    schema = operator.schema
    inputs = tuple(spelled(a.type, names) for a in schema.arguments)
    outputs = tuple(spelled(r.type, names) for r in schema.returns)
    arguments = [f"%a{i}" for i in range(len(inputs))]
    results = [f"%r{i}" for i in range(len(outputs))]
    echoed = [(a, t) for a, t in zip(arguments, inputs) if t.endswith("[]") or t.startswith("Dict(")]
    packed_types = ", ".join([*outputs, *(t for _, t in echoed)])
    packed = ", ".join([*results, *(a for a, _ in echoed)])
    defined = ", ".join(f"{r} : {t}" for r, t in zip(results, outputs))
    text = (
        f"graph({', '.join(f'{a} : {t}' for a, t in zip(arguments, inputs))}):\n"
        f"  {defined + ' = ' if defined else ''}{schema.name}({', '.join(arguments)})\n"
        f"  %out : ({packed_types}) = prim::TupleConstruct({packed})\n"
        "  return (%out)\n"
    )
    return Program(text, inputs)


class Failed:
    """Stands for an error; any two are equal."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __repr__(self) -> str:
        lines = str(self.error).strip().splitlines()
        return f"{type(self.error).__name__}({lines[-1] if lines else ''!r})"


def outcome(function: object, arguments: Sequence[object]) -> object:
    """What a call gives; containers are copied first, as a call may change them."""
    given = [a if isinstance(a, torch.Tensor) else copy.deepcopy(a) for a in arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*given)  # type: ignore[operator]
    except Exception as error:
        return Failed(error)


def ours(text: str) -> object:
    """A function that interprets a graph given as text."""
    graph = ir.parse(text)

    def run(*arguments: object) -> object:
        (result,) = runtime.interpret(graph, arguments)
        return result

    return run


def same(a: object, b: object, ulps: int = 0) -> bool:
    """Whether two results are equal: types, bits of floats (but for so many ulps), elements, order."""
    if isinstance(a, Failed) or isinstance(b, Failed):
        return isinstance(a, Failed) and isinstance(b, Failed)
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return same_tensors(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return same_floats(a, b, ulps)
    if isinstance(a, complex) and isinstance(b, complex):
        return same_floats(a.real, b.real, ulps) and same_floats(a.imag, b.imag, ulps)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y, ulps) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return same(list(a.items()), list(b.items()), ulps)
    return bool(a == b)


def same_floats(a: float, b: float, ulps: int) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return a != 0 or math.copysign(1, a) == math.copysign(1, b)
    if ulps == 0 or math.isinf(a) or math.isinf(b):
        return False
    return abs(ordinal(a) - ordinal(b)) <= ulps or abs(a - b) < 1e-300


def ordinal(value: float) -> int:
    """Consecutive floats have consecutive numbers."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def same_tensors(a: torch.Tensor, b: torch.Tensor) -> bool:
    if (a.dtype, a.shape, a.layout, a.device, a.requires_grad) != (
        b.dtype,
        b.shape,
        b.layout,
        b.device,
        b.requires_grad,
    ):
        return False
    if a.layout is torch.strided and not a.is_quantized and a.stride() != b.stride():
        return False
    if a.is_mkldnn or a.layout is not torch.strided:
        a, b = a.to_dense(), b.to_dense()
    return torch.equal(
        torch.nan_to_num(a.detach()) if a.is_floating_point() else a,
        torch.nan_to_num(b.detach()) if b.is_floating_point() else b,
    )
