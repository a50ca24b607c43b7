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
from flambeau.python.archives.tensors import TorchValues
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


@pytest.mark.parametrize("missing", ["__getstate__", "__setstate__"])
def test_one_of_the_two_methods_alone_means_nothing(missing: str) -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n = 7

        @torch.jit.export
        def state(self) -> int:
            return 20

        @torch.jit.export
        def take(self, state: int) -> None:
            self.n = state

        def forward(self) -> int:
            return self.n

    old, new = {"__getstate__": ("take", "__setstate__"), "__setstate__": ("state", "__getstate__")}[missing]
    plain = saved(torch.jit.script(Plain()))
    data = rewritten(plain, 3, lambda code: code.replace(f"def {old}(", f"def {new}("))
    assert torch.jit.load(io.BytesIO(data))() == 7
    module = flambeau.load(io.BytesIO(data))
    assert module() == 7
    assert flambeau.inspect(data).runs_when_loaded == ()
    again = io.BytesIO(module.save_to_buffer())
    assert flambeau.load(again)() == 7
    again.seek(0)
    assert torch.jit.load(again)() == 7


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


BIG = 90_000_000


@pytest.mark.parametrize(
    "value",
    [
        f"torch.mul([state], {BIG})",
        f"torch.ljust('a', {BIG} * state, ' ')",
        f"torch.zfill('a', {BIG} * state)",
        f"torch.percentFormat('%{BIG}d', state)",
        f"ops.prim.rangelist({BIG})",
        f"torch.ones([{BIG}])",
        f"torch.full([{BIG}], 1.)",
        f"torch.arange({BIG})",
        f"torch.hann_window({BIG})",
        f"torch.eye({BIG // 1000})",
        f"torch.clone(torch.expand(torch.ones([1]), [{BIG}]))",
        "torch.outer(torch.ones([30000]), torch.ones([30000]))",
        "torch.repeat(torch.ones([1000]), [1000, 100])",
        f"torch.one_hot(torch.tensor([{BIG}]))",
        f"torch.bincount(torch.tensor([{BIG}]))",
        f"torch.repeat_interleave(torch.tensor([{BIG}]))",
        "torch.constant_pad_nd(torch.ones([1]), [90000000, 0], 0)",
        "torch.upsample_nearest1d(torch.ones([1, 1, 1]), [90000000], None)",
        f"torch.conv1d(torch.ones([1, 1, 1000]), torch.ones([1, 1, 2000]), None, [1], [{BIG}], [1], 1)",
    ],
)
def test_one_operation_that_makes_too_much(value: str) -> None:
    with pytest.raises(ArchiveError, match=r"may make more than|makes more than the allowed"):
        flambeau.load(io.BytesIO(archive_that(f"print({value})")))


@pytest.mark.parametrize(
    "value",
    [
        "torch.mm(torch.ones([3000, 3000]), torch.ones([3000, 3000]))",
        "torch.matmul(torch.ones([3000, 3000]), torch.ones([3000, 3000]))",
        "torch.inverse(torch.rand([1000, 1000]))",
        "torch.svd(torch.rand([1000, 1000]))",
        "torch.conv1d(torch.ones([1, 1, 1000000]), torch.ones([1, 1, 20000]), None, [1], [0], [1], 1)",
        "torch.einsum('ij,jk->ik', [torch.ones([3000, 3000]), torch.ones([3000, 3000])])",
    ],
)
def test_one_operation_that_takes_too_long(value: str) -> None:
    with pytest.raises(ArchiveError, match="would take longer than"):
        flambeau.load(io.BytesIO(archive_that(f"print({value})")))


def test_many_operations_that_make_too_much_together() -> None:
    statement = "y = annotate(List[Tensor], [])\n    for i in range(1000):\n      torch.append(y, torch.ones([500000]))"
    with pytest.raises(ArchiveError, match="makes more than the allowed"):
        flambeau.load(io.BytesIO(archive_that(f"{statement}\n    self.n = torch.len(y)")))


@pytest.mark.parametrize(
    "value",
    [
        f"torch.add(state, {BIG})",
        f"torch.mul(state, {BIG})",
        f"torch.tensor([{BIG}, {BIG}])",
        f"torch.add(torch.ones([3]), {BIG})",
        "torch.index_select(torch.ones([100, 100]), 0, torch.tensor([1, 2]))",
        "torch.mm(torch.ones([500, 500]), torch.ones([500, 500]))",
        "torch.inverse(torch.eye(100))",
        "torch.reshape(torch.ones([1000, 1000]), [1000000])",
        "torch.cat([torch.ones([1000, 1000]), torch.ones([1000, 1000])], 0)",
        "torch.slice(torch.ones([1000, 100]), 0, 0, 9223372036854775807, 1)",
    ],
)
def test_usual_operations_are_allowed(value: str) -> None:
    assert flambeau.load(io.BytesIO(archive_that(f"print({value})")))() == 20


@pytest.mark.parametrize("value", ["'a' * 1000000000000", "[0] * 1000000000000", "torch.ones([10000000, 10000000])"])
def test_no_memory(value: str) -> None:
    with pytest.raises(ArchiveError, match="fails:"):
        flambeau.load(io.BytesIO(archive_that(f"self.n = torch.len({value})")))
