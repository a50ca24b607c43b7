"""Calls from Python: arity, names and types of arguments give what `torch.jit` gives, or an error at least as clear."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ExecutionError
from flambeau.runtime import ArgumentError

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, the oracle."""


def several(x: Tensor, n: int, s: str = "d", k: float = 1.5) -> Tuple[Tensor, int, str, float]:
    return x, n, s, k


class Several(nn.Module):
    def forward(self, x: Tensor, n: int, s: str = "d", k: float = 1.5) -> Tuple[Tensor, int, str, float]:
        return x, n, s, k


X = torch.ones(1)
CALLS: list[tuple[tuple[object, ...], dict[str, object]]] = [
    ((), {}),
    ((X,), {}),
    ((X, 1), {}),
    ((X, 1, "a"), {}),
    ((X, 1, "a", 2.0), {}),
    ((X, 1, "a", 2.0, 3), {}),
    ((X,), {"n": 1}),
    ((X, 1), {"n": 1}),
    ((), {"x": X, "n": 2}),
    ((), {"n": 2, "x": X, "k": 1}),
    ((X, 1), {"k": 2.0}),
    ((X, 1), {"z": 2.0}),
    ((X, 1), {"k": None}),
    ((X,), {"n": None}),
    ((1, X), {}),
    ((X, 1), {"s": 1}),
    ((X,), {"z": 1}),
    ((), {"n": 1}),
    ((X, 1, "a"), {"k": 1, "z": 2}),
    ((X, True), {"s": b"bytes"}),
]


def outcome(call: Callable[..., object], *args: object, **kwargs: object) -> tuple[bool, str]:
    """Whether a call succeeds, and its result or the first line of the error."""
    try:
        result = call(*args, **kwargs)
    except (RuntimeError, TypeError) as error:
        return False, str(error).split("\n")[0]
    return True, f"{type(result).__name__}: {result!r}"


@pytest.mark.parametrize("program", [several, Several()], ids=["function", "module"])
@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_arity_and_names(program: Any, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    assert outcome(flambeau.script(program), *args, **kwargs) == outcome(PEER.script(program), *args, **kwargs)


@pytest.mark.parametrize("program", [several, Several()], ids=["function", "module"])
def test_where_torch_fails_an_assertion_or_python_gets_in_the_way(program: Any) -> None:
    scripted = flambeau.script(program)
    with pytest.raises(ArgumentError, match="Argument 's' specified both as positional and keyword argument"):
        scripted(X, 1, "a", s="b")
    with pytest.raises(ArgumentError, match=r"rgument 'self' (for operator|specified both)"):
        scripted(X, 1, self=1)


class Number(int):
    pass


class Colour(enum.IntEnum):
    RED = 3


class OfItsOwn(Tensor):
    pass


class Refusing:
    """Has the methods of a number, all of which fail."""

    def _fail(self) -> Any:
        raise ValueError("not today")

    __index__ = __float__ = __complex__ = __bool__ = __int__ = _fail


VALUES: dict[str, object] = {
    "None": None,
    "int": 1,
    "bool": True,
    "float": 1.5,
    "nan": float("nan"),
    "complex": 1j,
    "str": "a",
    "cpu": "cpu",
    "bytes": b"a",
    "tensor": torch.ones(2),
    "int tensor": torch.tensor(3),
    "bool tensor": torch.tensor(True),
    "float tensor": torch.tensor(3.5),
    "empty tensor": torch.ones(0),
    "parameter": nn.Parameter(torch.ones(1)),
    "subclass": torch.ones(2).as_subclass(OfItsOwn),  # type: ignore[no-untyped-call]  # PyTorch's
    "[]": [],
    "[1]": [1],
    "[1.5]": [1.5],
    "[1, 1.5]": [1, 1.5],
    "[True]": [True],
    "[tensor]": [torch.ones(1)],
    "[None]": [None],
    "[[1]]": [[1]],
    "(1,)": (1,),
    "(1, tensor)": (1, torch.ones(1)),
    "{}": {},
    "{'a': 1}": {"a": 1},
    "{1: 1}": {1: 1},
    "range": range(3),
    "size": torch.Size([1, 2]),
    "dtype": torch.float32,
    "device": torch.device("cpu"),
    "object": object(),
    "2**63": 2**63,
    "-2**63": -(2**63),
    "10**400": 10**400,
    "derived int": Number(3),
    "int enum": Colour.RED,
    "numpy int": np.int64(3),
    "numpy float": np.float64(2.5),
    "numpy float32": np.float32(2.5),
    "numpy bool": np.bool_(True),
    "numpy array": np.ones(2),
    "[numpy int]": [np.int64(1)],
    "refusing": Refusing(),
}


def takes_tensor(x: Tensor) -> Tensor:
    return x


def takes_int(x: int) -> int:
    return x


def takes_float(x: float) -> float:
    return x


def takes_bool(x: bool) -> bool:
    return x


def takes_str(x: str) -> str:
    return x


def takes_complex(x: complex) -> complex:
    return x


def takes_optional_tensor(x: Optional[Tensor]) -> Optional[Tensor]:
    return x


def takes_optional_int(x: Optional[int]) -> Optional[int]:
    return x


def takes_ints(x: List[int]) -> List[int]:
    return x


def takes_floats(x: List[float]) -> List[float]:
    return x


def takes_tensors(x: List[Tensor]) -> List[Tensor]:
    return x


def takes_optional_tensors(x: List[Optional[Tensor]]) -> List[Optional[Tensor]]:
    return x


def takes_lists(x: List[List[int]]) -> List[List[int]]:
    return x


def takes_dict(x: Dict[str, int]) -> Dict[str, int]:
    return x


def takes_tuple(x: Tuple[int, Tensor]) -> Tuple[int, Tensor]:
    return x


def takes_union(x: Union[int, float]) -> Union[int, float]:
    return x


def takes_device(x: torch.device) -> torch.device:
    return x


TAKERS = [
    *(takes_tensor, takes_int, takes_float, takes_bool, takes_str, takes_complex, takes_optional_tensor),
    *(takes_optional_int, takes_ints, takes_floats, takes_tensors, takes_optional_tensors, takes_lists, takes_dict),
    *(takes_tuple, takes_union, takes_device),
]

REFUSED = {
    "takes_int": {"numpy float32", "numpy bool"},
    "takes_optional_int": {"numpy float32", "numpy bool"},
    "takes_bool": {"None"},
    "takes_optional_tensors": {"tensor", "{}", "parameter", "subclass", "empty tensor"},
    "takes_lists": {"{}", "empty tensor"},
    "takes_tuple": {"tensor", "subclass"},
    "takes_union": {"dtype"},
}
"""What PyTorch takes, losing digits or taking one thing for another: floats for ints, a tensor for a list."""


@pytest.mark.parametrize("taker", TAKERS, ids=lambda taker: taker.__name__)
def test_types(taker: Callable[..., object]) -> None:
    ours, theirs = flambeau.script(taker), PEER.script(taker)
    different = {}
    for name, value in VALUES.items():
        expected, actual = outcome(theirs, value), outcome(ours, value)
        if name in REFUSED.get(taker.__name__, ()):
            assert expected[0], f"{name}: PyTorch refuses it as well by now"
            assert not actual[0], name
        elif expected[0] is not actual[0] or (expected[0] and expected != actual):
            different[name] = (expected, actual)
    assert not different


@pytest.mark.parametrize("taker", TAKERS, ids=lambda taker: taker.__name__)
def test_every_refusal_is_an_error_of_ours_that_names_the_argument(taker: Callable[..., object]) -> None:
    scripted = flambeau.script(taker)
    refused = [value for value in VALUES.values() if not outcome(scripted, value)[0]]
    assert refused
    for value in refused:
        with pytest.raises(ArgumentError, match="for argument 'x' but instead found type") as caught:
            scripted(value)
        assert isinstance(caught.value, ExecutionError)
        assert f"Declaration: {taker.__name__}(" in str(caught.value)


def test_unannotated_parameters_are_said_to_be_inferred() -> None:
    def first(x):
        return x

    assert outcome(flambeau.script(first), 1) == outcome(PEER.script(first), 1)


def test_values_that_contain_themselves() -> None:
    def anything(x: Any) -> Any:
        return x

    scripted = flambeau.script(anything)
    endless: list[object] = []
    endless.append(endless)
    deep: tuple[object, ...] = ()
    for _ in range(100_000):
        deep = (deep,)
    for value in (endless, deep):
        with pytest.raises(ArgumentError, match="too deeply"):
            scripted(value)
    while deep:  # taken apart one by one: to free it at once would use up the stack
        (deep,) = deep  # type: ignore[assignment]  # as it was made
