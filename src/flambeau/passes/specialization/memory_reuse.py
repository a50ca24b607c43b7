"""Find operators that may leave their result in the memory of an operand that nobody needs any more.

    %a : Tensor = aten::mul(%x, %y)                         (%a is read here for the last time)
    %b : Tensor = aten::add(%a, %z)             ->          %b : Tensor = aten::add[reuses=0](%a, %z)

The attribute says which operand; the node still means what it meant, so whoever runs the graph may ignore it. Whether
the operand has the size of the result is often not known (`fits` says where it is): an operator in place checks that
before it writes, so it can be tried. No pass that adds readers may follow.

The operand must be new memory (what an operator computed, or pieces that it was cut into), of the dtype of the result;
whatever reads it comes before, in the same block, and keeps nothing of it. The pieces are gaps apart and share one
storage, so what is left in one of them must be read only by what computes the same wherever elements lie, and not be
known outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from flambeau.ir import Block, Graph, Node, Value, constant_value, operators_named

from ..known_objects import may_give_view
from .tensor_rules import (
    BINARY,
    COMPARISONS,
    EXACT,
    GIVES_NEW,
    SCALAR,
    SPLITS,
    UNARY,
    Order,
    TensorFact,
    gives_new_tensors,
)

__all__ = ["FITS", "REUSES", "keeps_nothing", "mark_memory_reuse"]

REUSES = "reuses"
"""The attribute: the index of the operand."""
FITS = "fits"
"""Another attribute: the operand is certain to have the size of the result."""

_COMMUTATIVE = frozenset({"aten::add.Tensor", "aten::mul.Tensor"})
_LOOKS_ONLY = frozenset({"aten::Int", "aten::Float", "aten::Bool", "aten::dim", "aten::numel", "aten::len"})
"""JIT-only operators that take a number out of a tensor."""
_MADE_BY_SPECIALIZATION = GIVES_NEW | {"prim::Into", "prim::LookAtCarried", "prim::NumberAt"}
"""Kinds that keep nothing, and have no schema to say so."""


def mark_memory_reuse(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[Node]:
    """Mark the nodes that may reuse memory, given what is known of tensors; returns them."""
    finder = _Finder(facts)
    finder.visit(graph.block)
    return finder.marked


@final
class _Finder:
    def __init__(self, facts: Mapping[Value, TensorFact]) -> None:
        self._facts = facts
        self._in_pieces: set[Value] = set()
        """Results that were left in a piece of something larger."""
        self.marked: list[Node] = []

    def visit(self, block: Block) -> None:
        for node in block:
            for inner in node.blocks:
                self.visit(inner)
            index = self._reusable(node)
            if index is not None:
                node.set_attribute(REUSES, "i", index)
                if self._fits(node, index):
                    node.set_attribute(FITS, "i", 1)
                self.marked.append(node)
                if self._is_piece(node.inputs[index]):
                    self._in_pieces.add(node.output)

    def _reusable(self, node: Node) -> int | None:
        operator = node.operator
        name = "" if operator is None else operator.qualified_name
        if name not in UNARY | BINARY | SCALAR or not node.output.has_uses or not _has_in_place_form(node):
            return None
        if self._may_take(node, 0):
            return 0
        if name not in _COMMUTATIVE or (len(node.inputs) > 2 and constant_value(node.inputs[2]) != 1):
            return None
        first = self._facts.get(node.inputs[0])
        in_order = first is not None and first.order >= Order.ROW_MAJOR
        return 1 if in_order and self._may_take(node, 1) else None

    def _fits(self, node: Node, index: int) -> bool:
        if node.operator is not None and node.operator.qualified_name not in BINARY:
            return True
        other = self._facts.get(node.inputs[1 - index])
        return other is not None and other.rank == 0

    def _may_take(self, node: Node, index: int) -> bool:
        """Whether the result may overwrite an operand."""
        value = node.inputs[index]
        fact, result = self._facts.get(value), self._facts.get(node.output)
        if fact is None or result is None or fact.dtype is None or fact.dtype is not result.dtype:
            return False
        if value.node.owning_block is not node.owning_block or list(node.inputs).count(value) != 1:
            return False
        if not self._is_own(value, node):
            return False
        if self._is_piece(value):
            return all(_reads_elements(use.user) for use in node.output.uses)
        return fact.order is Order.CONTIGUOUS

    def _is_own(self, value: Value, reader: Node) -> bool:
        """Whether a value is new memory that nobody sees but operators up to `reader`."""
        made = value.node
        if not _is_read_up_to(value, reader):
            return False
        if gives_new_tensors(made):
            return True
        return made.kind == "prim::ListUnpack" and _is_only_cut(made)

    def _is_piece(self, value: Value) -> bool:
        return value.node.kind == "prim::ListUnpack" or value in self._in_pieces


def _has_in_place_form(node: Node) -> bool:
    operator = node.operator
    overload = "" if operator is None else operator.overload_name
    return any(o.overload_name == overload for o in operators_named(f"{node.kind}_"))


def _is_read_up_to(value: Value, last: Node) -> bool:
    """Whether all readers of a value come before a node of its block, or are that, and keep nothing of it."""
    return all(use.user is last or (use.user.is_before(last) and keeps_nothing(use.user)) for use in value.uses)


def keeps_nothing(node: Node) -> bool:
    """Whether what a node leaves behind shares no memory with its operands."""
    operator = node.operator
    if operator is None:
        return node.kind in _MADE_BY_SPECIALIZATION
    if operator.is_jit_only:
        return node.kind in _LOOKS_ONLY
    return not operator.schema.is_mutable and not may_give_view(operator)


def _reads_elements(node: Node) -> bool:
    """Whether what a node computes depends on the elements that it reads, and on nothing else about its operands."""
    if node.operator is None or node.operator.qualified_name not in EXACT | BINARY | SCALAR | COMPARISONS:
        return False
    has_factor = len(node.inputs) > 2 and node.kind in ("aten::add", "aten::sub")
    return not has_factor or constant_value(node.inputs[2]) == 1


def _is_only_cut(unpack: Node) -> bool:
    """Whether a list that is taken apart holds the pieces of new memory that nothing else sees from then on."""
    pieces = unpack.inputs[0]
    cut = pieces.node
    if cut.operator is None or cut.operator.qualified_name not in SPLITS or pieces.use_count != 1:
        return False
    whole = cut.inputs[0]
    same_block = whole.node.owning_block is cut.owning_block is unpack.owning_block
    return same_block and gives_new_tensors(whole.node) and _is_read_up_to(whole, cut)
