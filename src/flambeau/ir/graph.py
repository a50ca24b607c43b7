"""Graphs: SSA programs as TorchScript has them.

A `Graph` has one top-level `Block`; a block has inputs, an ordered list of `Node`s and outputs; a node has inputs,
outputs, attributes and sub-blocks (`prim::If`, `prim::Loop`). All edits go through the methods here and in `node`,
which keep the use lists, the order and the names consistent.

Order: the nodes of a block form a doubly linked ring through its parameter node (the head, whose outputs are the
block's inputs) and its return node (the tail, whose inputs are the block's outputs). Each node has a position, an
integer that grows along the block; a gap that is used up makes the block renumber itself, which is rare as gaps start
at 2**40.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau.errors import InvalidGraphError
from flambeau.ir import types as t
from flambeau.ir.node import NUMERIC_SUFFIX, Node, Value, services
from flambeau.ir.types import Type

if TYPE_CHECKING:
    from flambeau.ir.operators import Operator
    from flambeau.ir.source import SourceRange

_GAP = 1 << 40
_SPARSER = 1.4


@final
class Block:
    """A sequence of nodes with inputs and outputs; iterating gives the nodes (removing the current one is fine)."""

    __slots__ = ("graph", "owning_node", "param_node", "return_node")

    def __init__(self, graph: Graph, owning_node: Node | None) -> None:
        self.graph = graph
        self.owning_node = owning_node
        """The node it is a sub-block of; None for the top block."""
        self.param_node = Node(graph, "prim::Param")
        self.return_node = Node(graph, "prim::Return")
        head, tail = self.param_node, self.return_node
        head.owning_block = tail.owning_block = self
        head._next = head._previous = tail
        tail._next = tail._previous = head
        head._position, tail._position = 0, 1 << 62

    @property
    def inputs(self) -> Sequence[Value]:
        return self.param_node._outputs

    @property
    def outputs(self) -> Sequence[Value]:
        return self.return_node._inputs

    @property
    def is_empty(self) -> bool:
        return self.param_node._next is self.return_node

    def __iter__(self) -> Iterator[Node]:
        node = self.param_node._next
        while node is not self.return_node:
            following = node._next
            yield node
            node = following if node.owning_block is not self else node._next

    def __reversed__(self) -> Iterator[Node]:
        node = self.return_node._previous
        while node is not self.param_node:
            preceding = node._previous
            yield node
            node = preceding if node.owning_block is not self else node._previous

    def walk(self) -> Iterator[Node]:
        """All nodes, each followed by those of its sub-blocks; safe at any depth of nesting."""
        # Written out, as every pass goes through here: no generators within generators.
        pending: list[Block | tuple[Block, Node, Node]] = []
        block, end, node = self, self.return_node, self.param_node._next
        while True:
            if node is end:
                if not pending:
                    return
                entry = pending.pop()
                if isinstance(entry, Block):
                    block, node = entry, entry.param_node._next
                else:
                    block, left, following = entry
                    node = following if left.owning_block is not block else left._next
                end = block.return_node
                continue
            following = node._next
            yield node
            if node._blocks:
                pending.append((block, node, following))
                pending += node._blocks[::-1]
                node = end = block.return_node
            else:
                node = following if node.owning_block is not block else node._next

    def add_input(self, name: str = "", type: Type = t.TENSOR) -> Value:
        value = self.param_node.add_output(type)
        return value.set_debug_name(name) if name else value

    def add_output(self, value: Value) -> int:
        """Append an output and return its index."""
        self.return_node.add_input(value)
        return len(self.return_node._inputs) - 1

    def append(self, node: Node) -> Node:
        return node.insert_before(self.return_node)

    def prepend(self, node: Node) -> Node:
        return node.insert_after(self.param_node)

    def find_nodes(self, kind: str, recurse: bool = True) -> list[Node]:
        """The nodes of a kind, in order."""
        return [n for n in (self.walk() if recurse else self) if n.kind == kind]

    def _assign_position(self, node: Node) -> None:
        before, after = node._previous, node._next
        if after is self.return_node:
            node._position = before._position + _GAP
            after._position = max(after._position, node._position + _GAP)
        elif before is self.param_node:
            node._position = after._position - _GAP
            before._position = min(before._position, node._position - _GAP)
        else:
            node._position = (before._position + after._position) // 2
            if node._position == before._position:
                self._spread(node)

    def _spread(self, node: Node) -> None:
        """Renumber the nodes around a crowded place: as few as have room for themselves and for as many more.

        The stretch of positions doubles until it is sparse enough, and must be the sparser the longer it is. That
        makes an insertion cost O(log n) on average wherever it is.
        """
        first = last = node
        count, size, needed = 1, 2, 2.0
        while True:
            start = node._position - node._position % size
            while first._previous is not self.param_node and first._previous._position >= start:
                first, count = first._previous, count + 1
            while last._next is not self.return_node and last._next._position < start + size:
                last, count = last._next, count + 1
            if count * needed < size:
                break
            size, needed = size * 2, needed * _SPARSER
        step, member = size // (count + 1), first
        for index in range(count):
            member._position, member = start + step * (index + 1), member._next
        self.param_node._position = min(self.param_node._position, start - 1)
        self.return_node._position = max(self.return_node._position, start + size)

    def _clear(self) -> None:
        """Destroy all nodes: first all readings, then the nodes, so that order does not matter."""
        doomed = list(self.walk())
        self.return_node._set_inputs([])
        for node in doomed:
            node._set_inputs([])
            for block in node._blocks:
                block.return_node._set_inputs([])
        for node in reversed(doomed):
            node.destroy()
        for value in self.param_node._outputs:
            self.graph._forget_value(value)
        self.param_node._outputs = []

    def __str__(self) -> str:
        return services.print_block(self)


@dataclass(slots=True)
class _InsertPoint:
    before: Node


@final
class Graph:
    """A program. Values, nodes and blocks belong to exactly one graph."""

    def __init__(self) -> None:
        self._next_unique = 0
        self._names: dict[str, Value] = {}
        self._name_counters: dict[str, int] = {}
        self.block = Block(self, None)
        self._insert_point = _InsertPoint(self.block.return_node)
        self.current_range: SourceRange | None = None
        """The source range that newly created nodes get."""
        self.current_scope = ""
        self.op_version: int | None = None
        """The operator version of the archive that it is imported from."""

    # --- reading

    @property
    def inputs(self) -> Sequence[Value]:
        return self.block.inputs

    @property
    def outputs(self) -> Sequence[Value]:
        return self.block.outputs

    @property
    def return_node(self) -> Node:
        return self.block.return_node

    @property
    def param_node(self) -> Node:
        return self.block.param_node

    def nodes(self) -> Iterator[Node]:
        """The nodes of the top block."""
        return iter(self.block)

    def walk(self) -> Iterator[Node]:
        """All nodes, those of sub-blocks included."""
        return self.block.walk()

    def find_nodes(self, kind: str, recurse: bool = True) -> list[Node]:
        return self.block.find_nodes(kind, recurse)

    def find_value(self, name: str) -> Value | None:
        """The value with that debug name, if any (unnamed values are not found)."""
        return self._names.get(name)

    # --- building

    def add_input(self, name: str = "", type: Type = t.TENSOR) -> Value:
        return self.block.add_input(name, type)

    def add_output(self, value: Value) -> int:
        return self.block.add_output(value)

    def create(
        self,
        kind: str,
        inputs: Iterable[Value] = (),
        outputs: int | Iterable[Type] = 1,
        range: SourceRange | None = None,
    ) -> Node:
        """A node that is in no block yet; `outputs` are their types, or how many there are (of type Tensor)."""
        node = Node(self, kind)
        node.range = range or self.current_range
        node.scope = self.current_scope
        for value in inputs:
            node.add_input(value)
        for type in (t.TENSOR,) * outputs if isinstance(outputs, int) else outputs:
            node.add_output(type)
        return node

    def create_block(self, owner: Node) -> Block:
        """An empty block for a node (`Node.add_block` puts it there)."""
        return Block(self, owner)

    def insert(self, kind: str, inputs: Iterable[Value] = (), outputs: int | Iterable[Type] = 1) -> Node:
        """Create a node and put it at the insert point."""
        return self.insert_node(self.create(kind, inputs, outputs))

    def insert_node(self, node: Node) -> Node:
        """Put a node at the insert point."""
        return node.insert_before(self._insert_point.before)

    def append_node(self, node: Node) -> Node:
        return self.block.append(node)

    def prepend_node(self, node: Node) -> Node:
        return self.block.prepend(node)

    @property
    def insert_point(self) -> Node:
        """The node before which `insert` puts nodes."""
        return self._insert_point.before

    @property
    def insert_block(self) -> Block:
        """The block that the insert point is in."""
        block = self._insert_point.before.owning_block
        if block is None:
            raise InvalidGraphError("the insert point was destroyed")
        return block

    def set_insert_point(self, place: Node | Block) -> None:
        """Insert before a node, or at the end of a block, from now on."""
        self._insert_point.before = place.return_node if isinstance(place, Block) else place

    @contextmanager
    def inserting_at(self, place: Node | Block) -> Iterator[None]:
        """Insert before a node, or at the end of a block, within a `with` statement."""
        saved = self._insert_point.before
        self.set_insert_point(place)
        try:
            yield
        finally:
            self._insert_point.before = saved

    @contextmanager
    def at_range(self, range: SourceRange | None) -> Iterator[None]:
        """Give nodes created within a `with` statement a source range."""
        saved, self.current_range = self.current_range, range
        try:
            yield
        finally:
            self.current_range = saved

    def renumber(self, values: Iterable[Value]) -> None:
        """Number the values 0, 1, 2, ... in the order given, which must be all of the graph's."""
        self._next_unique = 0
        for value in values:
            value.unique = self._next_unique
            self._next_unique += 1

    # --- for Node, Block and Value only

    def resolve_operator(self, node: Node) -> Operator | None:
        """The operator that a node calls, by its kind and the types of its inputs."""
        return services.match_operator(node)

    def _new_value(self, node: Node, offset: int, type: Type) -> Value:
        value = Value(node, offset, type, self._next_unique)
        self._next_unique += 1
        return value

    def _forget_value(self, value: Value) -> None:
        if value._name is not None:
            del self._names[value._name]
            value._name = None

    def _leave(self, node: Node) -> None:
        if self._insert_point.before is node:
            self._insert_point.before = node._next

    def _name_value(self, value: Value, name: str) -> None:
        if name.isdigit():
            raise ValueError(f"Invalid name: '{name}'")
        if value._name == name:
            return
        self._forget_value(value)
        if not name:
            return
        former = self._names.get(name)
        if former is not None:
            fresh = self._fresh_name(name)
            self._names[fresh] = former
            former._name = fresh
        self._names[name] = value
        value._name = name

    def _fresh_name(self, name: str) -> str:
        base, suffix = name, 1
        if match := NUMERIC_SUFFIX.match(name):
            base, suffix = match[1], int(match[2])
        suffix = max(suffix, self._name_counters.get(base, 0))
        while (candidate := f"{base}.{suffix}") in self._names:
            suffix += 1
        # In steps of two, as torch.jit counts; texts that name values are compared with its own.
        self._name_counters[base] = suffix + 2
        return candidate

    def _set_unique(self, value: Value, unique: int) -> None:
        """Number a value as text did that is being parsed."""
        value.unique = unique
        self._next_unique = max(self._next_unique, unique + 1)

    def __str__(self) -> str:
        return services.print_graph(self)

    __repr__ = __str__
