"""Passes keep the meaning of programs, bit for bit, and what a caller can see of aliasing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import passes
from flambeau.ir import Graph, copy_graph, verify
from flambeau.passes import PASSES
from flambeau.runtime import evaluate_node
from tests.strategies.graphs import arguments, graphs, observe

pytest.importorskip("torch")

EVALUATING = ("constant_propagation", "constant_propagation_immutable_types")
ALL: dict[str, Callable[[Graph], object]] = {
    **{name: partial(p, evaluate=evaluate_node) if name in EVALUATING else p for name, p in PASSES.items()},
    "after_compilation": passes.after_compilation,
    "optimize": passes.optimize,
}


@pytest.mark.parametrize("name", ALL)
@given(graph=graphs(), data=st.data())
def test_pass_keeps_meaning(name: str, graph: Graph, data: st.DataObject) -> None:
    inputs = arguments(data.draw, graph)
    changed = copy_graph(graph)
    before = str(changed)
    returned = ALL[name](changed)
    verify(changed, after=name)
    assert returned is None or returned == (before != str(changed))
    assert observe(changed, inputs) == observe(graph, inputs)


@given(graph=graphs(), data=st.data())
def test_running_twice_gives_the_same(graph: Graph, data: st.DataObject) -> None:
    """No pass lets a constant be changed by a run."""
    inputs = arguments(data.draw, graph)
    passes.optimize(graph)
    assert observe(graph, inputs) == observe(graph, inputs)
