"""Mutants of archives through the whole loader: each ends as a module or in one `ArchiveError`, and soon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serialization.fuzzing.loading import outcome
from tests.serialization.fuzzing.mutants import MUTATIONS, mutant
from tests.serialization.fuzzing.seeds import make_seeds

CHUNK = 5000


def run(*options: object) -> None:
    command = [sys.executable, "-m", "tests.serialization.fuzzing", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_two_thousand_mutants_or_as_many_as_fifty_seconds_allow() -> None:
    run("--mutants", 2000, "--seconds", 50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("start", range(0, 100_000, CHUNK))
def test_a_hundred_thousand_mutants(start: int) -> None:
    """In parts, which several test processes can share."""
    run("--mutants", CHUNK, "--start", start)


class TestTheHarness:
    """That it would notice."""

    def test_mutants_can_be_made_again(self) -> None:
        seeds = {"zip": make_seeds()["Lists"]}
        for number in range(len(MUTATIONS)):
            assert mutant(seeds, 1, number) == mutant(seeds, 1, number)
        assert mutant(seeds, 1, 0) != mutant(seeds, 2, 0)

    def test_findings(self) -> None:
        """Other loaders in place of ours, which do what ours must not."""
        expected = {
            "raise ValueError('wrong')": "FOUND ValueError",
            "while True: pass": "FOUND no end within 1 seconds",
            "os.abort()": "FOUND the process died of SIGABRT",
            "os._exit(3)": "FOUND the process ended itself with status 3",
            "bytearray(2 << 30)": "FOUND MemoryError",
            "open('/tmp/flambeau-was-here', 'w').close()": "FOUND the file was created",
        }
        program = f"""
import os
from tests.serialization.fuzzing import loading, running
from tests.serialization.old_archives import archive_of
running.SECONDS = 1
sample = {{"sample": archive_of({{"a.py": b"x", "b.pkl": b"y"}})}}
for action in {list(expected)}:
    loading.LOADERS["bad"] = lambda data, number, folder: exec(action)
    for number, result in running.fuzz("bad", sample, 0, range(2)).findings:
        print(result)
"""
        command = [sys.executable, "-W", "ignore", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
        found = done.stdout.splitlines()
        assert len(found) == 2 * len(expected), done.stderr
        for line, start in zip(found, [start for start in expected.values() for _ in range(2)], strict=True):
            assert line.startswith(start)

    def test_sound_archives_load(self) -> None:
        for name, data in make_seeds().items():
            assert (name, outcome("flambeau", data, 0, Path())) == (name, "loaded")
            assert (name, outcome("torch", data, 0, Path())) == (name, "loaded")
