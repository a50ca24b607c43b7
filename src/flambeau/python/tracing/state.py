"""What is being traced, in each thread.

`current()` is asked wherever a traced program behaves unlike an eager one. It is None while nothing is recorded:
outside of `trace`, and inside of it while an operator or a scripted function runs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flambeau.python.tracing.recorder import Recorder


class _Tracing(threading.local):
    recorder: Recorder | None = None


tracing = _Tracing()
"""`tracing.recorder` is written by `interception` only."""


def current() -> Recorder | None:
    """The recorder of this thread, if calls are being recorded now."""
    return tracing.recorder


def is_tracing() -> bool:
    """Whether the caller runs as part of a function that is being traced."""
    return tracing.recorder is not None
