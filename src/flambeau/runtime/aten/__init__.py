"""The part of the runtime that needs PyTorch: operators of its dispatcher, and tensors for what is not one yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from flambeau.errors import OperatorError, UnsupportedError
from flambeau.ir import Device, Node, Operator, TensorData
from flambeau.runtime.registry import Kernel

__all__ = ["current_modes", "dispatcher_kernel", "find_custom_operator", "from_data", "tensor_data"]


def dispatcher_kernel(operator: Operator) -> Kernel:
    """A function that calls an operator of PyTorch's dispatcher with the schema's arguments, positionally."""
    namespace, _, name = operator.name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), name, None)
    overload = getattr(packet, operator.overload_name or "default", None)
    if overload is None:
        raise OperatorError(f"PyTorch {torch.__version__} has no operator {operator.qualified_name}")
    keywords = tuple(a.name for a in operator.schema.arguments if a.kwarg_only)
    if not keywords:
        kernel: Kernel = overload
        return kernel
    positional = len(operator.schema.arguments) - len(keywords)

    def call(*arguments: object) -> Any:
        return overload(*arguments[:positional], **dict(zip(keywords, arguments[positional:], strict=True)))

    return call


def find_custom_operator(node: Node) -> Operator | None:
    """The operator that a node calls, where only the running PyTorch knows it."""
    return None


def tensor_data(tensor: object) -> TensorData:
    """A tensor's elements and geometry, for its text."""
    raise UnsupportedError("the text of a tensor")


def from_data(value: object) -> object:
    """PyTorch's tensor or device for one of ours."""
    if isinstance(value, Device):
        return torch.device(str(value))
    raise UnsupportedError("a tensor constant that is not PyTorch's")


def current_modes() -> Callable[[], AbstractContextManager[object]]:
    """This thread's gradient mode, as what makes contexts in which it holds."""
    enabled = torch.is_grad_enabled()
    return lambda: torch.set_grad_enabled(enabled)
