"""Futures, `fork` and `wait`, and values that are computed when first asked for.

    future = fork(lambda: call(function, args))
    future.wait()

Tasks run on a pool of threads. A task that nobody has begun when somebody waits for it is run by the waiter, on the
spot: waiting never blocks on something that is only queued, so nested forks cannot starve however small the pool is.
The modes of the forking thread (whether gradients are recorded, autocast) hold in the task.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from types import GenericAlias
from typing import TypeAlias, final

from flambeau.errors import ExecutionError, FlambeauError
from flambeau.runtime.exceptions import ScriptException, located
from flambeau.runtime.registry import implements, tensor_backend_if_loaded

__all__ = ["Awaitable", "Future", "fork", "set_thread_count", "wait"]

Task: TypeAlias = "Callable[[], object]"
_Modes: TypeAlias = "Callable[[], AbstractContextManager[object]]"


@final
class Future:
    """The result of a task, or what somebody sets with `set_result`."""

    __slots__ = ("__weakref__", "_begun", "_callbacks", "_done", "_error", "_lock", "_modes", "_task", "_value")

    def __class_getitem__(cls, item: object) -> GenericAlias:
        return GenericAlias(cls, item)

    def __init__(self, task: Task | None = None) -> None:
        self._task = task
        self._modes: _Modes = nullcontext
        self._begun = False
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._value: object = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], object]] = []

    def done(self) -> bool:
        """Whether there is a result, or an error."""
        return self._done.is_set()

    def wait(self) -> object:
        """The result, when it is there; raises what the task raised."""
        if not self._done.is_set():
            self._run()
            self._done.wait()
        return self.value()

    def value(self) -> object:
        """The result, which must be there."""
        if not self._done.is_set():
            raise ExecutionError("the future has no value yet; wait for it first")
        if isinstance(self._error, ScriptException):
            raise self._error.again()
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, value: object) -> None:
        """Give a future that has no task its result; ExecutionError if it has one already."""
        with self._lock:
            if self._begun or self._task is not None:
                raise ExecutionError("the future is completed by its task, or has been completed already")
            self._begun = True
        self._finish(value, None)

    def then(self, callback: Callable[[Future], object]) -> Future:
        """A future of what the callback makes of this one, once this one is done."""
        following = Future()

        def proceed(done: Future) -> None:
            try:
                value = callback(done)
            except Exception as error:
                following._finish(None, error)
            else:
                following._finish(value, None)

        following._begun = True
        self.add_done_callback(proceed)
        return following

    def add_done_callback(self, callback: Callable[[Future], object]) -> None:
        """Call back with this future once it is done, at once if it is."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def _run(self) -> None:
        """Carry out the task, unless some thread has begun it."""
        with self._lock:
            if self._begun or self._task is None:
                return
            self._begun = True
            task, self._task = self._task, None
        try:
            with self._modes():
                value = task()
        except BaseException as error:  # whatever it is belongs to who waits
            self._finish(None, _with_frames(error))
        else:
            self._finish(value, None)

    def _finish(self, value: object, error: BaseException | None) -> None:
        self._value, self._error = value, error
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


def _with_frames(error: BaseException) -> BaseException:
    """What the waiter gets for an error of a task: one of a script knows where in the task it arose."""
    if isinstance(error, ExecutionError):
        return located(error)
    return error if isinstance(error, FlambeauError) or not isinstance(error, Exception) else located(error)


@final
class Awaitable:
    """A value that is computed by whoever asks first, on their own thread."""

    __slots__ = ("_future", "_is_nowait")

    def __class_getitem__(cls, item: object) -> GenericAlias:
        return GenericAlias(cls, item)

    def __init__(self, task: Task, is_nowait: bool = False) -> None:
        self._future = Future(task)
        self._is_nowait = is_nowait

    def is_nowait(self) -> bool:
        """Whether the value was there from the beginning."""
        return self._is_nowait

    def wait(self) -> object:
        return self._future.wait()


class _Pool:
    """The threads, started when the first task comes."""

    def __init__(self) -> None:
        self.size = os.cpu_count() or 1
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked process there are no threads."""
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def submit(self, future: Future) -> None:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.size, thread_name_prefix="flambeau")
            self._threads.submit(future._run)

    def resize(self, size: int) -> None:
        with self._lock:
            former, self._threads, self.size = self._threads, None, size
        if former is not None:
            former.shutdown(wait=False)


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)


def set_thread_count(count: int) -> None:
    """How many forked tasks may run at the same time; ValueError unless positive."""
    if count < 1:
        raise ValueError(f"the number of threads must be positive, not {count}")
    _pool.resize(count)


def fork(task: Task) -> Future:
    """Start a task."""
    future = Future(task)
    backend = tensor_backend_if_loaded()
    if backend is not None:
        future._modes = backend.current_modes()
    _pool.submit(future)
    return future


@implements("aten::wait")
def wait(self: Future) -> object:
    """The result of a future."""
    return self.wait()


@implements("prim::awaitable_wait")
def awaitable_wait(self: Awaitable) -> object:
    return self.wait()


@implements("prim::awaitable_nowait")
def awaitable_nowait(self: object) -> Awaitable:
    result = Awaitable(lambda: self, is_nowait=True)
    result.wait()
    return result
