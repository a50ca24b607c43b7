"""What code may do while an archive is loaded.

The only code that loading runs are `__setstate__` methods, in TorchScript. They may compute; they may not touch files,
talk to other processes or start tasks, and all of them together have a budget of operations and of time. One operation
is not interrupted: a single product of large matrices can take longer.
"""

from __future__ import annotations

import time
from typing import final

from flambeau.errors import ArchiveError
from flambeau.ir import Node
from flambeau.serialization.limits import Limits

__all__ = ["HARMFUL_OPERATORS", "LoadGuard"]

HARMFUL_OPERATORS = {
    "aten::save": "writes a file",
    "aten::from_file": "reads or creates a file",
    "prim::rpc_async": "talks to another process",
    "prim::rpc_remote": "talks to another process",
    "prim::rpc_sync": "talks to another process",
}
"""Operators that reach outside the program, with what they do."""
_FORBIDDEN = {
    **HARMFUL_OPERATORS,
    "prim::fork": "starts a task",
    "prim::awaitable": "starts a task",
}
_CLOCK_EVERY = 64


@final
class LoadGuard:
    """Counts the operations of one load; ArchiveError for one that may not run, or one too many."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._steps = 0
        self._spent = 0.0
        self._started: float | None = None

    def __enter__(self) -> LoadGuard:
        self._started = time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._spent = self._seconds()
        self._started = None

    def __call__(self, node: Node) -> None:
        reason = _FORBIDDEN.get(node.kind)
        if reason is not None:
            raise ArchiveError(f"{node.kind} {reason}, which code that runs while an archive is loaded may not do")
        self._steps += 1
        if self._steps > self._limits.setstate_steps:
            raise ArchiveError(f"it takes more than the allowed {self._limits.setstate_steps} operations")
        if self._steps % _CLOCK_EVERY == 0 and self._seconds() > self._limits.setstate_seconds:
            raise ArchiveError(f"it takes longer than the allowed {self._limits.setstate_seconds:g} seconds")

    def _seconds(self) -> float:
        """Processor time of this thread so far; what else the machine does is not the archive's fault."""
        return self._spent + (0.0 if self._started is None else time.thread_time() - self._started)
