"""Modules: attributes, constants, submodules and their containers, exported methods, hooks, interfaces."""
# ruff: noqa: F811

from typing import Dict, Final, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

from tests.language.harness import Call, Suite

suite = Suite("modules")

_X = torch.arange(6.0).view(2, 3)


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


@suite.accepts(_X)
class Submodules(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(4, 2), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@suite.accepts(_X)
class SharedSubmodule(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = self.a

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))


class _Scale(nn.Module):
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
class MethodsOfSubmodules(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = _Scale(2.0)

    def helper(self, x: Tensor, n: int) -> Tensor:
        return self.scale.other(x, times=n)

    def forward(self, x: Tensor):
        return self.scale(x), self.scale.forward(x), self.scale.other(x), self.helper(x, 3), self.scale.factor


@suite.accepts(_X)
class AttributesOfSubmodules(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.scale = _Scale(2.0)

    def forward(self, x: Tensor):
        self.scale.factor = 5.0
        return x @ self.inner[0].weight, self.scale.factor, self.scale(x), self.inner[0].in_features


@suite.accepts(_X)
class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        y = x
        for layer in self.layers:
            y = layer(y)
        for i, layer in enumerate(self.layers):
            y = y + layer(x) * i
        return y, self.layers[0](x), self.layers[-1](x), len(self.layers)


@suite.corrects(_X, because="after a loop over all, every item of a slice is the last module")
class ListAndSlice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        for layer in self.layers:
            x = layer(x)
        for layer in self.layers[1:3]:
            x = layer.other(x)
        return x


@suite.accepts(_X)
class ListSlices(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        y = x
        for layer in self.layers[1:3]:
            y = layer.other(y)
        return y


@suite.extends(_X)
class ReversedList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        for layer in self.layers[::-1]:
            x = layer(x) + 1
        return x


@suite.accepts(_X)
class ListsInParallel(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.ModuleList([_Scale(1.0), _Scale(2.0)])
        self.b = nn.ModuleList([_Scale(3.0), _Scale(4.0)])

    def forward(self, x: Tensor, ys: Optional[List[Tensor]] = None):
        found: List[Tensor] = []
        for m, n in zip(self.a, self.b):
            found.append(m(x) + n(x))
        for i, (m, n) in enumerate(zip(self.a, self.b)):
            found.append(m(x) * n(x) + i)
        return found, [p(x) for p in self.a]


@suite.accepts(_X)
class SequentialSlices(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(_Scale(1.5), _Scale(2.5), _Scale(3.5))

    def forward(self, x: Tensor):
        y = x
        for layer in self.layers:
            y = layer(y)
        return y, self.layers[1](x), len(self.layers)


@suite.rejects("cannot call a value of type 'Tuple[", ours="cannot call a")
class CalledSlice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(_Scale(1.5), _Scale(2.5), _Scale(3.5))

    def forward(self, x: Tensor):
        return self.layers[:2](x)


@suite.accepts(_X)
class Dicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"a": _Scale(1.0), "b": _Scale(2.0)})

    def forward(self, x: Tensor):
        found: Dict[str, Tensor] = {}
        for name, head in self.heads.items():
            found[name] = head(x)
        keys: List[str] = []
        for name in self.heads.keys():
            keys.append(name)
        total = x
        for head in self.heads.values():
            total = total + head(x)
        for name in self.heads:
            keys.append(name)
        return found, keys, total, self.heads["a"](x), "a" in self.heads, "z" in self.heads, len(self.heads)


@suite.accepts(_X)
class ParameterLists(nn.Module):
    def __init__(self):
        super().__init__()
        self.ws = nn.ParameterList([nn.Parameter(torch.ones(3) * i) for i in range(3)])

    def forward(self, x: Tensor):
        for w in self.ws:
            x = x + w
        for i, w in enumerate(self.ws):
            x = x + w * i
        return x + self.ws[1]


@suite.extends(_X)
class ParameterListLength(nn.Module):
    def __init__(self):
        super().__init__()
        self.ws = nn.ParameterList([nn.Parameter(torch.ones(3))])

    def forward(self, x: Tensor):
        return x + len(self.ws)


@suite.accepts(_X)
class ParameterDicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.ws = nn.ParameterDict({"a": nn.Parameter(torch.ones(3)), "b": nn.Parameter(torch.zeros(3))})

    def forward(self, x: Tensor):
        return x + self.ws["a"] * self.ws["b"]


@suite.extends(_X)
class ParameterDictItems(nn.Module):
    def __init__(self):
        super().__init__()
        self.ws = nn.ParameterDict({"a": nn.Parameter(torch.ones(3)), "b": nn.Parameter(torch.zeros(3))})

    def forward(self, x: Tensor):
        for k, w in self.ws.items():
            x = x + w
        return x


@suite.accepts(_X)
class ModuleIteration(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = _Scale(2.0)
        self.b = nn.ReLU()

    def forward(self, x: Tensor):
        names: List[str] = []
        for name, m in self.named_children():
            x = m(x)
            names.append(name)
        for m in self.children():
            x = m(x)
        for name, m in self.named_modules():
            names.append(name)
        return x, names


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


class _Other(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - 100


@torch.jit.interface
class _Layer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


@suite.accepts((_X, 0), (_X, 2), (_X, 7))
class InterfaceIndex(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(1.0), _Other(), _Scale(3.0)])

    def forward(self, x: Tensor, i: int):
        layer: _Layer = self.layers[i]
        return layer.forward(x)


@suite.accepts(_X)
class InterfaceAttribute(nn.Module):
    layer: _Layer

    def __init__(self):
        super().__init__()
        self.layer = _Scale(3.0)

    def forward(self, x: Tensor):
        return self.layer.forward(x)


@suite.accepts(_X)
class ForwardHooks(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = _Scale(2.0)
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
class DeepNesting(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"act": nn.ReLU()})["act"]) for _ in range(3)]
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


@suite.accepts(_X)
class ForkedSubmodule(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = _Scale(2.0)
        self.b = _Scale(3.0)

    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(self.a, x)
        other = torch.jit.fork(self.b.other, x, 2)
        return torch.jit.wait(future) + torch.jit.wait(other)


@suite.accepts(_X)
class SelfCall(nn.Module):
    def helper(self, x: Tensor, *, n: int) -> Tensor:
        return x + n

    def forward(self, x: Tensor):
        t = (x,)
        return self.helper(*t, n=3)


@suite.accepts(torch.arange(8.0).view(1, 2, 2, 2))
class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor):
        y = self.pool(torch.relu(self.norm(self.conv(x))))
        return self.head(torch.flatten(y, 1))


@suite.accepts(torch.arange(12.0).view(2, 2, 3))
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.gru = nn.GRU(4, 2, bidirectional=True)

    def forward(self, x: Tensor):
        y, (h, c) = self.lstm(x)
        z, hz = self.gru(y)
        return y, h, c, z, hz


@suite.accepts(torch.arange(16.0).view(2, 2, 4))
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor):
        y, w = self.attention(x, x, x, need_weights=True)
        return y, w


@suite.accepts(torch.arange(16.0).view(2, 2, 4))
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)

    def forward(self, x: Tensor):
        return self.layer(x)


# Refused.


@suite.rejects("has no attribute 'nothing'")
class MissingAttribute(nn.Module):
    def forward(self, x: Tensor):
        return x + self.nothing


@suite.rejects("")
class ListIndexedByVariable(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([_Scale(1.0), _Scale(2.0)])

    def forward(self, x: Tensor, i: int):
        return self.layers[i](x)


@suite.rejects("we failed to convert Python type: 'list' to a TorchScript type")
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
        self.k = 3
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


@suite.rejects("super")
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


@suite.rejects("'Inner.helper' is being compiled since it was called from", ours="is being compiled since")
class ErrorInSubmodule(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor):
        return self.inner(x)


class Inner(nn.Module):
    def helper(self, x: Tensor):
        return x.nothing

    def forward(self, x: Tensor):
        return self.helper(x)


@suite.rejects("Expected integer literal for index", ours="")
class SequentialVariable(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(_Scale(1.0), nn.ReLU())

    def forward(self, x: Tensor, i: int):
        return self.layers[i](x)


@suite.rejects("is not compatible with interface", marked=None)
class InterfaceMismatch(nn.Module):
    layer: _Layer

    def __init__(self):
        super().__init__()
        self.layer = _TwoArguments()

    def forward(self, x: Tensor):
        return self.layer.forward(x)


class _TwoArguments(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


@suite.rejects("has the wrong inner types for the input tuple argument. Received type: 'Tuple[int]'", marked=None)
class BadHook(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_forward_hook(_bad_hook)

    def forward(self, x: Tensor) -> Tensor:
        return x


def _bad_hook(self, input: Tuple[int], output: Tensor):
    return output
