"""Which Python function carries out which operator.

    @implements("aten::append.t")
    def append(self: list[object], element: object) -> list[object]: ...

A kernel takes the schema's arguments in order, positionally, and returns the result: None where there is none, a tuple
where there are several. A kernel that depends on more of a node than its inputs (its attributes, the types of its
outputs) is made for the node:

    @specialises("prim::tolist")
    def tolist(node: Node) -> Kernel: ...

The families are in `operators` and, where they need PyTorch, in `aten`, which is imported when the first operator is
asked for that nothing here implements. There every other operator is found through the dispatcher.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from flambeau import settings
from flambeau.errors import OperatorError, UnsupportedError
from flambeau.ir import Node, Operator, TensorData, Type, operator, operators_named
from flambeau.passes import TensorFact

__all__ = [
    "CallForm",
    "Kernel",
    "dispatcher_operator_of",
    "implemented_names",
    "implements",
    "kernel_of_node",
    "kernel_of_operator",
    "load_tensor_backend",
    "special_tensors",
    "specialises",
    "tensor_backend_if_loaded",
]

Kernel: TypeAlias = "Callable[..., Any]"
"""Arguments and result are run-time values of whatever types the schema says."""
KernelMaker: TypeAlias = "Callable[[Node], Kernel]"
K = TypeVar("K", bound=Kernel)
M = TypeVar("M", bound=KernelMaker)

_kernels: dict[str, Kernel] = {}
_makers: dict[str, KernelMaker] = {}


def implements(*names: str) -> Callable[[K], K]:
    """Register a kernel for overloads such as `aten::add.int`; ValueError if one has a kernel already."""

    def register(kernel: K) -> K:
        for name in names:
            _check_new(name, _kernels)
            _kernels[name] = kernel
        return kernel

    return register


def specialises(*kinds: str) -> Callable[[M], M]:
    """Register what makes kernels for the nodes of a kind such as `prim::tolist`."""

    def register(maker: M) -> M:
        for kind in kinds:
            if kind in _makers:
                raise ValueError(f"{kind} has a kernel already")
            _makers[kind] = maker
        return maker

    return register


def _check_new(name: str, table: dict[str, Kernel]) -> None:
    if name in table:
        raise ValueError(f"{name} has a kernel already")
    if settings.VERIFY.value:  # parses the operator's schema, too slow for every start of a program
        operator(name)


def implemented_names() -> frozenset[str]:
    """The overloads, and the node kinds, that have a kernel (of those that are loaded)."""
    return frozenset(_kernels) | frozenset(_makers)


class CallForm(Protocol):
    """How a dispatcher operator is called: `function(*positional, **keywords)`, arguments by index in the schema."""

    @property
    def function(self) -> Kernel: ...
    @property
    def positional(self) -> tuple[int, ...]: ...
    @property
    def keywords(self) -> tuple[tuple[str, int], ...]: ...
    @property
    def conversions(self) -> Mapping[int, Callable[[Any], object]]:
        """What some arguments have to go through first."""

    @property
    def gives_tuple(self) -> bool:
        """Whether the result is a tuple where TorchScript has a list."""

    @property
    def method(self) -> str:
        """The name under which the first argument has `function` as a method; empty if it has not."""


class TensorBackend(Protocol):
    """What `flambeau.runtime.aten` offers to the rest of the runtime."""

    def dispatcher_kernel(self, operator: Operator) -> Kernel:
        """A function that calls an operator of PyTorch's dispatcher."""

    def call_form(self, operator: Operator, constants: Sequence[object], types: Sequence[Type] = ()) -> CallForm:
        """The cheapest way to call an operator of the dispatcher, given the arguments that are constants."""

    def find_custom_operator(self, node: Node) -> Operator | None:
        """The operator that a node calls, where only the running PyTorch knows it."""

    def bound_class(self, qualified_name: str) -> Kernel:
        """What makes objects of a class that C++ code binds; UnsupportedError if PyTorch does not have it."""

    def tensor_data(self, tensor: object) -> TensorData:
        """A tensor's elements and geometry, for its text."""

    def enumeration_number(self, value: object) -> int | None:
        """The number of a dtype, layout, memory format or quantization scheme of PyTorch; None for anything else."""

    def from_data(self, value: object) -> object:
        """PyTorch's tensor or device for one of ours."""

    def below_autograd(
        self, run: Kernel, quiet: Kernel, count: int, *, views: bool, records: Callable[..., bool] | None
    ) -> tuple[Kernel, Callable[[str, Kernel], None]]:
        """A function of `count` arguments that runs one, or when nothing is recorded, the other without autograd's
        layer; and one that replaces what is run where gradients are `recorded`, or not (`quiet`)."""

    def fact_of_tensor(self, value: object) -> TensorFact | None:
        """What is known of a value, if it is a plain tensor."""

    def tensor_guard(self, name: str, fact: TensorFact, bind: Callable[[str, object], str]) -> str:
        """Code that asks of the tensor in a variable whether a fact is true of it."""

    def is_float_tensor(self, name: str, bind: Callable[[str, object], str]) -> str:
        """Code that asks whether a variable holds a plain tensor of 32-bit floats on the CPU."""

    def float_tensor(self, number: float) -> object:
        """A tensor of one 32-bit float, to be read only."""

    def as_tensor(self, numbers: object) -> object:
        """The tensor of a list of numbers; a tensor itself."""

    def out_form(self, name: str) -> Callable[..., object]:
        """The function that takes the operands of an operator, and where the results go as `out`."""

    def add_product(self, summand: object, one: object, other: object) -> object:
        """The product of two matrices, and what is added to it."""

    def linear(self, operand: object, weight: object, bias: object) -> object:
        """`torch.nn.functional.linear`."""

    def loop_recorder(self, step: object) -> Callable[..., object]:
        """What runs a loop whose iterations are steps, and records it at once."""

    def plain_modes(self) -> bool:
        """Whether nothing intercepts operators on this thread, and autocast is off."""

    def plain_recording(self) -> bool:
        """The same, and nothing sees which tensors are kept for backward passes."""

    def current_modes(self) -> Callable[[], AbstractContextManager[object]]:
        """This thread's modes (gradients, autocast), as what makes contexts in which they hold."""

    def is_intercepted(self) -> bool:
        """Whether modes or transforms of this thread give operators another meaning."""

    def neutral_modes(self) -> AbstractContextManager[object]:
        """A context in which tensors are made that serve in calls under other modes than hold now."""

    def autocast(self, device: object, dtype: object, enabled: object) -> AbstractContextManager[object]:
        """The context in which operators cast their arguments to an element type, given by number."""


special_tensors: set[type] = set()
"""Classes with operators of their own (`__torch_dispatch__`) whose tensors scripts have been given."""

_lock = threading.Lock()
_BACKEND = "flambeau.runtime.aten"
_backend: TensorBackend | None = None


def load_tensor_backend() -> TensorBackend:
    """The part of the runtime that needs PyTorch, imported at the first call; UnsupportedError without PyTorch."""
    global _backend
    if _backend is None:
        with _lock:
            try:
                module = importlib.import_module(_BACKEND)
            except ModuleNotFoundError as error:
                if error.name != "torch":
                    raise
                raise UnsupportedError("tensor operators need PyTorch, which is not installed") from error
            _backend = cast("TensorBackend", module)
    return _backend


def tensor_backend_if_loaded() -> TensorBackend | None:
    """The part that needs PyTorch, if anything has asked for it or imported it."""
    return load_tensor_backend() if _BACKEND in sys.modules else None


def kernel_of_operator(operator: Operator) -> Kernel:
    """The kernel of an overload; UnsupportedError or OperatorError if there is none."""
    return _kernels.get(operator.qualified_name) or _dispatcher_kernel(operator)


_PYTORCHS = frozenset({"cuda"})
"""Namespaces of operators outside the dispatcher that only PyTorch can carry out, where its build has them."""


@cache
def _dispatcher_kernel(operator: Operator) -> Kernel:
    backend = load_tensor_backend()
    found = _kernels.get(operator.qualified_name)  # the import may have brought it
    if found is not None:
        return found
    if operator.is_jit_only and operator.name.partition("::")[0] not in _PYTORCHS:
        raise UnsupportedError(f"operator {operator.qualified_name} is not implemented")
    return backend.dispatcher_kernel(operator)


def kernel_of_node(node: Node) -> Kernel:
    """The function that carries out a node without sub-blocks, given the values of its inputs."""
    found = node.operator
    kernel = _loaded_kernel(node, found)
    if kernel is not None:
        return kernel
    backend = load_tensor_backend()
    kernel = _loaded_kernel(node, found)  # the import may have brought it
    if kernel is not None:
        return kernel
    custom = found or backend.find_custom_operator(node)
    if custom is None:
        raise OperatorError(_no_match(node))
    return kernel_of_operator(custom)


def _loaded_kernel(node: Node, operator: Operator | None) -> Kernel | None:
    maker = _makers.get(node.kind)
    if maker is not None:
        return maker(node)
    return None if operator is None else _kernels.get(operator.qualified_name)


def dispatcher_operator_of(node: Node) -> Operator | None:
    """The operator of PyTorch's dispatcher that a node calls; None if what it does is implemented here."""
    found = node.operator
    if node.kind in _makers or (found is not None and (found.is_jit_only or found.qualified_name in _kernels)):
        return None
    return found or load_tensor_backend().find_custom_operator(node)


def _no_match(node: Node) -> str:
    given = ", ".join(str(v.type) for v in node.inputs)
    overloads = operators_named(node.kind)
    if not overloads:
        return f"Unknown builtin op: {node.kind} (called with {given})"
    listed = "\n".join(f"\t{o}" for o in overloads)
    return f"no overload of {node.kind} accepts ({given}); there are:\n{listed}"
