"""Saving that does not come to its end: the file at the path is the old one or the new one, whole."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

import flambeau
from flambeau.errors import ArchiveError

KILLER = """
import os, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
import torch
import flambeau

target, attempts = sys.argv[1], int(sys.argv[2])

module = flambeau.script(torch.nn.Sequential(*(torch.nn.Linear(200, 200) for _ in range(10))))

def save(number):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(number)
    flambeau.save(module, target, extra_files={"number": str(number)})

start = time.perf_counter()
save(0)
seconds = time.perf_counter() - start
chosen = random.Random(attempts)
seen = set()
for attempt in range(attempts):
    child = os.fork()
    if child == 0:
        number = 1000 * attempt
        while True:
            number += 1
            save(number)
    time.sleep(chosen.random() * 3 * seconds * (1 + attempt % 10))  # later ones get through where starting takes long
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    problems = flambeau.validate(target)
    if problems:
        raise SystemExit(f"attempt {attempt}: {problems[0]}")
    files = {"number": b""}
    values = {float(p.flatten()[0]) for p in flambeau.load(target, extra_files=files).parameters()}
    if values != {float(files["number"])}:
        raise SystemExit(f"attempt {attempt}: a mixture of {values}")
    seen |= values
print(len(seen))
"""


def run_killer(target: Path, attempts: int) -> None:
    command = [sys.executable, "-c", KILLER, str(target), str(attempts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1
    leftovers = [name for name in os.listdir(target.parent) if name != target.name]
    assert all(name.startswith(".flambeau-") and name.endswith(".tmp") for name in leftovers)


def test_killed_ten_times(tmp_path: Path) -> None:
    run_killer(tmp_path / "m.pt", 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    run_killer(tmp_path / "m.pt", 200)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond that size: what writing to a full disk is like, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="module")
def module() -> flambeau.ScriptModule:
    return flambeau.script(nn.Sequential(nn.Linear(100, 100), nn.Linear(100, 100)))


@pytest.mark.parametrize("size", [0, 1, 1000, 30_000, 50_000])
def test_full_disk(module: flambeau.ScriptModule, size: int, tmp_path: Path) -> None:
    target = tmp_path / "m.pt"
    flambeau.save(module, target, extra_files={"which": "old"})
    old = target.read_bytes()
    assert len(old) > 80_000
    with largest_file(size), pytest.raises(ArchiveError, match=f"cannot write .*{target.name}"):
        flambeau.save(module, target)
    assert target.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.pt"]
    flambeau.save(module, target, extra_files={"which": "new"})
    assert target.read_bytes() != old


def test_device_without_space(module: flambeau.ScriptModule) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ArchiveError, match="No space left on device"):
        flambeau.save(module, "/dev/full")


def test_folder_that_must_not_be_written(module: flambeau.ScriptModule, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(ArchiveError, match="Permission denied"):
        flambeau.save(module, tmp_path / "m.pt")


def test_something_that_cannot_be_saved(tmp_path: Path) -> None:
    """Found out late, after tensors were written."""

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1000))
            self.values = ["fine", "\ud800"]

        def forward(self) -> int:
            return len(self.values)

    target = tmp_path / "m.pt"
    target.write_bytes(b"old")
    with pytest.raises(ArchiveError, match="cannot be encoded"):
        flambeau.save(flambeau.script(Holder()), target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.pt"]
