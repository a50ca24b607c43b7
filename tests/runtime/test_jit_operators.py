"""Every operator that TorchScript has beyond PyTorch's dispatcher, against TorchScript itself.

Each overload on plain values is called with the same corner cases by both; results, errors, and what became of lists
and dicts that were passed must agree. Operators on tensors and on the environment have tests of their own; the last
test here knows of any that have none.
"""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch

from flambeau import ir
from tests.runtime.oracle import Failed, Program, ours, outcome, program, same

INF, NAN = math.inf, math.nan
INTS = [0, 1, -1, 2, 3, -7, 64, 100, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.25, 1e-300, 1e300, -1e18, 1e17, 0.1, INF, -INF, NAN]
STRINGS = [
    "",
    "a",
    "abc",
    "ab,c,,d",
    "Hello World",
    " x\t",
    "A1",
    "-5",
    "12",
    "é",
    "aéb",
    "\n",
    "a\nb\r\nc",
    "{}",
    "abcabc",
]
POOLS: dict[str, list[object]] = {
    "int": INTS,
    "float": FLOATS,
    "bool": [False, True],
    "complex": [0j, 1 + 0j, 1j, -2.5 + 3j, 3 - 4j, -0.5 - 0.25j, complex(1e10, 1)],
    "Scalar": [*INTS[:9], *FLOATS[:9], 0.1, 16777217.0, 1j, 2.5 - 1j],
    "str": STRINGS,
    "int[]": [[], [1], [3, 1, 2], [2, 2, -1, 2], [2**63 - 1, 1], [0, 0]],
    "float[]": [[], [1.0], [3.5, -1.0, 2.0], [0.1, 0.2, 0.3], [1e300, 1e300], [0.0, -0.0]],
    "bool[]": [[], [True], [False, True, False], [False]],
    "str[]": [[], ["a"], ["b", "a", "é", "B"], ["", "b"]],
    "complex[]": [[], [1j], [1 + 2j, 3.5 - 1j]],
    "(int, int)[]": [[], [(1, 2), (3, 4), (1, 5)]],
    "Device": [torch.device("cpu"), torch.device("cuda", 1), torch.device("cuda")],
    "int?": [None, 0, 1, -1, -3, 5],
    "str?": [None, " ", ",", "b", "é"],
}
KEYS = {
    "str": ["a", "b", "é"],
    "int": [1, -2, 0],
    "bool": [True, False],
    "float": [1.5, -0.5, 2.0],
    "complex": [1j, 2 - 1j],
}
for key, values in KEYS.items():
    POOLS[f"Dict({key}, int)"] = [{}, {values[0]: 1}, dict(zip(reversed(values), range(3)))]
    POOLS[f"({key}, int)[]"] = [[], [(values[0], 1), (values[1], 2), (values[0], 3)]]

ULPS = {
    # Python and C++ have different implementations of these; each is right to within its own rounding.
    **dict.fromkeys(("aten::gamma", "aten::lgamma", "aten::erf", "aten::erfc"), 20),
    **dict.fromkeys(("aten::pow", "aten::polar", "aten::log", "aten::div", "aten::mul", "aten::atan2"), 4),
    **dict.fromkeys(
        (f"aten::{n}" for n in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp")), 4
    ),
    **dict.fromkeys((f"aten::{n}" for n in ("log10", "sin", "sinh", "sqrt", "tan", "tanh", "degrees", "radians")), 4),
    "prim::abs": 1,
    "aten::angle": 1,
}


def by_pools(operator: ir.Operator) -> bool:
    """Whether all arguments have pools and the results can be compared."""
    if not operator.is_jit_only or operator.is_vararg or operator.schema.is_varret or operator.schema.name in OTHERS:
        return False
    return all(t in POOLS for t in program(operator).input_types)


OTHERS = frozenset(
    f"aten::{name}"
    for name in (
        "warn",
        "save",
        "manual_seed",
        "hash",
        "is_scripting",
        "device",
        "dist_backward",
        "get_autocast_dtype",
        "set_grad_enabled",
    )
) | {"prim::RaiseException", "prim::AddStatValue", "aten::_get_tracing_state", "prim::TimePoint"}
"""Nothing to compare, or nothing that would be the same; tested elsewhere."""

OVERLOADS = [o for name in ir.all_operator_names() for o in ir.operators_named(name)]
COVERED = [o for o in OVERLOADS if by_pools(o)]


DIFFERENCES = {
    "PyTorch adds up ints in 32 bits": ("aten::sum.int",),
    "PyTorch overflows on ints near the limits of 64 bits": (
        "aten::__range_length",
        "aten::factorial.int",
        "aten::remainder.int",
    ),
    "PyTorch fails an assertion of its own on a complex Scalar": (
        "aten::div",
        "aten::eq",
        "aten::fmod",
        "aten::log.Scalar_Scalar",
        "aten::mathremainder",
        "aten::ne",
        "aten::polar.Scalar_Scalar",
        "aten::pow.Scalar_Scalar",
        "aten::remainder",
    ),
    "C++ and Python have other signs of zero, infinities and nans in complex powers and logarithms": (
        "aten::pow.complex",
        "aten::pow.float_complex",
        "aten::pow.complex_float",
    ),
    "Python's lgamma loses digits near its zeros, C++'s does not": ("aten::lgamma.float",),
    "PyTorch zeroes the list that it sums": ("aten::sum.complex",),
    "the graph that calls it cannot be written for PyTorch": (
        "aten::pow.int_to_int",
        "cuda::current_stream.int",
        "cuda::default_stream.int",
    ),
    "its value has no form in Python, or another in either": (
        "prim::AutogradZero",
        "prim::Uninitialized",
        "prim::awaitable_nowait",
    ),
    "not implemented": ("prim::BailoutTemplate",),
}
"""Overloads in which some corner case differs from PyTorch's result, by the reason."""

REASONS = {name: reason for reason, names in DIFFERENCES.items() for name in names}


def kills_pytorch(operator: ir.Operator, arguments: tuple[object, ...]) -> bool:
    """Calls that crash PyTorch, or from which it does not return."""
    name = operator.schema.name
    if name in (
        "aten::remainder",
        "aten::floordiv",
        "aten::divmod",
        "aten::__round_to_zero_floordiv",
        "aten::__range_length",
    ):
        return all(isinstance(a, int) for a in arguments) and (arguments[-1] in (0, -1))
    if name == "prim::ReductionSizes":
        return True
    if name == "aten::gcd":
        return -(2**63) in arguments
    if name in ("aten::replace", "aten::rsplit", "aten::split", "aten::count", "aten::rpartition", "aten::partition"):
        return isinstance(arguments[0], str) and arguments[1] == ""
    if name in (
        "aten::mul",
        "aten::mul_",
        "prim::rangelist",
        "aten::center",
        "aten::ljust",
        "aten::rjust",
        "aten::zfill",
        "aten::expandtabs",
    ):
        takes_length = isinstance(arguments[0], (str, list)) or isinstance(arguments[-1], list) or len(arguments) == 1
        return takes_length and any(isinstance(a, int) and not 0 <= a <= 100 for a in arguments)
    return False


def samples(operator: ir.Operator, types: tuple[str, ...]) -> list[tuple[object, ...]]:
    pools = [POOLS[t] for t in types]
    if math.prod(map(len, pools)) <= 300:
        chosen = list(itertools.product(*pools))
    else:
        rng = random.Random(str(operator))
        chosen = [tuple(map(rng.choice, pools)) for _ in range(300)]
    return [c for c in chosen if not kills_pytorch(operator, c)]


def differences(operator: ir.Operator, case: Program) -> list[str]:
    theirs, mine = case.by_torch(), ours(case.text)
    ulps = ULPS.get(operator.schema.name, 0)
    found = []
    for arguments in samples(operator, case.input_types):
        expected, got = outcome(theirs, arguments), outcome(mine, arguments)
        if isinstance(expected, Failed) and isinstance(expected.error, UnicodeDecodeError):
            continue  # a piece of a character: no Python string there, an escaped byte here
        if not same(expected, got, ulps):
            found.append(f"{arguments}: TorchScript gives {expected!r}, we give {got!r}")
    return found


def _cases() -> list[object]:
    return [
        pytest.param(o, marks=pytest.mark.xfail(reason=REASONS[o.qualified_name], strict=True))
        if o.qualified_name in REASONS
        else o
        for o in COVERED
    ]


@pytest.mark.parametrize("operator", _cases(), ids=lambda o: o.qualified_name)
def test_operator_agrees_with_torchscript(operator: ir.Operator) -> None:
    found = differences(operator, program(operator))
    assert not found, "\n".join(found[:10])
