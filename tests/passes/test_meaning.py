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


@given(graph=graphs(), data=st.data())
def test_passes_keep_meaning(graph: Graph, data: st.DataObject) -> None:
    """Each pass alone, and the pipelines. A second run of the result sees nothing of the first: no constant changed."""
    inputs = arguments(data.draw, graph)
    expected = observe(graph, inputs)
    for name, apply in ALL.items():
        changed = copy_graph(graph)
        before = str(changed)
        returned = apply(changed)
        verify(changed, after=name)
        assert returned is None or returned == (before != str(changed)), (
            f"{name} must return whether it changed anything"
        )
        assert observe(changed, inputs) == expected, name
        assert observe(changed, inputs) == expected, f"{name}, second run"
