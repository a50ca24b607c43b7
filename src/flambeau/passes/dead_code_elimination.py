"""Drop nodes whose outputs nobody reads and which nobody could notice.

    %d : int = aten::neg(%x)     ->   (nothing)        when %d has no use

Marks what lives, backwards from the outputs and from nodes with effects, then sweeps the rest; outputs of `prim::If`
and `prim::Loop` that nothing reads go as well. A node that writes to memory lives (see `AliasDb` for when it need not).
Cost: linear. Keeps: order and names of the rest.
"""

from __future__ import annotations

from flambeau.ir import Block, Graph, Node, Value, may_have_side_effects

from .pass_manager import graph_pass


@graph_pass("dce")
def eliminate_dead_code(graph: Graph) -> bool:
    """Remove dead nodes, and dead outputs of control flow."""
    changed = False
    while True:
        live = _Liveness(graph)
        swept = _sweep(graph.block, live)
        trimmed = _trim_outputs(graph)
        changed |= swept or trimmed
        if not trimmed:
            return changed


class _Liveness:
    """The nodes that are needed."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: set[Node] = set()
        self._work: list[Node] = []
        self._mark_values(graph.outputs)
        for node in graph.walk():
            if has_effects(node):
                self._mark(node)
        while self._work:
            self._expand(self._work.pop())

    def _mark(self, node: Node) -> None:
        if node not in self.nodes:
            self.nodes.add(node)
            self._work.append(node)

    def _mark_values(self, values: object) -> None:
        for value in values:  # type: ignore[attr-defined]  # any sequence of values
            self._mark(value.node)

    def _expand(self, node: Node) -> None:
        self._mark_values(node.inputs)
        for block in node.blocks:
            self._mark_values(block.outputs)
        owner = node.owning_block.owning_node if node.owning_block else None
        if owner is not None:
            self._mark(owner)


def has_effects(node: Node) -> bool:
    """Whether running a node can be noticed other than through its outputs (its sub-blocks apart)."""
    if node.kind in ("prim::If", "prim::Loop", "prim::Constant"):
        return False
    operator = node.operator
    if operator is not None:
        return operator.has_side_effects or operator.schema.is_mutable
    return may_have_side_effects(node.kind)


def _sweep(block: Block, live: _Liveness) -> bool:
    doomed: list[Node] = [n for n in block.walk() if n not in live.nodes]
    for node in reversed(doomed):
        node.destroy()
    return bool(doomed)


def _trim_outputs(graph: Graph) -> bool:
    changed = False
    for node in list(graph.walk()):
        if node.kind == "prim::If":
            changed |= _trim_if(node)
        elif node.kind == "prim::Loop":
            changed |= _trim_loop(node)
    return changed


def _trim_if(node: Node) -> bool:
    dead = [i for i, output in enumerate(node.outputs) if not output.has_uses]
    for index in reversed(dead):
        node.erase_output(index)
        for block in node.blocks:
            block.return_node.remove_input(index)
    return bool(dead)


def _trim_loop(node: Node) -> bool:
    """A carried value goes if neither the loop's output nor the body (but for carrying it on) reads it."""
    body = node.blocks[0]
    changed = False
    for index in reversed(range(len(node.outputs))):
        carried = body.inputs[index + 1]
        if node.outputs[index].has_uses or not _only_carried(carried, body, index + 1):
            continue
        body.return_node.remove_input(index + 1)
        body.param_node.erase_output(index + 1)
        node.remove_input(index + 2)
        node.erase_output(index)
        changed = True
    return changed


def _only_carried(value: Value, body: Block, offset: int) -> bool:
    return all(use.user is body.return_node and use.offset == offset for use in value.uses)
