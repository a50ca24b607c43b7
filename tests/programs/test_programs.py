"""Generated programs do the same in plain Python, torch.jit, every tier of flambeau, and read back from an archive.

Run other ones: `FLAMBEAU_TEST_SEED=7 pytest tests/programs -m slow`. `python -m tests.programs.generator 17 plain`
shows a program, `python -m tests.programs.reducer plain 17` makes a failing one smaller.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.programs.checker import VERIFIED_OF_MANY, check
from tests.programs.generator import Kind, program_of

SEED = int(os.environ.get("FLAMBEAU_TEST_SEED", "0"))
SHARDS = 100
QUICK = {Kind.PLAIN: 200, Kind.WIDE: 30, Kind.EXTENDED: 70}
"""How many programs of each kind are checked at every change."""
MANY = {Kind.PLAIN: 140, Kind.WIDE: 20, Kind.EXTENDED: 40}
"""How many are checked in each shard of the long run."""
START = 1000
"""Where the seeds of the long run begin."""

pytestmark = pytest.mark.filterwarnings("ignore")


def _check(kind: Kind, seeds: range, folder: Path, verified_of: int = 1) -> None:
    failed = []
    for seed in seeds:
        try:
            check(program_of(seed, kind), folder, verify=seed % verified_of == 0)
        except Exception as error:
            failed.append(f"{kind.value} {seed}: {type(error).__name__}: {str(error).strip()[:500]}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_programs_do_the_same_everywhere(kind: Kind, part: int, tmp_path: Path) -> None:
    count = QUICK[kind] // 10
    _check(kind, range(part * count, (part + 1) * count), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_many_programs(kind: Kind, shard: int, tmp_path: Path) -> None:
    count = MANY[kind]
    start = START + (SEED * SHARDS + shard) * count
    _check(kind, range(start, start + count), tmp_path, VERIFIED_OF_MANY)
