"""Graphs within graphs: what a pass that works on one graph has to be applied to."""

from __future__ import annotations

from flambeau.ir import Graph

_WITHOUT = frozenset({"prim::Constant", "prim::GetAttr"})
"""Frequent kinds that have attributes, none of which is a graph."""


def with_subgraphs(graph: Graph) -> list[Graph]:
    """A graph and those that are attributes of its nodes, at any depth, inner ones first."""
    found = [graph]
    for current in found:  # grows while it is read
        for node in current.walk():
            if node.kind not in _WITHOUT and node.attributes:
                found += [given.value for given in node.attributes.values() if isinstance(given.value, Graph)]
    return found[::-1]
