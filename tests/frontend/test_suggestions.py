"""What errors say besides the problem: which candidates came near, what a name may have meant, what helps."""

from __future__ import annotations

import enum
import math
from typing import Dict, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau.errors import ScriptError
from flambeau.frontend.diagnostics.suggestions import did_you_mean


class Shared:
    shared = 3

    def __init__(self):
        self.own = 1

    def get(self) -> int:
        return self.shared


class Box:
    def __init__(self, width: int, height: int = 2):
        self.width = width

    def area(self, k: int) -> int:
        return self.width * k


class Pair(NamedTuple):
    left: int
    right: int


class Color(enum.Enum):
    RED = 1
    GREEN = 2


def repeated(text: str, count: int = 2) -> str:
    return "".join([text] * count)


def method_of_tensor(x: Tensor):
    return x.rleu()


def function_of_torch(x: Tensor):
    return torch.sotfmax(x, 1)


def function_of_functional(x: Tensor):
    return F.leaky_rleu(x)


def operator_by_name(x: Tensor):
    return torch.ops.aten.rleu(x)


def dtype_of_torch(x: Tensor):
    return x.to(torch.flaot32)


def variable(x: Tensor):
    value = x  # noqa: F841
    return vlaue  # noqa: F821


def name_of_the_file(x: Tensor):
    return repaeted("a")  # noqa: F821


def method_of_str(s: str):
    return s.uper()


def keyword_of_operator(x: Tensor):
    return x.sum(dims=1)


def keyword_of_function(n: int):
    return repeated("a", cuont=n)


def keyword_of_boolean_dispatch(x: Tensor):
    return F.max_pool2d(x, 2, return_indicies=True)


def keyword_of_class(n: int):
    return Box(widht=n)


def keyword_of_named_tuple(n: int):
    return Pair(left=n, rigth=n)


def attribute_of_object(n: int):
    return Box(n).widht


def assigned_attribute_of_object(n: int):
    box = Box(n)
    box.widht = 3
    return box.width


def method_of_object(n: int):
    return Box(n).aera(2)


def field_of_named_tuple(p: Pair):
    return p.lfet


def member_of_enum(n: int):
    return Color.GREEEN


def function_of_math(x: float):
    return math.sqr(x)


SIMILAR = [
    (method_of_tensor, "relu"),
    (function_of_torch, "softmax"),
    (function_of_functional, "leaky_relu"),
    (operator_by_name, "relu"),
    (dtype_of_torch, "float32"),
    (variable, "value"),
    (name_of_the_file, "repeated"),
    (method_of_str, "upper"),
    (keyword_of_operator, "dim"),
    (keyword_of_function, "count"),
    (keyword_of_boolean_dispatch, "return_indices"),
    (keyword_of_class, "width"),
    (keyword_of_named_tuple, "right"),
    (attribute_of_object, "width"),
    (assigned_attribute_of_object, "width"),
    (method_of_object, "area"),
    (field_of_named_tuple, "left"),
    (member_of_enum, "GREEN"),
    (function_of_math, "sqrt"),
]


def refusal(target: object) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(target)
    return caught.value


@pytest.mark.parametrize(("function", "meant"), SIMILAR, ids=lambda value: getattr(value, "__name__", value))
def test_similar_names_are_offered(function: object, meant: str) -> None:
    error = refusal(function)
    assert error.remedy.startswith(f"did you mean '{meant}'")
    assert str(error).endswith(f"\nHint: {error.remedy}")


class Misspelt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Linear(3, 3)

    def forward(self, x):
        return self.cnov1(x)


class MisspeltBelow(Misspelt):
    def forward(self, x):
        return self.conv1.wieght


class MisspeltMethod(Misspelt):
    def encode(self, x):
        return x

    def forward(self, x):
        return self.enocde(x)


@pytest.mark.parametrize(("cls", "meant"), [(Misspelt, "conv1"), (MisspeltBelow, "weight"), (MisspeltMethod, "encode")])
def test_names_of_modules(cls: type[nn.Module], meant: str) -> None:
    assert f"'{meant}'" in refusal(cls()).remedy


def test_nothing_is_offered_for_what_resembles_nothing() -> None:
    assert did_you_mean("xyzzy", ["relu", "sum"]) == ""
    assert did_you_mean("__lt__", ["__le__"]) == ""
    assert did_you_mean("relu", ["_relu", "relu_"]) == ""


def sum_of_numbers_and_text(n: int, s: str):
    return n + s


def get_of_another_key(d: Dict[str, int]):
    return d.get(1)


def test_the_nearest_candidates_come_first_and_few_are_listed() -> None:
    for function in (sum_of_numbers_and_text, get_of_another_key):
        lines = str(refusal(function)).splitlines()
        reasons = [line for line in lines if line.startswith("  Expected a value")]
        assert 1 <= len(reasons) <= 8
        assert not any("argument 'self'" in line or "argument 'a'" in line for line in reasons)
        (rest,) = [line for line in lines if "more that fit no better" in line]
        candidates = [line for line in lines if line.startswith("  aten::")]
        assert len(candidates) + int(rest.split()[1]) > 8


def int_for_text(n: int):
    return repeated(n)


def tensor_for_list(x: Tensor):
    return torch.cat(x)


def number_for_tensor(n: int):
    return _shifted(n)


def _shifted(x: Tensor) -> Tensor:
    return x


def flag_of_a_run(x: Tensor, flag: bool):
    return F.max_pool2d(x, 2, return_indices=flag)


def range_in_a_variable(n: int):
    numbers = range(n)
    return [numbers, numbers]


def only_in_python(x: Tensor):
    return x.numpy()


def spelled_otherwise(x: Tensor):
    return x.new_tensor([1.0])


def class_attribute(n: int):
    return Shared().get()


def order_of_objects(n: int):
    return Box(n) < Box(n)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (int_for_text, "`str(...)`"),
        (tensor_for_list, "into a list"),
        (number_for_tensor, "torch.tensor"),
        (flag_of_a_run, "two calls"),
        (range_in_a_variable, "list(range(...))"),
        (only_in_python, "@torch.jit.ignore"),
        (spelled_otherwise, "dtype=x.dtype"),
        (class_attribute, "assign it in __init__"),
        (order_of_objects, "define __lt__"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_remedies(function: object, words: str) -> None:
    assert words in refusal(function).remedy


class Inner(nn.Module):
    def forward(self, x):
        return x.rleu()


class Middle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        return self.inner(x)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.middle = Middle()

    def forward(self, x):
        return self.middle(x)


def test_the_calls_through_submodules_are_shown() -> None:
    error = refusal(Outer())
    assert [sentence for sentence, _ in error.calls] == [
        "'Inner.forward' is being compiled since it was called from 'Middle.forward'",
        "'Middle.forward' is being compiled since it was called from 'Outer.forward'",
    ]
    assert str(error).index("x.rleu()") < str(error).index("self.inner(x)") < str(error).index("self.middle(x)")
