"""References to values on other processes, and derivatives across them.

A script gets its references from Python, as objects of PyTorch's own `torch.distributed.rpc`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from flambeau.runtime.registry import implements


@implements("aten::to_here")
def to_here(self: Any, timeout: float) -> object:
    """A copy of the value; seconds to wait for it."""
    return self.to_here(timeout)


@implements("aten::local_value")
def local_value(self: Any) -> object:
    return self.local_value()


@implements("aten::is_owner")
def is_owner(self: Any) -> object:
    return self.is_owner()


@implements("aten::confirmed_by_owner")
def confirmed_by_owner(self: Any) -> object:
    return self.confirmed_by_owner()


@implements("aten::owner")
def owner(self: Any) -> object:
    return self.owner()


@implements("aten::owner_name")
def owner_name(self: Any) -> object:
    return self.owner_name()


@implements("aten::dist_backward")
def dist_backward(context_id: int, roots: list[Tensor], retain_graph: bool) -> None:
    backward = torch.distributed.autograd.backward  # type: ignore[attr-defined]  # a function of PyTorch's C++
    backward(context_id, roots, retain_graph=retain_graph)
