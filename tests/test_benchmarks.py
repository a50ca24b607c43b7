"""The measuring itself: ratios within rounds, and graphs of the size that the scaling benchmark claims."""

from __future__ import annotations

import pytest

from benchmarks.harness import Measured, measure
from flambeau import ir


def test_ratio_is_the_median_within_rounds() -> None:
    """The third round ran on a busy machine; comparing medians of times would blame the second contender for it."""
    measured = Measured({"base": [1.0, 1.0, 4.0, 4.0, 4.0], "other": [2.0, 2.0, 8.0, 8.0, 8.8]})
    assert measured.baseline == "base"
    assert measured.ratio("other") == pytest.approx(2.0)
    assert measured.spread("other") == pytest.approx((2.0, 2.0))


def test_contenders_run_in_turns() -> None:
    calls: list[str] = []
    measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, seconds_a_sample=0, warm_up=0)
    assert "".join(calls) == "ab" + 3 * "ab"


@pytest.mark.parametrize("nodes", [150, 3000])
def test_scaling_builds_what_its_text_says(nodes: int) -> None:
    from benchmarks import scaling

    built, parsed = scaling.build(nodes), ir.parse(scaling.source(nodes))
    assert [node.kind for node in built.walk()] == [node.kind for node in parsed.walk()]
    assert nodes <= sum(1 for _ in built.walk()) <= nodes + 3
