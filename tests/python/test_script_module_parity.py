"""Scripted modules beside `torch.jit`'s of the same classes: what users read off them, and what they may do to them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import flambeau


class Plain(nn.Module):
    __constants__ = ["k"]

    def __init__(self) -> None:
        super().__init__()
        self.child = nn.Linear(2, 3, bias=False)
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.5))
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.LayerNorm(3)])
        self.weight = nn.Parameter(torch.ones(3))
        self.register_parameter("absent", None)
        self.register_buffer("kept", torch.zeros(3))
        self.register_buffer("dropped", torch.zeros(3), persistent=False)
        self.plain = torch.ones(3)
        self.count = 4
        self.ratio = 0.5
        self.flag = True
        self.name = "net"
        self.sizes = [1, 2]
        self.pair = (1, "a")
        self.table = {"a": 1.0}
        self.nothing = None
        self.k = 7

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.child(x)) * self.k
        for block in self.blocks:
            x = block(x)
        return x * self.weight + self.kept

    @torch.jit.export
    def grow(self, by: int = 1) -> int:
        self.count += by
        return self.count


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0]))
        self.a = nn.Linear(2, 2)
        self.b = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x) * self.scale)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.b = self.a

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))


CLASSES = [Plain, Shared, lambda: nn.BatchNorm1d(3), lambda: nn.GRUCell(2, 3), lambda: nn.Conv2d(1, 2, 3), nn.ReLU]
by_class = pytest.mark.parametrize("make", CLASSES, ids=["plain", "shared", "batch norm", "cell", "conv", "relu"])
X = torch.randn(4, 2)


def both(make: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module]:
    """The same module under flambeau and under torch.jit."""
    torch.manual_seed(0)
    module = make().eval()
    return flambeau.script(module), torch.jit.script(copy.deepcopy(module))


@by_class
def test_names_and_text(make: Callable[[], nn.Module]) -> None:
    mine, theirs = both(make)
    assert mine.original_name == theirs.original_name
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in mine.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert repr(mine) == repr(theirs).replace("RecursiveScriptModule", "ScriptModule")
    assert mine.code == theirs.code
    assert str(mine.forward.schema).rpartition("self,")[2] == str(theirs.forward.schema).rpartition("self,")[2]
    assert mine._c.method_names() == theirs._c._method_names()


@by_class
def test_each_attribute(make: Callable[[], nn.Module]) -> None:
    mine, theirs = both(make)
    for attribute in mine._c.type.attributes:
        name, value = attribute.name, getattr(mine, attribute.name)
        other = getattr(theirs, name)
        assert theirs._c.hasattr(name)
        if isinstance(value, Tensor):
            assert type(value) is type(other)
            assert torch.equal(value, other)
            assert value.requires_grad == other.requires_grad
        elif not isinstance(value, nn.Module):
            assert (type(value), value) == (type(other), other), name


ASSIGNMENTS: dict[str, Callable[[nn.Module], object]] = {
    "int": lambda m: setattr(m, "count", 9),
    "int from bool": lambda m: setattr(m, "count", True),
    "float from int": lambda m: setattr(m, "ratio", 2),
    "list from tuple": lambda m: setattr(m, "sizes", (3, 4)),
    "dict": lambda m: setattr(m, "table", {"b": 2.0}),
    "tuple": lambda m: setattr(m, "pair", (2, "b")),
    "plain tensor": lambda m: setattr(m, "plain", torch.zeros(2)),
    "parameter": lambda m: setattr(m, "weight", nn.Parameter(torch.zeros(3))),
    "parameter by a tensor": lambda m: setattr(m, "weight", torch.zeros(3)),
    "new python attribute": lambda m: setattr(m, "mine", [1]),
    "none to none": lambda m: setattr(m, "nothing", None),
    "int from float": lambda m: setattr(m, "count", 1.5),
    "int from str": lambda m: setattr(m, "count", "x"),
    "float from str": lambda m: setattr(m, "ratio", "x"),
    "bool from int": lambda m: setattr(m, "flag", 1),
    "str from int": lambda m: setattr(m, "name", 1),
    "list of other things": lambda m: setattr(m, "sizes", [1, "x"]),
    "none to tensor": lambda m: setattr(m, "nothing", torch.ones(1)),
    "tensor to int": lambda m: setattr(m, "weight", 3),
    "constant": lambda m: setattr(m, "k", 8),
    "new parameter": lambda m: setattr(m, "other", nn.Parameter(torch.ones(1))),
    "new buffer": lambda m: m.register_buffer("other", torch.ones(1)),
    "submodule not scripted": lambda m: setattr(m, "child", nn.Linear(2, 3, bias=False)),
    "submodule to none": lambda m: setattr(m, "child", None),
    "deletion": lambda m: delattr(m, "weight"),
    "reading what is not there": lambda m: m.missing,
}


@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_assignments(case: str) -> None:
    """The same is accepted with the same effect; what torch.jit refuses is refused, in its words as far as they go."""
    results: list[tuple[type | None, str, object]] = []
    for module in both(Plain):
        try:
            ASSIGNMENTS[case](module)
        except (RuntimeError, AttributeError) as error:
            base = RuntimeError if isinstance(error, RuntimeError) else AttributeError
            results.append((base, _message(error), None))
        else:
            state = [(n, module.__getattr__(n)) for n in ("count", "ratio", "flag", "name", "sizes", "pair", "table")]
            tensors = [(n, str(module.__getattr__(n))) for n in ("weight", "plain")]
            results.append((None, "", (state, tensors)))
    assert results[0] == results[1]


def _message(error: Exception) -> str:
    """The first line, up to where torch.jit tells of its C++."""
    text = str(error).split("\n")[0].replace("RecursiveScriptModule", "ScriptModule")
    return re.sub(r": (Unable to cast|Cannot cast).*", "", text).rstrip("'")


CALLS: dict[str, Callable[[nn.Module], object]] = {
    "no argument": lambda m: m(),
    "too many": lambda m: m(X, X),
    "wrong type": lambda m: m("x"),
    "unknown keyword": lambda m: m(X, y=1),
    "twice": lambda m: m(X, x=X),
    "int as float": lambda m: m.grow(1.5),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_that_are_refused(case: str) -> None:
    messages: list[list[str]] = []
    for module in both(Plain):
        with pytest.raises(RuntimeError) as raised:
            CALLS[case](module)
        text = re.sub(r"___torch_mangle_\d+\.", "", str(raised.value))
        messages.append([line for line in text.split("\n") if not line.startswith("Cast error details")])
    assert messages[0] == messages[1]


def test_methods_and_state() -> None:
    for module in both(Plain):
        assert module.grow(2) == 6
        assert module.grow() == 7
        assert module.count == 7
        assert module.training is False
        assert [m.training for m in module.train().modules()] == [True] * len(list(module.modules()))


MORE_METHODS = [
    "def more0(self, x):\n    for block in self.blocks:\n        x = block(x)\n    return x + len(self.blocks)\n",
    "def more1(self, x):\n    return self.layers(x) * self.k\n",
    "def more2(self, x):\n    return self.blocks[0](x) * self.weight\n",
    "def more3(self, x):\n    self.count += 1\n    return torch.relu(x) * self.grow(2)\n",
]


@pytest.mark.parametrize("index", range(len(MORE_METHODS)))
def test_methods_from_source_text(index: int) -> None:
    x = torch.randn(2, 3)
    results = []
    for module in both(Plain):
        module.define(MORE_METHODS[index])
        results.append((getattr(module, f"more{index}")(x), module.count))
    assert torch.equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


class WithProperty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stored = 2

    @property
    def doubled(self) -> int:
        return self.stored * 2

    @doubled.setter
    def doubled(self, value: int) -> None:
        self.stored = value // 2

    def forward(self, x: Tensor) -> Tensor:
        return x * self.doubled


def test_properties() -> None:
    """torch.jit gives the property object itself for `module.doubled`, so it cannot be compared with."""
    mine, theirs = both(WithProperty)
    assert mine.doubled == 4
    mine.doubled = 10
    assert (mine.stored, mine.doubled) == (5, 10)
    theirs.stored = 5
    assert torch.equal(mine(X), theirs(X))


def test_differences_that_are_meant() -> None:
    """A shared submodule is one object, and a copy has parameters of its own, as with eager modules."""
    mine, theirs = both(Shared)
    assert mine.a is mine.b
    assert theirs.a is not theirs.b
    assert [n for n, _ in mine.named_modules()] == [n for n, _ in Shared().named_modules()]
    assert copy.deepcopy(mine).a.weight.requires_grad
    assert copy.deepcopy(mine).a.weight.is_leaf
    assert not copy.deepcopy(theirs).a.weight.is_leaf


def test_dump() -> None:
    mine, theirs = both(Two)
    for options in ((True, True, True), (False, True, False), (False, False, False)):
        assert _without_addresses(mine._c.dump_to_str(*options)) == _without_addresses(theirs._c.dump_to_str(*options))


def _without_addresses(text: str) -> list[str]:
    text = re.sub(r"0x[0-9a-f]+|___torch_mangle_\d+\.", "", text)
    # Numbers of values, places in the source, blank lines after graphs.
    return [re.sub(r" # .*|(?<=%)\d+", "", line) for line in text.split("\n") if line.strip()]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, bias=False))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=[2, 3]))


def test_training_as_the_eager_module() -> None:
    """Gradients, optimizer, running statistics, weight sharing with the original: bit for bit."""
    eager = Network()
    original = copy.deepcopy(eager)
    scripted = flambeau.script(original)
    assert all(a is b for a, b in zip(scripted.parameters(), original.parameters(), strict=True))
    x = torch.randn(4, 1, 8, 8)
    for module in (eager, scripted):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            module(x).square().mean().backward()
            optimizer.step()
    mine, theirs = scripted.state_dict(), eager.state_dict()
    assert list(mine) == list(theirs)
    for name, value in theirs.items():
        assert torch.equal(mine[name], value), name
    assert torch.equal(scripted.eval()(x), eager.eval()(x))
    original.eval()
    assert torch.equal(original(x), eager(x))


def test_state_goes_from_eager_to_scripted_and_back() -> None:
    source, x = Network().eval(), torch.randn(2, 1, 8, 8)
    scripted = flambeau.script(Network().eval())
    assert str(scripted.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(scripted(x), source(x))
    fresh = Network().eval()
    fresh.load_state_dict(scripted.state_dict())
    assert torch.equal(fresh(x), source(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_moving_to_another_element_type(dtype: torch.dtype) -> None:
    eager = Network().eval()
    scripted = flambeau.script(copy.deepcopy(eager)).to(dtype)
    x = torch.randn(2, 1, 8, 8, dtype=dtype)
    assert torch.equal(scripted(x), eager.to(dtype)(x))
    assert scripted.features[1].num_batches_tracked.dtype is torch.int64


def test_memory_format_and_gradients_of_inputs() -> None:
    eager = Network()
    scripted = flambeau.script(copy.deepcopy(eager)).to(memory_format=torch.channels_last)
    assert scripted.features[3].weight.is_contiguous(memory_format=torch.channels_last)
    gradients = []
    for module in (eager.to(memory_format=torch.channels_last), scripted):
        x = torch.ones(1, 1, 8, 8, requires_grad=True)
        module(x).sum().backward()
        gradients.append(x.grad)
    assert torch.equal(gradients[0], gradients[1])


def test_what_programs_ask_of_the_object_behind_a_module() -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    mine, theirs = flambeau.script(module)._c, torch.jit.script(module)._c
    for name in ("forward", "nothing"):
        assert mine._has_method(name) == theirs._has_method(name)
    assert set(mine._method_names()) <= set(theirs._method_names())
    assert mine._get_method("forward").name == theirs._get_method("forward").name
    assert mine.hasattr("training")
    assert theirs.hasattr("training")
    assert mine.getattr("training") == theirs.getattr("training")


def test_constants_of_source_text() -> None:
    large = torch.arange(100.0)

    class Adding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + large

    mine = flambeau.trace(Adding(), torch.ones(100)).code_with_constants[1]
    theirs = torch.jit.trace(Adding(), torch.ones(100)).code_with_constants[1]
    assert list(mine.const_mapping) == list(theirs.const_mapping) == ["c0"]
    assert torch.equal(mine.c0, theirs.c0)
