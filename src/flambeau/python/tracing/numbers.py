"""Traced tensors in places where PyTorch takes numbers.

In a traced program `x.size(0)` is a tensor, and so is what is computed from it. Where such a tensor is passed for an
`int` (`y.view(n, -1)`), PyTorch asks the tensor for its `item`; the answer, given by `interception`, is a `SymInt`
over a `SymbolicNumber`, which PyTorch hands on to the operator unread. The operator's arguments then say which traced
tensor each number came from.

Arguments that are declared as plain numbers are read by PyTorch before the operator sees them. Such readings are
noted, and the operator that comes next matches them with its arguments by value (`PendingNumbers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

import torch

from flambeau.python.tracing.messages import conversion, warn

if TYPE_CHECKING:
    from torch import SymFloat, SymInt, Tensor

Number: TypeAlias = "int | float"


@final
class SymbolicNumber:
    """The value of a traced tensor of one element, as PyTorch's symbolic numbers want it (their protocol)."""

    def __init__(self, tensor: Tensor, number: Number, pending: PendingNumbers) -> None:
        self.tensor = tensor
        self.number = number
        self._pending = pending

    def is_int(self) -> bool:
        return isinstance(self.number, int)

    def is_float(self) -> bool:
        return isinstance(self.number, float)

    def is_bool(self) -> bool:
        return False

    is_nested_int = is_constant = is_bool

    def is_symbolic(self) -> bool:
        return True

    has_hint = is_symbolic

    def maybe_as_int(self) -> None:
        return None

    maybe_as_float = maybe_as_bool = constant_int = constant_bool = nested_int = nested_int_coeff = maybe_as_int

    def guard_int(self, file: str, line: int) -> int:
        self._pending.note(self)
        return int(self.number)

    def guard_float(self, file: str, line: int) -> float:
        self._pending.note(self)
        return float(self.number)

    def int_(self) -> int:
        return self.guard_int("", 0)

    def str(self) -> str:
        return repr(self.number)

    _graph_repr = __repr__ = str

    def symbol(self) -> SymInt | SymFloat:
        """The number that PyTorch hands on."""
        make = torch.SymInt if self.is_int() else torch.SymFloat
        return make(self)


def symbolic_number(value: object) -> SymbolicNumber | None:
    """What a number stands for, if it is one of ours."""
    if isinstance(value, (torch.SymInt, torch.SymFloat)) and isinstance(value.node, SymbolicNumber):
        return value.node
    return None


def plain(value: object) -> object:
    """An operator's argument with numbers in the place of symbolic ones."""
    symbolic = symbolic_number(value)
    if symbolic is not None:
        return symbolic.number
    if isinstance(value, (list, tuple)) and any(isinstance(v, (torch.SymInt, torch.SymFloat)) for v in value):
        return [plain(v) for v in value]
    return value


@final
class PendingNumbers:
    """Numbers that PyTorch has read from traced tensors, for the operator that comes next."""

    def __init__(self) -> None:
        self._read: list[SymbolicNumber] = []

    def note(self, number: SymbolicNumber) -> None:
        """A number is being read."""
        self._read.append(number)

    def clear(self) -> None:
        """Another call begins."""
        self._read = []

    def __bool__(self) -> bool:
        return bool(self._read)

    def match(self, slots: list[object]) -> list[object]:
        """The arguments of an operator with symbolic numbers put where they were read for.

        `slots` are the arguments, in order, that a number can stand for. A number without a place gets lost, of which
        the user is warned.
        """
        read, self._read = self._read, []
        result, complete = matched(read, slots)
        if not complete:
            warn(conversion("a Python integer"))
        return result


def matched(numbers: list[SymbolicNumber], slots: list[object]) -> tuple[list[object], bool]:
    """Arguments with numbers put where they came from, and whether a place was found for all.

    A number goes where its value is; several of one value go in order if there are as many places as numbers, and
    nowhere if there are more.
    """
    result, complete = list(slots), True
    for value in dict.fromkeys(n.number for n in numbers):
        wanted = [n for n in numbers if n.number == value]
        places = [i for i, slot in enumerate(result) if type(slot) is type(value) and slot == value]
        if len({id(n.tensor) for n in wanted}) == 1 and 0 < len(places) < len(wanted):
            wanted = wanted[: len(places)]  # PyTorch has read it more than once
        if len(places) != len(wanted):
            complete = False
            continue
        for place, number in zip(places, wanted, strict=True):
            result[place] = number.symbol()
    return result, complete


def is_traceable_number(tensor: Tensor) -> bool:
    """Whether the value of a tensor can be handed on as a symbolic number."""
    dtype = tensor.dtype
    return dtype is not torch.bool and not dtype.is_complex
