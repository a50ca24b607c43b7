"""Work that need not be done at once: by one thread, which lives only while there is some.

    task = Task(compile_it)
    task.request()    # the worker does it, unless nobody holds the task any more
    task.finish()     # at once after all, on this thread or as soon as the worker has done it

Threads of Python take turns, so the worker makes way: it begins when the call that asked is likely to be over, works a
few milliseconds, and rests several times as long. In `finish` it is waited for, and does not rest.

A fork waits for the worker to rest, so that nothing is half done in the child but the task, which the worker there does
again. At the end of the process the worker is told to stop: PyTorch does not survive threads that die within it.
"""

from __future__ import annotations

import atexit
import contextvars
import heapq
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import final

from flambeau.ir import collected_later
from flambeau.passes import pausing

__all__ = ["Task"]

DELAY = 0.2
"""Seconds between a request and the beginning of the work."""
WORKS = 0.002
"""Seconds of work at least before a rest."""
RESTS = 4.0
"""How many times as long as it works the worker rests."""
LONGEST_REST = 0.1
PATIENCE = 10.0
"""Seconds that a fork waits for the worker to rest, and the end of the process for it to stop."""


def _nothing() -> None:
    """What is left to do when it is done."""


_log = logging.getLogger("flambeau.runtime")


class _Stop(BaseException):
    """Ends the work under way, since the process ends."""


@final
class Task:
    """Something to be done once, in the context (settings) of who asks for it."""

    __slots__ = ("__weakref__", "_begun", "_context", "_work", "due", "is_done")

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self.due = 0.0
        """When the worker may begin it."""
        self._begun = 0
        """In which generation of the worker it was begun last: what another process began is not under way here."""
        self.is_done = False

    def request(self) -> None:
        """Have it done by the worker."""
        self.due = time.monotonic() + DELAY
        _worker.add(self)

    def finish(self) -> None:
        """Return when it is done; on this thread, unless the worker has begun."""
        if self.is_done:
            return
        with _worker.changed:
            _worker.wait_for(self)
            if not self.begin():
                return
        self.do()

    @property
    def is_under_way(self) -> bool:
        """Whether some thread has begun it. The lock is held, here and in `begin`."""
        return not self.is_done and self._begun == _worker.generation

    def begin(self) -> bool:
        """Claim it, unless it is done or under way."""
        if self.is_done or self.is_under_way:
            return False
        self._begun = _worker.generation
        return True

    def do(self) -> None:
        """Do what was claimed. If it is interrupted, it can be begun again."""
        try:
            self._context.copy().run(self._work)  # a copy, as in a forked child the parent still runs in it
            self.is_done = True
            self._work, self._context = _nothing, contextvars.Context()
        finally:
            with _worker.changed:
                if not self.is_done:
                    self._begun = 0
                _worker.changed.notify_all()


@final
class _Worker:
    """The queue and its thread. `changed` guards all of it."""

    def __init__(self) -> None:
        self.generation = 1
        """Grows with each fork, in the child."""
        self.queue: list[tuple[float, int, weakref.ref[Task]]] = []
        """A heap: when each may begin, and in which order they came."""
        self._numbers = itertools.count()
        self.current: weakref.ref[Task] | None = None
        """What was last taken from the queue."""
        self.stopping = False
        self._renew()

    def _renew(self) -> None:
        self.changed = threading.Condition()
        self.working = threading.Lock()
        """Held by the thread while it works, not while it rests."""
        self._is_held = False
        self.thread: threading.Thread | None = None
        self.awaited = 0
        """How many threads wait for the task under way."""
        self._began = 0.0
        self._uninterrupted: AbstractContextManager[object] = nullcontext()

    def add(self, task: Task) -> None:
        with self.changed:
            if self.stopping:
                return
            self._push(weakref.ref(task), task.due)
            self._start()
            self.changed.notify_all()

    def _push(self, reference: weakref.ref[Task], due: float) -> None:
        heapq.heappush(self.queue, (due, next(self._numbers), reference))

    def _start(self) -> None:
        if self.thread is None and self.queue:
            thread = threading.Thread(target=self._run, name="flambeau compiler", daemon=True)
            with suppress(RuntimeError):  # no more threads, or the process ends: nothing that must be done is left out
                thread.start()
                self.thread = thread

    def wait_for(self, task: Task) -> None:
        """Wait for a task that is under way; the thread does not rest meanwhile. The lock is held."""
        if not task.is_under_way:
            return
        self.awaited += 1
        try:
            self.changed.notify_all()  # ends a rest
            while task.is_under_way:
                self.changed.wait()
        finally:
            self.awaited -= 1

    def _run(self) -> None:
        while True:
            with self.changed:
                task = self._next()
                if task is None:
                    self.thread = None
                    return
            self._do(task)
            del task  # nothing is kept alive while the next one is awaited

    def _next(self) -> Task | None:
        """The next task when it is due, claimed; None if there is none, which ends the thread. The lock is held."""
        while self.queue and not self.stopping:
            task = self.queue[0][2]()
            if task is not None and not task.is_done:
                remaining = task.due - time.monotonic()
                if remaining > 0:
                    del task
                    self.changed.wait(remaining)
                    continue
            self.current = heapq.heappop(self.queue)[2]
            if task is not None and task.begin():
                return task
        return None

    def _do(self, task: Task) -> None:
        self._work()
        try:
            with pausing(self._pause):
                task.do()
        except _Stop:
            pass
        except Exception:  # tasks keep what can be expected to happen; what cannot must not pass in silence
            _log.exception("the work of a background task failed")
        finally:
            self._rest()

    def _work(self) -> None:
        self.working.acquire()
        self._began = time.thread_time()
        self._uninterrupted = collected_later()
        self._uninterrupted.__enter__()

    def _rest(self) -> None:
        self._uninterrupted.__exit__(None, None, None)
        self.working.release()

    def _pause(self) -> None:
        """Make way for other threads, if it is time."""
        worked = time.thread_time() - self._began
        if worked < WORKS and not self.stopping:
            return
        self._rest()
        try:
            with self.changed:
                # Other tasks come and end meanwhile; they do not shorten it.
                self.changed.wait_for(lambda: self.awaited or self.stopping, min(worked * RESTS, LONGEST_REST))
                if self.stopping:
                    raise _Stop
        finally:
            self._work()

    # --- forks, and the end

    def before_fork(self) -> None:
        # Not for ever: the thread could wait for something that this one holds.
        self._is_held = self.working.acquire(timeout=PATIENCE)
        self.changed.acquire()

    def after_fork_in_parent(self) -> None:
        self.changed.release()
        if self._is_held:
            self.working.release()

    def after_fork_in_child(self) -> None:
        self.generation += 1
        self._renew()
        with self.changed:
            if self.current is not None:
                self._push(self.current, 0.0)
            self._start()

    def stop(self) -> None:
        with self.changed:
            self.stopping = True
            self.queue.clear()
            thread = self.thread
            self.changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)


_worker = _Worker()
atexit.register(_worker.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_worker.before_fork,
        after_in_parent=_worker.after_fork_in_parent,
        after_in_child=_worker.after_fork_in_child,
    )
