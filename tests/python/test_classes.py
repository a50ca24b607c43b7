"""Script classes: methods, properties, operators, static methods, dataclasses, what is refused."""

from dataclasses import InitVar, dataclass, field
from typing import Dict, List, Optional, Tuple

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ScriptError, UnsupportedError
from tests.python.differential import check_function, check_module


class Pair:
    def __init__(self, first: int, second: int = 4):
        self.first = first
        self.second = second

    def total(self) -> int:
        return self.first + self.second

    def grow(self, by: int) -> None:
        self.first += by

    @staticmethod
    def scaled(n: int) -> int:
        return n * 10

    @property
    def larger(self) -> int:
        return max(self.first, self.second)

    @larger.setter
    def larger(self, value: int) -> None:
        self.first = value

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.first + other.first, self.second + other.second)

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> int:
        return self.first if i == 0 else self.second

    def __contains__(self, n: int) -> bool:
        return n == self.first or n == self.second

    def __lt__(self, other: "Pair") -> bool:
        return self.first < other.first


class Stack:
    def __init__(self) -> None:
        self.items: List[Tensor] = []
        self.names: Dict[str, int] = {}

    def push(self, x: Tensor, name: str) -> None:
        self.items.append(x)
        self.names[name] = len(self.items)

    def top(self) -> Tensor:
        return self.items[-1]


def makes_objects(n: int) -> Tuple[int, int, int, int]:
    p = Pair(n)
    p.grow(2)
    q = p + Pair(1, 2)
    q.larger = 50
    return p.total(), q.larger, Pair.scaled(3), q.second


def uses_operators(n: int) -> Tuple[int, int, bool, bool]:
    p = Pair(n, n + 1)
    return len(p), p[1], 3 in p, p < Pair(100)


def takes_objects_apart(x: Tensor) -> Tuple[Tensor, int]:
    stack = Stack()
    stack.push(x, "a")
    stack.push(x * 2, "b")
    return stack.top(), stack.names["b"]


def makes_lists_of_objects(n: int) -> int:
    pairs: List[Pair] = []
    for i in range(n):
        pairs.append(Pair(i))
    best: Optional[Pair] = None
    for pair in pairs:
        best = pair
    if best is None:
        return -1
    return best.total()


FUNCTIONS = {
    "objects": (makes_objects, (5,)),
    "operators": (uses_operators, (3,)),
    "containers in objects": (takes_objects_apart, (torch.ones(2),)),
    "objects in containers": (makes_lists_of_objects, (4,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_class_equals_eager(name: str) -> None:
    function, arguments = FUNCTIONS[name]
    check_function(function, *arguments)


@dataclass(order=True)
class Point:
    x: float
    y: float
    norm: Optional[float] = None

    def __post_init__(self):
        self.norm = (self.x**2 + self.y**2) ** 0.5


@dataclass
class Configuration:
    width: int
    start: InitVar[int]
    total: int = 0

    def __post_init__(self, start: int):
        self.total = self.width + start


def compares_dataclasses(x: float) -> Tuple[bool, bool, bool, Optional[float]]:
    p, q = Point(x, 2.0), Point(x, 3.0)
    return p < q, p == q, p >= q, p.norm


def initial_values(n: int) -> Tuple[int, int]:
    c = Configuration(n, 5)
    return c.total, c.width


def test_dataclasses() -> None:
    check_function(compares_dataclasses, 1.5, oracle=False)
    check_function(initial_values, 3, oracle=False)


def test_default_factory_of_an_optional_field_is_refused() -> None:
    @dataclass
    class Bag:
        items: Optional[List[int]] = field(default_factory=list)

    def f() -> bool:
        return Bag().items is None

    with pytest.raises(UnsupportedError, match="whether it was given"):
        flambeau.script(f)


class WithObject(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(3)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.pair.total()


def test_object_as_attribute_of_a_module() -> None:
    flambeau.script(Pair)
    check_module(WithObject(), torch.ones(2), oracle=False)


def test_scripting_a_class_gives_it_back() -> None:
    assert flambeau.script(Pair) is Pair


class Base:
    def __init__(self) -> None:
        self.n = 1


class Derived(Base):
    def __init__(self) -> None:
        self.n = 2
        self.m = 3

    def both(self) -> int:
        return self.n + self.m


class Inheriting(Base):
    def value(self) -> int:
        return self.n


def inherits() -> Tuple[int, int]:
    return Derived().both(), Inheriting().value()


def test_inheritance() -> None:
    """PyTorch's compiler does not see what a base class defines."""
    check_function(inherits, oracle=False)
    with pytest.raises(ScriptError, match="TorchScript classes does not support inheritance yet"):
        flambeau.script(Derived)


class Assigns:
    def __init__(self, n: int):
        self.n = n

    def later(self) -> None:
        self.other = 3


class Fails:
    def __init__(self) -> None:
        self.n = 1

    def method(self) -> int:
        return self.missing


def test_attributes_come_from_init() -> None:
    def f() -> int:
        a = Assigns(1)
        a.later()
        return a.n

    with pytest.raises(ScriptError, match="Tried to set nonexistent attribute: other"):
        flambeau.script(f)
    with pytest.raises(ScriptError, match="has no attribute or method 'missing'"):
        flambeau.script(Fails)


def test_a_class_that_failed_can_be_tried_again() -> None:
    for _ in range(2):
        with pytest.raises(ScriptError, match="has no attribute or method 'missing'"):
            flambeau.script(Fails)


class Guard:
    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> int:
        self.depth += 1
        return self.depth

    def __exit__(self, type: object, value: object, traceback: object) -> None:
        self.depth -= 1
