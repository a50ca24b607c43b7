"""Max pooling by way of channels that lie together: eager's results to the bit, and only where that is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import flambeau

WINDOWS: list[tuple[object, ...]] = [
    (3, 2, 1, 1, False),
    (2, 2, 0, 1, False),
    ((3, 2), (2, 1), (1, 0), 1, True),
    (3, None, 0, 2, True),
    ((1, 7), 1, (0, 3), 1, False),
]
"""Kernel, stride, padding, dilation, and whether the last window may be incomplete."""


class Pool(nn.Module):
    def __init__(self, window: tuple[object, ...]) -> None:
        super().__init__()
        kernel, stride, padding, dilation, ceil_mode = window
        self.pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=bool(ceil_mode))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)


class Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operators that are called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def special_numbers(shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Random ones; zeros of both signs; infinities; NaNs with different bits; many that are equal."""
    yield torch.randn(shape)
    signs = torch.where(torch.rand(shape) > 0.5, -1.0, 1.0)
    yield signs * 0.0
    yield torch.randn(shape).masked_fill(torch.rand(shape) > 0.2, -torch.inf)
    found = torch.randn(shape).masked_fill(torch.rand(shape) > 0.7, torch.nan) * signs
    found.view(torch.int32)[found.isnan()] += torch.randint(0, 1000, shape, dtype=torch.int32)[found.isnan()]
    yield found
    yield torch.randn(shape).round() * signs


def bits(x: Tensor) -> Tensor:
    return x.view(torch.int32)


def is_by_channels(x: Tensor) -> bool:
    """Whether pooling such a tensor takes the other way: with one copy before and one after."""
    scripted = flambeau.script(Pool(WINDOWS[0]))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        scripted(x)
    return [event.name for event in profile.events()].count("aten::clone") == 2


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", [(1, 64, 28, 28), (3, 8, 20, 40), (2, 9, 33, 31), (1, 200, 7, 7), (1, 7, 50, 50)])
def test_every_bit_is_eagers(window: tuple[object, ...], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module = Pool(window)
    scripted: Any = flambeau.script(module)
    for x in special_numbers(shape):
        expected, before = module(x), x.clone()
        for context in (nullcontext(), torch.no_grad(), torch.inference_mode()):
            with context:
                found = scripted(x)
            assert torch.equal(bits(found), bits(expected))
            assert found.stride() == expected.stride()
        assert torch.equal(bits(x), bits(before))


def test_which_images_go_the_other_way() -> None:
    images = torch.randn(1, 64, 28, 28)
    assert is_by_channels(images)
    assert not is_by_channels(images.contiguous(memory_format=torch.channels_last))
    assert not is_by_channels(images.transpose(2, 3))
    assert not is_by_channels(images.double())
    assert not is_by_channels(images[:, :7])
    assert not is_by_channels(images[0])
    assert not is_by_channels(images[:, :8, :4, :4].contiguous())
    assert not is_by_channels(images.clone().requires_grad_())
    with torch.no_grad():
        assert is_by_channels(images.clone().requires_grad_())


def test_one_pixel_is_left() -> None:
    """Strides too are eager's where many orders describe the same memory."""
    x = torch.randn(1, 256, 7, 7)
    found: Any = flambeau.script(Pool((7, 1, 0, 1, False)))(x)
    expected = F.max_pool2d(x, 7, 1)
    assert torch.equal(found, expected)
    assert found.stride() == expected.stride()


def test_gradients_are_eagers() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 16, 30, 30).round().requires_grad_()
    expected = torch.autograd.grad(Pool(WINDOWS[0])(x).pow(3).sum(), x)
    scripted: Any = flambeau.script(Pool(WINDOWS[0]))
    found = torch.autograd.grad(scripted(x).pow(3).sum(), x)
    assert torch.equal(found[0], expected[0])


def test_forward_gradients_and_transforms() -> None:
    torch.manual_seed(0)
    module, x, tangent = Pool(WINDOWS[0]), torch.randn(3, 2, 16, 30, 30), torch.randn(2, 16, 30, 30)
    scripted: Any = flambeau.script(module)
    for transformed in (
        lambda f: torch.func.vmap(f)(x),
        lambda f: torch.func.jvp(f, (x[0],), (tangent,))[1],
        lambda f: torch.func.grad(lambda y: f(y).pow(2).sum())(x[0]),
    ):
        assert torch.equal(transformed(scripted), transformed(module))


@pytest.mark.parametrize("mode", [Calls, FakeTensorMode])
def test_modes_see_the_operator(mode: Callable[[], Any]) -> None:
    with mode() as entered, torch.no_grad():
        found: Any = flambeau.script(Pool(WINDOWS[0]))(torch.empty(1, 64, 28, 28))
    assert found.shape == (1, 64, 14, 14)
    if isinstance(entered, Calls):
        assert "clone" not in " ".join(entered.names)
        assert any("max_pool2d" in name for name in entered.names)


def test_pytorchs_tracer_sees_the_operator() -> None:
    scripted: Any = flambeau.script(Pool(WINDOWS[0]))
    traced = vars(torch)["jit"].trace(lambda x: scripted(x), torch.randn(1, 64, 28, 28))
    assert "aten::max_pool2d" in str(traced.graph)
    assert "aten::clone" not in str(traced.graph)


@pytest.mark.parametrize("window", [(3, 2, 2, 1, False), (40, 1, 0, 1, False), ((3, 3, 3), 2, 1, 1, False)])
def test_errors_are_eagers(window: tuple[object, ...]) -> None:
    x = torch.randn(1, 64, 28, 28)
    with pytest.raises(RuntimeError) as expected:
        Pool(window)(x)
    with pytest.raises(RuntimeError) as found:
        flambeau.script(Pool(window))(x)
    assert str(expected.value).splitlines()[0] in str(found.value)
