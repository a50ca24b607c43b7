"""The modes of PyTorch that belong to a thread: recording of gradients, inference mode, autocast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch

from flambeau.runtime.aten.enumerations import to_dtype

__all__ = ["autocast", "current_modes"]


def autocast(device: object, dtype: object, enabled: object) -> AbstractContextManager[object]:
    """The context of `torch.autocast`, with the number of the element type that scripts have."""
    kept = to_dtype(dtype) if isinstance(dtype, int) else None
    return torch.autocast(str(device), dtype=kept, enabled=bool(enabled))


def current_modes() -> Callable[[], AbstractContextManager[object]]:
    """This thread's modes, as what makes contexts in which they hold on another thread."""
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    autocast = [
        (device, torch.get_autocast_dtype(device), torch.is_autocast_cache_enabled())
        for device in ("cpu", "cuda")
        if torch.is_autocast_enabled(device)
    ]

    @contextmanager
    def modes() -> Iterator[None]:
        with ExitStack() as stack:
            if inference:
                stack.enter_context(torch.inference_mode())
            stack.enter_context(torch.set_grad_enabled(grad))
            for device, dtype, cached in autocast:
                stack.enter_context(torch.autocast(device, dtype=dtype, cache_enabled=cached))
            yield

    return modes
