"""What operators meant in older file format versions, as TorchScript functions of today's operators.

Code of an archive whose version is below the one from which an operator has its present meaning calls the function here
in place of the operator. A function's parameters are those the operator had then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import final

from flambeau.frontend import Definition, definitions_in
from flambeau.ir import Source


@final
@dataclass(frozen=True, slots=True)
class Upgrader:
    """The former meaning of one overload: it holds for versions below `until`."""

    operator: str
    """Name with overload, such as `aten::div.Tensor`."""
    until: int
    source: str
    """One function, without its header's name: `(self: Tensor, ...) -> Tensor:` and a body."""

    @property
    def name(self) -> str:
        """A name that tells operator and versions, such as `div_Tensor_0_3`."""
        base = self.operator.removeprefix("aten::").replace(".", "_")
        return f"{base}_0_{self.until - 1}"


_DIVIDE = """({parameters}) -> Tensor:
    if {floating}:
        return {true_divide}
    return {truncate}
"""


def _division(
    operator: str, parameters: str, operands: str, floating: str, suffix: str = "", out: str = ""
) -> Upgrader:
    """Division of integers used to truncate, of anything else it was true division."""
    source = _DIVIDE.format(
        parameters=parameters,
        floating=floating,
        true_divide=f"torch.true_divide({operands}{out})" if not suffix else f"self.true_divide{suffix}(other)",
        truncate=f"torch.divide({operands}, rounding_mode='trunc'{out})"
        if not suffix
        else f"self.divide{suffix}(other, rounding_mode='trunc')",
    )
    return Upgrader(operator, 4, source)


_TENSORS = "self: Tensor, other: Tensor"
_NUMBER = "self: Tensor, other: number"
_ANY_FLOATING = "self.is_floating_point() or other.is_floating_point()"
_FLOAT_NUMBER = "self.is_floating_point() or isinstance(other, float)"
_MODE = "*, rounding_mode: Optional[str]=None"
_FACTORY = (
    "*, dtype: Optional[int]=None, layout: Optional[int]=None, device: Optional[Device]=None, "
    "pin_memory: Optional[bool]=None"
)
_FACTORY_CALL = "dtype=dtype, layout=layout, device=device, pin_memory=pin_memory"


def _spaced(operator: str, until: int, extra: str, factory: str, call: str) -> Upgrader:
    """`linspace` and `logspace` used to make 100 steps unless told otherwise."""
    name = operator.removeprefix("aten::").partition(".")[0]
    first = "start: number, end: number, steps: Optional[int]=None"
    base = ", base" if extra else ""
    body = f"""({first}{extra}, {factory}) -> Tensor:
    if steps is None:
        return torch.{name}(start, end, 100{base}, {call})
    return torch.{name}(start, end, steps{base}, {call})
"""
    return Upgrader(operator, until, body)


UPGRADERS: tuple[Upgrader, ...] = (
    _division("aten::div.Tensor", _TENSORS, "self, other", _ANY_FLOATING),
    _division("aten::div_.Tensor", _TENSORS, "self, other", _ANY_FLOATING, suffix="_"),
    _division("aten::div.Scalar", _NUMBER, "self, other", _FLOAT_NUMBER),
    _division("aten::div_.Scalar", _NUMBER, "self, other", _FLOAT_NUMBER, suffix="_"),
    _division(
        "aten::div.out",
        f"{_TENSORS}, *, out: Tensor",
        "self, other",
        f"{_ANY_FLOATING} or out.is_floating_point()",
        out=", out=out",
    ),
    Upgrader(
        "aten::div.Tensor_mode",
        4,
        f"({_TENSORS}, {_MODE}) -> Tensor:\n    return self.divide(other, rounding_mode=rounding_mode)\n",
    ),
    Upgrader(
        "aten::div_.Tensor_mode",
        4,
        f"({_TENSORS}, {_MODE}) -> Tensor:\n    return self.divide_(other, rounding_mode=rounding_mode)\n",
    ),
    Upgrader(
        "aten::div.Scalar_mode",
        4,
        f"({_NUMBER}, {_MODE}) -> Tensor:\n    return self.divide(other, rounding_mode=rounding_mode)\n",
    ),
    Upgrader(
        "aten::div_.Scalar_mode",
        4,
        f"({_NUMBER}, {_MODE}) -> Tensor:\n    return self.divide_(other, rounding_mode=rounding_mode)\n",
    ),
    Upgrader(
        "aten::div.out_mode",
        4,
        f"({_TENSORS}, {_MODE}, out: Tensor) -> Tensor:\n"
        "    return torch.divide(self, other, rounding_mode=rounding_mode, out=out)\n",
    ),
    Upgrader(
        "aten::full",
        5,
        f"(size: List[int], fill_value: number, {_FACTORY}) -> Tensor:\n"
        "    if dtype is None:\n"
        f"        return torch.full(size, float(fill_value), {_FACTORY_CALL})\n"
        f"    return torch.full(size, fill_value, {_FACTORY_CALL})\n",
    ),
    Upgrader(
        "aten::full.out",
        5,
        "(size: List[int], fill_value: number, *, out: Tensor) -> Tensor:\n"
        "    return torch.full(size, fill_value, out=out)\n",
    ),
    _spaced("aten::linspace", 8, "", _FACTORY, _FACTORY_CALL),
    _spaced("aten::linspace.out", 8, "", "*, out: Tensor", "out=out"),
    _spaced("aten::logspace", 9, ", base: float=10.0", _FACTORY, _FACTORY_CALL),
    _spaced("aten::logspace.out", 9, ", base: float=10.0", "*, out: Tensor", "out=out"),
    Upgrader("aten::gelu", 10, "(self: Tensor) -> Tensor:\n    return torch.gelu(self, approximate='none')\n"),
    Upgrader(
        "aten::gelu.out",
        10,
        "(self: Tensor, *, out: Tensor) -> Tensor:\n    return torch.gelu(self, approximate='none', out=out)\n",
    ),
)
"""The table; of one operator name, in the order in which overloads are tried."""


@cache
def upgraders_for(kind: str, version: int) -> tuple[Upgrader, ...]:
    """The upgraders that apply to calls of an operator (`aten::div`) in code of that version."""
    return tuple(u for u in UPGRADERS if u.operator.partition(".")[0] == kind and version < u.until)


@cache
def definition_of(upgrader: Upgrader) -> Definition:
    """The parsed source of an upgrader."""
    source = Source(f"def {upgrader.name}{upgrader.source}", f"<upgrader {upgrader.name}>")
    (definition,) = definitions_in(source)
    if not isinstance(definition, Definition):
        raise TypeError(f"upgrader {upgrader.name} is no function")
    return definition


_CHANGED_AT = {upgrader.operator: upgrader.until for upgrader in UPGRADERS}


def needed_version(operators: Iterable[str]) -> int:
    """The oldest format version in which these operators (`aten::div.Tensor`) mean what they mean now; 0 for any."""
    return max((_CHANGED_AT.get(name, 0) for name in operators), default=0)
