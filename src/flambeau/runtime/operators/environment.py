"""What a script says to the world around it: output, warnings, exceptions, counters. (PyTorch's modes: see `aten`.)"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias
from weakref import WeakKeyDictionary

from flambeau.ir import Graph, Node
from flambeau.runtime.exceptions import raised_in_script
from flambeau.runtime.registry import Kernel, implements, specialises
from flambeau.runtime.text import text_of

PrintHandler: TypeAlias = "Callable[[str], object]"


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)


_print_handler: PrintHandler = _to_stdout


def set_print_handler(handler: PrintHandler | None) -> PrintHandler:
    """Send what scripts print elsewhere (None: to `sys.stdout`); returns the former handler."""
    global _print_handler
    former, _print_handler = _print_handler, handler or _to_stdout
    return former


@implements("prim::Print")
def print_(*values: object) -> None:
    _print_handler(" ".join(map(text_of, values)) + "\n")


@implements("prim::RaiseException")
def raise_exception(msg: str, cls: str | None) -> None:
    raise raised_in_script(msg, cls)


_warned: set[int] = set()
"""The numbers of the warnings that were given: of a node there are copies, one for each form of what it belongs to."""
_warned_unnumbered: WeakKeyDictionary[Graph, set[int]] = WeakKeyDictionary()
"""The nodes without number that gave theirs, by identity: an interpreter asks for a kernel whenever it meets a node."""


@specialises("aten::warn")
def warn(node: Node) -> Kernel:
    """A warning is shown once for each place in the script that gives one."""
    number = node.attribute("warn_id") if node.has_attribute("warn_id") else None
    if isinstance(number, int):
        warned, key = _warned, number
    else:
        warned, key = _warned_unnumbered.setdefault(node.graph, set()), id(node)

    def kernel(message: str, stacklevel: int) -> None:
        if key in warned:
            return
        warned.add(key)
        place = node.range
        if place is None:
            warnings.warn(message, UserWarning, stacklevel=2)
        else:
            warnings.warn_explicit(message, UserWarning, place.filename, place.line)

    return kernel


@implements("aten::is_scripting")
def is_scripting() -> bool:
    return True


@implements("aten::_get_tracing_state")
def is_tracing() -> bool:
    return False


@implements("aten::has_torch_function")
def has_torch_function(*values: object) -> bool:
    """Scripts see tensors only, never objects that override PyTorch's functions."""
    return False


@implements("prim::TimePoint")
def time_point() -> int:
    """Nanoseconds of a clock that only goes forward."""
    return time.perf_counter_ns()


statistics: Counter[str] = Counter()
"""What `prim::AddStatValue` has added up, by key."""
_statistics_lock = threading.Lock()


@implements("prim::AddStatValue")
def add_stat_value(key: str, val: int) -> None:
    with _statistics_lock:
        statistics[key] += val
