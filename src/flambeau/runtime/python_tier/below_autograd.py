"""Whether a graph may run below PyTorch's autograd layer while no gradients are recorded.

Each call of an operator passes through the kernels of autograd and of view tracking before it reaches the one that
computes, whether or not anything is recorded: on small tensors that is a fifth of the time. Where nothing is recorded,
nothing that the graph calls can tell the difference, so both layers are left out for the whole run (see
`flambeau.runtime.aten.below_autograd`, which knows when nothing is recorded).

Without view tracking, a view does not know what it is a view of, and writes do not count as changes of it. So that
layer is left out only where no tensor is written to, and no view outlives the run.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from flambeau.ir import Graph, Node, Operator, TensorType, Type, Value, constant_value
from flambeau.runtime.registry import dispatcher_operator_of

__all__ = ["Layers", "unneeded_layers"]

_FEWEST = 4
"""Operators that a graph must call for it to be worth the check before each run."""


class Layers(enum.Enum):
    """What may be left out when no gradients are recorded."""

    NONE = "none"
    AUTOGRAD = "autograd"
    AUTOGRAD_AND_VIEWS = "autograd and views"


_PLAIN = frozenset(
    f"prim::{name}"
    for name in (
        *("Constant", "If", "Loop", "ListConstruct", "ListUnpack", "DictConstruct", "TupleConstruct", "TupleUnpack"),
        *("TupleIndex", "TupleSlice", "EmptyListLiteral", "GetAttr", "SetAttr", "HasAttr", "isinstance"),
        *("unchecked_cast", "unchecked_unwrap_optional", "Uninitialized", "RaiseException", "NumToTensor"),
        *("min", "max", "abs", "device", "dtype", "layout", "is_cuda", "tolist", "unchecked_unwrap", "StringIndex"),
    )
)
"""Kinds of nodes besides `aten::` that run nobody else's code."""
_ABOUT_GRADIENTS = frozenset(
    f"aten::{name}"
    for name in (
        *("set_grad_enabled", "backward", "_backward", "requires_grad_", "retain_grad", "set_data", "grad", "wait"),
        *("_fw_primal", "_make_dual", "_unpack_dual", "_new_zeros_with_same_feature_meta", "save"),
    )
)
"""Operators that set up gradients, or that wait for a task which may."""
_UNDECLARED_VIEWS = frozenset(
    f"aten::{name}"
    for name in (
        *("broadcast_tensors", "meshgrid", "atleast_1d", "atleast_2d", "atleast_3d", "einsum", "type_as"),
        *("cartesian_prod", "combinations", "align_tensors", "dropout", "feature_dropout", "rrelu", "lstm", "gru"),
    )
)
"""Operators whose results may be views of their arguments, though the schema does not say so."""
_TRAINING = ("training", "train", "use_input_stats")
"""Arguments without which operators write to running statistics."""


def unneeded_layers(graph: Graph) -> Layers:
    """What may be left out of a run of the graph that records no gradients."""
    calls = 0
    tracks_views = False
    for node in graph.walk():
        operator = dispatcher_operator_of(node) if node.kind not in _PLAIN else None
        if operator is not None:
            if not operator.variants or node.kind in _ABOUT_GRADIENTS:
                return Layers.NONE
            calls += _FEWEST if node.owning_block is not graph.block else 1
            tracks_views = tracks_views or _writes(node, operator)
        elif node.kind not in _PLAIN and (not node.kind.startswith("aten::") or node.kind in _ABOUT_GRADIENTS):
            return Layers.NONE
    if calls < _FEWEST:
        return Layers.NONE
    return Layers.AUTOGRAD if tracks_views or _a_view_escapes(graph) else Layers.AUTOGRAD_AND_VIEWS


def _writes(node: Node, operator: Operator) -> bool:
    """Whether a node may write to a tensor."""
    return operator.schema.is_mutable or any(
        argument.name in _TRAINING and constant_value(value) is not False
        for argument, value in zip(operator.schema.arguments, node.inputs, strict=False)
    )


def _a_view_escapes(graph: Graph) -> bool:
    """Whether a tensor that an operator made of another one's memory may be seen when the run is over."""
    pending = [*graph.outputs, *_stored(graph)]
    seen: set[Value] = set()
    while pending:
        value = pending.pop()
        if value in seen or not _may_hold_tensors(value.type):
            continue
        seen.add(value)
        if value.node.kind == "prim::If":
            pending += [block.outputs[value.offset] for block in value.node.blocks]
        elif value.node.kind == "prim::Loop":
            pending += [value.node.blocks[0].outputs[value.offset + 1], value.node.inputs[value.offset + 2]]
        elif value.node.kind == "prim::Param":
            pending += _carried_into(value)
        elif value.node.kind == "prim::GetAttr":
            continue
        else:
            operator = dispatcher_operator_of(value.node) if value.node.kind not in _PLAIN else None
            if operator is None:
                pending += value.node.inputs
            elif _gives_view(operator):
                return True
    return False


def _gives_view(operator: Operator) -> bool:
    """Whether a result of an operator may share memory with an argument."""
    return operator.name in _UNDECLARED_VIEWS or any(r.alias is not None for r in operator.schema.returns)


def _stored(graph: Graph) -> Iterator[Value]:
    """What is put into objects and containers, which may outlive the run."""
    for node in graph.walk():
        if node.kind == "prim::SetAttr":
            yield node.inputs[1]
        elif node.kind.startswith("aten::") and dispatcher_operator_of(node) is None:
            operator = node.operator
            if operator is None or operator.schema.is_mutable:
                yield from node.inputs[1:]


def _carried_into(value: Value) -> list[Value]:
    """What an input of a loop's body is in the first and in later iterations; nothing for an input of the graph."""
    block = value.node.owning_block
    loop = None if block is None else block.owning_node
    if block is None or loop is None or value.offset == 0:
        return []
    return [block.outputs[value.offset], loop.inputs[value.offset + 1]]


def _may_hold_tensors(given: Type) -> bool:
    return isinstance(given, TensorType) or any(map(_may_hold_tensors, given.contained))
