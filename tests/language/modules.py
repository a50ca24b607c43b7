"""Modules: attributes, constants, methods, properties, overloads, hooks, state."""
# ruff: noqa: F811

from typing import Dict, Final, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

from tests.language.harness import Call, Suite

suite = Suite("modules")

_X = torch.arange(6.0).view(2, 3)


class Scale(nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def other(self, x: Tensor, times: int = 2) -> Tensor:
        for _ in range(times):
            x = x + self.factor
        return x


@suite.accepts(_X)
class Parameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 3))
        self.register_parameter("b", None)
        self.register_buffer("mean", torch.ones(3))
        self.register_buffer("nothing", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.b is not None:
            x = x + self.b
        return x @ self.w - self.mean


@suite.accepts(_X, _X)
class StateChanges(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.count = 0
        self.names = ["a"]
        self.scale = 1.0

    def forward(self, x: Tensor):
        self.count += 1
        self.total += x.sum(0)
        self.total = self.total * 2
        self.names.append("b")
        self.scale = self.scale / 2
        return self.count, self.names.copy(), self.scale, self.total


@suite.accepts(_X)
class EveryAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.i = 1
        self.f = 2.5
        self.b = True
        self.s = "text"
        self.c = 1 + 2j
        self.li = [1, 2]
        self.d = {"a": 1.5}
        self.t = (1, "x", torch.ones(1))
        self.n = None
        self.dev = torch.device("cpu")
        self.dt = torch.float64

    def forward(self, x: Tensor):
        return self.i, self.f, self.b, self.s, self.c, self.li, self.d, self.t, self.n, x.to(self.dt), x.to(self.dev)


@suite.accepts(_X)
class AnnotatedAttributes(nn.Module):
    cache: Dict[str, Tensor]
    history: List[Tensor]
    last: Optional[Tensor]
    pairs: List[Tuple[int, str]]

    def __init__(self):
        super().__init__()
        self.cache = {}
        self.history = []
        self.last = None
        self.pairs = []

    def forward(self, x: Tensor):
        self.cache["x"] = x
        self.history.append(x * 2)
        if self.last is None:
            self.last = x
        self.pairs.append((1, "a"))
        last = self.last
        assert last is not None
        return self.cache, self.history, last, self.pairs


@suite.accepts(_X)
class AttributeWrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = torch.jit.Attribute([], List[int])

    def forward(self, x: Tensor):
        if torch.jit.is_scripting():
            self.items.append(3)
        return x


@suite.accepts(_X, Call("encode", (_X,)), Call("count"))
class ExportedMethods(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x).relu()

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(x)

    @torch.jit.export
    def count(self) -> int:
        return self.calls


@suite.accepts(_X)
class IgnoredMethods(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 3

    @torch.jit.ignore
    def in_python(self, x: Tensor) -> Tensor:
        return x * len({1, 2, self.k})

    @torch.jit.unused
    def never(self, x):
        return {x}

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 77:
            return self.never(x)
        return self.in_python(x)


@suite.accepts(_X)
class Properties(nn.Module):
    def __init__(self):
        super().__init__()
        self._k = 2

    @property
    def k(self) -> int:
        return self._k * 10

    @k.setter
    def k(self, value: int) -> None:
        self._k = value

    def forward(self, x: Tensor):
        before = self.k
        self.k = 7
        return x * before, self.k


@suite.accepts(_X)
class StaticMethods(nn.Module):
    @staticmethod
    def add(x: Tensor, n: int = 1) -> Tensor:
        return x + n

    def forward(self, x: Tensor):
        return self.add(x), self.add(x, 5), StaticMethods.add(x)


class _Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 3

    def helper(self, x: Tensor) -> Tensor:
        return x * self.k

    def forward(self, x: Tensor) -> Tensor:
        return self.helper(x) + 1


@suite.accepts(_X)
class Inherited(_Base):
    def helper(self, x: Tensor) -> Tensor:
        return x + self.k


@suite.accepts((_X, 2))
class OverloadedMethods(nn.Module):
    @torch.jit._overload_method
    def twice(self, x: int) -> int: ...

    @torch.jit._overload_method
    def twice(self, x: Tensor) -> Tensor: ...

    def twice(self, x):
        return x + x

    def forward(self, x: Tensor, n: int):
        return self.twice(x), self.twice(n)


@suite.accepts(_X)
class Constants(nn.Module):
    __constants__ = ["a", "pairs"]
    b: Final[float]

    def __init__(self):
        super().__init__()
        self.a = 3
        self.b = 0.5
        self.pairs = [(1, 2), (3, 4)]

    def forward(self, x: Tensor):
        for i in range(self.a):
            x = x + i
        for p, q in self.pairs:
            x = x * p + q
        return x * self.b


@suite.accepts(_X)
class FunctionAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.activation = torch.nn.functional.relu
        self.other = torch.sigmoid

    def forward(self, x: Tensor):
        return self.activation(x) + self.other(x)


@suite.accepts(_X)
class ScriptFunctionAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = _plain

    def forward(self, x: Tensor):
        return self.f(x)


def _plain(x: Tensor) -> Tensor:
    return x * 3


class State(NamedTuple):
    h: Tensor
    c: Tensor


@suite.accepts((_X, _X))
class NamedTupleState(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 3)

    def step(self, x: Tensor, state: State) -> State:
        h, c = self.cell(x, (state.h, state.c))
        return State(h, c)

    def forward(self, x: Tensor, y: Tensor) -> State:
        state = State(torch.zeros(2, 3), c=torch.zeros(2, 3))
        for _ in range(3):
            state = self.step(x, state)
        return state


@suite.accepts(_X)
class TrainingFlag(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.eval()

    def forward(self, x: Tensor):
        if self.training:
            return x * 100, True
        return self.drop(x), self.training


@suite.accepts(_X)
class ForwardHooks(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Scale(2.0)
        self.inner.register_forward_pre_hook(_pre_hook)
        self.inner.register_forward_hook(_hook)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def _pre_hook(self, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] + 1,)


def _hook(self, input: Tuple[Tensor], output: Tensor):
    return output * 10 + input[0]


@suite.accepts(_X)
class OwnHooks(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_forward_hook(_hook)

    def forward(self, x: Tensor) -> Tensor:
        return x - 1


@suite.accepts(_X)
class SelfCall(nn.Module):
    def helper(self, x: Tensor, *, n: int) -> Tensor:
        return x + n

    def forward(self, x: Tensor):
        t = (x,)
        return self.helper(*t, n=3)


@suite.rejects("has no attribute 'nothing'")
class MissingAttribute(nn.Module):
    def forward(self, x: Tensor):
        return x + self.nothing


@suite.extends(_X)
class EmptyListAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = []

    def forward(self, x: Tensor):
        return len(self.items)


@suite.rejects("we failed to convert Python type: 'set' to a TorchScript type")
class SetAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = {1, 2}

    def forward(self, x: Tensor):
        return self.items


@suite.rejects("Wrong type for attribute assignment. Expected int but got str")
class AttributeOfOtherType(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 1

    def forward(self, x: Tensor):
        self.k = "a"
        return x


@suite.rejects("nonexistent attribute")
class NewAttribute(nn.Module):
    def forward(self, x: Tensor):
        self.k = None
        return x


@suite.rejects("is not a valid constant", marked=None)
class BadConstant(nn.Module):
    __constants__ = ["k"]

    def __init__(self):
        super().__init__()
        self.k = torch.ones(1)

    def forward(self, x: Tensor):
        return x


@suite.rejects("is not a valid constant", marked=None)
class FinalObject(nn.Module):
    k: Final[dict]

    def __init__(self):
        super().__init__()
        self.k = {"a": 1}

    def forward(self, x: Tensor):
        return x


@suite.extends(_X)
class SuperCall(_Base):
    def forward(self, x: Tensor):
        return super().forward(x)


@suite.rejects("did you forget to call", marked=None)
class Uninitialized(nn.Module):
    def __init__(self):
        pass

    def forward(self, x: Tensor):
        return x


@suite.rejects("Type annotations on instance attributes must be declared in __init__")
class AnnotatedOutsideInit(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 1

    def forward(self, x: Tensor):
        self.k: int = 3
        return x


@suite.rejects("has the wrong inner types for the input tuple argument. Received type: 'Tuple[int]'", marked=None)
class BadHook(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_forward_hook(_bad_hook)

    def forward(self, x: Tensor) -> Tensor:
        return x


def _bad_hook(self, input: Tuple[int], output: Tensor):
    return output
