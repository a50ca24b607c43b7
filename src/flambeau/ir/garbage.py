"""Building graphs without interruption by Python's cyclic garbage collector.

Nodes and values refer to each other, and a program has tens of thousands. To the collector each new generation of them
is a reason to look at everything that the process has (all of PyTorch's classes, for one), and none of it is garbage
before the work is done: on large models it takes as long as the compilation itself.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_depth = 0
_was_enabled = False


@contextmanager
def collected_later() -> Iterator[None]:
    """Switch the collector off, in all threads, until the last such `with` ends; leave it off if it was off before."""
    global _depth, _was_enabled
    with _lock:
        if _depth == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _was_enabled:
                gc.enable()
