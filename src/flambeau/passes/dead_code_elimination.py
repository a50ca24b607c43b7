"""Drop nodes whose outputs nobody reads and which nobody could notice.

    %d : int = aten::neg(%x)               ->   (nothing)                      when %d has no use
    %a, %b = prim::If(%c) ...              ->   %a = prim::If(%c) ...          when %b has no use
    %u : Tensor = aten::add_(%t, %x, %1)   ->   (nothing)                      when nothing that lives can be %t

Marks what lives, backwards from the outputs, from nodes with side effects, and from writes to memory that lives: what
outputs and live values may refer to or hold, and all that code outside the graph may know. Then sweeps the rest, with
the outputs of `prim::If` and the carried values of `prim::Loop` that nothing live reads.

Keeps: the order of the rest, names, every effect but the failing of dead nodes. Drops loops that compute nothing, even
if they would not end. Cost: linear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from flambeau.ir import AliasDb, Graph, Node, Value, has_side_effects, may_write

from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs

_CONTROL = frozenset({"prim::If", "prim::Loop"})


@graph_pass("dce", keeps_facts=True)
def eliminate_dead_code(graph: Graph) -> bool:
    """Remove dead nodes, and dead outputs of control flow."""
    changed = False
    for current in with_subgraphs(graph):
        changed |= _eliminate(current)
    return changed


def _eliminate(graph: Graph) -> bool:
    live = _Liveness(graph)
    doomed: list[Node] = []
    trimmed: list[tuple[Node, list[int]]] = []
    blocks = [graph.block]
    while blocks:
        for node in blocks.pop():
            if node not in live.nodes:
                doomed.append(node)
                continue
            blocks += node.blocks
            dead = _dead_outputs(node, live.values)
            if dead:
                trimmed.append((node, dead))
    # Dead values read each other, so all readings go before any value does.
    for node, dead in trimmed:
        _drop_readings(node, dead)
    for node in doomed:
        _drop_all_readings(node)
    for node, dead in trimmed:
        _erase_outputs(node, dead)
        if node.kind == "prim::Loop":
            _erase_outputs(node.blocks[0].param_node, [i + 1 for i in dead])
    for node in doomed:
        node.destroy()
    return bool(doomed or trimmed)


def _dead_outputs(node: Node, live: set[Value]) -> list[int]:
    """The outputs of a `prim::If`, and the values carried by a `prim::Loop`, that nothing live reads."""
    if node.kind == "prim::If":
        return [i for i, output in enumerate(node.outputs) if output not in live]
    if node.kind == "prim::Loop":
        carried = node.blocks[0].inputs[1:]
        return [i for i, output in enumerate(node.outputs) if output not in live and carried[i] not in live]
    return []


def _drop_readings(node: Node, dead: list[int]) -> None:
    first = 1 if node.kind == "prim::Loop" else 0
    for block in node.blocks:
        _drop_inputs(block.return_node, {i + first for i in dead})
    if node.kind == "prim::Loop":
        _drop_inputs(node, {i + 2 for i in dead})


def _drop_inputs(node: Node, dropped: set[int]) -> None:
    node.set_inputs([value for index, value in enumerate(node.inputs) if index not in dropped])


def _drop_all_readings(node: Node) -> None:
    node.remove_all_inputs()
    for outer in node.blocks:
        outer.return_node.remove_all_inputs()
        for inner in outer.walk():
            inner.remove_all_inputs()
            for block in inner.blocks:
                block.return_node.remove_all_inputs()


def _erase_outputs(node: Node, indices: list[int]) -> None:
    for index in reversed(indices):
        node.erase_output(index)


class _Liveness:
    """The nodes and values that are needed."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: set[Node] = set()
        self.values: set[Value] = set()
        self._pending_nodes: list[Node] = []
        self._pending_values: list[Value] = []
        self._facts: AliasDb | None = None
        self._writers: defaultdict[object, list[Node]] = defaultdict(list)
        self._mark_values(graph.outputs)
        for node in graph.walk():
            if node.kind not in _CONTROL and has_side_effects(node):
                self._mark_node(node)
        self._spread()
        # What memory writes reach matters only for those that do not live for another reason.
        doubtful = [node for node in graph.walk() if node not in self.nodes and may_write(node)]
        doubtful = self._mark_writers_to_live_values(doubtful)
        if doubtful:
            self._facts = alias_facts(graph)
            self._mark_writers(self._facts, doubtful)
            self._spread()

    def _mark_writers_to_live_values(self, writers: list[Node]) -> list[Node]:
        """Those that write to what a live value is live, for which no analysis is needed; returns the others."""
        for node in writers:
            for value in _written_values(node):
                self._writers[value].append(node)
        for target in tuple(self._writers):
            if target in self.values:
                self._mark_all(self._writers.pop(target))
        self._spread()
        self._writers.clear()
        return [node for node in writers if node not in self.nodes]

    def _mark_all(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._mark_node(node)

    def _mark_writers(self, facts: AliasDb, writers: list[Node]) -> None:
        """Writes to memory that is known outside, or that lives already, live; of others, note what would make them."""
        for node in writers:
            if facts.writes_to_unseen(node):
                self._mark_node(node)
            else:
                for key in facts.writes(node):
                    self._writers[key].append(node)
        for value in self.values:
            self._memory_lives(facts, value)

    def _memory_lives(self, facts: AliasDb, value: Value) -> None:
        if facts.knows(value):
            for key in facts.reachable_memory(value):
                self._mark_all(self._writers.pop(key, ()))
        elif facts.is_mutable(value):
            for writers in tuple(self._writers.values()):
                self._mark_all(writers)
            self._writers.clear()

    def _spread(self) -> None:
        while self._pending_nodes or self._pending_values:
            while self._pending_nodes:
                self._node_lives(self._pending_nodes.pop())
            if self._pending_values:
                self._value_lives(self._pending_values.pop())

    def _mark_node(self, node: Node) -> None:
        if node not in self.nodes:
            self.nodes.add(node)
            self._pending_nodes.append(node)

    def _mark_values(self, values: Iterable[Value]) -> None:
        for value in values:
            if value not in self.values:
                self.values.add(value)
                self._pending_values.append(value)

    def _node_lives(self, node: Node) -> None:
        self._mark_values(node.inputs if node.kind != "prim::Loop" else node.inputs[:2])
        for block in node.blocks:
            if node.kind == "prim::Loop":
                self._mark_values(block.outputs[:1])
            elif node.kind != "prim::If":
                self._mark_values(block.outputs)
        owner = node.owning_block.owning_node if node.owning_block else None
        if owner is not None:
            self._mark_node(owner)

    def _value_lives(self, value: Value) -> None:
        self._mark_values(_sources(value))
        node = value.node
        if node.kind == "prim::Param":
            owner = node.owning_block.owning_node if node.owning_block else None
            if owner is not None:
                self._mark_node(owner)
        else:
            self._mark_node(node)
        if self._writers:
            if self._facts is None:
                self._mark_all(self._writers.pop(value, ()))
            else:
                self._memory_lives(self._facts, value)


def _written_values(node: Node) -> Iterator[Value]:
    """The inputs that the schema says a node writes to."""
    if node.operator is not None:
        for argument, value in zip(node.operator.schema.arguments, node.inputs, strict=False):
            if argument.is_write:
                yield value


def _sources(value: Value) -> Iterator[Value]:
    """The values that a result of control flow, or a value carried by a loop, is copied from."""
    node = value.node
    if node.kind == "prim::If":
        for block in node.blocks:
            yield block.outputs[value.offset]
    elif node.kind == "prim::Loop":
        yield from _carried(node, value.offset)
    elif node.kind == "prim::Param" and value.offset:
        owner = node.owning_block.owning_node if node.owning_block else None
        if owner is not None and owner.kind == "prim::Loop":
            yield from _carried(owner, value.offset - 1)


def _carried(loop: Node, index: int) -> tuple[Value, Value]:
    return loop.inputs[index + 2], loop.blocks[0].outputs[index + 1]
