"""Modules on a GPU: archives with PyTorch on either side, tracing, freezing, copies, and constants in graphs."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau import ir
from flambeau.errors import ArchiveArgumentError
from tests.marks import requires_cuda

pytestmark = requires_cuda

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, the oracle."""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)
        self.tied = self.head.weight
        self.register_buffer("table", torch.arange(12.0).reshape(3, 4).t())
        self.where = torch.device("cuda:0")

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.first(x))).mean([2, 3])
        shift = torch.tensor([1.0, 2.0, 3.0, 4.0], device=self.where)
        return self.head(y) + self.table[:, 1] + shift.to(x.device)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().cuda().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 6, 6, device="cuda")


def equal(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def devices(module: nn.Module) -> set[str]:
    return {str(t.device) for t in module.state_dict().values()}


# --- archives


@pytest.fixture(params=["flambeau", "pytorch"])
def archive(request: pytest.FixtureRequest, net: Net, tmp_path: Path) -> Path:
    path = tmp_path / "net.pt"
    if request.param == "flambeau":
        flambeau.save(flambeau.script(net), path)
    else:
        PEER.save(PEER.script(net), str(path))
    return path


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("where", [None, "cpu", "cuda", "cuda:0", torch.device("cuda"), torch.device("cpu"), "meta"])
def test_archives_go_where_they_are_sent(archive: Path, net: Net, x: Tensor, where: object, mmap: bool) -> None:
    mine = flambeau.load(archive, map_location=where, mmap=mmap)  # type: ignore[arg-type]
    theirs = PEER.load(str(archive), map_location=where)
    assert devices(mine) == devices(theirs)
    assert {name: t.stride() for name, t in mine.state_dict().items()} == {
        name: t.stride() for name, t in theirs.state_dict().items()
    }
    if where == "meta":
        return
    given = x.to(next(mine.parameters()).device)
    net.to(given.device)
    with torch.no_grad():
        equal(mine(given), net(given))
        equal(theirs(given), net(given))
    assert mine.tied.data_ptr() == mine.head.weight.data_ptr()


def test_what_flambeau_saves_is_what_pytorch_saves(net: Net, x: Tensor) -> None:
    buffers = io.BytesIO(), io.BytesIO()
    flambeau.save(flambeau.script(net), buffers[0])
    PEER.save(PEER.script(net), buffers[1])
    for buffer in buffers:
        buffer.seek(0)
    inspected = [flambeau.inspect(io.BytesIO(buffer.getvalue())) for buffer in buffers]
    mine, theirs = ({t.path: (t.device, t.sizes) for t in found.tensors} for found in inspected)
    assert mine == theirs
    assert {device for device, _ in mine.values()} == {"cuda:0"}
    equal(PEER.load(buffers[0])(x), net(x))
    equal(flambeau.load(buffers[1])(x), net(x))


@pytest.mark.parametrize("where", [{"cuda:0": "cpu"}, lambda storage, place: storage, 0])
def test_places_that_neither_side_takes(archive: Path, where: object) -> None:
    with pytest.raises(ArchiveArgumentError, match=r"map_location should be either None, string or torch\.device"):
        flambeau.load(archive, map_location=where)  # type: ignore[arg-type]
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        PEER.load(str(archive), map_location=where)


def test_a_mapped_archive_moves_to_the_gpu_and_stays_as_it_is(archive: Path, net: Net, x: Tensor) -> None:
    before = archive.read_bytes()
    module = flambeau.load(archive, map_location="cpu", mmap=True)
    module.cuda()
    with torch.no_grad():
        equal(module(x), net(x))
        for parameter in module.parameters():
            parameter.zero_()
    assert archive.read_bytes() == before


def test_a_device_that_there_is_not(archive: Path) -> None:
    with pytest.raises(RuntimeError, match="cuda:63"):
        flambeau.load(archive, map_location="cuda:63")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.arange(6.0, device="cuda").reshape(2, 3).t(),
        lambda: torch.randn(3, device="cuda").to(torch.bfloat16),
        lambda: torch.tensor(5, device="cuda"),
        lambda: torch.zeros(0, 3, device="cuda"),
        lambda: torch.randn(3, dtype=torch.complex64, device="cuda").conj(),
        lambda: torch.eye(3, device="cuda").to_sparse(),
        lambda: torch.eye(3, device="cuda").to_sparse_csr(),
        lambda: torch.randn(8, device="cuda")[2:5],
    ],
)
def test_tensors_of_all_kinds(make: Callable[[], Tensor]) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("held", make())

        def forward(self) -> Tensor:
            return self.held

    holder = Holder()
    buffer = io.BytesIO()
    flambeau.save(flambeau.script(holder), buffer)
    for load in (flambeau.load, PEER.load):
        buffer.seek(0)
        found = load(buffer)()
        assert (found.device, found.dtype, found.layout) == (holder.held.device, holder.held.dtype, holder.held.layout)
        assert found.layout is not torch.strided or found.stride() == holder.held.stride()
        torch.testing.assert_close(found, holder.held, rtol=0, atol=0)


# --- traces


def test_traces(net: Net, x: Tensor) -> None:
    traced = flambeau.trace(net, (x,))
    equal(traced(x + 1), net(x + 1))
    buffer = io.BytesIO()
    flambeau.save(traced, buffer)
    for load in (flambeau.load, PEER.load):
        buffer.seek(0)
        equal(load(buffer)(x - 1), net(x - 1))


def test_traces_keep_tensors_of_the_gpu_as_constants(x: Tensor) -> None:
    kept = torch.randn(2, 3, 6, 6, device="cuda")
    program = lambda x: x * kept + torch.ones(6, device=x.device)
    traced = flambeau.trace(program, (x,))
    equal(traced(x + 1), program(x + 1))
    text = str(traced.graph)
    assert text.count("device=cuda:0") >= 4
    assert str(ir.parse(text)) == text
    buffer = io.BytesIO()
    flambeau.save(traced, buffer)
    for load in (flambeau.load, PEER.load):
        buffer.seek(0)
        equal(load(buffer)(x - 1), program(x - 1))


# --- inference


@pytest.mark.parametrize("prepare", [flambeau.freeze, flambeau.optimize_for_inference])
def test_frozen_modules(net: Net, x: Tensor, prepare: Callable[..., nn.Module]) -> None:
    prepared = prepare(flambeau.script(net))
    with torch.no_grad():
        for given in (x, x + 1, x[:1], x + 2, x.double().float()):
            torch.testing.assert_close(prepared(given), net(given), rtol=1e-3, atol=1e-4)
    buffer = io.BytesIO()
    flambeau.save(prepared, buffer)
    for load in (flambeau.load, PEER.load):
        buffer.seek(0)
        torch.testing.assert_close(load(buffer)(x), net(x), rtol=1e-3, atol=1e-4)
    buffer.seek(0)
    there = flambeau.load(buffer, map_location="cpu")
    with torch.no_grad():
        assert there(x.cpu()).device.type == "cpu"


# --- copies


def test_copies(net: Net, x: Tensor) -> None:
    scripted = flambeau.script(net)
    for made in (copy.deepcopy(scripted), pickle.loads(pickle.dumps(net.state_dict()))):
        if isinstance(made, dict):
            made = copy.deepcopy(scripted)
            made.load_state_dict({name: t.cpu() for name, t in net.state_dict().items()})
        assert devices(made) == {"cuda:0"}
        equal(made(x), net(x))
        with torch.no_grad():
            made.head.weight.zero_()
    equal(scripted(x), net(x))


def test_modules_of_pytorch(net: Net, x: Tensor) -> None:
    theirs = flambeau.to_torch(flambeau.script(net), load=PEER.load)
    equal(theirs(x), net(x))
    equal(flambeau.from_torch(PEER.script(net))(x), net(x))
