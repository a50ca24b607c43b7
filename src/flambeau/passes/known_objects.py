"""Which values somebody outside a graph may hold as objects when it has run.

Alias analysis says which values may share memory. A view of an input shares memory with what the caller holds, but if
nothing except operators ever read it, nobody can tell whether it was one object or two, or there at all. That is asked
here: what is returned, stored, or passed to code that is not seen, and what that may be the very same object as.
"""

from __future__ import annotations

from collections.abc import Iterator

from flambeau.ir import ANY, Graph, Node, Operator, PrimitiveType, Type, Value

__all__ = ["known_objects", "may_give_view", "writes_tensors"]

_ALWAYS_NEW = frozenset(
    f"aten::{name}"
    for name in (
        *("select", "slice", "t", "transpose", "permute", "unsqueeze", "chunk", "split", "split_with_sizes", "unbind"),
        *("view", "alias", "detach", "narrow", "diagonal", "unfold", "as_strided"),
    )
)
"""Operators that give views of their arguments, never the arguments themselves."""
_UNDECLARED = frozenset(
    f"aten::{name}"
    for name in (
        *("broadcast_tensors", "meshgrid", "atleast_1d", "atleast_2d", "atleast_3d", "einsum", "type_as"),
        *("cartesian_prod", "combinations", "align_tensors", "dropout", "feature_dropout", "alpha_dropout"),
        *("feature_alpha_dropout", "block_diag", "pad", "constant_pad_nd", "block_diag", "conj", "real", "lstm", "gru"),
    )
)
"""Operators whose results may be arguments of theirs, or views, though their schemas do not say so."""
_PASSES_ON = frozenset(
    f"prim::{name}"
    for name in (
        *("ListConstruct", "TupleConstruct", "DictConstruct", "ListUnpack", "TupleUnpack", "TupleIndex", "TupleSlice"),
        *("unchecked_cast", "unchecked_unwrap_optional", "NumToTensor", "isinstance", "HasAttr", "tolist"),
        *("If", "Loop", "Constant", "GetAttr", "Uninitialized", "RaiseException", "Print", "device", "dtype"),
        *("IndexTensor", "NumberAt", "TransposedLinear"),
    )
)
"""Kinds without an operator that keep nothing but in their results."""


def known_objects(graph: Graph) -> frozenset[Value]:
    """The values, computed in the graph, that may be (or be inside) what is known outside when it has run."""
    pending = [*graph.outputs, *_kept(graph)]
    seen: set[Value] = set()
    while pending:
        value = pending.pop()
        if value not in seen and _has_identity(value.type):
            seen.add(value)
            pending += _same_objects(value)
    return frozenset(seen)


def may_give_view(operator: Operator) -> bool:
    """Whether a result of an operator may share memory with an argument."""
    return operator.name in _UNDECLARED or any(r.alias is not None for r in operator.schema.returns)


def writes_tensors(node: Node) -> bool:
    """Whether a node may write to a tensor that it is given."""
    operator = node.operator
    return operator is not None and operator.schema.is_mutable and not operator.is_jit_only


def _same_objects(value: Value) -> list[Value]:
    """The values that one may be the same object as, or may hold."""
    node = value.node
    if node.kind == "prim::If":
        return [block.outputs[value.offset] for block in node.blocks]
    if node.kind == "prim::Loop":
        return [node.blocks[0].outputs[value.offset + 1], node.inputs[value.offset + 2]]
    if node.kind == "prim::Param":
        return _carried_into(value)
    operator = node.operator
    if operator is None or operator.is_jit_only:
        return list(node.inputs)
    return list(node.inputs) if operator.name not in _ALWAYS_NEW and may_give_view(operator) else []


def _carried_into(value: Value) -> list[Value]:
    """What an input of a loop's body is in the first and in later iterations; nothing for an input of the graph."""
    block = value.node.owning_block
    loop = None if block is None else block.owning_node
    if block is None or loop is None or value.offset == 0:
        return []
    return [block.outputs[value.offset], loop.inputs[value.offset + 1]]


def _kept(graph: Graph) -> Iterator[Value]:
    """What nodes may keep, other than in their results."""
    for node in graph.walk():
        if _may_keep(node):
            yield from node.inputs


def _may_keep(node: Node) -> bool:
    operator = node.operator
    if operator is None:
        return node.kind not in _PASSES_ON
    return operator.is_jit_only and (operator.schema.is_mutable or operator.has_side_effects)


def _has_identity(given: Type) -> bool:
    """Whether one can tell two equal values of a type apart."""
    return given is ANY or not isinstance(given, PrimitiveType)
