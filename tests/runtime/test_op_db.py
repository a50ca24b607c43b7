"""PyTorch's operator samples through scripts: interpreter and Python tier give what eager gives.

The samples run in a process of their own, because importing them replaces methods of PyTorch's script classes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.marks import requires_cuda

KNOWN: dict[str, str] = {}
"""Entries of `op_db` that differ, and why. One that no longer differs has to leave the list."""


def differences(*options: str) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The counts of a run, and the failures of each entry."""
    program = [sys.executable, "-m", "tests.runtime.op_db_differential", *options]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout.splitlines()[-1])
    print(report["counts"])
    return report["counts"], report["failures"]


def test_a_sample_of_the_operators_equals_eager() -> None:
    counts, failures = differences("--every", "12", "--offset", "3", "--samples", "1")
    assert counts["ops"] > 30
    assert {name: found for name, found in failures.items() if name not in KNOWN} == {}


@requires_cuda
def test_a_sample_of_the_operators_equals_eager_on_cuda() -> None:
    counts, failures = differences("--device", "cuda", "--every", "12", "--offset", "3", "--samples", "1")
    assert counts["ops"] > 30
    assert failures == {}


@requires_cuda
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_operator_equals_eager_on_cuda() -> None:
    counts, failures = differences("--device", "cuda")
    assert counts["ops"] > 400
    assert failures == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_operator_equals_eager() -> None:
    counts, failures = differences()
    assert counts["ops"] > 400
    assert {name: found for name, found in failures.items() if name not in KNOWN} == {}
    assert set(KNOWN) <= set(failures)
