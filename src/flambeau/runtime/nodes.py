"""What the kinds of nodes that have no operator do: construct values, read and write attributes, call.

Each has a maker, which turns a node into the function of its inputs' values. `If` and `Loop` are not here: they have
blocks, and are the executing tier's own business.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from flambeau.errors import ExecutionError, InvalidGraphError
from flambeau.ir import (
    ClassType,
    Device,
    Function,
    Node,
    ScriptObject,
    TensorData,
    TupleType,
    Type,
    constant_of,
)
from flambeau.runtime.autocast import enter_autocast, is_autocast, leave_autocast
from flambeau.runtime.calls import services
from flambeau.runtime.futures import Awaitable, Future, fork
from flambeau.runtime.instances import is_instance, named_tuple_class
from flambeau.runtime.registry import Kernel, load_tensor_backend, specialises

__all__ = ["is_custom_class", "makes_bound_object", "runtime_constant", "runtime_value", "subgraph_function"]


# --- constants


def runtime_constant(node: Node) -> object:
    """The run-time value of a `prim::Constant`."""
    value = constant_of(node)
    if isinstance(value, str) and str(node.output.type) == "Device":
        return runtime_value(Device.parse(value))
    return runtime_value(value)


def runtime_value(value: object) -> object:
    """A constant as the runtime has it: tensors and devices are PyTorch's. Containers keep their identity."""
    if isinstance(value, (TensorData, Device)):
        return load_tensor_backend().from_data(value)
    if isinstance(value, (list, tuple, dict)) and _holds_data(value):
        return _converted(value)
    return value


def _holds_data(value: object) -> bool:
    match value:
        case list() | tuple():
            return any(map(_holds_data, value))
        case dict():
            return any(map(_holds_data, value.values())) or any(map(_holds_data, value))
        case _:
            return isinstance(value, (TensorData, Device))


def _converted(value: object) -> object:
    match value:
        case list():
            return [runtime_value(v) for v in value]
        case tuple():
            make = getattr(type(value), "_make", tuple)  # of a NamedTuple, or of a plain one
            return make(map(runtime_value, value))
        case dict():
            return {runtime_value(k): runtime_value(v) for k, v in value.items()}
        case _:
            return value


@specialises("prim::Constant")
def constant(node: Node) -> Kernel:
    value = runtime_constant(node)
    return lambda: value


# --- containers


@specialises("prim::ListConstruct")
def list_construct(node: Node) -> Kernel:
    return lambda *elements: list(elements)


@specialises("prim::EmptyListLiteral")
def empty_list(node: Node) -> Kernel:
    return list


@specialises("prim::TupleConstruct")
def tuple_construct(node: Node) -> Kernel:
    given = node.output.type
    if isinstance(given, TupleType) and given.field_names is not None and given.qualified_name:
        return named_tuple_class(given.name, given.field_names)
    return lambda *elements: elements


@specialises("prim::DictConstruct")
def dict_construct(node: Node) -> Kernel:
    return lambda *flat: dict(zip(flat[::2], flat[1::2], strict=True))


@specialises("prim::ListUnpack")
def list_unpack(node: Node) -> Kernel:
    expected = len(node.outputs)

    def unpack(values: list[object]) -> object:
        if len(values) != expected:
            raise ValueError(f"Expected {expected} elements in a list but found {len(values)}")
        return values[0] if expected == 1 else values

    return unpack


@specialises("prim::IndexTensor")
def index_tensor(node: Node) -> Kernel:
    return operator.getitem


@specialises("prim::NumberAt")
def number_at(node: Node) -> Kernel:
    return lambda tensor, index: tensor[index].item()


@specialises("prim::TupleUnpack")
def tuple_unpack(node: Node) -> Kernel:
    if len(node.outputs) == 1:
        return lambda values: values[0]
    return lambda values: values


@specialises("prim::TupleSlice")
def tuple_slice(node: Node) -> Kernel:
    part = slice(node.attribute("beg"), node.attribute("end"))
    return lambda values: tuple(values[part])


# --- objects


@specialises("prim::CreateObject")
def create_object(node: Node) -> Kernel:
    given = node.output.type
    if not isinstance(given, ClassType):
        raise InvalidGraphError(f"prim::CreateObject makes objects of classes, not of {given}")
    if is_custom_class(given):
        return lambda: None  # there is none until `__init__` makes it
    return lambda: ScriptObject(given)


def makes_bound_object(node: Node) -> bool:
    """Whether a node is the call of `__init__` that makes what a `prim::CreateObject` of a C++ class stands for.

    Its kernel gives the object, which takes the place of its first input.
    """
    return (
        node.kind == "prim::CallMethod"
        and node.string_attribute("name") == "__init__"
        and node.inputs[0].node.kind == "prim::CreateObject"
        and is_custom_class(node.inputs[0].type)
    )


def is_custom_class(given: Type) -> bool:
    """Whether a class is one that C++ code registered, which PyTorch holds and we only pass around."""
    return isinstance(given, ClassType) and given.qualified_name.startswith("__torch__.torch.classes.")


@specialises("prim::GetAttr")
def get_attribute(node: Node) -> Kernel:
    name = node.string_attribute("name")
    return lambda self: self.get(name) if isinstance(self, ScriptObject) else getattr(self, name)


@specialises("prim::SetAttr")
def set_attribute(node: Node) -> Kernel:
    name = node.string_attribute("name")
    return lambda self, value: self.set(name, value)


@specialises("prim::HasAttr")
def has_attribute(node: Node) -> Kernel:
    name = node.string_attribute("name")
    return lambda self: self.type.find_slot(name) is not None


@specialises("prim::isinstance")
def isinstance_(node: Node) -> Kernel:
    types = node.attribute("types")
    if not isinstance(types, tuple):
        raise InvalidGraphError(f"prim::isinstance needs a list of types, not {types!r}")
    return lambda value: any(is_instance(value, t) for t in types)


# --- calls


@specialises("prim::CallFunction")
def call_function(node: Node) -> Kernel:
    return lambda function, *arguments: services.call(function, arguments)


@specialises("prim::CallMethod")
def call_method_of(node: Node) -> Kernel:
    name = node.string_attribute("name")
    if makes_bound_object(node):
        made = load_tensor_backend().bound_class(str(node.inputs[0].type))
        return lambda nothing, *arguments: made(*arguments)

    def call(self: object, *arguments: object) -> object:
        if not isinstance(self, ScriptObject):
            return getattr(self, name)(*arguments)
        method = self.type.methods.get(name)
        if method is None:
            raise ExecutionError(f"'{self.type.qualified_name}' object has no method '{name}'")
        return services.call(method, (self, *arguments))

    return call


def subgraph_function(node: Node, name: str) -> Function:
    """The graph that a node carries, as a function."""
    return Function(name, graph=node.graph_attribute())


@specialises("prim::fork")
def fork_node(node: Node) -> Kernel:
    function = subgraph_function(node, "<forked function>")

    def start(*arguments: object) -> Future:
        return fork(lambda: services.call(function, arguments))

    return start


@specialises("prim::awaitable")
def awaitable_node(node: Node) -> Kernel:
    function = subgraph_function(node, "<awaitable>")

    def start(*arguments: object) -> Awaitable:
        return Awaitable(lambda: services.call(function, arguments))

    return start


_GROUPS = (
    *("prim::DifferentiableGraph", "prim::FallbackGraph", "prim::FunctionalGraph", "prim::FusionGroup"),
    *("prim::StaticSubgraph", "prim::TensorExprGroup", "prim::TensorExprDynamicGroup", "prim::MKLDNNGroup"),
    "prim::oneDNNFusionGroup",
)


@specialises(*_GROUPS)
def group(node: Node) -> Kernel:
    """A group that some optimisation made is run as what it stands for.

    What its graph gives beyond the node's outputs was for a backward graph to capture.
    """
    function, count = subgraph_function(node, node.kind), len(node.outputs)
    if len(function.graph.outputs) <= count:
        return lambda *arguments: services.call(function, arguments)

    def run(*arguments: object) -> object:
        results = services.call(function, arguments)
        return results[0] if count == 1 else results[:count]  # type: ignore[index]  # a tuple

    return run


@specialises("prim::Enter")
def enter(node: Node) -> Kernel:
    call = _calling_method("__enter__")
    if not is_autocast(node.inputs[0].type):
        return call

    def enter_mode(self: ScriptObject) -> object:
        result = call(self)
        enter_autocast(self)
        return result

    return enter_mode


@specialises("prim::Exit")
def exit_(node: Node) -> Kernel:
    call = _calling_method("__exit__")
    if not is_autocast(node.inputs[0].type):
        return lambda self: call(self, None, None, None)

    def leave_mode(self: ScriptObject) -> object:
        leave_autocast()
        return call(self, None, None, None)

    return leave_mode


def _calling_method(name: str) -> Callable[..., object]:
    def call(self: ScriptObject, *arguments: object) -> object:
        return services.call(self.type.methods[name], (self, *arguments))

    return call


@specialises("prim::PythonOp")
def python_call(node: Node) -> Kernel:
    """A call of a Python function that was not compiled; it takes and gives run-time values."""
    given = node.attribute("callable")
    if not callable(given):
        raise InvalidGraphError(f"{node.kind} needs a callable, not {given!r}")
    return given


@specialises("prim::IgnoredPythonOp")
def ignored_python_call(node: Node) -> Kernel:
    """What archives have in place of a call of a function that stayed in Python."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError(_IGNORED)

    return refuse


_IGNORED = (
    "This Python function is annotated to be ignored and cannot be and has not been included in the exported binary, "
    "meaning that it cannot be executed now. Make sure that ignored operations are never executed after import"
)
