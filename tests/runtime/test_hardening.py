"""Scripts under load: many threads, thousands of calls, Ctrl-C, tasks on several cores."""

from __future__ import annotations

import gc
import linecache
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import flambeau
from flambeau import settings
from flambeau.runtime import background

TEXT = """
import torch
from torch import Tensor
from typing import List

def leaf(x: Tensor, n: int) -> Tensor:
    if n % 2 == 0:
        return x * 2.0 + n
    return x - n

def work(x: Tensor, n: int) -> Tensor:
    parts: List[Tensor] = []
    for i in range(n):
        parts.append(leaf(x, i))
    return torch.stack(parts).sum(0)
"""
_made = 0


def fresh() -> types.ModuleType:
    """A module whose functions nobody has scripted yet."""
    global _made
    _made += 1
    filename = f"<hardening {_made}>"
    linecache.cache[filename] = (len(TEXT), None, TEXT.splitlines(True), filename)
    module = types.ModuleType(f"hardening_{_made}")
    exec(compile(TEXT, filename, "exec"), module.__dict__)
    return module


def forget(module: types.ModuleType) -> None:
    del linecache.cache[module.__dict__["work"].__code__.co_filename]


@pytest.fixture
def optimised_meanwhile(monkeypatch: pytest.MonkeyPatch, own_worker: None) -> Iterator[None]:
    """Every program is large, in all threads, and the worker is quick to begin."""
    monkeypatch.setattr(background, "DELAY", 0.0)
    settings.AT_ONCE.set(0)
    yield
    settings.AT_ONCE.set(None)


@pytest.fixture(params=[True, False], ids=["small", "large"])
def any_size(request: pytest.FixtureRequest) -> None:
    if not request.param:
        request.getfixturevalue("optimised_meanwhile")


@pytest.mark.usefixtures("any_size")
def test_eight_threads_call_cold_and_warm_functions() -> None:
    modules = [fresh() for _ in range(20)]
    scripted = [flambeau.script(m.work) for m in modules]
    warm = flambeau.script(fresh().work)
    warm(torch.ones(2), 2)
    wrong: list[object] = []
    start = threading.Barrier(8)

    def calls(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        inputs = []
        for shape in [(), (3,), (2, 3), (0, 4), (1, 2, 3)]:
            x = torch.randn(shape, generator=generator)
            inputs += [(x, n, modules[0].work(x, n)) for n in (1, 2, 5)]
        try:
            start.wait()
            for i in range(2000):
                function = warm if i % 2 else scripted[i // 2 % len(scripted)]
                x, n, expected = inputs[i % len(inputs)]
                actual = function(x, n)
                if not torch.equal(actual, expected):
                    wrong.append((i, expected, actual))
        except Exception as error:  # a thread's error must fail the test
            wrong.append(error)

    threads = [threading.Thread(target=calls, args=(s,)) for s in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_script_one_function_at_the_same_time() -> None:
    module, results = fresh(), []
    start = threading.Barrier(8)

    def compile_and_call() -> None:
        start.wait()
        results.append(flambeau.script(module.work)(torch.ones(3), 4))

    threads = [threading.Thread(target=compile_and_call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(torch.equal(r, module.work(torch.ones(3), 4)) for r in results)


def resident() -> int:
    """Bytes of memory in use."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.usefixtures("any_size")
def test_ten_thousand_calls_grow_memory_by_less_than_eight_megabytes(tier: str) -> None:
    function = flambeau.script(fresh().work)
    x = torch.randn(64, 64)
    with settings.override(tier=tier):
        for _ in range(500):
            function(x, 3)
        gc.collect()
        before = resident()
        for _ in range(10_000):
            function(x, 3)
        gc.collect()
        assert resident() - before < 8 << 20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
@pytest.mark.usefixtures("any_size")
def test_two_hundred_scripts_made_and_freed_grow_memory_by_less_than_sixteen_megabytes() -> None:
    def cycle() -> None:
        module = fresh()
        flambeau.script(module.work)(torch.ones(2), 2)
        forget(module)

    for _ in range(20):
        cycle()
    gc.collect()
    before = resident()
    for _ in range(200):
        cycle()
    gc.collect()
    assert resident() - before < 16 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as Unix has them")
@pytest.mark.parametrize("variables", [{"TIER": "interpreter"}, {}, {"AT_ONCE": "0"}], ids=str)
@pytest.mark.parametrize("body", ["i += 1", "x = x + 1"])
def test_control_c_stops_a_loop_within_a_second(tmp_path: Path, variables: dict[str, str], body: str) -> None:
    program = tmp_path / "endless.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import signal, torch, flambeau
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
            def endless(x: torch.Tensor) -> int:
                i = 0
                while i >= 0:
                    {body}
                return i + int(x.sum().item())
            f = flambeau.script(endless)
            print("ready", flush=True)
            try:
                f(torch.zeros(1))
            except KeyboardInterrupt:
                print("stopped", flush=True)
            """
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{f"FLAMBEAU_{name}": value for name, value in variables.items()}},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        line = process.stdout.readline()
        took = time.monotonic() - began
    finally:
        process.kill()
        _, errors = process.communicate()
    assert line == "stopped\n", errors
    assert took < 1.0


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b


def both(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first = torch.jit.fork(product, a, b)
    second = torch.jit.fork(product, b, a)
    return torch.jit.wait(first), torch.jit.wait(second)


def test_forked_products_are_right() -> None:
    torch.set_num_threads(1)
    a, b = torch.randn(1500, 1500), torch.randn(1500, 1500)
    began = time.perf_counter()
    expected = (a @ b, b @ a)
    serial = time.perf_counter() - began
    scripted = flambeau.script(both)
    scripted(a, b)
    began = time.perf_counter()
    actual = scripted(a, b)
    parallel = time.perf_counter() - began
    torch.testing.assert_close(actual, expected)
    print(f"two products one after the other {serial:.3f} s, forked {parallel:.3f} s")
