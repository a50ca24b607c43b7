"""Classes derived from `ScriptModule`, beside the same classes derived from PyTorch's."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, List  # what scripts of the time were written with

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import settings
from flambeau.errors import ScriptError
from flambeau.python import script_method

X = torch.tensor([[1.0, -2.0]])
OURS = SimpleNamespace(ScriptModule=flambeau.ScriptModule, script_method=script_method, Attribute=torch.jit.Attribute)


def classes(jit: Any) -> SimpleNamespace:
    """The same classes, made with either of the two."""

    class Shift(jit.ScriptModule):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.ones(2))

        @jit.script_method
        def forward(self, x: Tensor) -> Tensor:
            return x + self.shift

    class Net(jit.ScriptModule):
        __constants__ = ["factor"]

        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor
            self.linear = nn.Linear(2, 2)
            self.shift = Shift()
            self.names = jit.Attribute([], List[str])
            self.count = jit.Attribute(0, int)
            self.register_buffer("offset", torch.zeros(2))
            self.anything = object()
            assert self.names == []
            nn.init.eye_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

        @jit.script_method
        def forward(self, x):
            self.count += 1
            return self.helper(self.shift(self.linear(x))) * self.factor

        def helper(self, x: Tensor) -> Tensor:
            return x + self.offset

        @jit.script_method
        def named(self, name):
            # type: (str) -> List[str]
            self.names.append(name)
            return self.names

        def in_python(self) -> tuple[int, float]:
            return self.count, self.factor

    class Derived(Net):
        @jit.script_method
        def forward(self, x: Tensor) -> Tensor:
            return self.helper(x) - self.factor

    class WithText(jit.ScriptModule):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.factor = 3.0
            self.define(text)

        @jit.script_method
        def forward(self, x: Tensor) -> Tensor:
            return self.defined(x) + self.factor

    class InPython(jit.ScriptModule):
        def forward(self, x: object) -> list[object]:
            return [x, {"any": "thing"}]

    class Empty(jit.ScriptModule):
        pass

    class Unprepared(jit.ScriptModule):
        def __init__(self) -> None:
            self.factor = 1

    return SimpleNamespace(**{k: v for k, v in locals().items() if isinstance(v, type)})


BOTH = SimpleNamespace(ours=classes(OURS), theirs=classes(torch.jit))


def saved_and_loaded(module: Any) -> Any:
    buffer = io.BytesIO()
    module.save(buffer) if isinstance(module, flambeau.ScriptModule) else torch.jit.save(module, buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


OBSERVATIONS: dict[str, Callable[[Any], object]] = {
    "forward": lambda c: c.Net(2.0)(X),
    "gradients": lambda c: sorted(n for n, p in with_gradients(c.Net(2.0)).named_parameters() if p.grad is not None),
    "state dict": lambda c: list(c.Net(2.0).state_dict()),
    "parameters": lambda c: [n for n, _ in c.Net(2.0).named_parameters()],
    "modules": lambda c: [n for n, _ in c.Net(2.0).named_modules()],
    "attributes are written": lambda c: [(m(X), m(X), m.count) for m in [c.Net(2.0)]],
    "typed lists": lambda c: [(m.named("a"), m.named("b"), m.names) for m in [c.Net(2.0)]],
    "Python methods": lambda c: c.Net(4.0).in_python(),
    "Python attributes": lambda c: type(c.Net(2.0).anything) is object,
    "constants": lambda c: c.Net(5.0).factor,
    "derived class": lambda c: c.Derived(2.0)(X),
    "inherited methods": lambda c: c.Derived(2.0).named("x"),
    "text": lambda c: c.WithText("def defined(self, x):\n    return x * self.factor\n")(X),
    "forward in Python": lambda c: c.InPython()(1),
    "nothing": lambda c: list(c.Empty().parameters()),
    "training": lambda c: [(m.training, m.eval().training, m.shift.training) for m in [c.Net(2.0)]],
    "names": lambda c: (c.Net(2.0).original_name, type(c.Net(2.0)).__name__),
    "class of submodules": lambda c: c.Net(2.0).shift.original_name,
    "saved": lambda c: saved_and_loaded(c.Net(2.0))(X),
    "deep copy": lambda c: copy.deepcopy(c.Net(2.0))(X),
    "double": lambda c: c.Net(2.0).double()(X.double()),
    "source": lambda c: c.Shift().code,
    "within a sequence": lambda c: nn.Sequential(c.Shift(), c.Shift())(X),
    "list of them": lambda c: [n for n, _ in nn.ModuleList([c.Shift(), c.Net(1.0)]).named_parameters()],
}


def with_gradients(module: nn.Module) -> nn.Module:
    module(X).sum().backward()
    return module


def equal(mine: Any, theirs: Any) -> bool:
    if isinstance(theirs, Tensor):
        return torch.equal(mine, theirs)
    if isinstance(theirs, (list, tuple)):
        return len(mine) == len(theirs) and all(map(equal, mine, theirs))
    return bool(mine == theirs)


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_as_with_torch_jit(name: str) -> None:
    observe = OBSERVATIONS[name]
    mine, theirs = observe(BOTH.ours), observe(BOTH.theirs)
    assert equal(mine, theirs), (mine, theirs)


def test_objects_are_their_class_and_share_their_type() -> None:
    one, other = BOTH.ours.Net(2.0), BOTH.ours.Net(2.0)
    assert type(one) is BOTH.ours.Net
    assert one._c.type is other._c.type
    assert type(one.shift) is BOTH.ours.Shift
    assert one.shift is one._modules["shift"]


def test_types_with_methods_from_text_are_not_shared() -> None:
    text = "def defined(self, x):\n    return x\n"
    assert BOTH.ours.WithText(text)._c.type is not BOTH.ours.WithText(text)._c.type


def test_each_object_has_its_own_text() -> None:  # with torch.jit the first text counts for all objects of the class
    two, three = (BOTH.ours.WithText(f"def defined(self, x):\n    return x * {n}\n") for n in (2, 3))
    assert torch.equal(two(X), X * 2 + 3)
    assert torch.equal(three(X), X * 3 + 3)


def test_scripted_and_traced_as_a_submodule() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = BOTH.ours.Net(2.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) * 2

    expected = Outer()(X)
    assert torch.equal(flambeau.script(Outer())(X), expected)
    assert torch.equal(flambeau.trace(Outer(), X, check_trace=False)(X), expected)


def test_without_init_of_the_base() -> None:
    with pytest.raises(RuntimeError, match="has not been initialized"):
        BOTH.ours.Unprepared()


def test_assignments_after_construction() -> None:
    module = BOTH.ours.Net(2.0)
    with pytest.raises(RuntimeError, match="Can't set constant 'factor'"):
        module.factor = 3.0
    with pytest.raises(RuntimeError, match="Can't add a new parameter"):
        module.more = nn.Parameter(torch.ones(1))
    module.note = "of Python"
    assert module.note == "of Python"
    module.define("def again(self, x):\n    return self.forward(self.forward(x))\n")
    assert module.again(X).shape == X.shape


def test_a_method_that_does_not_compile() -> None:
    class Wrong(flambeau.ScriptModule):
        @script_method
        def forward(self, x: Tensor) -> Tensor:
            return missing(x)  # type: ignore[name-defined, no-any-return]  # noqa: F821  # that is the point

    with pytest.raises(ScriptError, match="undefined value missing"):
        Wrong()


def test_only_functions_are_marked() -> None:
    with pytest.raises(ScriptError, match="script_method marks functions"):
        script_method(3)  # type: ignore[arg-type]  # that is the point


def test_without_compilation_the_objects_are_plain_modules() -> None:
    with settings.override(jit=False):
        module = classes(SimpleNamespace(**{**vars(OURS), "script_method": script_method})).Net(2.0)
        assert "_c" not in vars(module)
        assert torch.equal(module(X), BOTH.theirs.Net(2.0)(X))
        assert len(list(module.eval().parameters())) == 3
        assert not module.training
