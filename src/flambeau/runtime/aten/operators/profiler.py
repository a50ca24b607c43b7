"""Marks for PyTorch's profiler that end with a future."""

from __future__ import annotations

import torch

from flambeau.runtime.futures import Future
from flambeau.runtime.registry import Kernel, implements


def _ending(overload: str, x: object, y: Future) -> Future:
    end: Kernel = getattr(torch.ops.profiler._record_function_exit, overload)

    def finish(done: Future) -> object:
        end(x)
        return done.value()

    return y.then(finish)


@implements("profiler::_call_end_callbacks_on_jit_fut")
def end_with_future(x: torch.Tensor, y: Future) -> Future:
    """The future's value, once the mark has been ended."""
    return _ending("default", x, y)


@implements("profiler::_call_end_callbacks_on_jit_fut._RecordFunction")
def end_record_with_future(x: object, y: Future) -> Future:
    return _ending("_RecordFunction", x, y)
