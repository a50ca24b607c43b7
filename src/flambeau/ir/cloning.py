"""Copies of graphs, and copying one graph's nodes into another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from .graph import Block, Graph
from .node import Node, Value


def copy_graph(graph: Graph) -> Graph:
    """A copy with the same names and numbers; types and attribute values are shared, subgraphs are copied."""
    result = Graph()
    result.op_version = graph.op_version
    values: dict[Value, Value] = {}
    copy_block(graph.block, result.block, values)
    for old, new in values.items():
        result._set_unique(new, old.unique)
    return result


def copy_block(source: Block, target: Block, values: dict[Value, Value]) -> None:
    """Append inputs, nodes and outputs of a block to another one; `values` maps old to new and is added to."""
    _finish([_copying(source, target, values)], values)


def copy_node(node: Node, graph: Graph, values: dict[Value, Value]) -> Node:
    """A copy of a node (in no block yet) that reads the mapped values; its outputs are added to the map."""
    new = _copy_without_blocks(node, graph, values)
    for block in node.blocks:
        copy_block(block, new.add_block(), values)
    return new


_BlockPairs: TypeAlias = "Iterator[tuple[Block, Block]]"


def _finish(stack: list[_BlockPairs], values: dict[Value, Value]) -> None:
    """Run copies that stop at each sub-block; those go on the stack, so that no depth of nesting is too deep."""
    while stack:
        pair = next(stack[-1], None)
        if pair is None:
            stack.pop()
        else:
            stack.append(_copying(*pair, values))


def _copying(source: Block, target: Block, values: dict[Value, Value]) -> _BlockPairs:
    for value in source.inputs:
        new_input = target.add_input(type=value.type)
        if value.has_debug_name:
            new_input.set_debug_name(value.debug_name)
        values[value] = new_input
    for node in source:
        new = _copy_without_blocks(node, target.graph, values)
        target.append(new)
        for block in node.blocks:
            yield block, new.add_block()
    for value in source.outputs:
        target.add_output(values.get(value, value))


def _copy_without_blocks(node: Node, graph: Graph, values: dict[Value, Value]) -> Node:
    new = graph.create(node.kind, [values.get(v, v) for v in node.inputs], 0)
    new.copy_metadata(node).copy_attributes(node)
    for name, given in node.attributes.items():
        if given.kind == "g" and isinstance(given.value, Graph):
            new.set_attribute(name, "g", copy_graph(given.value))
        elif given.kind == "gs" and isinstance(given.value, tuple):
            new.set_attribute(name, "gs", tuple(copy_graph(g) for g in given.value))
    for output in node.outputs:
        values[output] = new.add_output(output.type)
        if output.has_debug_name:
            values[output].set_debug_name(output.debug_name)
    new._operator = node._operator
    return new


def insert_graph(
    target: Graph,
    source: Graph,
    inputs: Sequence[Value],
    on_node: Callable[[Node], None] | None = None,
    values: Mapping[Value, Value] | None = None,
) -> list[Value]:
    """Copy the nodes of `source` to the insert point of `target` and return what its outputs became.

    `inputs` stand for the inputs of `source`; `on_node` is called with each copied node (sub-blocks' nodes too).
    """
    mapping = dict(values or {})
    mapping.update(zip(source.inputs, inputs, strict=True))
    for node in source.nodes():
        new = target.insert_node(copy_node(node, target, mapping))
        if on_node is not None:
            on_node(new)
            for block in new.blocks:
                for inner in block.walk():
                    on_node(inner)
    return [mapping[v] for v in source.outputs]
