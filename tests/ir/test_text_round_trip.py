"""Printing and parsing are inverse to each other."""

from __future__ import annotations

from hypothesis import given

from flambeau import ir
from tests.strategies.graphs import NAMED_TUPLE, decorated_graphs, graphs


def find_named(name: str) -> ir.Type | None:
    """In unions, named tuples print by name alone; what the name stands for decides their place among the members."""
    return NAMED_TUPLE if name == NAMED_TUPLE.qualified_name else None


@given(graph=decorated_graphs())
def test_decorated_graphs(graph: ir.Graph) -> None:
    text = str(graph)
    assert str(ir.parse(text, find_named)) == text


@given(graph=graphs())
def test_graphs_that_run(graph: ir.Graph) -> None:
    text = str(graph)
    parsed = ir.parse(text)
    assert str(parsed) == text
    assert ir.check(parsed) == []


@given(graph=decorated_graphs())
def test_copies(graph: ir.Graph) -> None:
    assert str(ir.copy_graph(graph)) == str(graph)
