"""The modes of PyTorch that belong to a thread: recording of gradients, inference mode, autocast, interception."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.utils._python_dispatch import _disable_current_modes

from flambeau.runtime.aten.enumerations import to_dtype

__all__ = ["autocast", "current_modes", "is_intercepted", "neutral_modes"]


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


def is_intercepted() -> bool:
    """Whether something on this thread makes other tensors of what operators are called with: a mode for functions
    (such as a default device) or for operators (such as that of fake tensors), or a transform of `torch.func`."""
    return bool(
        torch._C._len_torch_function_stack()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._functorch.peek_interpreter_stack() is not None
    )


def neutral_modes() -> AbstractContextManager[object]:
    """A context in which tensors are made that serve in calls under other modes than hold now."""
    if torch.is_inference_mode_enabled() or torch._C._is_any_autocast_enabled() or is_intercepted():
        return _neutral()
    return nullcontext()


@contextmanager
def _neutral() -> Iterator[None]:
    with (
        torch._C.DisableTorchFunction(),
        _disable_current_modes(),
        temporarily_clear_interpreter_stack(),
        torch.inference_mode(False),
        torch._C._DisableAutocast(),
    ):
        yield
