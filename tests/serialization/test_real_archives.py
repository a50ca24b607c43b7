"""Archives that other projects ship, with inputs and outputs recorded through PyTorch's own loader."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import flambeau

FOLDER = Path(os.environ.get("FLAMBEAU_ARCHIVES") or Path(__file__).parents[3] / "shared" / "archives")
INDEX = FOLDER / "index.json"
CASES = {case["name"]: case for case in json.loads(INDEX.read_text())} if INDEX.exists() else {}

EXPECTED_FAILURES: dict[str, str] = {}
"""Cases that do not work yet, each with the reason."""

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recorded archives at {FOLDER} (set FLAMBEAU_ARCHIVES)")


def _cases() -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.xfail(reason=EXPECTED_FAILURES[name], strict=True))
        if name in EXPECTED_FAILURES
        else name
        for name in CASES
    ]


def assert_same(actual: object, expected: object, rtol: float, atol: float) -> None:
    """Equal up to tolerance, in every part."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(actual, torch.Tensor)
        torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    elif isinstance(expected, (list, tuple)):
        assert isinstance(actual, type(expected)) or isinstance(actual, tuple)
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same(a, e, rtol, atol)
    elif isinstance(expected, dict):
        assert isinstance(actual, dict)
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key], rtol, atol)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=rtol, abs=atol, nan_ok=True)
    else:
        assert actual == expected
        assert type(actual) is type(expected)


def replay(module: torch.nn.Module, case: dict[str, object]) -> None:
    """Make the recorded calls in order, and compare each result with the record."""
    calls = torch.load(FOLDER / str(case["name"]) / "calls.pt", weights_only=True)
    for call in calls:
        if case["seeded"]:
            torch.manual_seed(0)
        with torch.no_grad():
            actual = getattr(module, call["method"])(*call["args"], **call["kwargs"])
        assert_same(actual, call["output"], float(str(case["rtol"])), float(str(case["atol"])))


@pytest.mark.parametrize("name", _cases())
def test_archive_runs_as_recorded(name: str) -> None:
    replay(flambeau.load(FOLDER / name / "model.pt"), CASES[name])


@pytest.mark.parametrize("name", _cases())
def test_saved_again(name: str, tmp_path: Path) -> None:
    """Saved by flambeau, an archive runs as recorded, loaded by flambeau or by PyTorch."""
    file = tmp_path / "again.pt"
    flambeau.save(flambeau.load(FOLDER / name / "model.pt"), file)
    replay(flambeau.load(file), CASES[name])
    replay(torch.jit.load(str(file)), CASES[name])
