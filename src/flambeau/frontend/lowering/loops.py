"""Loops: `break` and `continue` as values, conditions where they belong, and no loop that is both `for` and `while`.

The emitter gives a loop a second block that computes whether to go on. It is copied before the loop, and to every place
where a round ends; there, `prim::LoopContinuation` carries whether to go on, and the variables that the next round
gets:

    prim::BreakStmt()      ->  prim::LoopContinuation(False, %x)
    prim::ContinueStmt()   ->  ...condition...; prim::LoopContinuation(%c, %x)

A loop that has both a number of rounds and a condition (a `for` with a `break`) becomes one with a condition only,
which counts for itself; the source text that archives hold knows only the two pure kinds.
"""

from __future__ import annotations

from flambeau import ir

_FOREVER = (1 << 63) - 1


def connect_loops(graph: ir.Graph) -> None:
    """Replace `break` and `continue`."""
    _connect(graph, graph.block, None)


def _connect(graph: ir.Graph, block: ir.Block, loop: ir.Node | None) -> None:
    for node in block:
        match node.kind:
            case "prim::Loop":
                _connect(graph, node.blocks[0], node)
            case "prim::Closure" | "prim::LocalCall":
                _connect(graph, node.blocks[0], None)
            case "prim::ContinueStmt" if loop is not None:
                with graph.inserting_at(node):
                    goes_on = _copied_condition(graph, loop)
                _continue_with(graph, node, loop, goes_on)
            case "prim::BreakStmt" if loop is not None:
                with graph.inserting_at(node):
                    goes_on = ir.insert_constant(graph, False)
                _continue_with(graph, node, loop, goes_on)
            case _:
                for nested in node.blocks:
                    _connect(graph, nested, loop)


def _continue_with(graph: ir.Graph, statement: ir.Node, loop: ir.Node, goes_on: ir.Value) -> None:
    carried: list[ir.Value] = []
    for output in loop.blocks[0].outputs:
        load = graph.create("prim::Load", (), (output.type,), statement.range)
        load.copy_attributes(output.node).insert_before(statement)
        carried.append(load.output)
    graph.create("prim::LoopContinuation", [goes_on, *carried], 0, statement.range).insert_before(statement)
    statement.destroy()


def _copied_condition(graph: ir.Graph, loop: ir.Node) -> ir.Value:
    """Copy the nodes that compute the condition of a loop to the insert point; the condition."""
    header = loop.blocks[1]
    values: dict[ir.Value, ir.Value] = {}
    for node in header:
        graph.insert_node(ir.copy_node(node, graph, values))
    (condition,) = header.outputs
    return values.get(condition, condition)


def inline_loop_conditions(graph: ir.Graph) -> None:
    """Replace the second block of loops: its condition becomes an input of the loop and an output of the body."""
    # Inner loops first: a condition may hold some (of comprehensions), and is copied.
    for loop in reversed(list(graph.find_nodes("prim::Loop"))):
        body, header = loop.blocks
        with graph.inserting_at(loop):
            loop.insert_input(1, _copied_condition(graph, loop))
        (condition,) = header.outputs
        for node in header:
            node.move_before(body.return_node)
        header.return_node.set_inputs(())
        body.return_node.insert_input(0, condition)
        loop.erase_block(1)


def canonicalize_loops(graph: ir.Graph) -> None:
    """Make loops that have both a number of rounds and a condition count for themselves."""
    for loop in graph.find_nodes("prim::Loop"):
        if not _is_known(loop.inputs[0], _FOREVER) and not _is_pure_for(loop):
            _count_in_body(graph, loop)


def _is_known(value: ir.Value, wanted: object) -> bool:
    constant = ir.constant_value(value)
    return type(constant) is type(wanted) and constant == wanted


def _is_pure_for(loop: ir.Node) -> bool:
    return _is_known(loop.inputs[1], True) and _is_known(loop.blocks[0].outputs[0], True)


def _count_in_body(graph: ir.Graph, loop: ir.Node) -> None:
    body = loop.blocks[0]
    rounds = loop.inputs[0]
    with graph.at_range(loop.range):
        with graph.inserting_at(loop):
            zero, one = ir.insert_constant(graph, 0), ir.insert_constant(graph, 1)
            goes_on = graph.insert("aten::gt", (rounds, zero), (ir.BOOL,)).output
            if not _is_known(loop.inputs[1], True):
                goes_on = graph.insert("aten::__and__", (goes_on, loop.inputs[1]), (ir.BOOL,)).output
            loop.replace_input(0, ir.insert_constant(graph, _FOREVER))
            loop.replace_input(1, goes_on)
        loop.add_input(zero)
        loop.add_output(ir.INT)
        counter = body.add_input("", ir.INT)
        body.inputs[0].set_debug_name("").replace_all_uses_with(counter)
        with graph.inserting_at(body):
            following = graph.insert("aten::add", (counter, one), (ir.INT,)).output
            within = graph.insert("aten::lt", (following, rounds), (ir.BOOL,)).output
            both = graph.insert("aten::__and__", (within, body.outputs[0]), (ir.BOOL,)).output
        body.return_node.replace_input(0, both)
        body.add_output(following)
