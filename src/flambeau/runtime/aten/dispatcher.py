"""Any operator of PyTorch's dispatcher, by its schema.

The call goes through `torch.ops`, which takes and gives exactly what TorchScript does: dtypes and layouts as numbers,
lists as lists, optional tensors as None. It works for every overload, those registered with `torch.library` included.
(Calls that are known to have a cheaper way take it: see `bindings`.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from flambeau.errors import OperatorError, UnsupportedError
from flambeau.ir import BOUND_CLASSES, Node, Operator, accepts, operators_named, parse_schema, register_operator
from flambeau.runtime.registry import Kernel

__all__ = ["bound_class", "dispatcher_kernel", "find_custom_operator", "register_custom_operators", "torch_operator"]


def torch_operator(operator: Operator) -> Callable[..., Any]:
    """What `torch.ops` calls for an overload: positional arguments, keyword-only ones by keyword.

    UnsupportedError if the running PyTorch does not have it.
    """
    namespace, _, name = operator.name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), name, None)
    overload = getattr(packet, operator.overload_name or "default", None)
    if overload is None:
        raise UnsupportedError(f"this PyTorch ({torch.__version__}) has no operator {operator.qualified_name}")
    # The object itself would only forward the call; with overrides of `__call__` (objects of C++ classes) it does more.
    plain = type(overload).__call__ is torch._ops.OpOverload.__call__
    return overload._op if plain else overload  # type: ignore[no-any-return]  # an object of PyTorch's C++


def dispatcher_kernel(operator: Operator) -> Kernel:
    """A function of all arguments by position."""
    function = torch_operator(operator)
    arguments = operator.schema.arguments
    names = tuple(a.name for a in arguments if a.kwarg_only)
    if not names:
        return function
    count = len(arguments) - len(names)

    def kernel(*values: object) -> object:
        return function(*values[:count], **dict(zip(names, values[count:], strict=True)))

    return kernel


def bound_class(qualified_name: str) -> Kernel:
    """What makes objects of a class that C++ code binds (`__torch__.torch.classes.cuda.Stream`).

    UnsupportedError if the running PyTorch does not have it.
    """
    namespace, _, name = qualified_name.removeprefix(BOUND_CLASSES).partition(".")
    try:
        made: Kernel = getattr(getattr(torch.classes, namespace), name)
    except RuntimeError:
        raise UnsupportedError(f"this PyTorch ({torch.__version__}) has no class {qualified_name}") from None
    return made


# --- operators that only the running program knows


def register_custom_operators(name: str) -> tuple[Operator, ...]:
    """The overloads of an operator such as `mine::warp` that `torch.ops` knows; all are added to the operator table."""
    namespace, _, base = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace, None), base, None)
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        return operators_named(name)
    known = {o.overload_name for o in operators_named(name)}
    for overload in packet.overloads():  # type: ignore[no-untyped-call]
        if ("" if overload == "default" else overload) not in known:
            _register(getattr(packet, overload))
    return operators_named(name)


def _register(overload: torch._ops.OpOverload[..., Any]) -> None:
    text = str(overload._schema)
    try:
        register_operator(text, tags=[str(tag).rpartition(".")[2] for tag in overload.tags])
    except OperatorError:  # another thread was faster
        if not any(o.schema == parse_schema(text) for o in operators_named(overload._schema.name)):
            raise


def find_custom_operator(node: Node) -> Operator | None:
    """The overload that a node calls, of those that `torch.ops` knows and the operator table did not."""
    return next((o for o in register_custom_operators(node.kind) if accepts(o.schema, node.inputs)), None)
