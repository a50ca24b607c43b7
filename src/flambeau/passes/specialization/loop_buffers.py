"""Let the iterations of a loop share the memory of what each of them computes and none keeps.

    %y = prim::Loop(...)                              %b : Any = prim::LoopMemory()
      block0(%i, %x):                                 %y = prim::Loop(...)
        %p : Tensor = aten::mm(%x, %w)                  block0(%i, %x):
        %q : Tensor = aten::add[reuses=0](%p, %v)         prim::LookAtCarried(%b, %x)
        %l : Tensor[] = aten::chunk(%q, 4, 1)      ->     %p : Tensor = prim::Into[...](%b, %x, %w)
        %1, %2, %3, %4 = prim::ListUnpack(%l)             %q : Tensor = aten::add[reuses=0](%p, %v)
                                                          %l : Tensor[] = prim::CutOnce[...](%c, %q)

The first iteration takes memory, and others write to it as soon as they begin with tensors of the same sizes and
strides as the one before. That is possible where geometry follows from what the loop carries (see `loop_sizes`), and
nothing keeps any of a result when it is computed again.

Pieces that a result is cut into, as gates of recurrent cells are, are views of its memory; where that is the same they
serve again. Where what is between the two could not be done in place after all, the pieces are cut anew.

The kinds that arise are for generated code only.
"""

from __future__ import annotations

from collections.abc import Mapping

from flambeau.ir import ANY, Graph, Node, Value, constant_value, is_constant

from .loop_sizes import carried_sizes
from .memory_reuse import REUSES, keeps_nothing
from .number_lists import AS_NUMBERS
from .tensor_rules import TensorFact

__all__ = ["INTO", "SHORT", "SLOT", "share_loop_memory"]

INTO = "into"
"""The attribute of a `prim::Into`: the operator, as `name.overload`."""
SLOT = "slot"
"""Another: which of the results that share a `prim::LoopMemory` it is."""
SHORT = "short"
"""Another: it is kept unless it is short, and then read as a list of numbers."""

_OPERATORS = frozenset(
    f"aten::{name}" for name in ("add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "max.dim", "min.dim", "mm")
)
"""Operators that are told where to leave their results, if their keyword arguments are as by default."""


def share_loop_memory(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[Node]:
    """Let loops share memory, in a graph whose reuse of memory is marked; returns the nodes that write to it."""
    made: list[Node] = []
    for loop in [n for n in graph.walk() if n.kind == "prim::Loop"]:
        found = [n for n in loop.blocks[0] if _has_one_dtype(n, facts) and _is_transient(n, loop)]
        sized = {n: carried_sizes(_tensors(n), loop) for n in found}
        shared = [n for n, carried in sized.items() if carried is not None]
        if shared:
            carried = frozenset().union(*(sized[n] or () for n in shared))
            made += _share(graph, loop, shared, sorted(carried, key=lambda v: v.offset))
            _cut_once(graph, loop)
    return made


def _has_one_dtype(node: Node, facts: Mapping[Value, TensorFact]) -> bool:
    """Whether a node can be told where to leave its results, plain tensors of known dtypes."""
    operator = node.operator
    if operator is None or operator.qualified_name not in _OPERATORS or node.has_attribute(REUSES):
        return False
    given = zip(operator.schema.arguments, node.inputs, strict=True)
    if any(argument.kwarg_only and constant_value(v) != argument.default for argument, v in given):
        return False
    if any(v.type.kind != "TensorType" and not is_constant(v) for v in node.inputs):
        return False
    made = [facts.get(v) for v in node.outputs]
    return all(v in facts for v in _tensors(node)) and all(f is not None and f.dtype is not None for f in made)


def _tensors(node: Node) -> list[Value]:
    return [v for v in node.inputs if v.type.kind == "TensorType"]


def _is_transient(node: Node, loop: Node) -> bool:
    """Whether nothing has any of a node's results, or a view of it, when the next iteration comes to the node."""
    (body,) = loop.blocks
    pending = [(value, False) for value in node.outputs]
    while pending:
        value, is_carried = pending.pop()
        for use in value.uses:
            user = use.user
            if user is body.return_node:
                pending.append((body.inputs[use.offset], True))
            elif is_carried and not user.is_before(node):
                return False
            elif _leaves_alone(user, use.offset):
                continue
            elif _may_pass_on(user):
                pending += [(output, is_carried) for output in user.outputs]
            else:
                return False
    return True


def _leaves_alone(user: Node, index: int) -> bool:
    """Whether what a node leaves behind shares no memory with one of its operands."""
    if user.has_attribute(AS_NUMBERS):
        return True
    return keeps_nothing(user) and not (user.has_attribute(REUSES) and user.attribute(REUSES) == index)


def _may_pass_on(user: Node) -> bool:
    """Whether a node keeps memory of its operands in its results at most."""
    operator = user.operator
    if user.kind == "prim::ListUnpack":
        return True
    return operator is not None and not operator.is_jit_only and not operator.schema.is_mutable


def _share(graph: Graph, loop: Node, nodes: list[Node], carried: list[Value]) -> list[Node]:
    (body,) = loop.blocks
    memory = graph.create("prim::LoopMemory", (), (ANY,)).copy_metadata(loop).insert_before(loop)
    look = graph.create("prim::LookAtCarried", (memory.output, *carried), ()).copy_metadata(loop)
    look.insert_before(next(iter(body)))
    made: list[Node] = []
    for slot, node in enumerate(nodes):
        name = "" if node.operator is None else node.operator.qualified_name
        operands = (memory.output, *node.inputs)
        into = graph.create("prim::Into", operands, [v.type for v in node.outputs]).copy_metadata(node)
        into.insert_before(node).set_attribute(INTO, "s", name)
        into.set_attribute(SLOT, "i", slot)
        if any(use.user.has_attribute(AS_NUMBERS) for value in node.outputs for use in value.uses):
            into.set_attribute(SHORT, "i", 1)
        for old, new in zip(node.outputs, into.outputs, strict=True):
            new.copy_metadata(old)
        node.replace_all_uses_with(into)
        node.destroy()
        made.append(into)
    return made


# --- pieces


def _cut_once(graph: Graph, loop: Node) -> None:
    """Let the pieces of shared memory serve again."""
    for cut in [n for n in loop.blocks[0] if n.kind == "aten::chunk"]:
        if _keeps_no_piece(cut) and _is_left_in_place(cut):
            pieces = graph.create("prim::Pieces", (), (ANY,)).copy_metadata(cut).insert_before(loop)
            once = graph.create("prim::CutOnce", (pieces.output, *cut.inputs), (cut.output.type,)).copy_metadata(cut)
            once.insert_before(cut).output.copy_metadata(cut.output)
            for name, given in cut.attributes.items():
                once.set_attribute(name, given.kind, given.value)
            cut.replace_all_uses_with(once)
            cut.destroy()


def _keeps_no_piece(cut: Node) -> bool:
    if cut.output.use_count != 1 or any(v.node.kind != "prim::Constant" for v in cut.inputs[1:]):
        return False
    unpack = cut.output.uses[0].user
    if unpack.kind != "prim::ListUnpack" or unpack.owning_block is not cut.owning_block:
        return False
    # Results that are left in a piece are read by operators alone: so `memory_reuse` has it.
    return all(keeps_nothing(use.user) for piece in unpack.outputs for use in piece.uses)


def _is_left_in_place(cut: Node) -> bool:
    """Whether what is cut is in memory that iterations share, and is not overwritten by what is in the pieces."""
    node = cut.inputs[0].node
    if not all(use.user is cut or keeps_nothing(use.user) for use in cut.inputs[0].uses):
        return False
    while node.has_attribute(REUSES) and node.owning_block is cut.owning_block:
        index = node.attribute(REUSES)
        node = node.inputs[index if isinstance(index, int) else 0].node
    return node.kind == "prim::Into" and node.owning_block is cut.owning_block
