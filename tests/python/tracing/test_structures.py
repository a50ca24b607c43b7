"""Inputs and outputs: tensors in tuples, lists, dicts and NamedTuples, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau.errors import TracingError
from tests.python.tracing.oracle import assert_same, check, run, trace

R = torch.randn


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


def test_nested_inputs() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x[0] + y["a"] + y["b"][0] + z[0][1], (x[1], (x[0], x[1] + 1))

    def inputs(n: int) -> tuple[Any, ...]:
        return (R(n, 3), R(n, 3)), {"a": R(n, 3), "b": R(n, 3)}, [(R(1), R(1))]

    traced = check(f, *inputs(2), others=[inputs(5)])
    assert [v.debug_name for v in traced.graph.inputs] == ["x", "y", "z"]
    assert str(traced.schema) == (
        "f((Tensor, Tensor) x, Dict(str, Tensor) y, (Tensor, Tensor)[] z) -> ((Tensor, (Tensor, (Tensor, Tensor))))"
    )


def test_a_single_tensor_or_dict_is_the_only_input() -> None:
    assert trace(lambda x: x + 1, R(2))(torch.zeros(1)) == 1
    traced = flambeau.trace(lambda d: d["a"] - d["b"], {"a": R(2), "b": R(2)})
    assert traced({"a": torch.ones(1), "b": torch.zeros(1)}) == 1


def test_a_list_of_inputs() -> None:
    traced = flambeau.trace(lambda x, y: x - y, [R(2), R(2)])
    assert traced(torch.ones(1), torch.zeros(1)) == 1


def test_inputs_by_name() -> None:
    def f(x: Tensor, y: Tensor, *, z: Tensor) -> Tensor:
        return x - y * z

    traced = flambeau.trace(f, example_kwarg_inputs={"z": R(2), "y": R(2), "x": R(2)})
    assert str(traced.schema) == "f(Tensor x, Tensor y, Tensor z) -> Tensor"
    assert traced(z=torch.ones(1), x=torch.ones(1) * 3, y=torch.ones(1)) == 2
    both = flambeau.trace(f, (R(2),), example_kwarg_inputs={"y": R(2), "z": R(2)})
    assert str(both.schema) == str(traced.schema)


def test_inputs_that_are_not_given_have_their_defaults() -> None:
    def f(x: Tensor, factor: float = 2.0, flag: bool = True) -> Tensor:
        return x * factor if flag else x

    check(f, R(2), others=[(R(3),)])


def test_named_tuples() -> None:
    def f(pair: Pair) -> Pair:
        return Pair(pair.first + pair.second, pair.first)

    traced = trace(f, Pair(R(2), R(2)))
    found = traced(Pair(torch.ones(1), torch.ones(1)))
    assert found.first == 2
    assert found.second == 1


def test_the_same_tensor_twice_is_two_inputs() -> None:
    x = R(2)
    traced = flambeau.trace(lambda a, b: a - b, (x, x))
    assert traced(torch.ones(1) * 5, torch.ones(1)) == 4


def test_an_input_that_is_returned() -> None:
    check(lambda x, y: (y, x, x), R(2), R(3), others=[(R(1), R(2))])


def test_structseq_outputs_are_tuples() -> None:
    traced = trace(lambda x: torch.max(x, 0), R(2, 3))
    assert_same(traced(torch.eye(2)), tuple(torch.max(torch.eye(2), 0)))


def test_lists_warn_and_dicts_are_refused_unless_told_otherwise() -> None:
    with pytest.warns(flambeau.TracerWarning, match="Encountering a list at the output of the tracer"):
        traced = flambeau.trace(lambda x: [x + 1, x], R(2))
    assert isinstance(traced(R(3)), list)
    with pytest.raises(RuntimeError, match="Encountering a dict at the output of the tracer"):
        flambeau.trace(lambda x: {"a": x + 1}, R(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loose = flambeau.trace(lambda x: {"a": x + 1, "b": x}, R(2), strict=False)
        flambeau.trace(lambda x: [x + 1, x], R(2), strict=False)
    assert list(loose(R(3))) == ["a", "b"]


CONSTANT = R(3)


@pytest.mark.parametrize(
    ("program", "inputs", "message"),
    [
        (lambda x: 3, (R(2),), "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output"),
        (
            lambda x: (x, None),
            (R(2),),
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output",
        ),
        (lambda x: (x, "a"), (R(2),), "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output"),
        (lambda x: CONSTANT, (R(2),), "did not have observable data dependence with trace inputs"),
        (
            lambda x: [x, [x]],
            (R(2),),
            "Tracer cannot infer type of .*\n.*List inputs to traced functions must have consistent",
        ),
        (
            lambda x, y: x,
            (R(2), 3),
            r"Type 'Tuple\[Tensor, int\]' cannot be traced. Only Tensors and \(possibly nested\)",
        ),
        (lambda x, y: x, (R(2), None), r"Type 'Tuple\[Tensor, NoneType\]' cannot be traced"),
        (lambda x, y: x, (R(2), "a"), r"Type 'Tuple\[Tensor, str\]' cannot be traced"),
        (lambda x, y: x, (R(2), [1]), r"Type 'Tuple\[Tensor, List\[int\]\]' cannot be traced"),
        (lambda x, y: x, (R(2), []), "Tracer cannot infer type of .*\n.*List trace inputs must have elements"),
        (lambda x, y: x, (R(2), object()), "got value of type object"),
        (lambda: torch.ones(1), 5, "example inputs must be tensors"),
    ],
)
def test_refused(program: Callable[..., Any], inputs: Any, message: str) -> None:
    with pytest.raises(TracingError, match=f"(?s){message}"):
        flambeau.trace(program, inputs)


@pytest.mark.parametrize("inputs", [(R(2), 3), (R(2), "a"), (R(2), [])])
def test_messages_are_pytorchs(inputs: tuple[Any, ...]) -> None:
    def f(x: Tensor, y: object) -> Tensor:
        return x

    with pytest.raises(RuntimeError) as theirs:
        torch.jit.trace(f, inputs)
    with pytest.raises(RuntimeError) as mine:
        flambeau.trace(f, inputs)
    assert str(mine.value).split("\n")[0] == str(theirs.value).split("\n")[0]


def test_a_function_without_inputs() -> None:
    traced = flambeau.trace(lambda: torch.ones(2) * 3, ())
    assert_same(run(traced, ()), torch.ones(2) * 3)


def test_callable_objects() -> None:
    class Adder:
        def __call__(self, x: Tensor) -> Tensor:
            return x + 1

    assert flambeau.trace(Adder(), R(2))(torch.zeros(1)) == 1


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}], ids=["list", "tuple", "dict"])
@pytest.mark.parametrize("depth", [500, 3000])
def test_values_nested_too_deeply(wrap: Callable[[object], object], depth: int) -> None:
    def nested(value: object) -> object:
        for _ in range(depth):
            value = wrap(value)
        return value

    def innermost(value: Any) -> Tensor:
        while not isinstance(value, Tensor):
            (value,) = value.values() if isinstance(value, dict) else value
        return value + 1

    with pytest.raises(TracingError, match="too deeply"):
        flambeau.trace(innermost, (nested(torch.ones(2)),))
    with pytest.raises(TracingError, match="too deeply"):
        flambeau.trace(lambda x: nested(x * 2), (torch.ones(2),))


def test_recursion_of_the_traced_function_is_its_own() -> None:
    def endless(x: Tensor) -> Tensor:
        return endless(x + 1)

    with pytest.raises(RecursionError):
        flambeau.trace(endless, (torch.ones(2),))
