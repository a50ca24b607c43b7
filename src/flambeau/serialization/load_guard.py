"""What code may do while an archive is loaded.

The only code that loading runs are `__setstate__` methods, in TorchScript. They may compute; they may not touch files,
talk to other processes or start tasks, and all of them together have a budget of operations, of time and of memory. An
operation cannot be interrupted, so whatever may be a large one is looked at before it runs (`operation_size`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import final

from flambeau.errors import ArchiveError
from flambeau.ir import Node
from flambeau.serialization.limits import Limits
from flambeau.serialization.operation_size import SMALL, Foresee, excessive_work, given, most_it_can_make

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
"""After so many nodes that call no operator, the clock is looked at."""
_ARCHIVE_SHARE = 16
"""How many times the bytes of the file may be made anew; weights are packed once or twice."""


@final
class LoadGuard:
    """Counts the operations of one load; ArchiveError for one that may not run, or one too many.

    `foresee` tells the bytes of an operation's results, where that can be told without it.
    """

    def __init__(self, limits: Limits, foresee: Foresee, archive_size: int = 0) -> None:
        self._limits = limits
        self._foresee = foresee
        self._bytes_left = limits.setstate_bytes + _ARCHIVE_SHARE * archive_size
        self._steps = 0
        self._spent = 0.0
        self._started: float | None = None

    def __enter__(self) -> LoadGuard:
        self._started = time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._spent = self._seconds()
        self._started = None

    def __call__(self, node: Node, operands: Sequence[object]) -> None:
        reason = _FORBIDDEN.get(node.kind)
        if reason is not None:
            raise ArchiveError(f"{node.kind} {reason}, which code that runs while an archive is loaded may not do")
        self._steps += 1
        if self._steps > self._limits.setstate_steps:
            raise ArchiveError(f"it takes more than the allowed {self._limits.setstate_steps} operations")
        calls = node.operator is not None
        if (calls or self._steps % _CLOCK_EVERY == 0) and self._seconds() > self._limits.setstate_seconds:
            raise ArchiveError(f"it takes longer than the allowed {self._limits.setstate_seconds:g} seconds")
        if calls:
            self._weigh(node, operands)

    def _weigh(self, node: Node, operands: Sequence[object]) -> None:
        most = most_it_can_make(node, operands)
        if most > SMALL:
            # Operators of libraries, such as those that pack weights, are taken to make what they are given.
            of_pytorch = node.kind.startswith(("aten::", "prim::"))
            made = self._foresee(node, operands) if of_pytorch else given(operands)
            if made is None:
                raise ArchiveError(f"{node.kind} may make more than code that runs while an archive is loaded may make")
            most = made
        self._bytes_left -= most
        if self._bytes_left < 0:
            raise ArchiveError(f"it makes more than the allowed {self._limits.setstate_bytes} bytes")
        if excessive_work(node.kind, operands, most):
            raise ArchiveError(f"{node.kind} would take longer than code that runs while an archive is loaded may take")

    def _seconds(self) -> float:
        """Processor time of this thread so far; what else the machine does is not the archive's fault."""
        return self._spent + (0.0 if self._started is None else time.thread_time() - self._started)
