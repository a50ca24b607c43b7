"""Modules within modules: containers, interfaces, calls of submodules."""

from typing import Dict, List, Optional

import torch
from torch import Tensor, nn

from tests.language.harness import Suite
from tests.language.modules import Scale

suite = Suite("submodules")

_X = torch.arange(6.0).view(2, 3)


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


@suite.accepts(_X)
class MethodsOfSubmodules(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = Scale(2.0)

    def helper(self, x: Tensor, n: int) -> Tensor:
        return self.scale.other(x, times=n)

    def forward(self, x: Tensor):
        return self.scale(x), self.scale.forward(x), self.scale.other(x), self.helper(x, 3), self.scale.factor


@suite.accepts(_X)
class AttributesOfSubmodules(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.scale = Scale(2.0)

    def forward(self, x: Tensor):
        self.scale.factor = 5.0
        return x @ self.inner[0].weight, self.scale.factor, self.scale(x), self.inner[0].in_features


@suite.accepts(_X)
class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Scale(float(i + 1)) for i in range(4)])

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
        self.layers = nn.ModuleList([Scale(float(i + 1)) for i in range(4)])

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
        self.layers = nn.ModuleList([Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        y = x
        for layer in self.layers[1:3]:
            y = layer.other(y)
        return y


@suite.extends(_X)
class ReversedList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Scale(float(i + 1)) for i in range(4)])

    def forward(self, x: Tensor):
        for layer in self.layers[::-1]:
            x = layer(x) + 1
        return x


@suite.accepts(_X)
class ListsInParallel(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.ModuleList([Scale(1.0), Scale(2.0)])
        self.b = nn.ModuleList([Scale(3.0), Scale(4.0)])

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
        self.layers = nn.Sequential(Scale(1.5), Scale(2.5), Scale(3.5))

    def forward(self, x: Tensor):
        y = x
        for layer in self.layers:
            y = layer(y)
        return y, self.layers[1](x), len(self.layers)


@suite.extends(_X)
class CalledSlice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Scale(1.5), Scale(2.5), Scale(3.5))

    def forward(self, x: Tensor):
        return self.layers[:2](x)


@suite.accepts(_X)
class Dicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"a": Scale(1.0), "b": Scale(2.0)})

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
        self.a = Scale(2.0)
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
        self.layers = nn.ModuleList([Scale(1.0), _Other(), Scale(3.0)])

    def forward(self, x: Tensor, i: int):
        layer: _Layer = self.layers[i]
        return layer.forward(x)


@suite.accepts(_X)
class InterfaceAttribute(nn.Module):
    layer: _Layer

    def __init__(self):
        super().__init__()
        self.layer = Scale(3.0)

    def forward(self, x: Tensor):
        return self.layer.forward(x)


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
        self.a = Scale(2.0)
        self.b = Scale(3.0)

    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(self.a, x)
        other = torch.jit.fork(self.b.other, x, 2)
        return torch.jit.wait(future) + torch.jit.wait(other)


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


@suite.extends((_X, 1), (_X, -2), (_X, 2))
class ListIndexedByVariable(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Scale(1.0), Scale(2.0)])

    def forward(self, x: Tensor, i: int):
        return self.layers[i](x)


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


@suite.extends((_X, 1), (_X, 0))
class SequentialVariable(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Scale(1.0), nn.ReLU())

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


@suite.extends(torch.ones(2))
class NamedParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor):
        total = self.fc(x).sum()
        for name, parameter in self.named_parameters():
            total = total + parameter.sum() * len(name)
        return total
