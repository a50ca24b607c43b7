"""`fork` and `wait`: nested, in methods, with failures, on pools of any size, in forked processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import List

import pytest
import torch
from torch import Tensor, nn
from torch.futures import Future as TorchFuture

import flambeau
from flambeau.errors import ExecutionError
from flambeau.ir import Function, parse
from flambeau.runtime import Future, call, futures

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, the oracle."""


@pytest.fixture(params=[1, 2, 8])
def pool(request: pytest.FixtureRequest) -> Iterator[None]:
    size = futures._pool.size
    futures.set_thread_count(request.param)
    yield
    futures.set_thread_count(size)


def leaf(x: Tensor, n: int) -> Tensor:
    if n < 0:
        raise ValueError("negative")
    return x * n


def middle(x: Tensor, n: int) -> Tensor:
    parts: List[TorchFuture[Tensor]] = []
    for i in range(n):
        parts.append(torch.jit.fork(leaf, x, i))
    total = torch.zeros_like(x)
    for part in parts:
        total += torch.jit.wait(part)
    return total


def nested(x: Tensor, n: int) -> Tensor:
    futures: List[TorchFuture[Tensor]] = []
    for i in range(n):
        futures.append(torch.jit.fork(middle, x, i))
    total = torch.zeros_like(x)
    for future in futures:
        total = total * 2 + torch.jit.wait(future)
    return total


@pytest.mark.usefixtures("each_tier", "pool")
def test_nested_forks() -> None:
    x = torch.randn(3)
    scripted = flambeau.script(nested)
    for n in (0, 1, 12):
        assert torch.equal(scripted(x, n), nested(x, n))


def fails(x: Tensor, n: int) -> Tensor:
    future = torch.jit.fork(leaf, x, n)
    return torch.jit.wait(future) + 1


@pytest.mark.usefixtures("each_tier", "pool")
def test_failures_come_out_of_wait() -> None:
    scripted = flambeau.script(fails)
    texts = set()
    for _ in range(3):
        with pytest.raises(ValueError, match="negative") as caught:
            scripted(torch.ones(2), -1)
        assert isinstance(caught.value, ExecutionError)
        texts.add(str(caught.value))
    (text,) = texts
    assert "raise ValueError" in text
    assert torch.equal(scripted(torch.ones(2), 2), torch.full((2,), 3.0))


def fails_deep_down(x: Tensor, n: int) -> Tensor:
    return torch.jit.wait(torch.jit.fork(fails, x, n))


@pytest.mark.usefixtures("each_tier", "pool")
def test_failures_of_nested_forks_come_out_of_each_wait() -> None:
    with pytest.raises(ValueError, match="negative") as caught:
        flambeau.script(fails_deep_down)(torch.ones(2), -1)
    places = [line.strip() for line in str(caught.value).splitlines() if line.lstrip().startswith('File "')]
    assert [place.rpartition(", in ")[2] for place in places] == [
        *("fails_deep_down", "<forked function>", "fails", "<forked function>", "leaf")
    ]


def waits_twice(x: Tensor, n: int) -> Tensor:
    future = torch.jit.fork(leaf, x, n)
    return torch.jit.wait(future) + torch.jit.wait(future)


@pytest.mark.usefixtures("each_tier")
def test_waiting_twice_gives_the_same() -> None:
    assert torch.equal(flambeau.script(waits_twice)(torch.ones(2), 3), PEER.script(waits_twice)(torch.ones(2), 3))


def never_waits(x: Tensor, n: int) -> Tensor:
    torch.jit.fork(leaf, x, n)
    return x


@pytest.mark.usefixtures("each_tier")
def test_nobody_hears_of_failures_that_nobody_waits_for(capfd: pytest.CaptureFixture[str]) -> None:
    assert torch.equal(flambeau.script(never_waits)(torch.ones(2), -1), torch.ones(2))
    assert capfd.readouterr() == ("", "")


def gives_future(x: Tensor, n: int) -> TorchFuture[Tensor]:
    return torch.jit.fork(leaf, x, n)


@pytest.mark.usefixtures("each_tier", "pool")
def test_futures_as_results() -> None:
    scripted = flambeau.script(gives_future)
    future = scripted(torch.ones(2), 3)
    for _ in range(2):
        assert torch.equal(future.wait(), torch.full((2,), 3.0))
        assert future.done()
        assert torch.equal(future.value(), torch.full((2,), 3.0))
    failed = scripted(torch.ones(2), -1)
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            failed.wait()
    assert failed.done()
    with pytest.raises(ValueError, match="negative"):
        failed.value()


class Forking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.scale = 3.0

    def helper(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        first = torch.jit.fork(self.helper, x)
        second = torch.jit.fork(self.linear, x + 1)
        return torch.jit.wait(first) - torch.jit.wait(second)


@pytest.mark.usefixtures("each_tier", "pool")
def test_forks_of_methods_record_gradients_as_the_caller_does() -> None:
    module = Forking()
    scripted = flambeau.script(module)
    x = torch.randn(3, 2)
    expected = module(x)
    actual = scripted(x)
    assert torch.equal(actual, expected)
    assert actual.requires_grad
    torch.testing.assert_close(
        torch.autograd.grad(actual.sum(), list(module.parameters())),
        torch.autograd.grad(expected.sum(), list(module.parameters())),
    )
    with torch.no_grad():
        assert not scripted(x).requires_grad


def test_the_size_of_the_pool_is_positive() -> None:
    for size in (0, -1):
        with pytest.raises(ValueError, match="must be positive"):
            futures.set_thread_count(size)


@pytest.mark.parametrize("size", [1, 3])
def test_so_many_tasks_run_at_once(size: int) -> None:
    before = futures._pool.size
    futures.set_thread_count(size)
    running, most, lock = 0, 0, threading.Lock()
    all_begun, goes_on = threading.Semaphore(0), threading.Event()

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        all_begun.release()
        goes_on.wait(60)
        with lock:
            running -= 1

    try:
        made = [futures.fork(task) for _ in range(6)]
        for _ in range(size):
            assert all_begun.acquire(timeout=60)
        assert not all_begun.acquire(timeout=0.05)
        goes_on.set()
        for future in made:
            future.wait()
        assert most == size
    finally:
        goes_on.set()
        futures.set_thread_count(before)


def test_what_follows_a_future() -> None:
    first = Future()
    following = first.then(lambda done: str(done.value()) + "!")
    seen: list[object] = []
    first.add_done_callback(lambda done: seen.append(done.value()))
    assert not following.done()
    first.set_result("now")
    first.add_done_callback(lambda done: seen.append("late"))
    assert following.wait() == "now!"
    assert seen == ["now", "late"]
    with pytest.raises(ExecutionError):
        first.set_result("again")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork")
def test_tasks_run_in_forked_processes(tmp_path: Path) -> None:
    """The threads of the parent's pool are not there."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import os, threading, warnings
            from flambeau.runtime import futures
            futures.set_thread_count(2)
            assert futures.fork(lambda: 1).wait() == 1
            blocked = threading.Event()
            waiting = [futures.fork(blocked.wait) for _ in range(4)]
            warnings.simplefilter("ignore")  # Python 3.12 warns of forking while threads run
            child = os.fork()
            if child == 0:
                done = threading.Event()
                futures.fork(done.set)
                os._exit(0 if done.wait(30) else 3)
            _, status = os.waitpid(child, 0)
            blocked.set()
            for future in waiting:
                future.wait()
            raise SystemExit(os.waitstatus_to_exitcode(status))
            """
        ),
        encoding="utf-8",
    )
    result = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")


RECURSIVE = """
graph(%x : int):
  %f : Function = prim::Constant[name="endless"]()
  %one : int = prim::Constant[value=1]()
  %more : int = aten::add(%x, %one)
  %y : int = prim::CallFunction(%f, %more)
  return (%y)
"""


@pytest.mark.usefixtures("each_tier")
def test_endless_recursion_ends_in_an_error() -> None:
    endless = Function("endless")
    endless.graph = parse(RECURSIVE, find_function=lambda name: endless)
    for _ in range(2):
        with pytest.raises(ExecutionError, match="nested too deeply"):
            call(endless, [1])


@pytest.mark.usefixtures("each_tier", "pool")
def test_endless_recursion_by_tasks_ends_in_an_error() -> None:
    """A task that nobody has begun is run by who waits for it, which makes the stack grow."""
    endless = Function("endless")

    def again(depth: int) -> object:
        return futures.fork(lambda: call(endless, [depth + 1])).wait() if depth < 100_000 else depth

    graph = parse("graph(%x : int):\n  %y : int = prim::PythonOp(%x)\n  return (%y)")
    (node,) = graph.find_nodes("prim::PythonOp")
    node.set_attribute("callable", "ival", again)
    endless.graph = graph
    with pytest.raises(ExecutionError):
        call(endless, [1])
