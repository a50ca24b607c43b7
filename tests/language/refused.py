"""Forms that are no part of the language and belong to no other section."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from tests.language.harness import Suite

suite = Suite("refused")


@suite.rejects("The annotation prefix in line", marked=None)
def prefix_of_type_comment(a, b):
    # type : (int, int) -> int
    return a + b


@suite.rejects("Unknown type", ours="Unknown type annotation: 'typing.Iterable[int]'")
def iterable_annotation(a: Iterable[int]):
    return a


@suite.rejects("Unknown type", ours="Unknown type annotation: '<class 'type'>'")
def type_annotation(a: type):
    return a


@suite.rejects("Unknown type", ours="Unknown type annotation: '<class 'numpy.ndarray'>'")
def array_annotation(a: np.ndarray):
    return a


class _Kind(Enum):
    ONE = 1


@suite.rejects("Cannot create dict for key type 'Enum<")
def keys_of_an_enum(a: Dict[_Kind, int]):
    return a


@suite.rejects("", ours="raise statements without an exception aren't supported", marked="raise")
def bare_raise(a: int):
    if a > 0:
        raise
    return a


class _TypedExit:
    def __init__(self):
        self.count = 1

    def __enter__(self):
        return 1

    def __exit__(self, kind: int, value: Any, trace: Any):
        pass


@suite.rejects("argument 1 of __exit__ must have Any type")
def exit_with_types(a: int):
    with _TypedExit():
        a += 1
    return a


@suite.rejects("aren't supported", ours="nonlocal variables aren't supported", marked="nonlocal x")
def nonlocal_variable(x: int):
    def inner():
        nonlocal x
        x = 1

    inner()
    return x


@suite.rejects("aren't supported", ours="async function definitions aren't supported")
def async_function(x: int):
    async def inner():
        return x

    return x


@suite.rejects("filter", ours="Cannot instantiate class 'filter'")
def filter_function(a: List[int]):
    return filter(None, a)


@suite.rejects("Python builtin <built-in function repr> is currently not supported in Torchscript")
def repr_function(a: int):
    return repr(a)


@suite.rejects("Python builtin <built-in function vars> is currently not supported in Torchscript")
def vars_function(a: int):
    return vars()


class _Total(NamedTuple):
    x: int

    def total(self) -> int:
        return self.x


@suite.rejects("object has no attribute or method 'total'")
def method_of_a_named_tuple(p: _Total):
    return p.total()


@suite.extends(True, False)
def annotated_again_in_a_branch(b: bool):
    x = 1.5
    if b:
        x: float = 2.0
    return x


@suite.rejects("hasattr's first argument must be an object or NamedTuple")
def hasattr_of_a_number(a: int):
    return hasattr(a, "x")


@suite.rejects("A Starred expression may only appear on the lhs within the presence of another")
def star_alone(a: Tuple[int, int]):
    (*x,) = a
    return x


class _Base:
    def __init__(self):
        self.a = 1


class _Derived(_Base):
    def __init__(self):
        self.b = 1


@suite.rejects("object has no attribute or method 'a'. Did you forget to initialize an attribute in __init__()")
def attribute_of_a_base_class():
    return _Derived().a


@dataclass
class _Unordered:
    a: int


@suite.rejects("", ours="has no attribute or method '__lt__'", marked="_Unordered(1) < _Unordered(2)")
def order_of_a_dataclass_without_order(a: int):
    return _Unordered(1) < _Unordered(2)


@suite.rejects(
    "", ours="Legacy Tensor Constructor only supports two schemas in TorchScript", marked="torch.FloatTensor"
)
def legacy_constructor_of_a_string():
    return torch.FloatTensor("a")


@suite.rejects("has uninitialized parameters weight. Did you forget to run a forward pass?", marked=None)
class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.LazyLinear(3)

    def forward(self, x: Tensor):
        return self.fc(x)


def forward(self, input: Tuple[Tensor]) -> None:
    return None


@suite.rejects("Can't define hook: forward on class", marked=None)
class HookOfATakenName(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_forward_pre_hook(forward)

    def forward(self, x: Tensor) -> Tensor:
        return x


@torch.jit._overload
def _other_defaults(a: int, b: int = 2) -> int: ...


@torch.jit._overload
def _other_defaults(a: str, b: int = 2) -> str: ...


def _other_defaults(a, b=3):
    return a


@suite.rejects("Default parameters on overloads do not affect the runtime", marked="_other_defaults")
def overloads_with_other_defaults(a: int):
    return _other_defaults(a)


@torch.jit._overload
def _declared_only(a: int) -> int: ...


@suite.rejects("is missing. Please make sure a definition is provided", marked=None)
def overload_without_implementation(a: int):
    return _declared_only(a)
