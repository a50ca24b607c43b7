"""Record gradients through a loop at once rather than of each operator of each iteration.

    %x : Tensor = prim::Loop(%n, %true, %x.0)                 %r : Any = prim::RecordLoop[step=...](%n, %rows, %x.0, %w)
      block0(%i : int, %x.1 : Tensor):                        %ok : bool = prim::LoopIsRecorded(%r)
        %row : Tensor = aten::__getitem__(%rows, %i)    ->    %x : Tensor = prim::If(%ok)
        %y : Tensor = aten::mm(%x.1, %w)                        block0():
        %z : Tensor = aten::add(%y, %row, 1)                      %x.2 : Tensor = prim::TakeRecorded(%r, %kept)
        %k : Tensor[] = aten::append(%kept, %z)                   -> (%x.2)
        -> (%true, %z)                                          block1(): the loop

The step, a graph of its own, takes rows, what the loop carries, and what stays; it gives what is carried and appended.
Whoever runs it may refuse, and then the loop runs as it is. Only loops are taken of which an iteration is one step of
operators with known derivatives, whose results are new tensors, and which takes nothing but rows of lists, one after
the other, and appends to lists that are joined in the end: nobody can ask for gradients of what is in between, as
nobody has it. (What the last iteration gives may be known. Whoever runs the loop records that one as it is.) What the
backward pass of the step keeps must be what those of its operators keep: whether it is an error that somebody writes to
a tensor depends on it.

A backward pass through one result frees what belongs to all of them. That must be so without this rewrite, too: see
`results_belong_together`, which whoever runs the loop asks, as it depends on what requires gradients.

The kinds that arise are for generated code only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

from flambeau.ir import (
    ANY,
    BOOL,
    Graph,
    Node,
    ScalarType,
    Value,
    constant_value,
    copy_node,
    create_constant,
    is_constant,
)

from .tensor_rules import TensorFact

__all__ = ["APPENDED", "CARRIED", "ROWS", "STEP", "record_loops", "results_belong_together"]

STEP = "step"
"""The attribute of a `prim::RecordLoop`: the graph of an iteration."""
ROWS = "rows"
"""Another: where the rows of each list begin."""
CARRIED = "carried"
"""Another: which output of the step is carried, for each value that is."""
APPENDED = "appended"
"""Another: which outputs of the step are appended."""

_KEEPING: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("aten::sigmoid", "aten::tanh", "aten::relu", "aten::exp"), (0,)),
        **dict.fromkeys(("aten::mul.Tensor", "aten::mm"), (0, 1)),
        "aten::addmm": (1, 2),
    }
)
"""Operators whose backward pass keeps an operand or the result, the same as in PyTorch, if it is for any of these."""
_KEEPING_NOTHING = frozenset(
    f"aten::{name}" for name in ("add.Tensor", "sub.Tensor", "neg", "chunk", "add.Scalar", "sub.Scalar", "mul.Scalar")
)
"""Operators whose backward pass keeps sizes at most."""
_FEWEST = 5
"""Operators of a step for which it is worth it."""
_MOST_OUTPUTS = 3
"""More would need too many backward passes: one for each choice of those that have gradients."""
_FLOATING = frozenset({ScalarType.Float, ScalarType.Double})


@final
@dataclass(slots=True)
class _Loop:
    """A loop whose iterations are steps."""

    loop: Node
    rows: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    """Values of the body that are rows: of which list, and which one is the first."""
    nodes: list[Node] = field(default_factory=list)
    """The operators of a step."""
    appended: list[tuple[Value, Value]] = field(default_factory=list)
    """Lists, and what is appended to them."""


def record_loops(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[tuple[Node, list[Value]]]:
    """Rewrite the loops that can be recorded at once; returns the nodes that record them, and the tensors of which
    something had to be known.
    """
    made: list[tuple[Node, list[Value]]] = []
    for node in [n for n in graph.walk() if n.kind == "prim::Loop" and n.innermost_loop is None]:
        found = _match(node, facts)
        if found is not None:
            tensors = _tensors(found)
            made.append((_rewrite(graph, found), tensors))
    return made


def _tensors(found: _Loop) -> list[Value]:
    """What steps take and compute."""
    values = [v for node in found.nodes for v in (*node.inputs, *node.outputs)]
    return [v for v in values if v.type.kind == "TensorType"]


# --- what is looked for


def _match(loop: Node, facts: Mapping[Value, TensorFact]) -> _Loop | None:
    (body,) = loop.blocks
    if constant_value(loop.inputs[1]) is not True or constant_value(body.outputs[0]) is not True:
        return None
    found = _Loop(loop)
    for node in body:
        if node.kind == "prim::Constant":
            continue
        if node.kind == "aten::__getitem__":
            start = _first_row(node, loop)
            if start is None or node.output not in facts:
                return None
            found.rows[node.output] = node.inputs[0], start
        elif node.kind == "aten::append":
            kept, value = node.inputs
            if node.has_uses or not _is_joined(kept, node) or not kept.node.is_before(loop):
                return None
            found.appended.append((kept, value))
        elif node.kind == "aten::__derive_index":
            continue  # read by rows alone, or else by what is refused
        elif _is_step(node):
            found.nodes.append(node)
        else:
            return None
    return found if _is_whole(found, facts) else None


def _first_row(node: Node, loop: Node) -> int | None:
    """Which row of a list from before the loop the first iteration takes, if the others take those that follow."""
    rows, index = node.inputs
    trip = loop.blocks[0].inputs[0]
    if rows.node.kind != "aten::unbind" or not rows.node.is_before(loop):
        return None
    if index is trip:
        return 0
    if index.node.kind != "aten::__derive_index" or index.node.inputs[0] is not trip:
        return None
    first, step = (constant_value(v) for v in index.node.inputs[1:])
    return first if isinstance(first, int) and first >= 0 and step == 1 else None


def _is_joined(kept: Value, append: Node) -> bool:
    """Whether nothing happens to a new list but that a node appends to it and that its elements are joined."""
    readers = [use.user for use in kept.uses if use.user is not append]
    return kept.node.kind == "prim::ListConstruct" and all(
        reader.kind in ("aten::stack", "aten::cat", "aten::len") for reader in readers
    )


def _is_step(node: Node) -> bool:
    if node.kind == "prim::ListUnpack":
        return node.inputs[0].node.kind == "aten::chunk" and node.inputs[0].node.owning_block is node.owning_block
    if node.kind == "prim::TransposedLinear":
        return True
    operator = node.operator
    name = "" if operator is None else operator.qualified_name
    if name not in _KEEPING and name not in _KEEPING_NOTHING:
        return False
    return all(v.type.kind == "TensorType" or is_constant(v) for v in node.inputs)


def _is_whole(found: _Loop, facts: Mapping[Value, TensorFact]) -> bool:
    """Whether all that an iteration takes and gives is known, and belongs together."""
    (body,) = found.loop.blocks
    computed = {v for node in found.nodes for v in node.outputs}
    given = [*body.outputs[1:], *(value for _, value in found.appended)]
    if len(found.nodes) < _FEWEST or len(set(given)) > _MOST_OUTPUTS or len(body.outputs) < 2:
        return False
    if not all(v in computed and _is_new(v.node) for v in given):
        return False
    dtypes = {facts[v].dtype if v in facts else None for v in _tensors(found)}
    return len(dtypes) == 1 and dtypes <= _FLOATING and _reads_rows_only(found)


def _is_new(node: Node) -> bool:
    return node.kind not in ("prim::ListUnpack", "aten::chunk")


def _reads_rows_only(found: _Loop) -> bool:
    """Whether lists are not read but for rows, and the number of the iteration is not either."""
    members = set(found.nodes)
    (body,) = found.loop.blocks
    readers = [use.user for row in found.rows for use in row.uses]
    indices = {n.output for n in body if n.kind == "aten::__derive_index"} | {body.inputs[0]}
    asked = [use.user for index in indices for use in index.uses]
    return all(r in members for r in readers) and all(
        a.kind in ("aten::__getitem__", "aten::__derive_index") and a.owning_block is body for a in asked
    )


def results_belong_together(step: Graph, carried: range, required: Collection[int]) -> bool:
    """Whether a backward pass through one result of a loop frees what one through any other needs, recorded or not.

    `carried` are the inputs of the step that are, `required` those that require gradients. All outputs must depend on
    what is carried, so on the results of each iteration before, and on one operator that keeps something.
    """
    above: dict[Value, set[object]] = {v: {"carried"} for v in step.inputs if v.offset in carried}
    active = {v for v in step.inputs if v.offset in required}
    for node in step.nodes():
        known = {found for v in node.inputs for found in above.get(v, ())}
        name = "" if node.operator is None else node.operator.qualified_name
        if any(v in active for v in node.inputs):
            active.update(node.outputs)
        if any(node.inputs[i] in active for i in _KEEPING.get(name, ())):
            known.add(node)
        above.update(dict.fromkeys(node.outputs, known))
    common = set.intersection(*(above[v] for v in step.outputs))
    return "carried" in common and len(common) > 1


# --- what takes its place


def _rewrite(graph: Graph, found: _Loop) -> Node:
    loop = found.loop
    (body,) = loop.blocks
    step, outside, outputs = _step_of(found)
    carried = [outputs.index(v) for v in body.outputs[1:]]
    appended = [outputs.index(v) for _, v in found.appended]
    rows = [found.rows[v][0] for v in found.rows]
    inputs = (loop.inputs[0], *rows, *loop.inputs[2:], *outside)
    record = graph.create("prim::RecordLoop", inputs, (ANY,)).copy_metadata(loop).insert_before(loop)
    record.set_attribute(STEP, "g", step)
    record.set_attribute(ROWS, "is", tuple(start for _, start in found.rows.values()))
    record.set_attribute(CARRIED, "is", tuple(carried))
    record.set_attribute(APPENDED, "is", tuple(appended))
    is_recorded = graph.create("prim::LoopIsRecorded", (record.output,), (BOOL,)).copy_metadata(loop)
    choice = graph.create("prim::If", (is_recorded.insert_before(loop).output,), [v.type for v in loop.outputs])
    choice.copy_metadata(loop).insert_before(loop)
    then, otherwise = choice.add_block(), choice.add_block()
    lists = [kept for kept, _ in found.appended]
    take = graph.create("prim::TakeRecorded", (record.output, *lists), [v.type for v in loop.outputs])
    then.append(take.copy_metadata(loop))
    for old, new, output in zip(loop.outputs, choice.outputs, take.outputs, strict=True):
        new.copy_metadata(old)
        old.replace_all_uses_with(new)
        then.add_output(output)
    loop.move_before(otherwise.return_node)
    for output in loop.outputs:
        otherwise.add_output(output)
    return record


def _step_of(found: _Loop) -> tuple[Graph, list[Value], list[Value]]:
    """The graph of an iteration; what it takes besides rows and what is carried; its outputs."""
    (body,) = found.loop.blocks
    step = Graph()
    values = {v: step.add_input(type=v.type) for v in (*found.rows, *body.inputs[1:])}
    computed = {v for node in found.nodes for v in node.outputs}
    outside: list[Value] = []
    for value in (v for node in found.nodes for v in node.inputs):
        if value in values or value in computed:
            continue
        if is_constant(value) and value.type.kind != "TensorType":
            values[value] = step.append_node(copy_node(value.node, step, {})).output
        else:
            outside.append(value)
            values[value] = step.add_input(type=value.type)
    for node in found.nodes:
        step.append_node(_product(step, node, values) or copy_node(node, step, values))
    given = [*body.outputs[1:], *(value for _, value in found.appended)]
    outputs = list(dict.fromkeys(given))
    for value in outputs:
        step.add_output(values[value])
    return step, outside, outputs


def _product(step: Graph, node: Node, values: dict[Value, Value]) -> Node | None:
    """A linear layer whose transposed weight is there, as `addmm`."""
    if node.kind != "prim::TransposedLinear":
        return None
    operand, _, bias, transposed = (values[v] for v in node.inputs)
    one = step.append_node(create_constant(step, 1)).output
    made = step.create("aten::addmm", (bias, operand, transposed, one, one)).copy_metadata(node)
    values[node.output] = made.output
    return made
