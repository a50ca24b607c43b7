"""Rewrite a graph for what is known of the tensors that come in: dtypes, ranks, contiguity, but no sizes.

    %y : Tensor = aten::mul(%x, 0.5)     ->  readers of a tensor multiply by a tensor: the number need not become one
    %v : Tensor = aten::t(%w)                (in a loop, %w of rank 2) before the loop: it cannot fail
    %z : Tensor = aten::index(%x, [%i])  ->  %z : Tensor = prim::IndexTensor[takes_rows=1](%x, %i)
    %b : Tensor = aten::add(%a, %z)      ->  %b : Tensor = aten::add[reuses=0](%a, %z)      (see `memory_reuse`)

The result holds only where no tensor is of a subclass, autocast is off, and what the facts say is true; somebody has to
check that before each run. It is the last thing that happens to a graph: readers that a later pass might add would see
what `reuses` has overwritten.

Where gradients are recorded, only those rewrites may be used that leave every tensor as it was computed, since backward
passes read it: the table `_REWRITES` says which. They put views and products of the same meaning in the place of
others, so gradients are the same sums (of a transposed weight, say, rather than of the weight: it is transposed back
once).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

from flambeau.ir import (
    FLOAT,
    INT,
    NONE,
    TENSOR,
    Device,
    Graph,
    ListType,
    Node,
    ScalarType,
    Type,
    Value,
    constant_value,
    create_constant,
)

from ..known_objects import known_objects, writes_tensors
from ..loop_invariant_code_motion import hoist_loop_invariants
from .clamps import clamp_by_relu
from .costs import ITERATIONS, loops_around, runs_of
from .loop_buffers import share_loop_memory
from .memory_reuse import mark_memory_reuse
from .number_lists import keep_numbers
from .recorded_loops import record_loops
from .stacked_products import stacks_to_multiply
from .tensor_facts import fact_of_type, propagate_facts
from .tensor_rules import COMPARISONS, SCALAR, Order, TensorFact, single_index
from .transposed_weights import transpose_weights
from .unit_dimensions import leave_out_unit_dimensions
from .view_before_cut import view_before_cut

__all__ = [
    "IF_FLOAT",
    "KEEPS_MARKED",
    "KNOWN_RANK",
    "SHARED",
    "TAKES_ROWS",
    "Specialization",
    "specialize",
    "specialize_for",
]

SHARED = "shared"
"""The attribute of an `aten::scalar_tensor` whose result nobody writes to or sees."""
IF_FLOAT = "if_float"
"""The attribute of an operation with a number that, if its tensor has 32-bit floats, may be one with a tensor."""
FEW = "few"
"""The attribute of an `aten::unbind` whose tensor may stand for the list, as it is only indexed."""
KNOWN_RANK = "known_rank"
"""The attribute of what is certain not to fail for the number of dimensions of its tensor."""
TAKES_ROWS = "takes_rows"
"""The attribute of a `prim::IndexTensor` whose index has one dimension, of ints, and stands for the first dimension."""
KEEPS_MARKED = "keeps_marked"
"""The attribute of a `prim::IndexTensor` of one dimension whose index is a mask of one dimension."""
_ROWS: Mapping[tuple[ScalarType | None, int | None], str] = MappingProxyType(
    {
        (ScalarType.Long, 1): TAKES_ROWS,
        (ScalarType.Long, 2): TAKES_ROWS,
        (ScalarType.Bool, 1): KEEPS_MARKED,
    }
)
"""By the dtype of an index of one dimension and the rank of what is indexed."""

_SKIPPED = 4
"""How many rows at the start a loop may leave out."""
_EXACT_IN_FLOAT = 1 << 24
"""Ints up to here are the same as 32-bit floats."""
_CHANGES_GEOMETRY = frozenset(
    f"aten::{name}"
    for name in (
        *("resize_", "resize_as_", "set_", "t_", "transpose_", "squeeze_", "unsqueeze_", "swapaxes_", "swapdims_"),
        *("as_strided_", "set_data", "detach_", "rename_", "requires_grad_", "_resize_output_", "moveaxis_", "data"),
    )
)
"""Operators after which a tensor is not what it was known to be."""


def specialize(graph: Graph, types: Sequence[Type]) -> bool:
    """Specialise a graph for inputs of such types (refined tensor types, others for what is not a tensor).

    Returns whether that changed anything; if not, the graph serves as it is.
    """
    given = {v: fact_of_type(t, v) for v, t in zip(graph.inputs, types, strict=True)}
    return bool(specialize_for(graph, {v: fact for v, fact in given.items() if fact is not None}).used)


@final
@dataclass(frozen=True, slots=True)
class Specialization:
    """What specialising a graph came to."""

    used: frozenset[Value]
    """The values whose facts the result relies on; if there are none, nothing changed."""
    gain: float
    """Roughly how much is spared in a run, in calls of operators."""


def specialize_for(graph: Graph, given: Mapping[Value, TensorFact], *, recorded: bool = False) -> Specialization:
    """Specialise a graph of which facts of some values (inputs, attributes read) are given, each its own source.

    `recorded`: for runs that record gradients. Graphs that write to tensors are left as they are then: what may be
    written to depends on which operator made a view.
    """
    if any(map(_changes_geometry, graph.walk())) or (recorded and any(map(writes_tensors, graph.walk()))):
        return Specialization(frozenset(), 0.0)
    specializer = _Specializer(graph, given)
    for rewrite in _REWRITES:
        if rewrite.under_recording if recorded else rewrite.otherwise:
            rewrite.apply(specializer)
    return Specialization(frozenset(specializer.used), specializer.gain)


def _changes_geometry(node: Node) -> bool:
    """Whether a node may change the sizes of a tensor, as of one that it writes its result to."""
    operator = node.operator
    return node.kind in _CHANGES_GEOMETRY or (
        operator is not None and any(argument.is_out for argument in operator.schema.arguments)
    )


@final
class _Specializer:
    def __init__(self, graph: Graph, given: Mapping[Value, TensorFact]) -> None:
        self._graph = graph
        self._given = dict(given)
        self._facts = propagate_facts(graph, given)
        self._made: tuple[Value, ...] = ()
        self.used: set[Value] = set()
        self.gain = 0.0

    def _use(self, gain: float, node: Node, *values: Value) -> None:
        """Note what a rewrite of a node relies on, and what it spares each time that the node is carried out."""
        for value in values:
            self.used |= self._facts[value].sources
        self.gain += gain * runs_of(node)

    # --- numbers

    def numbers_to_tensors(self) -> None:
        """Operate with tensors for numbers.

        Of a number PyTorch makes a 64-bit tensor, which each element-wise operator converts to 32 bits anew. (Narrower
        types compute with the number itself; 64-bit ones have nothing to convert.)
        """
        for node in list(self._graph.walk()):
            name = "" if node.operator is None else node.operator.qualified_name
            if (name not in SCALAR and name not in COMPARISONS) or len(node.inputs) < 2:
                continue
            if not _is_plain_number(node.inputs[1]) or (len(node.inputs) > 2 and constant_value(node.inputs[2]) != 1):
                continue
            operand = self._facts.get(node.inputs[0])
            if operand is None or operand.dtype is None:
                node.set_attribute(IF_FLOAT, "i", 1)
                self._use(0.7, node)
            elif operand.dtype is ScalarType.Float:
                self._use(1.0, node, node.inputs[0])
                node.replace_input(1, self._tensor_of(node))

    def _tensor_of(self, node: Node) -> Value:
        """A 32-bit tensor of a node's number, before the node; the node does not write to it, so all runs share it."""
        dtype, none, device = self._constants()
        inputs = (node.inputs[1], dtype, none, device, none)
        made = self._graph.create("aten::scalar_tensor", inputs).copy_metadata(node).insert_before(node)
        made.set_attribute(SHARED, "i", 1)
        self._given[made.output] = self._facts[made.output] = TensorFact(ScalarType.Float, 0, Order.CONTIGUOUS)
        return made.output

    def _constants(self) -> tuple[Value, ...]:
        """The dtype, nothing, and the device, before everything else."""
        if not self._made:
            first = next(iter(self._graph.block))
            for value in (int(ScalarType.Float), None, Device("cpu")):
                self._made += (create_constant(self._graph, value).insert_before(first).output,)
        return self._made

    def clamp_by_relu(self) -> None:
        for node, replaced in clamp_by_relu(self._graph, self._facts):
            self._use(0.2, node, node.inputs[0])
            self._facts[node.output] = self._facts[replaced]

    # --- loops

    def transpose_invariants(self) -> None:
        """Let loops broadcast along rows of a transposed matrix rather than along columns.

            max(v.unsqueeze(1) + m, 0)    ->    max(m.t() + v, 1)

        Neither the sums nor which of them is the largest depend on it, and the transposed matrix, which is a view, can
        be made before the loop.
        """
        for node in [n for n in self._graph.walk() if n.kind == "aten::add"]:
            found = _column_and_matrix(node)
            if found is None or node.output.use_count != 1:
                continue
            column, matrix = found
            reader = node.output.uses[0].user
            vector = self._facts.get(column.inputs[0])
            if vector is None or vector.rank != 1 or matrix not in self._facts or self._facts[matrix].rank != 2:
                continue
            if reader.kind in ("aten::max", "aten::min") and _is_outside_loop(matrix, node):
                self._transpose(node, column, matrix, reader)

    def _transpose(self, node: Node, column: Node, matrix: Value, reader: Node) -> None:
        dimension = constant_value(reader.inputs[1]) if len(reader.inputs) == 3 else None
        if dimension not in (-2, -1, 0, 1) or constant_value(reader.inputs[2]) is not False:
            return
        self._use(0.5, node, column.inputs[0], matrix)
        transposed = self._graph.create("aten::t", (matrix,)).copy_metadata(node).insert_before(node).output
        fact = self._facts[matrix]
        self._facts[transposed] = TensorFact(fact.dtype, 2, Order.ANY, fact.sources)
        node.replace_input(0, transposed)
        node.replace_input(1, column.inputs[0])
        other = create_constant(self._graph, 1 - dimension % 2).copy_metadata(reader).insert_before(reader)
        reader.replace_input(1, other.output)
        column.destroy()

    def transpose_weights(self) -> None:
        for node, replaced in transpose_weights(self._graph, self._facts):
            self._use(0.4, node, *node.inputs[:3])
            weight = self._facts[node.inputs[1]]
            self._facts[node.inputs[3]] = TensorFact(weight.dtype, 2, Order.ANY, weight.sources)
            if replaced in self._facts:
                self._facts[node.output] = self._facts[replaced]

    def hoist(self) -> None:
        before = {node: loops_around(node) for node in self._graph.walk() if self._is_safe(node)}
        hoist_loop_invariants(self._graph, before.__contains__)
        for node, depth in before.items():
            if loops_around(node) < depth:
                facts = [v for v in node.inputs if v in self._facts]
                self._use(0.1 if node.kind == "prim::GetAttr" else 0.5, node, *facts)
                self.gain += ITERATIONS

    def _is_safe(self, node: Node) -> bool:
        """Whether a node is known not to raise."""
        if node.kind in ("prim::GetAttr", "aten::scalar_tensor"):
            return node.kind == "prim::GetAttr" or node.has_attribute(SHARED)
        if node.kind not in ("aten::t", "aten::slice", "aten::unsqueeze"):
            return False
        fact = self._facts.get(node.inputs[0])
        if fact is None or fact.rank is None:
            return False
        if node.kind == "aten::t":
            return fact.rank <= 2
        dimension = constant_value(node.inputs[1])
        if not isinstance(dimension, int):
            return False
        if node.kind == "aten::slice":
            bounds = all(v.type in (INT, NONE) for v in node.inputs[2:4])
            return bounds and -fact.rank <= dimension < fact.rank and constant_value(node.inputs[4]) == 1
        return -fact.rank - 1 <= dimension <= fact.rank

    # --- indexing

    def unbind_rows(self) -> None:
        """Where a loop goes over the rows of a tensor, make all of them at once.

        Only where the loop takes each row that there is (but for some at the start), so none is made in vain. A tensor
        of many rows stays one, which the reader of `FEW` sees to.
        """
        known: frozenset[Value] | None = None
        for node in [n for n in self._graph.walk() if n.kind == "aten::select"]:
            loop = _loop_over_rows(node)
            fact = self._facts.get(node.inputs[0])
            if loop is None or fact is None or not fact.rank:
                continue
            known = known_objects(self._graph) if known is None else known
            if node.output in known:  # whoever holds a row can tell it from the same row of another iteration
                continue
            self._use(0.2, node, node.inputs[0])
            zero = node.inputs[1]
            rows = self._graph.create("aten::unbind", (node.inputs[0], zero), (ListType(TENSOR),)).copy_metadata(node)
            rows.insert_before(loop).set_attribute(FEW, "i", 1)
            row = self._graph.create("aten::__getitem__", (rows.output, node.inputs[2])).copy_metadata(node)
            row.insert_before(node).output.copy_metadata(node.output)
            if node.output in self._facts:
                self._facts[row.output] = self._facts[node.output]
            node.replace_all_uses_with(row)
            node.destroy()

    def take_numbers(self) -> None:
        """Take a number out of a tensor of one dimension at once."""
        for node in [n for n in self._graph.walk() if n.kind in _NUMBER_DTYPES and len(n.inputs) == 1]:
            row = node.inputs[0].node
            fact = self._facts.get(row.inputs[0]) if row.kind == "aten::select" else None
            if fact is None or fact.rank != 1 or fact.dtype not in _NUMBER_DTYPES[node.kind] or row.next is not node:
                continue
            if row.output.use_count == 1:
                self._use(0.2, node, row.inputs[0])
                made = self._graph.create("prim::NumberAt", (row.inputs[0], row.inputs[2])).copy_metadata(row)
                made.insert_before(node).output.copy_metadata(node.output)
                node.replace_all_uses_with(made)
                node.destroy()
                row.destroy()
        for node in keep_numbers(self._graph):
            self._use(0.2, node, node.inputs[0])

    def simplify_indexing(self) -> None:
        """Index with a tensor rather than with a list of one."""
        for node in list(self._graph.walk()):
            if node.operator is None or node.operator.qualified_name != "aten::index.Tensor":
                continue
            index = single_index(node)
            indexed, fact = self._facts.get(node.inputs[0]), None if index is None else self._facts.get(index)
            if index is None or fact is None or not fact.rank or fact.dtype not in (ScalarType.Bool, ScalarType.Long):
                continue
            self._use(0.2, node, index)
            made = self._graph.create("prim::IndexTensor", (node.inputs[0], index)).copy_metadata(node)
            made.insert_before(node).output.copy_metadata(node.output)
            mark = None if indexed is None or fact.rank != 1 else _ROWS.get((fact.dtype, indexed.rank))
            if mark is not None:
                self._use(0.8 if mark == TAKES_ROWS else 0.4, node, node.inputs[0])
                made.set_attribute(mark, "i", 1)
            if node.output in self._facts:
                self._facts[made.output] = self._facts[node.output]
            self._replace(node, made)

    # --- views

    def leave_out_unit_dimensions(self) -> None:
        changed, gain = leave_out_unit_dimensions(self._graph, self._facts)
        if changed:
            self.gain += gain
            self.used |= {source for value in changed for source in self._facts[value].sources}
            self._facts = propagate_facts(self._graph, self._given)

    def view_whole_tensors(self) -> None:
        found = view_before_cut(self._graph, self._facts)
        for node, whole, spared in found:
            self._use(0.6 * spared, node, whole)
        if found:
            self._facts = propagate_facts(self._graph, self._given)

    def _replace(self, node: Node, made: Node) -> None:
        indices = node.inputs[1].node
        node.replace_all_uses_with(made)
        node.destroy()
        if not indices.has_uses:
            indices.destroy()

    # --- dimensions

    def use_ranks(self) -> None:
        """Mark what is simpler where a tensor is known to have certain dimensions."""
        for node in self._graph.walk():
            fact = self._facts.get(node.inputs[0]) if node.kind in _DIMENSIONS else None
            if fact is None or fact.rank is None:
                continue
            mark = _DIMENSIONS[node.kind](node, fact.rank)
            if mark is not None:
                mark.set_attribute(KNOWN_RANK, "i", 1)
                self._use(0.2, node, node.inputs[0])

        for node in stacks_to_multiply(self._graph, self._facts):
            node.set_attribute(KNOWN_RANK, "i", 1)
            self._use(0.5, node, *node.inputs)

    # --- memory

    def reuse_memory(self) -> None:
        for node in mark_memory_reuse(self._graph, self._facts):
            self._use(0.2, node, node.output, *(v for v in node.inputs if v in self._facts))
        for node in share_loop_memory(self._graph, self._facts):
            self._use(0.2, node, *(v for v in node.inputs if v in self._facts))

    def record_loops(self) -> None:
        for node, tensors in record_loops(self._graph, self._facts):
            self._use(ITERATIONS, node, *tensors)


@final
@dataclass(frozen=True, slots=True)
class _Rewrite:
    """One kind of rewrite."""

    apply: Callable[[_Specializer], None]
    under_recording: bool = True
    """Whether it may be used where gradients are recorded: gradients stay what they are, and no tensor that is computed
    is written to afterwards."""
    otherwise: bool = True
    """Whether it may be used where none are."""


_REWRITES = (
    _Rewrite(_Specializer.numbers_to_tensors),
    _Rewrite(_Specializer.clamp_by_relu, under_recording=False),
    _Rewrite(_Specializer.leave_out_unit_dimensions),
    _Rewrite(_Specializer.transpose_invariants),
    _Rewrite(_Specializer.hoist),
    _Rewrite(_Specializer.transpose_weights),
    _Rewrite(_Specializer.view_whole_tensors),
    _Rewrite(_Specializer.unbind_rows),
    _Rewrite(_Specializer.simplify_indexing),
    _Rewrite(_Specializer.use_ranks),
    _Rewrite(_Specializer.take_numbers),
    _Rewrite(_Specializer.reuse_memory, under_recording=False),
    _Rewrite(_Specializer.record_loops, otherwise=False),
)
"""All of them, in the order in which they are used."""

_NUMBER_DTYPES: Mapping[str, frozenset[ScalarType]] = MappingProxyType(
    {
        "aten::Int": frozenset({ScalarType.Long, ScalarType.Int}),
        "aten::Float": frozenset({ScalarType.Float, ScalarType.Double}),
    }
)


def _column_and_matrix(node: Node) -> tuple[Node, Value] | None:
    """The operands of an addition, if one is a vector with a second dimension of size 1 for it alone."""
    if len(node.inputs) != 3 or constant_value(node.inputs[2]) != 1:
        return None
    for first, second in ((0, 1), (1, 0)):
        made = node.inputs[first].node
        if made.kind == "aten::unsqueeze" and made.output.use_count == 1 and constant_value(made.inputs[1]) in (1, -1):
            return made, node.inputs[second]
    return None


def _is_outside_loop(value: Value, node: Node) -> bool:
    """Whether a value is there before the innermost loop that a node is in, directly."""
    block = node.owning_block
    loop = None if block is None else block.owning_node
    return loop is not None and loop.kind == "prim::Loop" and value.node.is_before(loop)


def _loop_over_rows(node: Node) -> Node | None:
    """The loop that a select is in, if it takes row after row of a tensor from before the loop, up to the last one."""
    block = node.owning_block
    loop = None if block is None else block.owning_node
    tensor, dimension, index = node.inputs
    if block is None or loop is None or loop.kind != "prim::Loop" or constant_value(dimension) != 0:
        return None
    if not tensor.node.is_before(loop) or not dimension.node.is_before(loop):
        return None
    if constant_value(loop.inputs[1]) is not True or constant_value(block.outputs[0]) is not True:
        return None
    limit = loop.inputs[0]
    if index.node.kind == "aten::__derive_index" and limit.node.kind == "aten::__range_length":
        low, high, step = limit.node.inputs
        first = constant_value(low)
        if list(index.node.inputs[1:]) != [low, step] or constant_value(step) != 1:
            return None
        if not isinstance(first, int) or not 0 <= first <= _SKIPPED:
            return None
        index, limit = index.node.inputs[0], high
    is_size = limit.node.kind == "aten::size" and len(limit.node.inputs) == 2
    same = is_size and limit.node.inputs[0] is tensor and constant_value(limit.node.inputs[1]) == 0
    return loop if same and index is block.inputs[0] else None


def _cut(node: Node, rank: int) -> Node | None:
    count, dimension = (constant_value(v) for v in node.inputs[1:])
    return node if isinstance(count, int) and isinstance(dimension, int) and -rank <= dimension < rank else None


def _swapped(node: Node, rank: int) -> Node | None:
    """A transposition of the last two dimensions."""
    dimensions = {constant_value(v) for v in node.inputs[1:]}
    return node if len(node.inputs) == 3 and dimensions == {-2, -1} and rank >= 2 else None


def _sizes(node: Node, rank: int) -> Node | None:
    """Sizes that are taken apart, all of them; or one that is there."""
    if len(node.inputs) == 2:
        dimension = constant_value(node.inputs[1])
        return node if isinstance(dimension, int) and -rank <= dimension < rank else None
    readers = [use.user for use in node.output.uses]
    if len(node.inputs) != 1 or len(readers) != 1 or readers[0].kind != "prim::ListUnpack":
        return None
    return readers[0] if len(readers[0].outputs) == rank > 1 else None


_DIMENSIONS: Mapping[str, Callable[[Node, int], Node | None]] = MappingProxyType(
    {"aten::chunk": _cut, "aten::transpose": _swapped, "aten::size": _sizes}
)
"""By kind: which node is simpler if the first operand of such a node has so many dimensions."""


def _is_plain_number(value: Value) -> bool:
    """Whether a value is a number that a 32-bit tensor holds as it holds what the operator would make of it."""
    if value.type is FLOAT:
        return True
    known = constant_value(value)
    return value.type is INT and isinstance(known, int) and abs(known) <= _EXACT_IN_FLOAT
