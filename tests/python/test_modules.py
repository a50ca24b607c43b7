"""Scripted modules: what an `nn.Module` may hold and do, against eager and PyTorch's compiler."""

import enum
import functools
import warnings
from collections.abc import Iterator
from typing import Dict, Final, List, NamedTuple, Optional, Tuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau
from flambeau.errors import ScriptError
from tests.python.differential import assert_same, check_module


class Affine(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.register_parameter("bias", None)
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight, self.bias) * self.scale
        if self.bias is not None:
            y = y + 1
        return y


class Constants(nn.Module):
    __constants__ = ["repeat", "mode"]
    flag: Final[bool]

    def __init__(self, repeat: int, mode: str, flag: bool) -> None:
        super().__init__()
        self.repeat = repeat
        self.mode = mode
        self.flag = flag
        self.sizes = (1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.repeat):
            x = x * 2
        if self.flag:
            x = x.undefined_method()
        if self.mode == "negate":
            x = -x
        return x + self.sizes[1]


class Lists(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.rest = nn.ModuleList([nn.ReLU(), nn.Linear(4, 2)])

    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        total = 0
        for layer in self.layers:
            x = layer(x)
        for i, layer in enumerate(self.layers):
            x = layer(x) * i
            total += i
        for first, second in zip(self.layers, self.layers):
            x = second(first(x))
        for later in self.layers[1:]:
            x = later(x)
        x = self.layers[-1](x) + self.layers[0](x)
        for other in self.rest:
            x = other(x)
        return x, total + len(self.layers)


class Dicts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Tanh()})

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        result: Dict[str, Tensor] = {}
        for name, part in self.parts.items():
            result[name] = part(x)
        for name in self.parts:
            result[name + "!"] = x
        for name in self.parts.keys():
            result["k" + name] = x
        for part in self.parts.values():
            x = part(x)
        if "a" in self.parts:
            result["direct"] = self.parts["a"](x)
        return result


class Parameters(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(3)) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = x + weight
        return x * self.weights[0]


class State(nn.Module):
    """Attributes that the program itself changes."""

    count: int
    history: List[Tensor]
    names: Dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.history = []
        self.names = {}
        self.last: Optional[Tensor] = None

    def forward(self, x: Tensor) -> int:
        self.count += 1
        self.history.append(x)
        self.names["calls"] = self.count
        return self.count + len(self.history)


class Methods(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def helper(self, x: Tensor, n: int = 2) -> Tensor:
        return self.inner(x) * n

    @staticmethod
    def static(x: Tensor) -> Tensor:
        return x + 1

    @torch.jit.export
    def exported(self, x: Tensor) -> Tensor:
        return self.helper(x, n=5)

    @torch.jit.ignore
    def ignored(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy() + 1)

    @torch.jit.unused
    def unused(self, x: Tensor) -> Tensor:
        return x.nonsense()

    @property
    def width(self) -> int:
        return 3

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() > 100:
            return self.unused(x)
        return self.helper(x) + self.static(self.ignored(x)) + self.width


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = self.first
        self.third = nn.Linear(3, 3)
        self.third.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(x) + self.third(x)


class Optionals(nn.Module):
    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.down = nn.Linear(3, 3) if skip else None
        self.main = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.main(x)
        if self.down is not None:
            y = y + self.down(x)
        return y


class Functions(nn.Module):
    def __init__(self, activation) -> None:
        super().__init__()
        self.activation = activation
        self.builtin = torch.tanh

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.builtin(x))


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x * 2
        return self.head(self.body(x))


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)

    def forward(self, xs: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> List[Tensor]:
        if state is None:
            zeros = torch.zeros(xs.size(1), 4)
            state = (zeros, zeros)
        outputs: List[Tensor] = []
        i = 0
        while i < xs.size(0):
            h, c = self.cell(xs[i], state)
            state = (h, c)
            if bool(h.sum() > 1e6):
                break
            outputs.append(h)
            i += 1
        return outputs


class Config(NamedTuple):
    width: int
    name: str


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Attributes(nn.Module):
    scales: Dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.config = Config(3, "net")
        self.mode = Mode.SLOW
        self.dtype = torch.float64
        self.device_ = torch.device("cpu")
        self.scales = {"a": torch.ones(3)}
        self.pair = (1, 2.5)
        self.names = ["x", "y"]
        self.empty = []

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == Mode.SLOW:
            x = x.to(self.dtype)
        return x.to(self.device_) * self.config.width + self.scales["a"] * self.pair[1] + len(self.names)


class Overloaded(nn.Module):
    @torch.jit._overload_method
    def pick(self, x: int) -> int: ...

    @torch.jit._overload_method
    def pick(self, x: str) -> str: ...  # noqa: F811

    def pick(self, x):  # noqa: F811
        if isinstance(x, int):
            return x + 1
        return x + "!"

    def forward(self, x: Tensor) -> Tuple[int, str]:
        return self.pick(3), self.pick("a")


class Walks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tuple[Tensor, List[str]]:
        names: List[str] = []
        for name, child in self.named_children():
            names.append(name)
            x = child(x)
        for child in self.children():
            x = child(x)
        return x, names


NETS = {
    "parameters and buffers": (lambda: Affine(3, 2), (torch.randn(4, 3),)),
    "constants": (lambda: Constants(3, "negate", False), (torch.ones(2),)),
    "module lists": (Lists, (torch.randn(2, 4),)),
    "module dicts": (Dicts, (torch.randn(2, 3),)),
    "parameter lists": (Parameters, (torch.randn(3),)),
    "state": (State, (torch.ones(2),)),
    "methods": (Methods, (torch.randn(2, 3),)),
    "shared submodules": (Shared, (torch.randn(2, 3),)),
    "optional submodule present": (lambda: Optionals(True), (torch.randn(2, 3),)),
    "optional submodule absent": (lambda: Optionals(False), (torch.randn(2, 3),)),
    "function attribute": (lambda: Functions(F.relu), (torch.randn(3),)),
    "builtin attribute": (lambda: Functions(torch.sigmoid), (torch.randn(3),)),
    "blocks": (lambda: Blocks().eval(), (torch.randn(1, 2, 6, 6),)),
    "blocks in training": (Blocks, (torch.randn(2, 2, 6, 6),)),
    "loop": (Loop, (torch.randn(3, 2, 3),)),
    "attributes": (Attributes, (torch.ones(3),)),
    "overloaded methods": (Overloaded, (torch.ones(1),)),
    "walks": (Walks, (torch.randn(2, 3),)),
}


@pytest.mark.parametrize("name", NETS)
def test_module_equals_eager(name: str) -> None:
    make, inputs = NETS[name]
    # PyTorch's own compiler loses the names of a NamedTuple attribute, and cannot call modules of a slice.
    check_module(make(), *inputs, oracle=name not in ("attributes", "module lists"))


def test_parameters_are_the_modules_own() -> None:
    module = Affine(3, 2)
    scripted = flambeau.script(module)
    assert scripted.weight is module.weight
    assert [n for n, _ in scripted.named_parameters()] == ["weight"]
    assert [n for n, _ in scripted.named_buffers()] == ["scale"]


def test_modules_with_equal_attributes_share_a_type() -> None:
    a, b = flambeau.script(nn.Linear(3, 4)), flambeau.script(nn.Linear(3, 4))
    c = flambeau.script(nn.Linear(3, 5))
    assert a._c.type is b._c.type
    assert a._c.type is not c._c.type  # `in_features` and `out_features` are constants
    assert a._c.type.methods["forward"] is b._c.type.methods["forward"]


def test_shared_submodule_stays_one() -> None:
    scripted = flambeau.script(Shared())
    assert scripted.first is scripted.second
    assert scripted.third is not scripted.first
    assert scripted.third.weight is scripted.first.weight


def test_exported_methods_are_there() -> None:
    module = Methods()
    scripted = flambeau.script(module)
    x = torch.randn(2, 3)
    assert_same(scripted.exported(x), module.exported(x))
    assert_same(scripted.helper(x), module.helper(x))


def test_unreached_code_is_not_compiled() -> None:
    class Net(nn.Module):
        def never(self, x):
            try:
                return x
            except ValueError:
                return x

        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    flambeau.script(Net())


def test_attribute_without_a_type_fails_on_use_only() -> None:
    class Net(nn.Module):
        def __init__(self, use: bool) -> None:
            super().__init__()
            self.anything = object()
            self.use: Final[bool] = use

        def forward(self, x: Tensor) -> Tensor:
            return x

    class Using(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.anything

    flambeau.script(Net(True))
    with pytest.raises(ScriptError) as caught:
        flambeau.script(Using(True))
    text = str(caught.value)
    assert "Module 'Using' has no attribute 'anything'" in text
    assert "failed to convert Python type: 'object' to a TorchScript type" in text
    assert "test_modules.py" in text


def test_set_attribute_asks_for_an_annotation() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e = {1}

        def forward(self) -> int:
            return len(self.e)

    with pytest.raises(ScriptError) as caught:
        flambeau.script(Net())
    assert (
        "Module 'Net' has no attribute 'e' (This attribute exists on the Python module, but we failed to convert "
        "Python type: 'set' to a TorchScript type."
    ) in str(caught.value)


def test_uninitialized_modules_are_said() -> None:
    class Forgets(nn.Module):
        def __init__(self) -> None:
            pass

    with pytest.raises(ScriptError, match=r"has not been initialized, did you forget to call 'super\(\)'"):
        flambeau.script(Forgets())
    with pytest.raises(ScriptError, match=r"has uninitialized parameters weight. Did you forget to run a forward pass"):
        flambeau.script(nn.LazyLinear(3))


def test_constants_that_are_none_warn() -> None:
    class Net(nn.Module):
        __constants__ = ["weight", "missing"]

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self) -> Tensor:
            return self.weight

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flambeau.script(Net())
    texts = [str(w.message) for w in caught]
    assert any("'weight' was found in ScriptModule constants,  but it is a non-constant parameter" in t for t in texts)
    assert any(
        "'missing' was found in ScriptModule constants, but was not actually set in __init__" in t for t in texts
    )


def test_constant_of_wrong_class_is_refused() -> None:
    class Net(nn.Module):
        __constants__ = ["thing"]

        def __init__(self) -> None:
            super().__init__()
            self.thing = {"a": 1}

        def forward(self) -> int:
            return 1

    with pytest.raises(ScriptError, match=r"'dict' object in attribute 'Net.thing' is not a valid constant"):
        flambeau.script(Net())


def test_index_that_is_not_constant() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2)])

        def forward(self, x: Tensor, i: int) -> Tensor:
            return self.layers[i](x)

    net = Net()
    scripted, x = flambeau.script(net), torch.ones(1, 2)
    torch.testing.assert_close(scripted(x, -1), net(x, -1))
    with pytest.raises(IndexError):
        scripted(x, 1)


def test_failing_submodule_shows_the_chain() -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + "a"

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    with pytest.raises(ScriptError) as caught:
        flambeau.script(Outer())
    text = str(caught.value)
    assert 'return x + "a"' in text
    assert "is being compiled since it was called from" in text
    assert "return self.inner(x)" in text


def test_wrong_attribute_value() -> None:
    class Net(nn.Module):
        size: int

        def __init__(self) -> None:
            super().__init__()
            self.size = "three"

        def forward(self) -> int:
            return self.size

    with pytest.raises(
        ScriptError, match=r"Could not cast attribute 'size'.* to type int: Unable to cast .*'str'> to int"
    ):
        flambeau.script(Net())


def test_module_that_is_no_submodule() -> None:
    outside = nn.Linear(2, 2)

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return outside(x)

    x, net = torch.ones(1, 2), Net()
    scripted, theirs = flambeau.script(net), torch.jit.script(net)
    assert torch.equal(scripted(x), net(x))
    assert torch.equal(theirs(x), net(x))
    assert not list(scripted.parameters())


class Odd(tuple[int, ...]):
    """A tuple that does not behave like one."""

    def __len__(self) -> int:
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(())


def test_tuples_that_do_not_behave_like_tuples() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Odd((3, 4))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.pair[0] + self.pair[1]

    assert torch.equal(flambeau.script(Holder())(torch.ones(1)), torch.jit.script(Holder())(torch.ones(1)))


def test_methods_of_a_scripted_submodule_that_nothing_called_before() -> None:
    class Grid(nn.Module):
        def there(self, x: Tensor) -> Tensor:
            return x + 1

        def back(self, x: Tensor) -> Tensor:
            return self.there(x) - 2

    class User(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.grid = flambeau.script(Grid())

        def forward(self, x: Tensor) -> Tensor:
            return self.grid.back(x)

    assert torch.equal(flambeau.script(User())(torch.ones(1)), torch.zeros(1))


def test_scripting_a_scripted_module_is_free() -> None:
    scripted = flambeau.script(nn.Linear(2, 2))
    assert flambeau.script(scripted) is scripted

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = scripted

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    net = flambeau.script(Net())
    assert net.inner is scripted
    x = torch.randn(1, 2)
    assert_same(net(x), scripted(x))


@torch.jit.interface
class Layer(nn.Module):
    def forward(self, input: Tensor) -> Tensor:
        pass


class ByInterface(nn.Module):
    chosen: Layer

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.chosen = inner
        self.layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])

    def forward(self, x: Tensor, i: int) -> Tensor:
        picked: Layer = self.layers[i]
        return picked.forward(self.chosen.forward(x))


def test_interfaces() -> None:
    class Twice(nn.Module):
        def forward(self, input: Tensor) -> Tensor:
            return input * 2

    for i in range(2):
        check_module(ByInterface(Twice()), torch.randn(3), i)


def test_module_that_does_not_implement_the_interface() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([Two()])

        def forward(self, x: Tensor, i: int) -> Tensor:
            picked: Layer = self.layers[i]
            return picked.forward(x)

    with pytest.raises(ScriptError, match=r"is not of annotated type .*Layer"):
        flambeau.script(Net())


def _doubles_input(self, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] * 2,)


def _looks_only(self, input: Tuple[Tensor]) -> None:
    assert input[0].numel() > 0


def _subtracts(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return output - input[0]


class Outer(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + 1


def _hooked() -> nn.Module:
    net = Outer(nn.Tanh())
    net.inner.register_forward_pre_hook(_doubles_input)
    net.inner.register_forward_pre_hook(_looks_only)
    net.inner.register_forward_hook(_subtracts)
    return net


def test_hooks_of_submodules() -> None:
    x = torch.randn(3)
    scripted = flambeau.script(_hooked())
    assert_same(scripted(x), _hooked()(x))
    assert_same(scripted(x), torch.jit.script(_hooked())(x))
    assert [f.name for f in scripted.inner._c.type.forward_hooks] == ["_subtracts"]


def test_hook_named_like_a_method() -> None:
    net = nn.Tanh()

    def forward(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
        return output

    net.register_forward_hook(forward)
    with pytest.raises(ScriptError, match=r"Can't define hook: forward on class: .*Tanh"):
        flambeau.script(net)


def test_ignored_members_stay_on_the_wrapper() -> None:
    class Net(nn.Module):
        __jit_ignored_attributes__ = ["note"]

        def __init__(self) -> None:
            super().__init__()
            self.note = object()

        @torch.jit.ignore
        def describe(self, text: str) -> str:
            return f"{text} of {type(self).__name__}"

        def forward(self, x: Tensor) -> Tensor:
            return x

    net = Net()
    scripted = flambeau.script(net)
    assert scripted.describe("a note") == "a note of ScriptModule"
    assert scripted.note is net.note


def test_overloaded_forward_is_called_by_its_arguments() -> None:
    module = nn.GRU(3, 4)
    scripted = flambeau.script(module)
    x = torch.randn(5, 2, 3)
    assert_same(scripted(x), module(x))


def test_modules_that_stand_for_others() -> None:
    class Lean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    class Fat(nn.Module):
        def __prepare_scriptable__(self) -> nn.Module:
            return Lean()

        def forward(self, *args, **kwargs):
            return args[0] * 2

    assert_same(flambeau.script(Outer(Fat()))(torch.ones(2)), torch.full((2,), 3.0))
    assert_same(flambeau.script(Fat())(torch.ones(2)), torch.full((2,), 2.0))


def test_module_compiled_by_pytorch() -> None:
    """(Inside another one it is accepted: `test_foreign`.)"""
    with pytest.raises(ScriptError, match=r"was compiled by PyTorch and has no Python source .* flambeau\.from_torch"):
        flambeau.script(torch.jit.script(nn.Tanh()))


def test_module_inside_itself() -> None:
    net = Outer(nn.Tanh())
    net.inner = net
    with pytest.raises(ScriptError, match="is a submodule of itself"):
        flambeau.script(net)


def test_deeply_nested_modules() -> None:
    net = nn.Tanh()
    for _ in range(400):
        net = nn.Sequential(net)
    with pytest.raises(ScriptError, match="nested too deeply"):
        flambeau.script(net)


def test_partially_applied_functions() -> None:
    """PyTorch's own compiler refuses these."""
    partial = functools.partial(F.leaky_relu, negative_slope=0.25)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.activation = functools.partial(F.elu, alpha=0.5)

        def forward(self, x: Tensor) -> Tensor:
            return self.activation(x) + partial(x) + partial(x, negative_slope=0.5)

    check_module(Net(), torch.randn(5), oracle=False)
