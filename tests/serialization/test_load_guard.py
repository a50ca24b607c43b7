"""What code may do that runs while an archive is loaded."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import flambeau
from flambeau.errors import ArchiveError
from flambeau.python.tensors import TorchValues
from flambeau.serialization import DEFAULT_LIMITS, read_archive
from tests.serialization.old_archives import rewritten, saved

HEAD = "    state: int) -> NoneType:\n"


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    @torch.jit.export
    def __getstate__(self) -> int:
        return 20

    @torch.jit.export
    def __setstate__(self, state: int) -> None:
        self.training = False
        self.n = state

    @torch.jit.export
    def endless(self) -> bool:
        while True:
            self.n += 1
        return True

    def forward(self) -> int:
        return self.n


def archive_that(statement: str) -> bytes:
    """An archive whose objects set their state by code that begins with a statement."""
    data = saved(torch.jit.script(Stateful()))
    return rewritten(data, 3, lambda code: code.replace(HEAD, f"{HEAD}    {statement}\n"))


def test_what_is_allowed() -> None:
    data = archive_that("y = torch.ones([3])\n    print(y)\n    for i in range(100):\n      state = state + 1")
    assert flambeau.load(io.BytesIO(data))() == 120


@pytest.mark.parametrize(
    "statement",
    [
        "while True:\n      self.n = 1",
        "for i in range(9223372036854775807):\n      self.n = i",
        "self.n = 0\n    y = (self).endless()",
        "for i in range(9223372036854775807):\n      for j in range(9223372036854775807):\n        self.n = j",
    ],
)
def test_no_end(statement: str) -> None:
    with pytest.raises(ArchiveError, match="fails: it takes more than the allowed 1000000 operations"):
        flambeau.load(io.BytesIO(archive_that(statement)))


def test_limits_are_parameters() -> None:
    data = archive_that("for i in range(1000):\n      self.n = i")
    assert flambeau.load(io.BytesIO(data), limits=DEFAULT_LIMITS)() == 20
    few = replace(DEFAULT_LIMITS, setstate_steps=500)
    with pytest.raises(ArchiveError, match="more than the allowed 500 operations"):
        flambeau.load(io.BytesIO(data), limits=few)
    no_time = replace(DEFAULT_LIMITS, setstate_seconds=0.0)
    with pytest.raises(ArchiveError, match="longer than the allowed 0 seconds"):
        read_archive(data, factory=TorchValues(), limits=no_time)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("torch.save(1, '{file}')", "aten::save writes a file"),
        (
            "y = torch.from_file('{file}', True, 10)\n    self.n = torch.numel(y)",
            "aten::from_file reads or creates a file",
        ),
        (
            "def __forked_function0():\n      return (self).endless()\n    y = torch.wait(fork(__forked_function0))",
            "prim::fork starts a task",
        ),
    ],
)
def test_what_is_not_allowed(statement: str, reason: str, tmp_path: Path) -> None:
    data = archive_that(statement.format(file=tmp_path / "evil"))
    with pytest.raises(ArchiveError, match=reason):
        flambeau.load(io.BytesIO(data))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["'a' * 1000000000000", "[0] * 1000000000000", "torch.ones([10000000, 10000000])"])
def test_no_memory(value: str) -> None:
    with pytest.raises(ArchiveError, match="fails:"):
        flambeau.load(io.BytesIO(archive_that(f"self.n = torch.len({value})")))
