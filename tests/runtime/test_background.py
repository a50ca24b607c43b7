"""Work in the background: done once, by the worker or by who needs it; forks, and the end of the process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from flambeau import settings
from flambeau.ir import parse
from flambeau.passes import eliminate_dead_code, run
from flambeau.runtime import background
from flambeau.runtime.background import Task


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch, own_worker: None) -> None:
    monkeypatch.setattr(background, "DELAY", 0.0)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        if time.monotonic() > end:
            pytest.fail("nothing happened for a minute")
        time.sleep(0.005)


@pytest.mark.usefixtures("no_delay")
def test_the_worker_does_what_is_requested_and_ends() -> None:
    threads: list[threading.Thread] = []
    tasks = [Task(lambda: threads.append(threading.current_thread())) for _ in range(3)]
    for task in tasks:
        task.request()
    wait_until(lambda: len(threads) == 3)
    assert threading.current_thread() not in threads
    assert all(thread.daemon for thread in threads)
    wait_until(lambda: all(not thread.is_alive() for thread in threads))


def test_who_needs_it_does_what_nobody_has_begun() -> None:
    threads: list[threading.Thread] = []
    task = Task(lambda: threads.append(threading.current_thread()))
    task.finish()
    task.finish()
    task.request()
    assert threads == [threading.current_thread()]


@pytest.mark.usefixtures("no_delay")
def test_who_needs_it_waits_for_what_is_under_way() -> None:
    begun, goes_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        goes_on.wait()
        done.append(True)

    task = Task(work)
    task.request()
    assert begun.wait(60)
    waiting = [threading.Thread(target=task.finish) for _ in range(4)]
    for thread in waiting:
        thread.start()
    assert not done
    goes_on.set()
    for thread in waiting:
        thread.join()
    assert done == [True]


def test_what_was_interrupted_can_be_done_again() -> None:
    interruptions: list[type[BaseException]] = [KeyboardInterrupt]
    done: list[bool] = []

    def work() -> None:
        if interruptions:
            raise interruptions.pop()
        done.append(True)

    task = Task(work)
    with pytest.raises(KeyboardInterrupt):
        task.finish()
    assert not task.is_done
    task.finish()
    assert done == [True]


@pytest.mark.usefixtures("no_delay")
def test_a_failure_ends_neither_the_worker_nor_what_follows(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def fail() -> None:
        raise ValueError("told so")

    tasks = [Task(fail), Task(done.set)]
    for task in tasks:
        task.request()
    assert done.wait(60)
    assert "told so" in caplog.text


def test_what_nobody_holds_is_not_done(monkeypatch: pytest.MonkeyPatch, own_worker: None) -> None:
    monkeypatch.setattr(background, "DELAY", 0.1)
    done: list[str] = []
    dropped = Task(lambda: done.append("dropped"))
    dropped.request()
    reference = weakref.ref(dropped)
    del dropped
    gc.collect()
    assert reference() is None
    kept = Task(lambda: done.append("kept"))
    kept.request()
    wait_until(lambda: bool(done))
    assert done == ["kept"]


@pytest.mark.usefixtures("no_delay")
def test_work_sees_the_settings_of_who_asked() -> None:
    seen: list[str] = []
    with settings.override(dump="nothing of the kind"):
        task = Task(lambda: seen.append(settings.DUMP.value))
    task.request()
    wait_until(lambda: bool(seen))
    assert seen == ["nothing of the kind"]


@pytest.mark.usefixtures("no_delay")
def test_the_worker_makes_way_between_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "WORKS", 0.0)
    monkeypatch.setattr(background, "RESTS", 1e9)
    monkeypatch.setattr(background, "LONGEST_REST", 3600.0)
    graph = parse("graph(%x : int):\n  return (%x)")
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        run(graph, eliminate_dead_code)
        done.set()

    task = Task(work)
    task.request()
    assert begun.wait(60)
    for _ in range(4):  # it would rest for an hour, whatever other tasks do
        assert not done.wait(0.05)
        with background._worker.changed:
            background._worker.changed.notify_all()
    task.finish()
    assert done.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.usefixtures("no_delay")
def test_a_forked_child_has_a_worker_of_its_own(tmp_path: Path) -> None:
    """One that begins anew what the parent's was about."""
    program = """
        import os, sys, threading, time, warnings
        from flambeau.ir import parse
        from flambeau.passes import eliminate_dead_code, run
        from flambeau.runtime import background
        background.DELAY = 0.0
        background.WORKS, background.RESTS, background.LONGEST_REST = 0.0, 1e9, 0.2
        graph = parse("graph(%x : int):\\n  return (%x)")
        begun = threading.Event()
        done = threading.Event()
        def work():
            begun.set()
            for _ in range(5):
                run(graph, eliminate_dead_code)
            done.set()
        task, queued = background.Task(work), background.Task(lambda: None)
        task.request()
        queued.request()
        begun.wait()
        warnings.simplefilter("ignore")  # Python 3.12 warns of forking while threads run
        child = os.fork()
        if child == 0:
            queued.finish()
            ok = done.wait(30)
            task.finish()
            os._exit(0 if ok else 3)
        _, status = os.waitpid(child, 0)
        task.finish()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    assert run_program(tmp_path, program) == (0, "", "")


@pytest.mark.parametrize("rest", ["0.0", "3600.0"])
def test_the_end_of_the_process_ends_the_work(tmp_path: Path, rest: str) -> None:
    program = f"""
        import threading
        from flambeau.ir import parse
        from flambeau.passes import eliminate_dead_code, run
        from flambeau.runtime import background
        background.DELAY = 0.0
        background.WORKS, background.RESTS, background.LONGEST_REST = 0.0, 1e9, {rest}
        graph = parse("graph(%x : int):\\n  return (%x)")
        begun = threading.Event()
        def work():
            begun.set()
            while True:
                run(graph, eliminate_dead_code)
        task = background.Task(work)
        task.request()
        begun.wait()
        print("over")
    """
    assert run_program(tmp_path, program) == (0, "over\n", "")


def run_program(tmp_path: Path, text: str) -> tuple[int, str, str]:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(text), encoding="utf-8")
    result = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    return result.returncode, result.stdout, result.stderr
