"""The reference interpreter: runs any graph node by node, with nothing clever about it.

Everything faster is tested against it, and constant folding evaluates nodes with it. A `trace` is called with each node
and the values of its outputs, after the node ran. Within `guarded`, a `guard` is called with each node and the values
of its inputs before it runs, and with each loop before each of its rounds; what it raises ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias, final

from flambeau.errors import ExecutionError, FlambeauError, UnsupportedError
from flambeau.ir import Block, Function, Graph, Node, ScriptObject, Value, is_mutable_type
from flambeau.runtime.autocast import enter_autocast, is_autocast, leave_autocast
from flambeau.runtime.exceptions import located, register_interpreter
from flambeau.runtime.nodes import makes_bound_object, runtime_constant
from flambeau.runtime.registry import kernel_of_node, tensor_backend_if_loaded

__all__ = ["Guard", "Trace", "evaluate_constant", "evaluate_node", "guarded", "interpret", "interpret_function"]

Trace: TypeAlias = "Callable[[Node, Sequence[object]], object]"
Guard: TypeAlias = "Callable[[Node, Sequence[object]], None]"

_guard: ContextVar[Guard | None] = ContextVar("flambeau.guard", default=None)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Every interpretation that starts within, on this thread, asks the guard."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


def interpret(graph: Graph, inputs: Sequence[object], trace: Trace | None = None) -> list[object]:
    """Run a graph and return the values of its outputs; what fails raises ExecutionError."""
    try:
        return _Run(trace).graph(graph, inputs, "graph")
    except FlambeauError as error:
        raise (located(error) if isinstance(error, ExecutionError) else error) from error.__cause__
    except Exception as error:  # whatever an operator raises
        raise located(error) from error


def interpret_function(function: Function, arguments: Sequence[object], trace: Trace | None = None) -> object:
    """Run a function, exceptions left as they are; several results come as a tuple."""
    return _result(_Run(trace).graph(function.graph, arguments, function.name))


def evaluate_node(node: Node, inputs: Sequence[object]) -> list[object]:
    """The outputs of one node without sub-blocks, given the values of its inputs; what fails raises ExecutionError."""
    try:
        return _outputs(node, kernel_of_node(node)(*inputs))
    except FlambeauError:
        raise
    except Exception as error:  # whatever an operator raises
        raise located(error) from error


def evaluate_constant(node: Node, inputs: Sequence[object]) -> list[object]:
    """The same, of results that later calls use too, which may run under other modes of PyTorch than hold now."""
    kernel_of_node(node)  # this brings PyTorch, if the node needs it
    backend = tensor_backend_if_loaded()
    if backend is None:
        return evaluate_node(node, inputs)
    if backend.is_intercepted() and any(is_mutable_type(output.type) for output in node.outputs):
        raise UnsupportedError(f"{node.kind} gives other tensors now than later")
    with backend.neutral_modes():
        return evaluate_node(node, inputs)


def _result(outputs: list[object]) -> object:
    return outputs[0] if len(outputs) == 1 else tuple(outputs) or None


def _outputs(node: Node, result: object) -> list[object]:
    """A kernel's result as one value for each output."""
    match len(node.outputs):
        case 0:
            return []
        case 1:
            return [result]
        case count:
            values: list[object] = list(result)  # type: ignore[call-overload]  # a tuple or a list
            if len(values) != count:
                raise ExecutionError(f"{node.kind} gave {len(values)} results where {count} were expected")
            return values


@final
class _Run:
    """One execution. `entered` are the objects whose `__exit__` is still to be called."""

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace
        self.guard = _guard.get()

    def graph(self, graph: Graph, inputs: Sequence[object], function: str) -> list[object]:
        if len(inputs) != len(graph.inputs):
            raise ExecutionError(f"{function}() takes {len(graph.inputs)} arguments, not {len(inputs)}")
        values: dict[Value, object] = {}
        entered: list[object] = []
        try:
            return self.block(graph.block, inputs, values, entered, function)
        except BaseException:
            for opened in reversed(entered):
                self.leave(opened)
            raise

    def block(
        self, block: Block, inputs: Iterable[object], values: dict[Value, object], entered: list[object], function: str
    ) -> list[object]:
        values.update(zip(block.inputs, inputs, strict=True))
        for node in block:
            operands = [values[v] for v in node.inputs]
            if self.guard is not None:
                self.guard(node, operands)
            results = self.node(node, operands, values, entered, function)
            values.update(zip(node.outputs, results, strict=True))
            if self.trace is not None:
                self.trace(node, results)
        return [values[v] for v in block.outputs]

    def node(
        self, node: Node, inputs: list[object], values: dict[Value, object], entered: list[object], function: str
    ) -> list[object]:
        match node.kind:
            case "prim::If":
                taken = node.blocks[0] if inputs[0] else node.blocks[1]
                return self.block(taken, (), values, entered, function)
            case "prim::Loop":
                return self.loop(node, inputs, values, entered, function)
            case "prim::Constant":
                return [runtime_constant(node)]
            case "prim::CallFunction":
                called, *arguments = inputs
                if not isinstance(called, Function):
                    raise ExecutionError(f"cannot call {called!r}: it is no function")
                return [self.call(called, arguments)]
            case "prim::CallMethod" if isinstance(inputs[0], ScriptObject):
                return [self.method(inputs[0], node.string_attribute("name"), inputs[1:])]
            case "prim::CallMethod" if makes_bound_object(node):
                values[node.inputs[0]] = kernel_of_node(node)(*inputs)
                return [None]
            case "prim::Enter":
                result = self.method(inputs[0], "__enter__", ())
                if isinstance(inputs[0], ScriptObject) and is_autocast(inputs[0].type):
                    enter_autocast(inputs[0])
                entered.append(inputs[0])
                return [result]
            case "prim::Exit":
                entered.pop()
                return _outputs(node, self.leave(inputs[0]))
            case _:
                return _outputs(node, kernel_of_node(node)(*inputs))

    def loop(
        self, node: Node, inputs: list[object], values: dict[Value, object], entered: list[object], function: str
    ) -> list[object]:
        limit, condition, *carried = inputs
        trip = 0
        while condition and trip < limit:  # type: ignore[operator]  # an int
            if self.guard is not None:
                self.guard(node, inputs)
            condition, *carried = self.block(node.blocks[0], (trip, *carried), values, entered, function)
            trip += 1
        return carried

    def call(self, function: Function, arguments: Sequence[object]) -> object:
        return _result(self.graph(function.graph, arguments, function.name))

    def leave(self, manager: object) -> object:
        if isinstance(manager, ScriptObject) and is_autocast(manager.type):
            leave_autocast()
        return self.method(manager, "__exit__", (None, None, None))

    def method(self, self_object: object, name: str, arguments: Sequence[object]) -> object:
        method = self_object.type.methods.get(name) if isinstance(self_object, ScriptObject) else None
        if method is None:
            raise ExecutionError(f"{self_object!r} has no method '{name}'")
        return self.call(method, (self_object, *arguments))


register_interpreter(_Run.node.__code__)
