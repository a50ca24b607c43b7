"""Each thread has its own recording, and others do not notice it."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.python.tracing import functions


def test_threads_trace_at_the_same_time() -> None:
    barrier = threading.Barrier(6)

    def work(width: int) -> None:
        barrier.wait()
        for _ in range(5):
            module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, width))
            traced = flambeau.trace(module, torch.randn(2, 3))
            x = torch.randn(5, 3)
            torch.testing.assert_close(traced(x), module(x))
            assert [n.kind for n in traced.graph.nodes()].count("prim::CallMethod") == 3

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work, width) for width in range(1, 7)]:
            future.result()


def test_an_eager_thread_does_not_notice() -> None:
    inside, done = threading.Event(), threading.Event()
    scripted = flambeau.script(_doubled)
    seen: list[object] = []

    def watch() -> None:
        inside.wait(60)
        x = torch.ones(2, 3)
        seen.extend([flambeau.is_tracing(), type(x.shape), type(x.size(0)), bool(x.any()), len(list(x)), x[:2].shape])
        seen.append(nn.Linear(3, 3)(x).shape)
        seen.append(scripted(x).sum().item())
        done.set()

    def slow(x: Tensor) -> Tensor:
        inside.set()
        assert done.wait(60)
        return x + 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    traced = flambeau.trace(slow, torch.ones(2), check_trace=False)
    watcher.join()
    assert seen == [False, torch.Size, int, True, 2, (2, 3), (2, 3), 12.0]
    assert [n.kind for n in traced.graph.nodes() if n.kind.startswith("aten")] == ["aten::add"]


def _doubled(x: Tensor) -> Tensor:
    return x * 2


def what_tracing_replaces() -> tuple[object, ...]:
    return (
        torch.broadcast_shapes,
        torch.nn.functional.has_torch_function,
        nn.Parameter.__new__,
        torch.autograd.Function.apply,
    )


def test_what_is_replaced_is_put_back() -> None:
    before = what_tracing_replaces()
    seen = []

    def f(x: Tensor) -> Tensor:
        seen.append(torch.broadcast_shapes)
        return x + 1

    flambeau.trace(f, torch.ones(1), check_trace=False)
    assert what_tracing_replaces() == before
    assert seen != [torch.broadcast_shapes]
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_what_was_replaced_before_something_failed_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = what_tracing_replaces()

    def fail(original: object) -> None:
        raise AttributeError("not as it was in earlier versions")

    with monkeypatch.context() as patched:
        patched.setattr(functions, "_broadcast_shapes", fail)
        for _ in range(2):
            with pytest.raises(AttributeError, match="not as it was"):
                flambeau.trace(lambda x: x + 1, torch.ones(1))
            assert what_tracing_replaces() == before
    assert flambeau.trace(lambda x: x + 1, torch.ones(1))(torch.ones(1)) == 2


def test_a_class_method_of_c_code_is_replaced_as_one_of_python() -> None:
    replaced = functions._apply(vars(dict)["fromkeys"])
    assert replaced.__get__(None, dict)("a", 1) == {"a": 1}


def test_pytorchs_compiler_may_be_imported_by_the_program() -> None:
    program = (
        "import torch, flambeau\n"
        "def f(x):\n"
        "    import torch._dynamo\n"
        "    return torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=False)\n"
        "print(flambeau.trace(f, torch.ones(2).requires_grad_())(torch.zeros(1)).item())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout == "0.0\n", done.stderr
