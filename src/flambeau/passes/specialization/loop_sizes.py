"""Whether a loop makes tensors of the same size, and with the same strides, in all iterations.

Where sizes and strides of a result follow from those of operands, and those of the operands from what is there before
the loop and from what it carries, it is enough to look at what it carries: once an iteration begins with the same sizes
and strides as the one before, so do all that follow, and each makes what the one before made.
"""

from __future__ import annotations

from collections.abc import Iterable

from flambeau.ir import Block, Node, Value, is_constant, is_immutable

from .tensor_rules import SIZED, SPLITS

__all__ = ["carried_sizes"]


def carried_sizes(values: Iterable[Value], loop: Node) -> frozenset[Value] | None:
    """What the loop carries that the geometry of some tensors follows from, as inputs of its body.

    None if it may follow from something else too: numbers computed in the loop, elements of tensors.
    """
    (body,) = loop.blocks
    pending = list(values)
    seen: set[Value] = set()
    carried: set[Value] = set()
    while pending:
        value = pending.pop()
        if value in seen or value.node.is_before(loop):
            continue
        seen.add(value)
        if value.node is body.param_node:
            carried.add(value)
            pending.append(body.outputs[value.offset])
            continue
        followed = _sources(value, body, loop)
        if followed is None:
            return None
        pending += followed
    return frozenset(carried)


def _sources(value: Value, body: Block, loop: Node) -> list[Value] | None:
    """The tensors that the geometry of a tensor computed in the loop follows from."""
    node = value.node
    if node.owning_block is not body:
        return None
    if node.kind == "aten::__getitem__":  # one row is like another
        rows = node.inputs[0].node
        return [rows.inputs[0]] if rows.kind == "aten::unbind" and rows.is_before(loop) else None
    if node.kind == "prim::ListUnpack":
        node = node.inputs[0].node
    operator = node.operator
    name = "" if operator is None else operator.qualified_name
    if name not in SIZED | SPLITS or node.owning_block is not body:
        return None
    others = (v for i, v in enumerate(node.inputs) if not _is_tensor(v) and (name, i) != ("aten::select.int", 2))
    if not all(_stays(v, loop) for v in others):
        return None
    return [v for v in node.inputs if _is_tensor(v)]


def _is_tensor(value: Value) -> bool:
    return value.type.kind == "TensorType"


def _stays(value: Value, loop: Node) -> bool:
    """Whether something other than a tensor is the same in all iterations."""
    if is_constant(value) or (is_immutable(value.type) and value.node.is_before(loop)):
        return True
    made = value.node
    own_list = made.kind == "prim::ListConstruct" and value.use_count == 1
    return own_list and all(_stays(v, loop) for v in made.inputs)
