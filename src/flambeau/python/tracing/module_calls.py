"""Calls of submodules: each becomes a call in the recording too.

PyTorch's global hooks tell when a module's `forward` begins and ends. They are registered while any thread traces,
and do nothing in the others. The module's own hooks are recorded, too: those that run before `forward` within the
call, those that run after it behind the call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from flambeau.python.tracing.state import current

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle


def _before(module: nn.Module, inputs: object) -> None:
    recorder = current()
    if recorder is not None:
        recorder.enter(module)


def _after(module: nn.Module, inputs: object, output: object) -> None:
    recorder = current()
    if recorder is not None:
        recorder.leave(module)


_lock = threading.Lock()
_users = 0
_handles: list[RemovableHandle] = []


@contextmanager
def watched() -> Iterator[None]:
    """Calls of modules reach the recorders within a `with` statement."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _handles.append(register_module_forward_pre_hook(_before))
            _handles.append(register_module_forward_hook(_after, always_call=True))
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                while _handles:
                    _handles.pop().remove()
