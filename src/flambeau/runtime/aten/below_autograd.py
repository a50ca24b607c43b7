"""Running below PyTorch's autograd layer, and below its tracking of views, while nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad

from flambeau.runtime.registry import special_tensors

__all__ = ["below_autograd"]

_AUTOGRAD = tuple(
    torch._C.DispatchKey.__members__[f"Autograd{name}"] for name in ("Functionality", "Other", "NestedTensor")
)
_VIEWS = torch._C.DispatchKey.ADInplaceOrView


def _key_set(keys: Sequence[Any]) -> Any:
    result = torch._C.DispatchKeySet(keys[0])
    for key in keys[1:]:
        result = result | torch._C.DispatchKeySet(key)
    return result


_CODE = """\
def enter({parameters}):
    if transformed() is not None or intercepted() or dual._current_level >= 0 or special:
        return run({parameters})
    if recording() and records({parameters}):
        return recorded({parameters})
    guard = free.pop() if free else new(keys)
    with guard:
        result = quiet({parameters})
    free.append(guard)
    return result
"""


def _always(*arguments: object) -> bool:
    return True


def below_autograd(
    run: Callable[..., Any],
    quiet: Callable[..., Any],
    count: int,
    *,
    views: bool,
    records: Callable[..., bool] | None = None,
) -> tuple[Callable[..., Any], Callable[[str, Callable[..., Any]], None]]:
    """A function that calls `run`, with `count` arguments, or when nothing could be recorded, `quiet` without
    autograd's layer; and one that puts another in the place of `quiet`, or of `run` where it records (`"recorded"`).

    `views`: without the layer that tracks views too. `records` says of the arguments whether anything is recorded if
    gradients are enabled (None: it may always be). Forward-mode gradients, the transforms of `torch.func`, modes that
    intercept operators and tensors of classes that do so (`special_tensors`) keep the layers.
    """
    namespace: dict[str, Any] = {
        "run": run,
        "recorded": run,
        "quiet": quiet,
        "recording": torch.is_grad_enabled,
        "records": records or _always,
        "transformed": torch._C._functorch.peek_interpreter_stack,
        "intercepted": torch._C._len_torch_dispatch_stack,
        "dual": forward_ad,
        "special": special_tensors,
        "new": torch._C._ExcludeDispatchKeyGuard,
        "keys": _key_set([*_AUTOGRAD, _VIEWS] if views else _AUTOGRAD),
        "free": [],
    }
    parameters = ", ".join(f"a{i}" for i in range(count))
    exec(compile(_CODE.format(parameters=parameters), "<flambeau below autograd>", "exec"), namespace)
    entry: Callable[..., Any] = namespace["enter"]

    def replace(name: str, other: Callable[..., Any]) -> None:
        namespace[name] = other

    return entry, replace
