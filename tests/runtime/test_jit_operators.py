"""Every operator that TorchScript has beyond PyTorch's dispatcher, against TorchScript itself.

Each overload on plain values is called with the same corner cases by both; results, errors, and what became of lists
and dicts that were passed must agree. Operators on tensors and on the environment have tests of their own; the last
test here knows of any that have none.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import torch

from flambeau import generated, ir
from flambeau.errors import FlambeauError
from flambeau.runtime.registry import kernel_of_operator
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
    if not operator.is_jit_only or operator.is_vararg or operator.schema.is_varret or operator.qualified_name in OTHERS:
        return False
    return all(t in POOLS for t in program(operator).input_types)


OTHERS = frozenset(
    {
        *("aten::warn", "aten::save", "aten::manual_seed", "aten::hash.generic", "aten::is_scripting", "aten::device"),
        *("aten::dist_backward", "aten::get_autocast_dtype", "aten::set_grad_enabled", "prim::RaiseException"),
        *("prim::AddStatValue", "aten::_get_tracing_state", "prim::TimePoint", "prim::AutogradZero"),
        *("prim::Uninitialized", "prim::awaitable_nowait", "cuda::current_stream.int", "cuda::default_stream.int"),
        "aten::pow.int_to_int",
    }
)
"""Those whose effect is not their result, or whose result cannot be compared as it is; other modules test them."""

OVERLOADS = [o for name in ir.all_operator_names() for o in ir.operators_named(name)]
COVERED = [o for o in OVERLOADS if by_pools(o)]


Arguments: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True)
class Deliberate:
    """Calls in which TorchScript's result is not to be had, or not worth having, and what there is instead."""

    reason: str
    applies: Callable[[Arguments], bool]
    instead: Callable[[Arguments], object]
    """The result, or `ERROR`. A list that was passed is a result too."""
    ulps: int = 0


ERROR = Failed(RuntimeError("any error"))
INT_RANGE = range(-(2**63), 2**63)
SHORT_RANGE = range(-(2**31), 2**31)


def wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def length_overflows(arguments: Arguments) -> bool:
    """Whether C++ leaves the range of ints on its way to the length."""
    low, high, step = arguments
    span = (high - 1 - low) if step > 0 else (low - 1 - high)
    return span not in INT_RANGE or span // abs(step) + 1 not in INT_RANGE


def any_complex(arguments: Arguments) -> bool:
    return any(isinstance(a, complex) for a in arguments)


def like_complex(name: str, overload: str) -> Deliberate:
    """What TorchScript gives when the types say that both numbers are complex."""
    operation, *_ = torch._C._get_operation_overload(name, overload)
    return Deliberate(
        "PyTorch fails an assertion of its own on a complex Scalar",
        any_complex,
        lambda given: (operation(*map(complex, given)),),
        ULPS.get(name, 0),
    )


DELIBERATE: dict[str, Deliberate] = {
    "aten::sum.int": Deliberate(
        "PyTorch adds up ints in 32 bits",
        lambda given: sum(given[0]) not in SHORT_RANGE,
        lambda given: (wrapped(sum(given[0])), given[0]),
    ),
    "aten::sum.complex": Deliberate(
        "PyTorch leaves zeros in the list that it sums",
        lambda given: bool(given[0]),
        lambda given: (sum(given[0]), given[0]),
    ),
    "aten::__range_length": Deliberate(
        "PyTorch overflows on its way to the length, which C++ leaves undefined",
        length_overflows,
        lambda given: (wrapped(max(0, -((given[0] - given[1]) // given[2]))),),
    ),
    "aten::factorial.int": Deliberate(
        "PyTorch cuts the number to 32 bits, and shifts by more bits than there are from 66 on",
        lambda given: given[0] > 65 or given[0] not in SHORT_RANGE,
        lambda given: ERROR if given[0] < 0 else (wrapped(math.factorial(min(given[0], 70))),),
    ),
    "aten::remainder.int": Deliberate(
        "PyTorch overflows on its way to the remainder, which C++ leaves undefined",
        lambda given: given[1] + int(math.copysign(abs(given[0]) % abs(given[1]), given[0])) not in INT_RANGE,
        lambda given: (given[0] % given[1],),
    ),
    "aten::lgamma.float": Deliberate(
        "Python's lgamma is right to within rounding errors of 1, not of its result; near its zeros that shows",
        lambda given: -10 < given[0] < -2,
        lambda given: (torch._C._get_operation_overload("aten::lgamma", "float")[0](*given),),
        ulps=100,
    ),
    "aten::div": like_complex("aten::div", "complex"),
    "aten::eq": like_complex("aten::eq", "complex"),
    "aten::ne": like_complex("aten::ne", "complex"),
    "aten::log.Scalar_Scalar": like_complex("aten::log", "complex_complex"),
    "aten::pow.Scalar_Scalar": like_complex("aten::pow", "complex"),
}


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
    deliberate = DELIBERATE.get(operator.qualified_name)
    for arguments in samples(operator, case.input_types):
        if deliberate is not None and deliberate.applies(arguments):
            continue
        expected, got = outcome(theirs, arguments), outcome(mine, arguments)
        if isinstance(expected, Failed) and isinstance(expected.error, UnicodeDecodeError):
            continue  # a piece of a character: no Python string there, an escaped byte here
        if not same(expected, got, ulps):
            found.append(f"{arguments}: TorchScript gives {expected!r}, we give {got!r}")
    return found


@pytest.mark.parametrize("operator", COVERED, ids=lambda o: o.qualified_name)
def test_operator_agrees_with_torchscript(operator: ir.Operator) -> None:
    if not torch._C._jit_get_schemas_for_operator(operator.name):
        without_cuda = operator.name.startswith("cuda::") and not torch.backends.cuda.is_built()
        assert without_cuda or torch.__version__.partition("+")[0] != generated.pytorch_version()
        pytest.skip("this PyTorch does not have it")
    found = differences(operator, program(operator))
    assert not found, "\n".join(found[:10])


@pytest.mark.parametrize("name", DELIBERATE)
def test_deliberate_differences(name: str) -> None:
    deliberate, case = DELIBERATE[name], program(ir.operator(name))
    theirs, mine = case.by_torch(), ours(case.text)
    given = [a for a in samples(ir.operator(name), case.input_types) if deliberate.applies(a)]
    for arguments in given:
        expected, got = deliberate.instead(arguments), outcome(mine, arguments)
        assert same(expected, got, deliberate.ulps), f"{arguments}: {expected!r} expected, we give {got!r}"
    agrees = [same(outcome(theirs, a), outcome(mine, a)) for a in given]
    assert not all(agrees), "TorchScript gives the same by now"


CRASHES: dict[str, list[tuple[Arguments, object]]] = {
    **{
        f"aten::{name}.int": [((5, 0), ERROR), ((0, 0), ERROR), ((-(2**63), -1), result), ((7, -1), other)]
        for name, result, other in (
            ("floordiv", (-(2**63),), (-7,)),
            ("remainder", (0,), (0,)),
            ("divmod", (-(2**63), 0), (-7, 0)),
            ("__round_to_zero_floordiv", (-(2**63),), (-7,)),
        )
    },
    "aten::__range_length": [((0, 5, 0), ERROR), ((5, 0, -1), (5,)), ((0, 5, -1), (0,))],
    "aten::gcd.int": [((-(2**63), 6), (2,)), ((-(2**63), 0), (-(2**63),)), ((-(2**63), -(2**63)), (-(2**63),))],
    "aten::split.str": [(("a", "", -1), ERROR), (("", "", -1), ERROR)],
    "aten::rsplit": [(("a", "", -1), ERROR)],
    "aten::partition": [(("a", ""), ERROR)],
    "aten::rpartition": [(("a", ""), ERROR)],
    "aten::count": [(("abc", "", 0, -1), (4,)), (("", "", 0, -1), (1,))],
    "aten::replace": [(("ab", "", "-", -1), ("-a-b-",)), (("ab", "", "-", 2), ("--ab",))],
    "prim::rangelist": [((-3,), ([],)), ((2**62,), ERROR)],
    "aten::mul.left_t": [(([1], -1), ([], [1])), (([1], 2**62), ERROR), (([], 2**62), ([], []))],
    "aten::mul_.t": [(([1, 2], -1), ([], [])), (([1, 2], 2**62), ERROR)],
    "aten::center": [(("a", 2**62, " "), ERROR), (("a", -(2**62), " "), ("a",))],
    "aten::ljust": [(("a", 2**62, " "), ERROR), (("a", -1, " "), ("a",))],
    "aten::rjust": [(("a", 2**62, " "), ERROR), (("a", -1, " "), ("a",))],
    "aten::zfill": [(("a", 2**62), ERROR), (("a", -1), ("a",))],
    "aten::expandtabs": [(("a\tb", 0), ("ab",)), (("a\tb", -4), ("ab",)), (("\t", 2**62), ERROR)],
    "prim::ReductionSizes": [(([2, 3, 4], [0, -1], False), ([3], [2, 3, 4], [0, -1]))],
}
"""Calls that end PyTorch's process, or do not end, and what they give here."""


@pytest.mark.parametrize("name", CRASHES)
def test_calls_that_torchscript_does_not_survive(name: str) -> None:
    run = ours(program(ir.operator(name)).text)
    for arguments, expected in CRASHES[name]:
        got = outcome(run, arguments)
        assert same(expected, got), f"{arguments}: {expected!r} expected, we give {got!r}"
        if isinstance(got, Failed):
            assert isinstance(got.error, FlambeauError)


def test_powers_of_ints_that_the_types_say_are_ints() -> None:
    """No graph text can name the overload for PyTorch, whose function gives a float against its schema."""
    theirs, *_ = torch._C._get_operation_overload("aten::pow", "int_to_int")
    mine = kernel_of_operator(ir.operator("aten::pow.int_to_int"))
    for base, exponent in itertools.product([0, 1, -1, 2, 3, -7, 10], [0, 1, 2, 3, 17, 62, -1]):
        expected, got = outcome(theirs, (base, exponent)), outcome(mine, (base, exponent))
        if isinstance(expected, float) and abs(expected) < 2**63:
            expected = int(expected)
        if isinstance(expected, float):  # no int of 64 bits
            continue
        assert same(expected, got), f"{base} ** {exponent}: {expected!r} expected, we give {got!r}"
        assert isinstance(got, (int, Failed))
