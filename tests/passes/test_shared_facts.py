"""Alias facts are shared by passes for as long as they hold."""

from __future__ import annotations

import gc

from flambeau.ir import Graph, collected_later
from flambeau.passes import eliminate_common_subexpressions, eliminate_dead_code, run
from flambeau.passes.shared_facts import alias_facts, forget_alias_facts, sharing
from flambeau.testing import graph_of

TEXT = "graph(%x : Tensor):\n  %y : Tensor = aten::relu(%x)\n  %z : Tensor = aten::relu(%x)\n  return (%y)"


def test_kept_until_forgotten() -> None:
    graph = graph_of(TEXT)
    assert alias_facts(graph) is not alias_facts(graph)
    with sharing():
        first = alias_facts(graph)
        with sharing():
            assert alias_facts(graph) is first
        assert alias_facts(graph) is first
        forget_alias_facts()
        assert alias_facts(graph) is not first
    assert alias_facts(graph) is not alias_facts(graph)


def test_passes_see_the_same_facts_until_one_merges() -> None:
    seen = []

    def look(graph: Graph) -> bool:
        seen.append(alias_facts(graph))
        return False

    def look_again(graph: Graph) -> bool:
        return look(graph)

    def and_again(graph: Graph) -> bool:
        return look(graph)

    run(graph_of(TEXT), look, eliminate_dead_code, look_again, eliminate_common_subexpressions, and_again)
    assert seen[0] is seen[1] is seen[2]
    seen.clear()
    run(graph_of(TEXT), look, eliminate_common_subexpressions, look_again)
    assert seen[0] is not seen[1]


def test_the_collector_is_as_it_was() -> None:
    assert gc.isenabled()
    with collected_later():
        with collected_later():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collected_later():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
