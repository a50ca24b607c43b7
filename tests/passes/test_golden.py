"""Every pass on the cases of its golden file, `tests/golden/passes/<registered name>.ir`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flambeau.ir import Graph
from flambeau.passes import PASSES
from flambeau.runtime import evaluate_node
from tests.golden_files import Case, by_case, check, titles

WITH_EVALUATION = ("constant_propagation", "constant_propagation_immutable_types")


def runner(name: str) -> Callable[[Graph], bool]:
    if name in WITH_EVALUATION:
        return lambda graph: PASSES[name](graph, evaluate=evaluate_node)
    return PASSES[name]


@by_case("passes")
def test_pass(case: Case, bless: bool) -> None:
    check(case, runner(case.path.stem), bless)


@pytest.mark.parametrize("name", PASSES)
def test_pass_has_golden_cases(name: str) -> None:
    assert len(titles("passes", name)) >= 3, f"{name}: need a case that fires, one that must not, one in a nested block"


@by_case("passes")
def test_pass_is_stable(case: Case) -> None:
    """A second run finds nothing more to do. (Pooling turns the order of constants round, as in TorchScript.)"""
    if case.path.stem == "constant_pooling":
        pytest.skip("its order depends on the order before")
    graph = case.graph()
    apply = runner(case.path.stem)
    apply(graph)
    while apply(graph) and case.path.stem.startswith("peephole"):
        pass
    assert not apply(graph)
