"""Running below autograd while nothing is recorded: nobody can tell, and whatever is recorded still is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

import flambeau
from flambeau.errors import ExecutionError
from flambeau.runtime.python_tier.below_autograd import Layers
from flambeau.runtime.registry import special_tensors


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    a = x * y
    b = a.sigmoid() + x
    return (b - y).tanh()


def gives_view(x: Tensor) -> Tensor:
    y = x.relu() + 1
    z = (y * 2).sum()
    return x.t() if bool(z > -1) else y


def writes(x: Tensor) -> Tensor:
    y = x.sigmoid() * 2 + 1
    x.add_(y)
    return y.tanh()


def internal_views(x: Tensor) -> Tensor:
    total = x[0] * 0
    for i in range(x.size(0)):
        a, b = x[i].chunk(2)
        total = total + torch.cat([b, a])
    return total


def turns_gradients_on(x: Tensor) -> Tensor:
    with torch.enable_grad():
        y = x * x
        z = y + x
        w = z.tanh()
        return w + y


def stored(x: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    for i in range(x.size(0)):
        found.append(x[i])
    return found


@pytest.mark.parametrize(
    ("program", "layers"),
    [
        (arithmetic, Layers.AUTOGRAD_AND_VIEWS),
        (internal_views, Layers.AUTOGRAD_AND_VIEWS),
        (gives_view, Layers.AUTOGRAD),
        (writes, Layers.AUTOGRAD),
        (stored, Layers.AUTOGRAD),
        (turns_gradients_on, Layers.NONE),
    ],
)
def test_layers_that_programs_do_not_need(program: Callable[..., object], layers: Layers) -> None:
    assert flambeau.script(program).execution_plan().unneeded is layers


@pytest.fixture
def x() -> Tensor:
    return torch.linspace(-1, 2, 8).reshape(2, 4).clone()


@pytest.mark.parametrize("program", [gives_view, writes, internal_views, turns_gradients_on, stored])
def test_results_are_those_of_eager(program: Callable[[Tensor], object], x: Tensor) -> None:
    scripted = flambeau.script(program)
    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with mode():
            torch.testing.assert_close(scripted(x.clone()), program(x.clone()), rtol=0, atol=0)


def test_gradients_are_recorded_when_they_are_wanted(x: Tensor) -> None:
    scripted = flambeau.script(arithmetic)
    with torch.no_grad():
        assert not scripted(x.requires_grad_(), x).requires_grad
    scripted(x, x.detach()).sum().backward()
    found = x.grad
    x.grad = None
    arithmetic(x, x.detach()).sum().backward()
    torch.testing.assert_close(found, x.grad)


def test_gradients_turned_on_inside_are_recorded(x: Tensor) -> None:
    scripted = flambeau.script(turns_gradients_on)
    with torch.no_grad():
        assert scripted(x.requires_grad_()).requires_grad


def test_views_that_are_returned_are_views(x: Tensor) -> None:
    scripted = flambeau.script(gives_view)
    with torch.no_grad():
        view = scripted(x)
    assert view._base is x
    version = x._version
    view.add_(1)
    assert x._version > version


def test_writes_are_counted(x: Tensor) -> None:
    version = x._version
    with torch.no_grad():
        flambeau.script(writes)(x)
    assert x._version > version


def test_an_exception_leaves_no_trace(x: Tensor) -> None:
    scripted = flambeau.script(arithmetic)
    with torch.no_grad(), pytest.raises(ExecutionError):
        scripted(x, torch.ones(7))
    assert not torch._C._dispatch_tls_local_exclude_set().has(torch._C.DispatchKey.AutogradCPU)
    y = x.requires_grad_() * 2
    assert y.requires_grad


def test_forward_mode_gradients(x: Tensor) -> None:
    scripted = flambeau.script(arithmetic)
    with torch.no_grad(), forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        found = forward_ad.unpack_dual(scripted(dual, x)).tangent
        expected = forward_ad.unpack_dual(arithmetic(dual, x)).tangent
    torch.testing.assert_close(found, expected)


def test_transforms(x: Tensor) -> None:
    scripted = flambeau.script(arithmetic)
    with torch.no_grad():
        found = torch.func.vmap(scripted.execution_plan().run)(x, x)
        torch.testing.assert_close(found, arithmetic(x, x))


@pytest.fixture
def only_autograd() -> Iterator[None]:
    """An operator that has a kernel for autograd and none below."""
    library = torch.library.Library("flambeau_below_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x + x, "Autograd")
    yield
    library._destroy()


@pytest.mark.usefixtures("only_autograd")
def test_operators_of_others_are_called_as_usual(x: Tensor) -> None:
    def program(x: Tensor) -> Tensor:
        return torch.ops.flambeau_below_test.twice(x.relu().tanh().sigmoid() * 2)

    scripted = flambeau.script(program)
    with torch.no_grad():
        torch.testing.assert_close(scripted(x), program(x))


def test_running_statistics_count_as_written() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x.relu() * 2 + 1).tanh() + x

    module = Net()
    scripted = flambeau.script(module)
    mean = scripted.norm.running_mean
    version = mean._version
    with torch.no_grad():
        scripted(torch.randn(3, 4))
    assert mean._version > version or not torch.equal(mean, torch.zeros(4))
    assert scripted.forward.execution_plan().unneeded is not Layers.AUTOGRAD_AND_VIEWS


class Labelled(Tensor):
    """A tensor of a class of its own, with the operators of all tensors."""


class Wrapped(Tensor):
    """One with operators of its own."""

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        with torch._C._DisableTorchDispatch():
            return func(*args, **(kwargs or {}))


def doubled_and_one(x: Tensor) -> Tensor:
    return x * 2 + 1


def test_only_classes_with_operators_of_their_own_keep_the_layers() -> None:
    scripted = flambeau.script(doubled_and_one)
    before = set(special_tensors)
    with torch.no_grad():
        result = scripted(torch.ones(2).as_subclass(Labelled))  # type: ignore[no-untyped-call]  # PyTorch's
        assert type(result) is Labelled
        assert result.tolist() == [3, 3]
        assert special_tensors == before
        scripted(torch.Tensor._make_subclass(Wrapped, torch.ones(2)))
        assert special_tensors == {*before, Wrapped}
