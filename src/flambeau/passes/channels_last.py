"""Let convolutions with constant weights, and what works on their results, keep channels last in memory.

    %y : Tensor = aten::conv2d(%x, %w, ...)        %v : Tensor = aten::contiguous(%w, channels_last)
    %z : Tensor = aten::relu(%y)              ->   %y : Tensor = aten::conv2d(%x, %v, ...)
    %f : Tensor = aten::view(%z, ...)              %z : Tensor = aten::relu(%y)
                                                   %c : Tensor = aten::contiguous(%z, contiguous)
                                                   %f : Tensor = aten::view(%c, ...)

PyTorch's convolutions on the CPU are faster so, and give results that lie as their weights do; operators that treat all
channels alike pass that on. Everything else gets a contiguous tensor, as it would have had. Constant propagation turns
the weights around. Results differ by rounding.

Only where no tensor is written to but by operators on results that they alone read: what writes would change a copy.
"""

from __future__ import annotations

from flambeau.ir import (
    Graph,
    MemoryFormat,
    Node,
    ScalarType,
    TensorType,
    Value,
    constant_value,
    insert_constant,
)

from .constant_tensors import constant_tensor_type
from .known_objects import may_give_view
from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_FOLLOWS = frozenset(
    f"aten::{name}"
    for name in (
        *("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "tanh", "gelu", "silu", "mish", "elu"),
        *("leaky_relu", "clamp", "clamp_min", "clamp_max", "abs", "neg", "exp", "sqrt", "add", "sub", "mul", "div"),
        *("batch_norm", "dropout", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"),
        *("upsample_nearest2d", "upsample_bilinear2d", "reflection_pad2d", "replication_pad2d"),
    )
)
"""Operators that give the same, whatever the order in memory of what they are given, and leave it in that order."""
_ASKS_NO_ORDER = frozenset(f"aten::{name}" for name in ("size", "dim", "numel", "len")) | {
    "prim::dtype",
    "prim::device",
}
"""What may read a tensor in any order."""
_CALLS = frozenset({"prim::CallFunction", "prim::CallMethod", "prim::PythonOp", "prim::IgnoredPythonOp"})
_CONVOLUTIONS = frozenset({"aten::conv2d", "aten::_convolution", "aten::convolution"})
_IS_TRANSPOSED = 6
"""Which input of the general convolutions says whether they are transposed."""


@graph_pass("frozen_conv_channels_last")
def put_channels_last(graph: Graph) -> bool:
    """Convert all convolutions with constant weights of 32-bit floats on the CPU that do not lie so yet."""
    changed = False
    for current in with_subgraphs(graph):
        convolutions = [node for node in current.walk() if _is_convertible(node)]
        if not convolutions or any(_writes_to_what_others_read(node) for node in current.walk()):
            continue
        for node in convolutions:
            with current.inserting_at(node):
                last = insert_constant(current, int(MemoryFormat.ChannelsLast), range=node.range)
            weight = current.create("aten::contiguous", (node.inputs[1], last)).copy_metadata(node).insert_before(node)
            node.replace_input(1, weight.output)
        for value in _reached(convolutions):
            _give_contiguous(value)
        changed = True
    return changed


def _is_convertible(node: Node) -> bool:
    if node.kind not in _CONVOLUTIONS:
        return False
    if node.kind != "aten::conv2d" and constant_value(node.inputs[_IS_TRANSPOSED]) is not False:
        return False
    known = constant_tensor_type(node.inputs[1])
    if known is None or known.scalar_type is not ScalarType.Float or known.device != "cpu":
        return False
    return known.sizes is not None and len(known.sizes) == 4 and not _has_channels_last(known)


def _has_channels_last(given: TensorType) -> bool:
    """Whether a tensor lies so already (as it does in any order if it has one channel)."""
    expected = 1
    sizes, strides = given.sizes or (), given.strides or ()
    for dimension in (1, 3, 2, 0):
        size = sizes[dimension]
        if size != 1 and strides[dimension] != expected:
            return False
        expected *= size if isinstance(size, int) else 0
    return True


def _writes_to_what_others_read(node: Node) -> bool:
    operator = node.operator
    if operator is None:
        return node.kind in _CALLS
    if operator.is_jit_only or not operator.schema.is_mutable:
        return False
    written = node.inputs[0]
    readers = [use.user for use in written.uses if use.user.kind not in _ASKS_NO_ORDER]
    return not _is_follower_in_place(node) or readers != [node] or not _is_new(written.node)


def _is_follower_in_place(node: Node) -> bool:
    return node.kind.endswith("_") and node.kind[:-1] in _FOLLOWS


def _is_new(node: Node) -> bool:
    """Whether a node's result is no view of anything that others may read (what it wrote to, nobody reads)."""
    return node.operator is not None and (not may_give_view(node.operator) or _is_follower_in_place(node))


def _reached(convolutions: list[Node]) -> list[Value]:
    """The tensors that may have their channels last."""
    pending = [node.output for node in convolutions]
    seen: dict[Value, None] = {}
    while pending:
        value = pending.pop()
        if value not in seen:
            seen[value] = None
            pending += [result for use in value.uses if (result := _passed_on(*use)) is not None]
    return list(seen)


def _passed_on(reader: Node, offset: int) -> Value | None:
    """What a reader gives that lies as what it reads does; None if it may depend on how that lies."""
    if reader.kind in _CONVOLUTIONS and offset == 0:
        return reader.output
    if reader.kind == "prim::ListConstruct" and reader.output.use_count == 1:
        reader = reader.output.uses[0].user
        return reader.output if reader.kind == "aten::cat" else None
    is_follower = reader.kind.removesuffix("_") in _FOLLOWS and len(reader.outputs) == 1
    return reader.output if is_follower else None


def _give_contiguous(value: Value) -> None:
    """Give every reader that may depend on the order of elements in memory a contiguous tensor."""
    graph = value.graph
    for user, offset in list(value.uses):
        if _passed_on(user, offset) is not None or user.kind in _ASKS_NO_ORDER:
            continue
        with graph.inserting_at(user):
            plain = insert_constant(graph, int(MemoryFormat.Contiguous), range=user.range)
        made = graph.create("aten::contiguous", (value, plain)).copy_metadata(value.node).insert_before(user)
        user.replace_input(offset, made.output)
