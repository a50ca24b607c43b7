"""View a tensor once, rather than each of its equal pieces.

    %l : Tensor[] = aten::chunk(%x, 2, -1)                        %a, %w = sizes of %x
    %p, %q = prim::ListUnpack(%l)                                 %d = floordiv(%w // 2, %h)
    %a, %w = sizes of %p                                          %p, %q = prim::If(%w % 2 == 0 and %h * %d == %w // 2)
    %y = aten::view(%p, [%a, %h, floordiv(%w, %h)])         ->      block0():
    %s = aten::transpose(%y, 0, 1)                                    %y = aten::view(%x, [%a, 2 * %h, %d])
    %b, %v = sizes of %q                                              %t = aten::transpose(%y, 0, 1)
    %z = aten::view(%q, [%b, %h, floordiv(%v, %h)])                   -> aten::split_with_sizes(%t, [%h, %h], 0)
    %t = aten::transpose(%z, 0, 1)                                  block1(): what was there

So queries, keys and values of attention become heads. The views have the same elements and the same strides (but for
those of dimensions of size 1, which lead nowhere). Whether pieces are equal, and the views divide their last dimension
and leave the others, is asked when the graph runs; if not, all is done as before.

Only pieces that nothing but sizes and one view is taken of, where no tensor is written to and nobody outside can hold
a view. Where a view fails, it does so before what comes between it and the first one; that has no side effects.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from flambeau.ir import (
    BOOL,
    INT,
    TENSOR,
    Graph,
    ListType,
    Node,
    Type,
    Value,
    constant_value,
    create_constant,
    has_side_effects,
)

from ..known_objects import known_objects, writes_tensors
from .memory_reuse import keeps_nothing
from .tensor_rules import TensorFact

__all__ = ["view_before_cut"]

_MOST_PIECES = 8
_STACK = 3
"""The fewest dimensions of a stack of matrices."""
Size: TypeAlias = "tuple[object, ...]"
"""How a size is computed: `("size", 2)` of a piece, `("//", one, other)`, `("constant", 4)` or `("value", v)`."""


@final
@dataclass(frozen=True, slots=True)
class _Cut:
    """A tensor that is cut along its last dimension, and how its pieces are viewed."""

    chunk: Node
    unpack: Node
    rank: int
    sizes: tuple[Size, ...]
    """Of the views, which have one dimension more."""
    swapped: tuple[int, int] | None
    """The dimensions of the views that are transposed."""
    results: tuple[Value, ...]
    nodes: tuple[Node, ...]
    """What makes the results of the pieces, in order."""
    early: frozenset[Node]
    """Constants and reads of attributes after the cut that those depend on."""


def view_before_cut(graph: Graph, facts: Mapping[Value, TensorFact]) -> list[tuple[Node, Value, int]]:
    """Rewrite wherever that is possible; gives what stands for each cut now, what was cut, and how many calls that
    spares.
    """
    chunks = graph.find_nodes("aten::chunk")
    if not chunks or any(writes_tensors(node) for node in graph.walk()):
        return []
    known = known_objects(graph)
    made: list[tuple[Node, Value, int]] = []
    for chunk in chunks:
        fact = facts.get(chunk.inputs[0])
        cut = None if fact is None or fact.rank is None else _match(chunk, fact.rank)
        if cut is not None and known.isdisjoint(cut.results) and not any(_folds(v, facts) for v in cut.results):
            views = 1 if cut.swapped is None else 2
            made.append((_rewrite(graph, cut), chunk.inputs[0], views * (len(cut.results) - 1)))
    return made


def _folds(value: Value, facts: Mapping[Value, TensorFact]) -> bool:
    """Whether a product with a matrix may read a view: its routine depends on strides even of dimensions of size 1."""
    for user, offset in value.uses:
        other = facts.get(user.inputs[1 - offset]) if user.kind == "aten::matmul" else None
        if user.kind == "aten::linear" or (
            user.kind == "aten::matmul" and (other is None or other.rank is None or other.rank < _STACK)
        ):
            return True
        gives_view = user.operator is not None and not keeps_nothing(user)
        if gives_view and any(_folds(output, facts) for output in user.outputs):
            return True
    return False


# --- what is looked for


def _match(chunk: Node, rank: int) -> _Cut | None:
    count, dimension = (constant_value(v) for v in chunk.inputs[1:])
    if not isinstance(count, int) or not 1 < count <= _MOST_PIECES or dimension not in (-1, rank - 1):
        return None
    unpack = chunk.output.uses[0].user if chunk.output.use_count == 1 else chunk
    if unpack.kind != "prim::ListUnpack" or len(unpack.outputs) != count or chunk.next is not unpack:
        return None
    found = [_Piece(piece, chunk, rank) for piece in unpack.outputs]
    first = found[0]
    if any(not p.is_viewed or p.sizes != first.sizes or p.swapped != first.swapped for p in found):
        return None
    nodes = _in_order(unpack, {node for piece in found for node in piece.nodes})
    results = tuple(p.result for p in found)
    if nodes is None or not _is_closed(nodes, set(results)):
        return None
    early = frozenset(node for piece in found for node in piece.early)
    return _Cut(chunk, unpack, rank, first.sizes, first.swapped, results, tuple(nodes), early)


@final
class _Piece:
    """One piece, and how it is viewed."""

    def __init__(self, piece: Value, chunk: Node, rank: int) -> None:
        self._piece, self._chunk, self._rank = piece, chunk, rank
        self.nodes: set[Node] = set()
        """What is computed of the piece, up to its result."""
        self.early: set[Node] = set()
        """Constants and reads of attributes after the cut that it depends on."""
        self.sizes: tuple[Size, ...] = ()
        self.swapped: tuple[int, int] | None = None
        self.result = piece
        self.is_viewed = self._follow()

    def _follow(self) -> bool:
        views = [use.user for use in self._piece.uses if use.user.kind != "aten::size"]
        if len(views) != 1 or views[0].kind != "aten::view" or len(views[0].inputs) != 2:
            return False
        view, shape = views[0], views[0].inputs[1].node
        if shape.kind != "prim::ListConstruct" or len(shape.inputs) != self._rank + 1:
            return False
        self.nodes |= {view, shape, *(use.user for use in self._piece.uses)}
        sizes = [self._size(v) for v in shape.inputs]
        self.result = view.output
        reader = view.output.uses[0].user if view.output.use_count == 1 else view
        if reader.kind == "aten::transpose":
            one, other = (self._constant(v) for v in reader.inputs[1:])
            if one is not None and other is not None:
                self.nodes.add(reader)
                self.result, self.swapped = reader.output, (one, other)
        self.sizes = tuple(s for s in sizes if s is not None)
        return len(self.sizes) == len(sizes)

    def _constant(self, value: Value) -> int | None:
        known = constant_value(value)
        if not isinstance(known, int):
            return None
        if not value.node.is_before(self._chunk):
            self.early.add(value.node)
        return known

    def _size(self, value: Value) -> Size | None:
        """How a size is computed; None if that is not known before the cut."""
        node = value.node
        known = self._constant(value)
        if known is not None:
            return ("constant", known) if known >= 0 else None
        if node.is_before(self._chunk):
            return "value", value
        if node.kind == "prim::GetAttr" and node.inputs[0].node.is_before(self._chunk):
            self.early.add(node)
            return "value", value
        if node.kind == "prim::ListUnpack" and self._is_size(node.inputs[0].node) and len(node.outputs) == self._rank:
            self.nodes.add(node)
            return "size", value.offset
        if self._is_size(node) and len(node.inputs) == 2:
            dimension = self._constant(node.inputs[1])
            in_range = dimension is not None and -self._rank <= dimension < self._rank
            return ("size", dimension % self._rank) if dimension is not None and in_range else None
        if node.kind == "aten::floordiv" and value.type is INT:
            one, other = (self._size(v) for v in node.inputs)
            self.nodes.add(node)
            return None if one is None or other is None else ("//", one, other)
        return None

    def _is_size(self, node: Node) -> bool:
        return node.kind == "aten::size" and node.inputs[0] is self._piece


def _in_order(unpack: Node, members: set[Node]) -> list[Node] | None:
    """The nodes after a node that are members, in order; None if they are not all in its block, or if moving them to
    the first could be noticed.
    """
    found: list[Node] = []
    node = unpack
    while len(found) < len(members):
        node = node.next
        if node.kind in ("prim::Return", "prim::Param"):
            return None
        if node in members:
            found.append(node)
        elif node.blocks or has_side_effects(node) or (node.operator is not None and node.operator.schema.is_mutable):
            return None
    return found


def _is_closed(nodes: Sequence[Node], results: set[Value]) -> bool:
    """Whether nothing else reads what nodes compute, but for the results."""
    members = set(nodes)
    read = [output for node in nodes for output in node.outputs if output not in results]
    return all(use.user in members for output in read for use in output.uses)


# --- what takes its place


def _rewrite(graph: Graph, cut: _Cut) -> Node:
    view = next(node for node in cut.nodes if node.kind == "aten::view")
    whole, count = cut.chunk.inputs[:2]
    for node in cut.early:
        node.move_before(cut.chunk)
    write = _Writer(graph, cut.chunk, view)
    sizes = write.sizes(whole, cut.rank)
    part = write.number("aten::floordiv", sizes[-1], count)
    *outer, heads, width = views = [write.size(s, [*sizes[:-1], part]) for s in cut.sizes]
    zero = write.constant(0)
    tests = [
        write.test("aten::gt", part, zero),
        write.test("aten::eq", write.number("aten::remainder", sizes[-1], count), zero),
        write.test("aten::gt", heads, zero),
        _divides(write, cut, heads, width, part, zero),
        *(write.test("aten::eq", o, s) for o, s in zip(outer, sizes, strict=False) if o is not s),
    ]
    all_hold = functools.reduce(lambda one, other: write.test("aten::__and__", one, other), tests)
    choice = graph.create("prim::If", (all_hold,), (TENSOR,) * len(cut.results)).copy_metadata(view)
    choice.insert_before(cut.chunk)
    then, otherwise = choice.add_block(), choice.add_block()
    for result, output in zip(cut.results, choice.outputs, strict=True):
        output.copy_metadata(result)
        result.replace_all_uses_with(output)
        otherwise.add_output(result)
    for node in (cut.chunk, cut.unpack, *cut.nodes):
        node.move_before(otherwise.return_node)
    for piece in _cut_view(_Writer(graph, then.return_node, view), cut, views, sizes[-1]):
        then.add_output(piece)
    return choice


def _divides(write: _Writer, cut: _Cut, heads: Value, width: Value, part: Value, zero: Value) -> Value:
    """Whether the last two dimensions of the views are the last one of a piece."""
    if cut.sizes[-1] == ("//", ("size", cut.rank - 1), cut.sizes[-2]):
        return write.test("aten::eq", write.number("aten::remainder", part, heads), zero)
    return write.test("aten::eq", write.number("aten::mul", heads, width), part)


def _cut_view(write: _Writer, cut: _Cut, sizes: Sequence[Value], last: Value) -> Sequence[Value]:
    """The results, where pieces are equal; `last` is the last size of the whole."""
    *outer, heads, width = sizes
    all_heads = write.number("aten::floordiv", last, width)
    view = write.node("aten::view", (cut.chunk.inputs[0], write.list_of(*outer, all_heads, width)), TENSOR).output
    place = cut.rank - 1
    if cut.swapped is not None:
        view = write.node("aten::transpose", (view, *map(write.constant, cut.swapped)), TENSOR).output
        one, other = (dimension % (cut.rank + 1) for dimension in cut.swapped)
        place = {one: other, other: one}.get(place, place)
    pieces = write.list_of(*[heads] * len(cut.results))
    cuts = write.node("aten::split_with_sizes", (view, pieces, write.constant(place)), ListType(TENSOR)).output
    return write.node("prim::ListUnpack", (cuts,), *[TENSOR] * len(cut.results)).outputs


@final
class _Writer:
    """Puts nodes before a place, that have the source range of another node."""

    def __init__(self, graph: Graph, place: Node, like: Node) -> None:
        self._graph, self._place, self._like = graph, place, like

    def node(self, kind: str, inputs: Iterable[Value], *types: Type) -> Node:
        return self._graph.create(kind, inputs, types).copy_metadata(self._like).insert_before(self._place)

    def number(self, kind: str, *inputs: Value) -> Value:
        return self.node(kind, inputs, INT).output

    def test(self, kind: str, *inputs: Value) -> Value:
        return self.node(kind, inputs, BOOL).output

    def constant(self, number: int) -> Value:
        return create_constant(self._graph, number).copy_metadata(self._like).insert_before(self._place).output

    def list_of(self, *numbers: Value) -> Value:
        return self.node("prim::ListConstruct", numbers, ListType(INT)).output

    def sizes(self, tensor: Value, rank: int) -> Sequence[Value]:
        sizes = self.node("aten::size", (tensor,), ListType(INT)).output
        return self.node("prim::ListUnpack", (sizes,), *[INT] * rank).outputs

    def size(self, given: Size, of_piece: Sequence[Value]) -> Value:
        """A size of a view, from the sizes of the piece."""
        kind, *rest = given
        if kind == "//":
            return self.number("aten::floordiv", *(self.size(r, of_piece) for r in rest if isinstance(r, tuple)))
        (found,) = rest
        if isinstance(found, int):
            return of_piece[found] if kind == "size" else self.constant(found)
        return found  # type: ignore[return-value]  # it is a value
