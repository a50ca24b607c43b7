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

from flambeau.ir import Graph, Node, Operator, constant_value
from flambeau.passes import known_objects, may_give_view
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
    for value in known_objects(graph):
        operator = None if value.node.kind in _PLAIN else dispatcher_operator_of(value.node)
        if operator is not None and may_give_view(operator):
            return True
    return False
