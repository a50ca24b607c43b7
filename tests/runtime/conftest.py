"""What the tests of this folder have: a worker that nothing else waits for, and no marks left by other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flambeau import settings
from flambeau.runtime import background
from flambeau.runtime.registry import special_tensors

TIERS: dict[str, dict[str, str | int]] = {
    "interpreter": {"tier": "interpreter"},
    "python": {},
    "baseline": {"at_once": 0},
}
"""The ways to run a script: by the interpreter, optimised, and as it was compiled."""


@pytest.fixture(params=list(TIERS))
def each_tier(request: pytest.FixtureRequest) -> Iterator[None]:
    with settings.override(**TIERS[request.param]):
        yield


@pytest.fixture
def own_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker of its own for one test, which ends with it, whatever is left to do."""
    worker = background._Worker()
    monkeypatch.setattr(background, "_worker", worker)
    yield
    worker.stop()


@pytest.fixture
def only_worker(request: pytest.FixtureRequest) -> Iterator[None]:
    """A worker of its own for one test, during which that of all other tests rests."""
    with background._worker.working:
        request.getfixturevalue("own_worker")
        yield


@pytest.fixture(autouse=True)
def no_special_tensors_stay() -> Iterator[None]:
    """Once a script has seen a tensor of a class of its own, all scripts run in the way that suits those, for good."""
    special_tensors.clear()  # what tests of other rooms left behind
    yield
    special_tensors.clear()
