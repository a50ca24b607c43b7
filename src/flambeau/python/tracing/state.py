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
    is_repeated = False
    """Whether the program is traced only to check an earlier trace, so that what there is to say has been said."""


tracing = _Tracing()
"""Written by `interception` only (`recorder`) and `tracer` (`is_repeated`)."""


def current() -> Recorder | None:
    """The recorder of this thread, if calls are being recorded now."""
    return tracing.recorder


def is_tracing() -> bool:
    """Whether the caller runs as part of a function that is being traced."""
    return tracing.recorder is not None
