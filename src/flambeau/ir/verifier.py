"""The verifier: what must hold of every graph, and what of one does not.

`check` returns every violation, `verify` raises with the graph printed and each message on the line it concerns. A
violation is always a bug of whatever built or changed the graph. Time is linear in the size of the graph.

Invariants, by the id that messages carry:

  Structure
    bad-links           the nodes of a block form one chain, from its parameter node to its return node, at growing
                        positions, and every node knows its block and graph
    bad-value           an output knows its node and its index; block inputs and outputs stand on the right nodes
    bad-uses            a value's list of uses is exactly the set of inputs that read it
    bad-name            no two values have the same number or name; no name is a number
  Order
    use-before-def      a value is read after its definition
    out-of-scope        a value is read in the block that defines it, or in a block inside
  Shape of nodes (`verifier_kinds`)
    bad-arity           numbers of inputs, outputs, sub-blocks, and of a sub-block's inputs and outputs
    bad-attribute       attributes that the kind needs, of the right kind
    bad-type            types of what is passed between a node and its sub-blocks, subgraphs, callees, members and
                        elements; differences in what is known of a tensor do not count
    no-overload         a kind that names an operator has an overload that accepts the inputs
    bad-result          results have the types that the operator's schema says
    no-member           attributes and methods exist on the class (one without any members is taken to be incomplete)
  Stages
    forbidden-kind      none of the kinds that the caller excludes at this stage

Not checked: that alias annotations are honest, that a `Final` is never assigned, recursion of calls.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import final

from flambeau.errors import InvalidGraphError
from flambeau.ir.graph import Block, Graph
from flambeau.ir.node import Node, Use, Value
from flambeau.ir.text.printer import print_graph
from flambeau.ir.traversal import Nested, flat
from flambeau.ir.verifier_kinds import violations_of_node


@final
@dataclass(frozen=True, slots=True)
class Broken:
    """One violation: the node it concerns (a parameter or return node for a block), the invariant's id, the details."""

    node: Node
    invariant: str
    message: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message}"


def check(graph: Graph, *, forbids: Collection[str] = ()) -> list[Broken]:
    """Every violation in a graph and its subgraphs; `forbids` are kinds that must not occur."""
    broken: list[Broken] = []
    pending = [graph]
    while pending:
        current = pending.pop()
        chain_is_whole = True
        for found in _broken_links(current):
            broken.append(found)
            chain_is_whole = False
        if not chain_is_whole:
            continue
        broken += _broken_values(current)
        broken += flat(_broken_order(current.block, set()))
        for node in current.walk():
            broken += [Broken(node, *violation) for violation in violations_of_node(node)]
            if node.kind in forbids:
                broken.append(Broken(node, "forbidden-kind", f"{node.kind} must not occur here"))
            pending += _subgraphs(node)
    return broken


def verify(graph: Graph, after: str = "", *, forbids: Collection[str] = ()) -> None:
    """Raise InvalidGraphError if anything is wrong with a graph; `after` says which pass it comes from."""
    broken = check(graph, forbids=forbids)
    if not broken:
        return
    where = f"after `{after}`: " if after else ""
    count = "1 problem" if len(broken) == 1 else f"{len(broken)} problems"
    raise InvalidGraphError(f"{where}{count}\n{annotated(graph, broken)}")


def annotated(graph: Graph, broken: list[Broken]) -> str:
    """The text of a graph with each violation on the line it concerns (a list, if the graph is too broken to print)."""
    if any(b.invariant == "bad-links" for b in broken):
        return "\n".join(f"{b.node.kind}: {b}" for b in broken)
    notes: dict[Node, str] = {}
    for b in broken:
        notes[b.node] = notes.get(b.node, "") + ("; " if b.node in notes else "    # error: ") + str(b)
    return print_graph(graph, show_ranges=False, notes=lambda node: notes.get(node, ""))


def _subgraphs(node: Node) -> list[Graph]:
    found: list[Graph] = []
    for given in node.attributes.values():
        if isinstance(given.value, Graph):
            found.append(given.value)
        elif given.kind == "gs" and isinstance(given.value, tuple):
            found += [g for g in given.value if isinstance(g, Graph)]
    return found


# --- structure


def _broken_links(graph: Graph) -> Iterator[Broken]:
    seen: set[Node] = set()
    blocks = [graph.block]
    while blocks:
        block = blocks.pop()
        previous, node = block.param_node, block.param_node.next
        while True:
            if node in seen or node.owning_block is not block or node.graph is not graph:
                yield Broken(node, "bad-links", "the node is in two places, or does not know its place")
                return
            if node.previous is not previous or not previous.is_before(node):
                yield Broken(node, "bad-links", "the node does not follow the one before it")
                return
            if node is block.return_node:
                break
            seen.add(node)
            for inner in node.blocks:
                if inner.owning_node is not node or inner.graph is not graph:
                    yield Broken(node, "bad-links", "a sub-block belongs to another node")
                    return
            blocks += node.blocks
            previous, node = node, node.next


def _blocks_of(graph: Graph) -> Iterator[Block]:
    yield graph.block
    for node in graph.walk():
        yield from node.blocks


def _members(graph: Graph) -> Iterator[Node]:
    """All nodes, parameter and return nodes included."""
    for block in _blocks_of(graph):
        yield block.param_node
        yield from block
        yield block.return_node


def _broken_values(graph: Graph) -> Iterator[Broken]:
    """Values that do not fit the node that defines them, wrong lists of uses, numbers and names given twice."""
    numbers: dict[int, Value] = {}
    readings = 0
    for node in _members(graph):
        for index, value in enumerate(node.inputs):
            readings += 1
            if Use(node, index) not in value._uses:
                yield Broken(node, "bad-uses", f"%{value.debug_name} does not know that it is read as input {index}")
        for index, value in enumerate(node.outputs):
            if value.node is not node or value.offset != index:
                yield Broken(node, "bad-value", f"%{value.debug_name} does not know that it is output {index}")
            if numbers.setdefault(value.unique, value) is not value:
                yield Broken(node, "bad-name", f"%{value.debug_name} has the number of another value, {value.unique}")
            yield from _broken_name(graph, value)
    if readings != sum(value.use_count for value in numbers.values()):
        yield from _stale_uses(numbers)


def _broken_name(graph: Graph, value: Value) -> Iterator[Broken]:
    if not value.has_debug_name:
        return
    name = value.debug_name
    if name.isdigit():
        yield Broken(value.node, "bad-name", f"%{name} is a number, which only unnamed values show")
    if graph.find_value(name) is not value:
        yield Broken(value.node, "bad-name", f"%{name} is the name of another value")


def _stale_uses(numbers: dict[int, Value]) -> Iterator[Broken]:
    for value in numbers.values():
        for user, index in value.uses:
            if user.owning_block is None or index >= len(user.inputs) or user.inputs[index] is not value:
                message = f"%{value.debug_name} counts {user.kind} as a reader, which does not read it"
                yield Broken(value.node, "bad-uses", message)


# --- order


def _broken_order(block: Block, visible: set[Value]) -> Nested[Broken]:
    """What reads values that are not `visible`; what the block defines is forgotten when the walk leaves it."""
    defined = list(block.inputs)
    visible.update(defined)
    for node in block:
        yield from _unseen(node, visible)
        for inner in node.blocks:
            yield _broken_order(inner, visible)
        defined += node.outputs
        visible.update(node.outputs)
    yield from _unseen(block.return_node, visible)
    visible.difference_update(defined)


def _unseen(node: Node, visible: set[Value]) -> Iterator[Broken]:
    for value in node.inputs:
        if value not in visible:
            if _encloses(value.node.owning_block, node):
                yield Broken(node, "use-before-def", f"reads %{value.debug_name} before it is defined")
            else:
                yield Broken(node, "out-of-scope", f"reads %{value.debug_name}, which is defined in another block")


def _encloses(block: Block | None, node: Node) -> bool:
    inner = node.owning_block
    while inner is not None and inner is not block:
        inner = inner.owning_node.owning_block if inner.owning_node else None
    return inner is not None
