"""Every operator of the dispatcher that takes one or two tensors, on tensors of all kinds: as `torch.ops` calls it.

Scripts call operators through whichever Python binding is cheapest; that must not show, whatever a tensor is like.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau import ir
from flambeau.errors import FlambeauError, ScriptError
from tests.runtime.test_bad_input import TENSORS, _copied, alike, brief

UNPREDICTABLE = frozenset(
    f"aten::{name}"
    for name in (
        *("empty_like", "rand_like", "randn_like", "bernoulli", "poisson", "rrelu", "normal_", "uniform_", "random_"),
        *("cauchy_", "exponential_", "log_normal_", "geometric_", "bernoulli_", "resize_", "data_ptr", "set", "set_"),
        *(
            "resize_as",
            "resize_as_",
            "fbgemm_pack_gemm_matrix_fp16",
            "fbgemm_pack_quantized_matrix",
            "binary_cross_entropy",
            "linalg_lstsq",
            "multilabel_margin_loss",
        ),
    )
)
"""Results of chance, or of memory as it is found."""
KINDS = [name for name in TENSORS if name not in ("inference", "result with gradient")]  # which cannot be copied
PAIRS = ("plain", "no dimension", "no rows", "ints", "complex", "half", "quantized", "transposed", "bools")


def operators(count: int) -> Iterator[ir.Operator]:
    """The first overload of each name that takes so many tensors and needs nothing else."""
    for name in ir.all_operator_names():
        if name in UNPREDICTABLE or not name.startswith("aten::") or name.startswith("aten::_"):
            continue
        for operator in ir.operators_named(name):
            arguments = operator.schema.arguments
            needed = tuple(a for a in arguments if not a.has_default)
            only_tensors = len(needed) == count and all(isinstance(a.type, ir.TensorType) for a in needed)
            if only_tensors and needed == arguments[:count] and not operator.is_jit_only:
                if not any(a.is_out for a in arguments):
                    yield operator
                break


def outcome(function: Callable[..., object], tensors: list[Tensor]) -> Any:
    torch.manual_seed(0)
    given = [_copied(t) for t in tensors]
    try:
        return function(*given), given
    except Exception as error:
        return error


def differences(operator: ir.Operator, kinds: tuple[str, ...], count: int) -> Iterator[str]:
    name = operator.name.removeprefix("aten::")
    parameters = ", ".join(f"x{i}: Tensor" for i in range(count))
    call = f"torch.ops.aten.{name}({', '.join(f'x{i}' for i in range(count))})"
    try:
        script = flambeau.CompilationUnit(f"def f({parameters}):\n    return {call}\n").f
    except ScriptError:  # another overload is ambiguous without the rest
        return
    overload = getattr(getattr(torch.ops.aten, name), operator.overload_name or "default")
    for chosen in itertools.product(kinds, repeat=count):
        tensors = [TENSORS[kind] for kind in chosen]
        expected, got = outcome(overload, tensors), outcome(script, tensors)
        if isinstance(got, Exception):
            fine = isinstance(got, FlambeauError) and isinstance(expected, Exception)
        else:
            fine = not isinstance(expected, Exception) and _alike(expected, got)
        if not fine:
            yield f"{name} of {chosen}: PyTorch gives {brief(expected)[:200]}, we give {brief(got)[:200]}"


def _alike(expected: Any, got: Any) -> bool:
    try:
        return alike(expected, got)
    except RuntimeError:  # a result that PyTorch itself cannot read
        return True


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kinds"), [(1, tuple(KINDS)), (2, PAIRS)], ids=["one tensor", "two tensors"])
def test_operators_on_tensors_of_all_kinds(count: int, kinds: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [line for operator in operators(count) for line in differences(operator, kinds, count)]
    assert not found, "\n".join(found[:20])
