"""Leave out first dimensions of size 1 while tensors are computed.

    %y : Tensor = aten::unsqueeze(%x, 0)                          %l : Tensor = aten::linear(%x, %w, %b)
    %l : Tensor = aten::linear(%y, %w, %b)                ->      %v : Tensor = aten::view(%l, [%n, %h, %d])
    %v : Tensor = aten::view(%l, [1, %n, %h, %d])                 %t : Tensor = aten::transpose(%v, 0, 1)
    %t : Tensor = aten::transpose(%v, 1, 2)                       %m : Tensor = aten::matmul(%t, %u)
    %m : Tensor = aten::matmul(%t, %u)

A batch of one sequence is what a matrix is, and products of matrices, or of stacks of them, spare the calls that make
them of tensors with more dimensions. A value of the rewritten graph stands for what it stood for, without its first
dimension: a tensor, in branches, in what loops carry, and in lists that are local. Where something else reads it, the
dimension is put back.

Only operators of which every bit of the result is the same (`_KEEPS`: the dimension is one that they treat as outer, or
that PyTorch itself flattens away), and only tensors that operators alone read, of at least three dimensions. Products
may depend on strides, even those of dimensions of size 1; so products of what has the dimension put back are left alone
(`_TAKES_BACK` says what is not). What PyTorch says of an operation that fails may count the dimensions without the
first one.

Cost: linear, times the number of rounds until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias, final

from flambeau.ir import NONE, TENSOR, Graph, Node, Use, Value, constant_value, contiguous_strides, create_constant

from ..constant_tensors import constant_tensor_type
from ..known_objects import known_objects, writes_tensors
from .costs import runs_of
from .tensor_facts import local_lists
from .tensor_rules import BINARY, COMPARISONS, SCALAR, UNARY, Order, TensorFact, gives_new_tensors

__all__ = ["UNIT_LEFT_OUT", "leave_out_unit_dimensions"]

UNIT_LEFT_OUT = "unit_left_out"
"""The attribute of an `aten::linear` that is another computation without the first dimension, unless its operand proves
to be contiguous."""

_FEWEST = 3
"""Dimensions of tensors whose first one is left out: without it, fewer would be computed otherwise."""
_GAINS = {"aten::unsqueeze": 0.5, "aten::select": 0.5, "aten::linear": 0.4, "aten::matmul": 0.8}
"""Calls of operators that are spared where a node of a kind needs the dimension no more."""
_LOSS = 0.5
"""What it takes to put the dimension back."""

Holds: TypeAlias = "Callable[[_Finder, Node], bool]"
"""Whether a node can do without the dimension, given which of its operands do."""
Rewrite: TypeAlias = "Callable[[_Finder, Node], None]"


def leave_out_unit_dimensions(graph: Graph, facts: Mapping[Value, TensorFact]) -> tuple[frozenset[Value], float]:
    """Leave out first dimensions where that spares calls; gives the values that have one less, and what is spared."""
    has_source = any(n.kind == "aten::unsqueeze" and constant_value(n.inputs[1]) == 0 for n in graph.walk())
    if not has_source or any(writes_tensors(node) for node in graph.walk()):
        return frozenset(), 0.0
    finder = _Finder(graph, facts)
    finder.narrow()
    gain = finder.gain()
    if gain <= 0:
        return frozenset(), 0.0
    finder.rewrite()
    return frozenset(finder.units), gain


@final
class _Finder:
    """Finds the values that can do without their first dimension: all at first, then those that nothing speaks against.

    What loops carry and what lists hold may depend on itself.
    """

    def __init__(self, graph: Graph, facts: Mapping[Value, TensorFact]) -> None:
        self._graph = graph
        self._facts = facts
        self.units = {v for v, fact in facts.items() if fact.rank is not None and fact.rank >= _FEWEST}
        self.lists = local_lists(graph)
        self.known = known_objects(graph)

    # --- what is asked of values

    def rank(self, value: Value) -> int:
        """The dimensions that a tensor had; 0 if that is not known."""
        fact = self._facts.get(value)
        return 0 if fact is None or fact.rank is None else fact.rank

    def is_below(self, value: Value, rank: int) -> bool:
        """Whether a tensor is known to have fewer dimensions, so that it does not reach the first one."""
        fact = self._facts.get(value)
        return value not in self.units and fact is not None and fact.rank is not None and fact.rank < rank

    def is_contiguous(self, value: Value) -> bool:
        fact = self._facts.get(value)
        return fact is not None and fact.order is Order.CONTIGUOUS

    def is_one(self, value: Value) -> bool:
        """Whether an int is certain to be 1."""
        node = value.node
        if node.kind == "prim::ListUnpack":
            sizes = node.inputs[0].node
            return value.offset == 0 and sizes.kind == "aten::size" and sizes.inputs[0] in self.units
        if node.kind == "aten::size" and len(node.inputs) == 2:
            return node.inputs[0] in self.units and constant_value(node.inputs[1]) in (0, -self.rank(node.inputs[0]))
        return value.type.kind == "IntType" and constant_value(value) == 1

    # --- narrowing

    def narrow(self) -> None:
        while True:
            lists = {v for v in self.lists if not self._is_list_of_units(v)}
            for value in lists:
                del self.lists[value]
            values = {v for v in self.units if not (self._is_made(v) and all(map(self._is_fine, v.uses)))}
            self.units -= values
            if not lists and not values:
                return

    def _is_list_of_units(self, given: Value) -> bool:
        reads = [use.user for use in given.uses if use.user.kind == "aten::__getitem__"]
        if any(use.user.kind in ("aten::stack", "aten::cat") for use in given.uses) or not self.lists[given]:
            return False
        return self.units.issuperset(self.lists[given]) and all(r.output in self.units for r in reads)

    def _is_made(self, value: Value) -> bool:
        """Whether a value comes about without its first dimension, which has size 1."""
        node = value.node
        if node.kind == "prim::If":
            return all(block.outputs[value.offset] in self.units for block in node.blocks)
        if node.kind == "prim::Loop":
            return self._is_carried(node, value.offset)
        if node.kind == "prim::Param":
            loop = None if node.owning_block is None else node.owning_block.owning_node
            return loop is not None and loop.kind == "prim::Loop" and self._is_carried(loop, value.offset - 1)
        if node.kind == "aten::__getitem__":
            return node.inputs[0] in self.lists
        if node.kind == "prim::Constant":
            return _is_regular_unit(value)
        return self.keeps(node) and self.units.issuperset(node.outputs)

    def _is_carried(self, loop: Node, index: int) -> bool:
        body = loop.blocks[0]
        carried = (loop.inputs[index + 2], body.inputs[index + 1], body.outputs[index + 1], loop.outputs[index])
        return self.units.issuperset(carried)

    def _is_fine(self, use: Use) -> bool:
        return self.is_handled(use) or _name(use.user) in _TAKES_BACK

    def is_handled(self, use: Use) -> bool:
        """Whether a reader does without the dimension."""
        node = use.user
        if node.kind == "prim::Return":
            block = node.owning_block
            owner = None if block is None else block.owning_node
            index = use.offset if owner is None or owner.kind == "prim::If" else use.offset - 1
            return owner is not None and index >= 0 and owner.outputs[index] in self.units
        if node.kind == "prim::Loop":
            return use.offset >= 2 and node.outputs[use.offset - 2] in self.units
        if node.kind == "prim::ListConstruct" and node.output not in self.lists:
            reader = node.output.uses[0].user if node.output.use_count == 1 else node
            return reader.kind == "aten::cat" and reader.output in self.units
        if node.kind in ("prim::ListConstruct", "aten::append", "aten::_set_item"):
            return (node.output if node.kind == "prim::ListConstruct" else node.inputs[0]) in self.lists
        if any(o in self.units for o in node.outputs):
            return True
        return self.reads(node)

    def keeps(self, node: Node) -> bool:
        """Whether a node gives its results without the dimension."""
        holds, _ = _KEEPS.get(_name(node), _NEVER)
        return holds(self, node)

    def reads(self, node: Node) -> bool:
        """Whether a node gives the same results without the dimension of its operand."""
        holds, _ = _READS.get(_name(node), _NEVER)
        return holds(self, node)

    # --- rewriting

    def gain(self) -> float:
        """Calls of operators that are spared, less those that put the dimension back."""
        total = 0.0
        for node in self._graph.walk():
            if any(v in self.units for v in node.outputs) or self._reads_unit(node):
                total += _GAINS.get(node.kind, 0.0) * runs_of(node)
        for value in self.units:
            for use in value.uses:
                total -= 0.0 if self.is_handled(use) else _LOSS * runs_of(use.user)
        return total

    def _reads_unit(self, node: Node) -> bool:
        return any(v in self.units for v in node.inputs) and self.reads(node)

    def rewrite(self) -> None:
        handled = [
            (node, rewrite)
            for node in self._graph.walk()
            for table, applies in (
                (_KEEPS, any(v in self.units for v in node.outputs)),
                (_READS, self._reads_unit(node)),
            )
            if applies and (rewrite := table.get(_name(node), _NEVER)[1]) is not None
        ]
        back = [(use, value) for value in self.units for use in value.uses if not self.is_handled(use)]
        for use, value in back:
            zero = create_constant(self._graph, 0).copy_metadata(use.user).insert_before(use.user).output
            whole = self._graph.create("aten::unsqueeze", (value, zero)).copy_metadata(use.user)
            use.user.replace_input(use.offset, whole.insert_before(use.user).output)
        constants = [v for v in self.units if v.node.kind == "prim::Constant"]
        for value in self.units.difference(constants):
            value.type = TENSOR
        for node, rewrite in handled:
            rewrite(self, node)
        for value in constants:
            self._take_first(value)

    def _take_first(self, constant: Value) -> None:
        """Have a view of a constant in its place, without the dimension."""
        zero = create_constant(self._graph, 0).copy_metadata(constant.node).insert_after(constant.node)
        first = self._graph.create("aten::select", (constant, zero.output, zero.output)).copy_metadata(constant.node)
        constant.replace_all_uses_after(first.insert_after(zero), first.output)


def _is_regular_unit(value: Value) -> bool:
    """Whether a constant has a first dimension of size 1, and the strides of a new tensor."""
    known = constant_tensor_type(value)
    sizes = tuple(n for n in (known.sizes or ()) if isinstance(n, int)) if known is not None else ()
    return sizes[:1] == (1,) and known is not None and known.strides == contiguous_strides(sizes)


def _name(node: Node) -> str:
    return node.kind if node.operator is None else node.operator.qualified_name


# --- what operators do with a first dimension of size 1


def _first(finder: _Finder, node: Node) -> bool:
    return node.inputs[0] in finder.units


def _unchanged(finder: _Finder, node: Node) -> None:
    """Nothing is to be done: the operands have changed."""


def _dimensions(*indices: int, first: Holds = _first, more: int = 0) -> tuple[Holds, Rewrite]:
    """Dimensions that must be others than the first; `more` if they are counted with one that is added."""

    def holds(finder: _Finder, node: Node) -> bool:
        rank = finder.rank(node.inputs[0] if first is _first else node.output) + more
        given = [constant_value(node.inputs[i]) for i in indices]
        return first(finder, node) and all(isinstance(d, int) and -rank < d < rank and d != 0 for d in given)

    def rewrite(finder: _Finder, node: Node) -> None:
        for index in indices:
            dimension = constant_value(node.inputs[index])
            if isinstance(dimension, int) and dimension > 0:
                made = create_constant(node.graph, dimension - 1).copy_metadata(node).insert_before(node)
                node.replace_input(index, made.output)

    return holds, rewrite


def _drop_first_size(index: int) -> Rewrite:
    def rewrite(finder: _Finder, node: Node) -> None:
        sizes = node.inputs[index].node
        made = node.graph.create("prim::ListConstruct", sizes.inputs[1:], (sizes.output.type,)).copy_metadata(sizes)
        node.replace_input(index, made.insert_before(node).output)
        if not sizes.has_uses:
            sizes.destroy()

    return rewrite


def _is_operand(finder: _Finder, node: Node) -> None:
    node.output.replace_all_uses_with(node.inputs[0])
    node.destroy()


def _adds_first(finder: _Finder, node: Node) -> bool:
    return constant_value(node.inputs[1]) == 0 and node.inputs[0] not in finder.units


def _unsqueeze(finder: _Finder, node: Node) -> None:
    if constant_value(node.inputs[1]) == 0:
        _is_operand(finder, node)
    else:
        _UNSQUEEZES_WITHIN[1](finder, node)


def _unsqueezes(finder: _Finder, node: Node) -> bool:
    return _adds_first(finder, node) or _UNSQUEEZES_WITHIN[0](finder, node)


_UNSQUEEZES_WITHIN = _dimensions(1, more=1)


def _begins_with_one(finder: _Finder, sizes: Node) -> bool:
    return sizes.kind == "prim::ListConstruct" and len(sizes.inputs) >= _FEWEST and finder.is_one(sizes.inputs[0])


def _view(finder: _Finder, node: Node) -> bool:
    return _first(finder, node) and _begins_with_one(finder, node.inputs[1].node)


def _filled(finder: _Finder, node: Node) -> bool:
    return _begins_with_one(finder, node.inputs[0].node)


def _all_joined(finder: _Finder, node: Node) -> bool:
    joined = node.inputs[0].node
    is_literal = joined.kind == "prim::ListConstruct" and joined.output.use_count == 1
    return is_literal and finder.units.issuperset(joined.inputs)


def _broadcast(finder: _Finder, node: Node) -> bool:
    one, other = node.inputs[:2]
    rank = finder.rank(node.output)
    full = [v for v in (one, other) if v in finder.units and finder.rank(v) == rank]
    return bool(full) and all(v in full or finder.is_below(v, rank) for v in (one, other))


def _linear(finder: _Finder, node: Node) -> bool:
    """With a bias, PyTorch makes two dimensions of three, if they are contiguous; with regular strides."""
    operand, weight, bias = node.inputs
    made = operand.node.inputs[0].node if operand.node.kind == "aten::unsqueeze" else operand.node
    is_regular = gives_new_tensors(made) or made.kind in ("aten::view", "aten::reshape", "aten::flatten")
    has_ranks = finder.rank(operand) == 3 and finder.rank(weight) == 2
    return _first(finder, node) and is_regular and has_ranks and bias.type is not NONE


def _product(finder: _Finder, node: Node) -> None:
    if not finder.is_contiguous(node.inputs[0]):
        node.set_attribute(UNIT_LEFT_OUT, "i", 1)


def _layer_norm(finder: _Finder, node: Node) -> bool:
    shape = constant_value(node.inputs[1])
    count = len(shape) if isinstance(shape, list) else len(node.inputs[1].node.inputs)
    return _first(finder, node) and 0 < count < finder.rank(node.inputs[0])


def _stacks(finder: _Finder, node: Node) -> bool:
    """Products of stacks of matrices, of which PyTorch makes one stack, whatever the dimensions above three."""
    one, other = node.inputs
    rank = finder.rank(one)
    return finder.units.issuperset((one, other)) and rank == finder.rank(other) and rank > _FEWEST


def _pieces(finder: _Finder, node: Node) -> bool:
    """What was cut along another dimension."""
    cut = node.inputs[0].node
    holds, _ = _CUTS.get(_name(cut), _NEVER)
    return holds(finder, cut) and cut.output.use_count == 1


def _is_cut(cut: tuple[Holds, Rewrite]) -> tuple[Holds, Rewrite]:
    def holds(finder: _Finder, node: Node) -> bool:
        reader = node.output.uses[0].user if node.output.use_count == 1 else node
        return cut[0](finder, node) and reader.kind == "prim::ListUnpack" and finder.units.issuperset(reader.outputs)

    return holds, cut[1]


def _takes_it(finder: _Finder, node: Node) -> bool:
    rank = finder.rank(node.inputs[0])
    is_first = constant_value(node.inputs[1]) in (0, -rank) and constant_value(node.inputs[2]) in (0, -1)
    return _first(finder, node) and is_first and node.output not in finder.known


def _one_size(finder: _Finder, node: Node) -> bool:
    dimension, rank = constant_value(node.inputs[1]), finder.rank(node.inputs[0])
    return _first(finder, node) and isinstance(dimension, int) and -rank < dimension < rank


def _size(finder: _Finder, node: Node) -> None:
    if constant_value(node.inputs[1]) != 0:
        _SIZE[1](finder, node)
    else:
        one = create_constant(node.graph, 1).copy_metadata(node).insert_before(node)
        node.replace_all_uses_with(one)
        node.destroy()


def _all_sizes(finder: _Finder, node: Node) -> bool:
    reader = node.output.uses[0].user if node.output.use_count == 1 else node
    count = finder.rank(node.inputs[0])
    return _first(finder, node) and reader.kind == "prim::ListUnpack" and len(reader.outputs) == count


def _sizes(finder: _Finder, node: Node) -> None:
    unpack = node.output.uses[0].user
    one = create_constant(node.graph, 1).copy_metadata(node).insert_before(node)
    unpack.outputs[0].replace_all_uses_with(one.output)
    unpack.erase_output(0)


_NEVER: tuple[Holds, Rewrite] = (lambda finder, node: False, _unchanged)
_SIZE = _dimensions(1)
_TAKES_BACK = (
    UNARY
    | SCALAR
    | BINARY
    | COMPARISONS
    | frozenset(
        f"aten::{name}"
        for name in (
            *("sum", "sum.dim_IntList", "mean", "mean.dim", "max.dim", "min.dim", "argmax", "argmin"),
            *("softmax.int", "log_softmax.int", "layer_norm"),
        )
    )
)
"""Readers for which the dimension may be put back: how they compute does not depend on its stride."""
_CUTS: Mapping[str, tuple[Holds, Rewrite]] = MappingProxyType(
    {f"aten::{name}": _dimensions(2) for name in ("chunk", "split.Tensor", "split.sizes", "split_with_sizes")}
)
_KEEPS: Mapping[str, tuple[Holds, Rewrite]] = MappingProxyType(
    {
        **dict.fromkeys(UNARY | SCALAR, (_first, _unchanged)),
        **dict.fromkeys(BINARY | {"aten::masked_fill.Scalar"}, (_broadcast, _unchanged)),
        **dict.fromkeys(("aten::softmax.int", "aten::log_softmax.int"), _dimensions(1)),
        **dict.fromkeys(("aten::select.int", "aten::slice.Tensor"), _dimensions(1)),
        **dict.fromkeys(("aten::transpose.int", "aten::flatten.using_ints"), _dimensions(1, 2)),
        **dict.fromkeys(("aten::view", "aten::reshape"), (_view, _drop_first_size(1))),
        **dict.fromkeys(("aten::empty.memory_format", "aten::zeros", "aten::ones"), (_filled, _drop_first_size(0))),
        "aten::cat": _dimensions(1, first=_all_joined),
        "aten::unsqueeze": (_unsqueezes, _unsqueeze),
        "aten::linear": (_linear, _product),
        "aten::layer_norm": (_layer_norm, _unchanged),
        "aten::matmul": (_stacks, _unchanged),
        "prim::ListUnpack": (_pieces, _unchanged),
    }
)
"""By overload: when a node gives its results without the dimension, and how it is rewritten then."""
_READS: Mapping[str, tuple[Holds, Rewrite]] = MappingProxyType(
    {
        **{name: _is_cut(cut) for name, cut in _CUTS.items()},
        "aten::select.int": (_takes_it, _is_operand),
        "aten::size": (_all_sizes, _sizes),
        "aten::size.int": (_one_size, _size),
        "prim::device": (_first, _unchanged),
    }
)
"""The same of nodes that give what they gave, for an operand without the dimension."""
