"""Copies of graphs, and copying one graph's nodes into another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
    for value in source.inputs:
        new = target.add_input(type=value.type)
        if value.has_debug_name:
            new.set_debug_name(value.debug_name)
        values[value] = new
    for node in source:
        target.append(copy_node(node, target.graph, values))
    for value in source.outputs:
        target.add_output(values.get(value, value))


def copy_node(node: Node, graph: Graph, values: dict[Value, Value]) -> Node:
    """A copy of a node (in no block yet) that reads the mapped values; its outputs are added to the map."""
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
    for block in node.blocks:
        copy_block(block, new.add_block(), values)
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
