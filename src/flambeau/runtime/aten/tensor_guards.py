"""What is known of a tensor at hand, and code that asks whether another one is like it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from flambeau.ir import ScalarType
from flambeau.passes import Order, TensorFact
from flambeau.runtime.aten.enumerations import dtype_number, to_dtype
from flambeau.runtime.aten.modes import neutral_modes

__all__ = [
    "add_product",
    "as_tensor",
    "fact_of_tensor",
    "float_tensor",
    "is_float_tensor",
    "linear",
    "out_form",
    "plain_modes",
    "plain_recording",
    "tensor_guard",
]

_PLAIN = (torch.Tensor, torch.nn.Parameter)
"""Classes whose tensors behave as tensors do."""
_DTYPES = frozenset(
    {
        *(ScalarType.Float, ScalarType.Double, ScalarType.Half, ScalarType.BFloat16, ScalarType.Bool),
        *(ScalarType.Long, ScalarType.Int, ScalarType.Short, ScalarType.Char, ScalarType.Byte),
    }
)
"""Those of which elements are just what lies in memory."""


def fact_of_tensor(value: object) -> TensorFact | None:
    """What is known of a value, if it is a plain tensor: dtype, rank, whether it is contiguous."""
    if value.__class__ not in _PLAIN or not isinstance(value, torch.Tensor):
        return None
    if not value.is_cpu or value.layout is not torch.strided:
        return None
    dtype = ScalarType(dtype_number(value.dtype))
    if dtype not in _DTYPES:
        return None
    return TensorFact(dtype, value.dim(), Order.CONTIGUOUS if value.is_contiguous() else Order.ANY)


def tensor_guard(name: str, fact: TensorFact, bind: Callable[[str, object], str]) -> str:
    """Code that asks of the tensor in a variable whether a fact is true of it."""
    tests = [
        f"{name}.__class__ in {bind('plain', _PLAIN)}",
        f"{name}.dtype is {bind('dtype', to_dtype(fact.dtype))}",
        f"{name}.is_cpu",
        f"{name}.layout is {bind('strided', torch.strided)}",
        f"{name}.dim() == {fact.rank}",
        *([f"{name}.is_contiguous()"] if fact.order is Order.CONTIGUOUS else ()),
    ]
    return " and ".join(tests)


def is_float_tensor(name: str, bind: Callable[[str, object], str]) -> str:
    """Code that asks whether a variable holds a plain tensor of 32-bit floats on the CPU."""
    dtype, classes = bind("float32", torch.float32), bind("plain", _PLAIN)
    return f"{name}.dtype is {dtype} and {name}.__class__ in {classes} and {name}.is_cpu"


as_tensor = torch.as_tensor


def out_form(name: str) -> Callable[..., object]:
    """The binding of an operator that takes `out`: `mm` for `aten::mm`."""
    function: Callable[..., object] = getattr(torch._C._VariableFunctions, name.removeprefix("aten::"))
    return function


add_product = torch._C._VariableFunctions.addmm
"""The product of two matrices and what is added to it, first."""
linear = torch._C._nn.linear

_float_tensors: dict[float, torch.Tensor] = {}
_MOST_TENSORS = 1 << 10


def float_tensor(number: float) -> torch.Tensor:
    """A tensor of one 32-bit float, which nobody may write to: it is given out again."""
    found = _float_tensors.get(number)
    if found is None:
        with neutral_modes():  # one made in inference mode could not be read where gradients are recorded
            found = torch.tensor(number, dtype=torch.float32, device="cpu")
        if (
            number and number == number and len(_float_tensors) < _MOST_TENSORS
        ):  # zeros have a sign, and equal each other
            _float_tensors[number] = found
    return found


def plain_modes() -> bool:
    """Whether operators do on this thread what they say: nothing intercepts them, and autocast is off."""
    return torch._C._len_torch_function_stack() == 0 and not torch._C._is_any_autocast_enabled()


def plain_recording() -> bool:
    """The same, where gradients are recorded: nor does anything see which tensors are kept for backward passes.

    Who does could tell forms apart, such as checkpoints, which expect a second run to keep as many as the first.
    """
    return plain_modes() and _hooks_of_saved_tensors(False) is None


def _unknown(ignore_is_tracing: bool) -> object:
    return NotImplemented


_hooks_of_saved_tensors = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", _unknown)
