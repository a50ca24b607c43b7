"""Modes of PyTorch that hold while a function is compiled: they count for that call, not for later ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import flambeau

SOURCE = """\
def f(x: Tensor) -> Tensor:
    c = torch.tensor([1.0, 2.0])
    k = torch.arange(2) + 1
    return (x * c).sin() * k + torch.mm(torch.ones(2, 2), torch.ones(2, 2))[0]
"""


def eager(x: torch.Tensor) -> torch.Tensor:
    c = torch.tensor([1.0, 2.0], device="cpu")
    k = torch.arange(2, device="cpu") + 1
    return (x * c).sin() * k + torch.full((2,), 2.0, device="cpu")


def compiled() -> Callable[[torch.Tensor], torch.Tensor]:
    """The function, never called yet."""
    function: Callable[[torch.Tensor], torch.Tensor] = flambeau.CompilationUnit(SOURCE).f
    return function


class DoubledByDispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        return result * 2 if isinstance(result, torch.Tensor) else result


class DoubledByFunction(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        return result * 2 if isinstance(result, torch.Tensor) else result


@contextmanager
def default_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "none": nullcontext,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "fake tensors": FakeTensorMode,
    "dispatch": DoubledByDispatch,
    "function": DoubledByFunction,
    "default device": default_device,
    "device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("mode", MODES)
def test_what_was_compiled_under_a_mode_serves_without_it(mode: str) -> None:
    function = compiled()
    with MODES[mode]():
        function(torch.ones(2, device=None if mode == "fake tensors" else "cpu"))
    x = torch.tensor([0.5, 1.5], requires_grad=True)
    for _ in range(3):
        result = function(x)
        torch.testing.assert_close(result, eager(x))
        gradients = [torch.autograd.grad(f(x).sum(), x)[0] for f in (function, eager)]
        torch.testing.assert_close(*gradients)
        with torch.no_grad():
            torch.testing.assert_close(function(x), eager(x))


@pytest.mark.parametrize("mode", [name for name in MODES if name != "fake tensors"])
def test_constants_of_an_archive_are_made_outside_modes(mode: str) -> None:
    constant = torch.tensor([3.0, 4.0])
    buffer = io.BytesIO()
    flambeau.save(flambeau.trace(lambda x: x * constant, torch.ones(2)), buffer)
    buffer.seek(0)
    loaded = flambeau.load(buffer)
    with MODES[mode]():
        loaded(torch.ones(2, device="cpu"))
    x = torch.tensor([0.5, 1.5], requires_grad=True)
    assert torch.equal(loaded(x), x * constant)
    assert torch.equal(torch.autograd.grad(loaded(x).sum(), x)[0], constant)


def test_sparse_tensors_load_under_a_default_device() -> None:
    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.coo = torch.eye(3).to_sparse()
            self.csr = torch.eye(3).to_sparse_csr()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    buffer = io.BytesIO()
    flambeau.save(flambeau.script(Holder()), buffer)
    buffer.seek(0)
    with torch.device("meta"):
        loaded = flambeau.load(buffer)
    for tensor in (loaded.coo, loaded.csr):
        assert torch.equal(tensor.to_dense(), torch.eye(3))


def test_scripts_ignore_the_default_device() -> None:
    source = """\
def f(n: int, x: Tensor) -> List[Tensor]:
    y = torch.zeros(n)
    y[0] = 2.5
    y[1] = n
    return [torch.tensor(n), torch.tensor([0.5, float(n)]), torch.as_tensor(n), torch.as_tensor(x), torch.zeros(n), y]
"""
    function = flambeau.CompilationUnit(source).f
    x = torch.ones(2)
    with default_device():
        results = function(3, x)
        assert [t.device.type for t in results] == ["cpu"] * 6
        assert [t.device.type for t in torch.jit.CompilationUnit(source).f(3, x)] == ["cpu"] * 6
    assert results[3] is x


@pytest.mark.parametrize("transform", [torch.func.vmap, lambda f: torch.func.grad(lambda x: f(x).sum())])
def test_a_first_call_within_a_transform(transform: Callable[..., Callable[[torch.Tensor], torch.Tensor]]) -> None:
    function = compiled()
    x = torch.tensor([[0.5, 1.5], [1.0, -1.0]])
    torch.testing.assert_close(transform(function)(x), transform(eager)(x))
    torch.testing.assert_close(function(x), eager(x))
