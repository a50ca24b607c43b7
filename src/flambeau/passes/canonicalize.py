"""Bring graphs that differ only in numbers and order of outputs to one form.

    %7 : int = aten::neg(%x)                        ->   %1 : int = aten::neg(%x)
    %a, %b = prim::If(%c) ..., where %b is used first ->   %b, %a = prim::If(%c) ...

`canonicalize` numbers values from 0 in order of definition; `canonicalize_outputs` sorts the outputs of `prim::If`
and the carried values of `prim::Loop` by where they are read first, those that nothing reads last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cmp_to_key

from flambeau.ir import Block, Graph, Nested, Node, Use, Value, flat

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs


@graph_pass("canonicalize")
def canonicalize(graph: Graph, keep_names: bool = True) -> bool:
    """Number the values in order; `keep_names=False` also takes away all names."""
    changed = False
    for current in with_subgraphs(graph):
        values = list(_values(current))
        changed |= any(v.unique != number and not v.has_debug_name for number, v in enumerate(values))
        current.renumber(values)
        named = [] if keep_names else [value for value in values if value.has_debug_name]
        for value in named:
            value.set_debug_name("")
        changed |= bool(named)
    return changed


def _values(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    yield from flat(_values_in(graph.block))


def _values_in(block: Block) -> Nested[Value]:
    """In the order in which the text defines them."""
    for node in block:
        yield from node.outputs
        for inner in node.blocks:
            yield from inner.inputs
            yield _values_in(inner)


@graph_pass("canonicalize_outputs")
def canonicalize_outputs(graph: Graph) -> bool:
    """Sort outputs of control flow by first use."""
    changed = False
    for current in with_subgraphs(graph):
        # Uses come after definitions, so the last node's outputs are settled first.
        for node in list(flat(_reversed(current.block))):
            if node.kind in ("prim::If", "prim::Loop"):
                order = _order_of_first_use(node.outputs)
                if order != list(range(len(order))):
                    _permute(node, order)
                    changed = True
    return changed


def _reversed(block: Block) -> Nested[Node]:
    for node in reversed(block):
        yield node
        for inner in node.blocks:
            yield _reversed(inner)


def _order_of_first_use(values: Sequence[Value]) -> list[int]:
    first = [_first_use(value) for value in values]
    used = [(use, index) for index, use in enumerate(first) if use is not None]
    used.sort(key=cmp_to_key(_compare_indexed))
    return [index for _, index in used] + [index for index, use in enumerate(first) if use is None]


def _first_use(value: Value) -> Use | None:
    earliest: Use | None = None
    for use in value.uses:
        if earliest is None or _compare(use, earliest) < 0:
            earliest = use
    return earliest


def _compare_indexed(a: tuple[Use, int], b: tuple[Use, int]) -> int:
    return _compare(a[0], b[0])


def _compare(a: Use, b: Use) -> int:
    if a.user is b.user:
        return a.offset - b.offset
    return -1 if a.user.is_before(b.user) else 1


def _permute(node: Node, order: list[int]) -> None:
    if node.kind == "prim::Loop":
        body = node.blocks[0]
        node.permute_inputs([0, 1, *(i + 2 for i in order)])
        body.param_node.permute_outputs([0, *(i + 1 for i in order)])
        body.return_node.permute_inputs([0, *(i + 1 for i in order)])
    else:
        for block in node.blocks:
            block.return_node.permute_inputs(order)
    node.permute_outputs(order)
