"""Alias analysis: which values of a graph may share memory, who writes to it, and what may be moved or dropped.

    facts = AliasDb(graph)
    facts.may_alias(a, b)
    facts.has_writers(value)
    facts.move_after(node, place)

Answers are conservative: "may" is wrong on the safe side only. They are exact on what schemas say, on tuples, lists,
dicts, objects and control flow; inputs of the graph may alias each other where their types allow. A graph that was
edited afterwards needs a new analysis, but for the moves made here; values that the analysis has not seen may alias
anything of their type.

Time and memory are linear in the size of the graph (each set of locations is bounded, see `alias_memory`); a question
costs what the sets it is about hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, final

from flambeau.ir.alias.analysis import WRITES_UNMARKED, Analysis, Effects
from flambeau.ir.alias.memory import ANYTHING, UNKNOWN, Key, Variable, families, intersects
from flambeau.ir.alias.moves import find_move
from flambeau.ir.constants import constant_value
from flambeau.ir.graph import Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.operators import AliasKind, may_have_side_effects

Values: TypeAlias = "Value | Iterable[Value]"
_NOTHING: frozenset[Key] = frozenset()


@final
class AliasDb:
    """The aliasing facts of one graph.

    With `closed_modules`, modules among the graph's inputs are known to nobody else, and no two of their attributes
    share memory. (Where attributes do share memory, whoever has the values can tell.)
    """

    def __init__(self, graph: Graph, *, closed_modules: bool = False) -> None:
        self.graph = graph
        self._analysis = Analysis(graph, closed_modules=closed_modules)
        self._memory = self._analysis.memory
        self._reads: dict[Node, frozenset[Key]] = {}
        self._writes: dict[Node, frozenset[Key]] = {}
        self._written = self._all_written()
        self._known_outside: frozenset[Key] | None = None

    def _all_written(self) -> frozenset[Key]:
        written: set[Key] = set()
        for effects in self._analysis.effects.values():
            written |= self._written_by(effects)
        return frozenset(written)

    def _written_by(self, effects: Effects) -> set[Key]:
        written: set[Key] = set()
        for variable in effects.writes:
            written |= self._memory.keys(variable)
        for variable in effects.writes_deep:
            written |= self._memory.reach(variable)
        if effects.writes_unseen:
            written.add(ANYTHING)
        return written

    def _read_by(self, effects: Effects) -> set[Key]:
        read: set[Key] = set()
        for variable in effects.reads:
            read |= self._memory.keys(variable)
        for variable in effects.reads_deep:
            read |= self._memory.reach(variable)
        if effects.writes_unseen:
            read.add(ANYTHING)
        return read

    # --- memory of values

    def memory(self, values: Values) -> frozenset[Key]:
        """What the values may refer to, as keys for `intersects`."""
        return self._collect(values, deep=False)

    def reachable_memory(self, values: Values) -> frozenset[Key]:
        """What the values may refer to, and all that may be held by it."""
        return self._collect(values, deep=True)

    def _collect(self, values: Values, *, deep: bool) -> frozenset[Key]:
        if isinstance(values, Value):
            return self._of_value(values, deep)
        return frozenset().union(*(self._of_value(v, deep) for v in values))

    def _of_value(self, value: Value, deep: bool) -> frozenset[Key]:
        if not self._analysis.knows(value):
            return frozenset({UNKNOWN}) if families(value.type) else _NOTHING
        variable = self._analysis.variable(value)
        if variable is None:
            return _NOTHING
        return self._memory.reach(variable) if deep else self._memory.keys(variable)

    # --- questions about values

    def knows(self, value: Value) -> bool:
        """Whether the analysis has seen a value; true of no value that neither changes nor holds what does."""
        return self._analysis.knows(value)

    def is_mutable(self, value: Value) -> bool:
        """Whether a value is of a type that can change, or hold what can."""
        return bool(families(value.type))

    def may_alias(self, a: Values, b: Values) -> bool:
        """Whether any of `a` may be the same object as, or a view of the same storage as, any of `b`."""
        return intersects(self.memory(a), self.memory(b))

    def may_contain_alias(self, a: Values, b: Values) -> bool:
        """Whether anything reachable from `a` may be reachable from `b`."""
        return intersects(self.reachable_memory(a), self.reachable_memory(b))

    def may_alias_unseen(self, values: Values) -> bool:
        """Whether code outside the graph may know the values: those of inputs, attributes, or passed to calls."""
        return any(not isinstance(key, int) for key in self.memory(values))

    def escapes_scope(self, values: Values) -> bool:
        """Whether what the values refer to may be reached from the graph's inputs, outputs, or from unseen code."""
        if self._known_outside is None:
            self._known_outside = self.reachable_memory([*self.graph.inputs, *self.graph.outputs])
        return self.may_alias_unseen(values) or intersects(self.reachable_memory(values), self._known_outside)

    def safe_to_change_aliasing(self, a: Values, b: Values) -> bool:
        """Whether nobody could notice if `a` and `b` were made to share memory, or no longer to share it."""
        if self.has_writers(a) or self.has_writers(b):
            return False
        return not (self.escapes_scope(a) and self.escapes_scope(b))

    # --- questions about writing

    def has_writers(self, what: Values | Node) -> bool:
        """Whether anything in the graph writes to what the values may refer to or hold; of a node: to its inputs or
        outputs."""
        if isinstance(what, Node):
            return self.has_input_writers(what) or self.has_output_writers(what)
        return intersects(self.reachable_memory(what), self._written)

    def is_written(self, values: Values) -> bool:
        """Whether anything in the graph writes to what the values may refer to, not counting what that holds."""
        return intersects(self.memory(values), self._written)

    def has_input_writers(self, node: Node) -> bool:
        """Whether anything in the graph writes to what the node reads."""
        return intersects(self.reads(node), self._written)

    def has_output_writers(self, node: Node) -> bool:
        return intersects(self.memory(node.outputs), self._written)

    def reads(self, node: Node) -> frozenset[Key]:
        """The memory that a node, its sub-blocks and subgraphs may read."""
        known = self._reads.get(node)
        if known is None:
            effects = (self._analysis.effects.get(n) for n in _with_inner(node))
            known = self._reads[node] = frozenset().union(*(self._read_by(e) for e in effects if e))
        return known

    def writes(self, node: Node) -> frozenset[Key]:
        """The memory that a node, its sub-blocks and subgraphs may write."""
        known = self._writes.get(node)
        if known is None:
            effects = (self._analysis.effects.get(n) for n in _with_inner(node))
            known = self._writes[node] = frozenset().union(*(self._written_by(e) for e in effects if e))
        return known

    def writers(self) -> Iterator[Node]:
        """The nodes that write to any memory themselves (not through their sub-blocks)."""
        for node, effects in self._analysis.effects.items():
            if effects.writes or effects.writes_deep or effects.writes_unseen:
                yield node

    def writes_to_alias(self, node: Node, values: Values) -> bool:
        """Whether a node may write to what the values refer to or hold."""
        return intersects(self.writes(node), self.reachable_memory(values))

    def writes_to_unseen(self, node: Node) -> bool:
        """Whether a node may write to memory that code outside the graph knows."""
        return any(not isinstance(key, int) for key in self.writes(node))

    # --- moving nodes

    def could_move_after(self, node: Node, place: Node) -> bool:
        """Whether `move_after` would succeed."""
        return find_move(self, node, place, after=True) is not None

    def could_move_before(self, node: Node, place: Node) -> bool:
        """Whether `move_before` would succeed."""
        return find_move(self, node, place, after=False) is not None

    def move_after(self, node: Node, place: Node) -> bool:
        """Move a node right after another of its block, taking along what must, if the program means the same then.

        Returns whether it was done.
        """
        return self._move(node, place, after=True)

    def move_before(self, node: Node, place: Node) -> bool:
        """Move a node right before another of its block, taking along what must, if the program means the same then.

        Returns whether it was done.
        """
        return self._move(node, place, after=False)

    def _move(self, node: Node, place: Node, after: bool) -> bool:
        move = find_move(self, node, place, after=after)
        if move is None:
            return False
        move.execute()
        return True

    def must_keep_order(self, first: Node, second: Node) -> bool:
        """Whether two nodes may not change places: one needs or changes what the other makes, or both have effects."""
        if _reads_outputs(second, first) or _reads_outputs(first, second):
            return True
        if _has_effects(first) and _has_effects(second):
            return True
        writes_first, writes_second = self.writes(first), self.writes(second)
        return (
            intersects(writes_first, writes_second)
            or intersects(writes_first, self.reads(second))
            or intersects(self.reads(first), writes_second)
        )

    # --- for people

    def dump(self) -> str:
        """The memory of each value and the writes of each node, as text."""
        lines = ["values:"]
        for value in _values_of(self.graph):
            if self.is_mutable(value):
                held = self._held(value)
                holding = f" holding {_key_names(held)}" if held else ""
                lines.append(f"  %{value.debug_name} : {value.type} -> {_key_names(self.memory(value))}{holding}")
        lines.append("writers:")
        for node in self.writers():
            lines.append(f"  {str(node).splitlines()[0].strip()} -> {_key_names(self.writes(node))}")
        return "\n".join(lines) + "\n"

    __str__ = dump

    def _held(self, value: Value) -> frozenset[Key]:
        variable: Variable | None = self._analysis.variable(value)
        return _NOTHING if variable is None else self._memory.held(variable)

    def to_graphviz(self) -> str:
        """Values and the memory that they may refer to or hold, in the language of Graphviz."""
        lines = ["digraph alias_db {", "  rankdir=LR", "  node [shape=rect]"]
        for value in _values_of(self.graph):
            for key in sorted(map(str, self.memory(value))):
                lines.append(f'  "%{value.debug_name}" -> "{key}"')
            for key in sorted(map(str, self._held(value))):
                lines.append(f'  "%{value.debug_name}" -> "{key}" [style=dashed]')
        return "\n".join([*lines, "}"]) + "\n"


def _key_names(keys: Iterable[Key]) -> str:
    return f"{{{', '.join(sorted(map(str, keys)))}}}"


def _values_of(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for node in graph.walk():
        yield from node.outputs
        for block in node.blocks:
            yield from block.inputs


def _with_inner(node: Node) -> Iterator[Node]:
    """A node and all nodes of its sub-blocks and subgraphs."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        for block in current.blocks:
            pending += block
        for given in current.attributes.values():
            if isinstance(given.value, Graph):
                pending += given.value.block


def _has_effects(node: Node) -> bool:
    return any(has_side_effects(inner) for inner in _with_inner(node))


def has_side_effects(node: Node) -> bool:
    """Whether a node itself does something that neither its results nor its writes to memory show."""
    operator = node.operator
    return may_have_side_effects(node.kind) if operator is None else operator.has_side_effects


def may_write(node: Node) -> bool:
    """Whether a node itself may write to memory, as far as can be told without an analysis."""
    operator = node.operator
    if operator is None or operator.alias_kind is not AliasKind.FROM_SCHEMA:
        return has_side_effects(node)
    return operator.schema.is_mutable or node.kind in WRITES_UNMARKED


def is_deterministic(node: Node) -> bool:
    """Whether a node computes the same from the same inputs every time (its sub-blocks apart)."""
    operator = node.operator
    if operator is None or not operator.is_nondeterministic:
        return True
    flag = operator.deterministic_unless
    return bool(flag) and constant_value(node.named_input(flag)) is False


def _reads_outputs(reader: Node, node: Node) -> bool:
    return any(value.node is node for inner in _with_inner(reader) for value in inner.inputs) or any(
        value.node is node for inner in _with_inner(reader) for block in inner.blocks for value in block.outputs
    )
