"""How calls of operators reach the recorder.

A traced program runs as it is, on real tensors. In the thread that traces, a dispatch key of PyTorch is switched on
that lies above autograd and above the implementations of composite operators, and that PyTorch itself leaves without
use: what a program calls (`aten::linear`, `aten::scaled_dot_product_attention`) arrives here once, with the arguments
of its schema, and not the operators that it is made of. PyTorch switches the key off on its own where it fills
tensors from Python values.

Casts of `torch.autocast` come before the key's turn in the order of things, so they are recorded as casts.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast, final

import torch
from torch import Tensor
from torch._C import _ExcludeDispatchKeyGuard, _IncludeDispatchKeyGuard

from flambeau.errors import UnsupportedError
from flambeau.python.tracing import messages
from flambeau.python.tracing.operators import casts_under_autocast
from flambeau.python.tracing.state import tracing

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from flambeau.python.tracing.recorder import Recorder

_NAME = "DeferredInit"
_KEY = cast("torch._C.DispatchKey", torch._C._parse_dispatch_key(_NAME))
_KEYS = torch._C.DispatchKeySet(_KEY)
_BELOW = torch._C._dispatch_keyset_full_after(_KEY)

_ITEM = torch.ops.aten.item.default
_LIFT_FRESH = torch.ops.aten.lift_fresh.default
_DETACH_ = torch.ops.aten.detach_.default


@final
class Paused:
    """Nothing that runs within a `with` statement of this is recorded."""

    __slots__ = ("_guard", "_recorder")

    def __enter__(self) -> Recorder | None:
        self._recorder, tracing.recorder = tracing.recorder, None
        guard: Any = _ExcludeDispatchKeyGuard(_KEYS)
        self._guard = guard
        guard.__enter__()
        return self._recorder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._guard.__exit__(kind, error, traceback)
        tracing.recorder = self._recorder


@final
class Recording:
    """What runs in this thread within a `with` statement of this goes to a recorder."""

    __slots__ = ("_before", "_guard", "_recorder")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> Recorder:
        _install()
        self._before, tracing.recorder = tracing.recorder, self._recorder
        guard: Any = _IncludeDispatchKeyGuard(_KEY)
        self._guard = guard
        guard.__enter__()
        return self._recorder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._guard.__exit__(kind, error, traceback)
        tracing.recorder = self._before


_lock = threading.Lock()
_libraries: list[torch.library.Library] = []
"""Keeps our handler registered."""


def _install() -> None:
    with _lock:
        if _libraries:
            return
        library: Any = torch.library.Library("_", "IMPL", _NAME)  # type: ignore[no-untyped-call]  # PyTorch does not say
        if not hasattr(library, "fallback"):
            raise UnsupportedError(f"tracing needs a newer PyTorch than {torch.__version__}")
        library.fallback(_handle, with_keyset=True)
        _libraries.append(library)


def _handle(keys: torch._C.DispatchKeySet, overload: OpOverload, *args: object, **kwargs: object) -> object:
    """Called by PyTorch for each operator that the program of a recording calls."""
    recorder = tracing.recorder
    if recorder is not None and casts_under_autocast(overload, keys):
        return overload.redispatch(keys & _BELOW, *args, **kwargs)
    with Paused():
        if recorder is None:
            return overload(*args, **kwargs)
        first = args[0] if args else None
        if overload is _ITEM and isinstance(first, Tensor):
            return recorder.symbol(first)
        if overload is _LIFT_FRESH:
            result = overload(*args)
            recorder.note_fresh(result)
            messages.warn(messages.construction(recorder.constructor))
            return result
        if overload is _DETACH_ and isinstance(first, Tensor) and recorder.is_fresh(first):
            return overload(first)
        return recorder.record(overload, args, kwargs)
