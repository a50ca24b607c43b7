"""`with torch.autocast(...)` in scripts.

The class's own methods do nothing in a script: PyTorch's compiler knows the class by name and writes casts into the
graph. Here the mode itself holds between `prim::Enter` and `prim::Exit`, as it does in Python, so that operators cast
their arguments by PyTorch's own rules.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from flambeau.ir import ClassType, ScriptObject, Type, demangled
from flambeau.runtime.registry import load_tensor_backend

__all__ = ["enter_autocast", "is_autocast", "leave_autocast"]


class _Open(threading.local):
    """The contexts that this thread has entered and not left."""

    def __init__(self) -> None:
        self.contexts: list[AbstractContextManager[object]] = []


_open = _Open()


def is_autocast(given: Type) -> bool:
    """Whether a type is the class of `torch.autocast`, or one of those derived from it, of whatever release."""
    return isinstance(given, ClassType) and demangled(given.qualified_name).endswith(".autocast_mode.autocast")


def enter_autocast(manager: ScriptObject) -> None:
    """Begin what an object of that class describes."""
    device, dtype, enabled = (manager.get(name) for name in ("device", "fast_dtype", "_enabled"))
    context = load_tensor_backend().autocast(device, dtype, enabled)
    context.__enter__()
    _open.contexts.append(context)


def leave_autocast() -> None:
    """End what was begun last."""
    _open.contexts.pop().__exit__(None, None, None)
