"""Repeat the bodies of small `for` loops.

    %y = prim::Loop(%3, %true, %x): body        ->   body, body, body                            constant trip count
    %y = prim::Loop(%n, %true, %x): body        ->   %z = prim::Loop(%n / 8, %true, %x): body, 8 times
                                                     %y = prim::Loop(%n % 8, %true, %z): body

A `for` loop is one whose conditions are the constant True, before and in the body. Constant trip counts below
`MOST_TRIPS` unroll completely, with the index a constant in each copy; with `constant_loop_unrolling` only those do.
Bodies of more than `MOST_NODES` nodes stay, and so do loops around other loops until those are gone. A negative trip
count runs nothing, before as after: the division rounds towards zero.
"""

from __future__ import annotations

from flambeau.ir import (
    INT,
    Block,
    Graph,
    Nested,
    Node,
    Value,
    constant_value,
    copy_node,
    flat,
    insert_constant,
)

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

FACTOR = 8
MOST_TRIPS = 64
MOST_NODES = 32
_ENDLESS = (1 << 63) - 1
"""The trip count of `while` loops."""


@graph_pass("loop_unrolling", settles=False)
def unroll_loops(graph: Graph) -> bool:
    """Unroll loops of constant trip counts completely, others `FACTOR` times."""
    return _unroll(graph, constant_only=False)


@graph_pass("constant_loop_unrolling")
def unroll_constant_loops(graph: Graph) -> bool:
    """Unroll loops of constant trip counts."""
    return _unroll(graph, constant_only=True)


def _unroll(graph: Graph, *, constant_only: bool) -> bool:
    changed = False
    for current in with_subgraphs(graph):
        for loop in [n for n in flat(_innermost_first(current.block)) if n.kind == "prim::Loop"]:
            if not _is_small_for_loop(loop):
                continue
            trips = constant_value(loop.inputs[0])
            if isinstance(trips, int) and trips < MOST_TRIPS:
                _unroll_completely(loop, max(trips, 0))
                changed = True
            elif not constant_only and trips != _ENDLESS and not loop.has_attribute(_DONE):
                _unroll_partially(loop)
                changed = True
    return changed


_DONE = "unrolled"
"""Marks loops that are results of unrolling, so that they are not unrolled again."""


def _innermost_first(block: Block) -> Nested[Node]:
    for node in block:
        for inner in node.blocks:
            yield _innermost_first(inner)
        yield node


def _is_small_for_loop(loop: Node) -> bool:
    body = loop.blocks[0]
    if constant_value(loop.inputs[1]) is not True or constant_value(body.outputs[0]) is not True:
        return False
    for size, node in enumerate(body.walk(), 1):
        if size > MOST_NODES or node.kind in ("prim::Loop", "prim::Enter"):
            return False
    return True


def _repeat(body: Block, carried: list[Value], index: Value, place: Node | Block) -> list[Value]:
    """Copy a loop's body to a place, for given values of what it carries; the values after it."""
    graph = body.graph
    values = dict(zip(body.inputs, (index, *carried), strict=True))
    with graph.inserting_at(place):
        for node in body:
            graph.insert_node(copy_node(node, graph, values))
    return [values.get(v, v) for v in list(body.outputs)[1:]]


def _unroll_completely(loop: Node, trips: int) -> None:
    graph, body = loop.graph, loop.blocks[0]
    carried = list(loop.inputs[2:])
    for trip in range(trips):
        with graph.inserting_at(loop):
            index = insert_constant(graph, trip, range=loop.range)
        carried = _repeat(body, carried, index, loop)
    for output, value in zip(loop.outputs, carried, strict=True):
        output.replace_all_uses_with(value)
    loop.destroy()


def _unroll_partially(loop: Node) -> None:
    """The loop itself stays for the remaining trips, and the repeated one goes before it."""
    graph, body = loop.graph, loop.blocks[0]
    trips, condition, *initial = loop.inputs
    with graph.inserting_at(loop), graph.at_range(loop.range):
        factor = insert_constant(graph, FACTOR)
        rounds = graph.insert("aten::__round_to_zero_floordiv", (trips, factor), (INT,)).output
        done = graph.insert("aten::mul", (rounds, factor), (INT,)).output
        rest = graph.insert("aten::sub", (trips, done), (INT,)).output
        types = [v.type for v in loop.outputs]
        repeated = graph.insert("prim::Loop", (rounds, condition, *initial), types)
    repeated.set_attribute(_DONE, "i", 1)
    loop.set_attribute(_DONE, "i", 1)
    inner = repeated.add_block()
    turn = inner.add_input(type=INT)
    carried = [inner.add_input(type=v.type) for v in body.inputs[1:]]
    with graph.inserting_at(inner), graph.at_range(loop.range):
        first = graph.insert("aten::mul", (turn, factor), (INT,)).output
    for step in range(FACTOR):
        with graph.inserting_at(inner), graph.at_range(loop.range):
            offset = insert_constant(graph, step)
            index = graph.insert("aten::add", (first, offset), (INT,)).output
        carried = _repeat(body, carried, index, inner)
    inner.add_output(condition)
    for value in carried:
        inner.add_output(value)
    _shift_index(loop, done)
    loop.set_inputs([rest, condition, *repeated.outputs])


def _shift_index(loop: Node, start: Value) -> None:
    """Let the body read its index plus a start."""
    body = loop.blocks[0]
    index = body.inputs[0]
    if not index.has_uses:
        return
    shifted = loop.graph.create("aten::add", (index, start), (INT,)).copy_metadata(loop)
    body.prepend(shifted)
    for user, offset in index.uses:
        if user is not shifted:
            user.replace_input(offset, shifted.output)
