"""What tests of the background have: a worker that nothing else waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flambeau.runtime import background


@pytest.fixture
def own_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker of its own for one test, which ends with it, whatever is left to do."""
    worker = background._Worker()
    monkeypatch.setattr(background, "_worker", worker)
    yield
    worker.stop()
