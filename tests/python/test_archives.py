"""`flambeau.load` and `flambeau.save` on files, with PyTorch on either side."""

from __future__ import annotations

import copy
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ArchiveArgumentError, ArchiveError
from flambeau.python import ScriptModule


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.second = nn.Linear(4, 3)
        self.second.weight = self.first.weight
        self.register_buffer("seen", torch.zeros(1))
        self.counter = 0

    def forward(self, x: Tensor) -> Tensor:
        self.counter += 1
        self.seen += 1
        return self.first(x) + self.second(x)


X = torch.randn(2, 4)


def saved_by_pytorch(module: nn.Module, **kwargs: object) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer, **kwargs)
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "net.pt"
    file.write_bytes(saved_by_pytorch(Net()))
    return file


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("kind", ["path", "text", "file", "buffer"])
def test_sources(path: Path, kind: str, mmap: bool) -> None:
    expected = torch.jit.load(str(path))(X)
    sources: dict[str, Callable[[], object]] = {
        "path": lambda: path,
        "text": lambda: str(path),
        "file": lambda: path.open("rb"),
        "buffer": lambda: io.BytesIO(path.read_bytes()),
    }
    source = sources[kind]()
    module = flambeau.load(source, mmap=mmap)  # type: ignore[arg-type]
    if kind == "file":
        source.close()  # type: ignore[attr-defined]
    assert isinstance(module, ScriptModule)
    assert torch.equal(module(X), expected)
    assert (module.counter, module.seen.item()) == (1, 1)


def test_what_is_loaded_is_what_pytorch_loads(path: Path) -> None:
    mine, theirs = flambeau.load(path), torch.jit.load(str(path))
    assert [n for n, _ in mine.named_parameters()] == [
        n for n, _ in theirs.named_parameters() if n != "second.weight"
    ] or [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], value)
    assert all(p.requires_grad and isinstance(p, nn.Parameter) and p.is_leaf for p in mine.parameters())
    assert mine.training == theirs.training
    assert mine.original_name == theirs.original_name
    assert mine.code == theirs.code


def test_tied_weights_stay_tied(path: Path) -> None:
    module = flambeau.load(path)
    first, second = module.first.weight, module.second.weight
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    with torch.no_grad():
        first.fill_(3)
    assert second.eq(3).all()


def test_training_a_loaded_module_does_not_change_its_file(path: Path) -> None:
    before = path.read_bytes()
    module = flambeau.load(path)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    module(X).sum().backward()
    optimizer.step()
    assert path.read_bytes() == before
    assert not torch.equal(module.first.weight, flambeau.load(path).first.weight)


class Recurrent(nn.Module):
    """Of which parameters and buffers are found in lists, dicts and tuples too."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 4, 2)
        self.register_buffer("seen", torch.ones(2))
        self.weights = [self.rnn.weight_ih_l0]
        self.named = {"seen": self.seen}
        self.pair = (self.rnn.bias_hh_l1, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.rnn(x)[0] * self.weights[0].sum() + self.named["seen"].sum()
        return y + self.pair[0].sum() * self.pair[1]


def losses(module: nn.Module) -> list[float]:
    """Of some steps of training, with changes of the element type before and after."""
    module.double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    found = []
    for step in range(4):
        loss = module(torch.linspace(-1, step, 6, dtype=torch.double).reshape(2, 1, 3)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    module.float()
    return [*found, module(torch.ones(2, 1, 3)).sum().item()]


@pytest.mark.parametrize("by_pytorch", [True, False])
def test_loaded_parameters_are_trained_wherever_the_module_holds_them(by_pytorch: bool) -> None:
    module = Recurrent()
    data = saved_by_pytorch(module) if by_pytorch else flambeau.script(module).save_to_buffer()
    loaded = flambeau.load(data)
    again = flambeau.load(loaded.save_to_buffer())
    expected = losses(copy.deepcopy(module))
    for other in (copy.deepcopy(loaded), loaded, again):
        assert losses(other) == pytest.approx(expected, rel=1e-5)


def test_a_module_is_saved_over_the_file_that_it_is_mapped_from(path: Path) -> None:
    module = flambeau.load(path)
    expected = module(X)
    with torch.no_grad():
        module.first.bias.add_(1)
    flambeau.save(module, path)
    changed = module(X)
    torch.testing.assert_close(changed, expected + 1)
    assert torch.equal(flambeau.load(path)(X), changed)
    assert torch.equal(torch.jit.load(str(path))(X), changed)


def test_a_file_may_be_deleted_while_its_module_is_in_use(path: Path) -> None:
    module = flambeau.load(path)
    path.unlink()
    assert module(X).shape == (2, 3)


def test_there_and_back(tmp_path: Path) -> None:
    module = flambeau.load(io.BytesIO(saved_by_pytorch(Net())))
    expected = module(X)
    file = tmp_path / "again.pt"
    module.save(file)
    for loaded in (flambeau.load(file), torch.jit.load(str(file)), flambeau.load(io.BytesIO(module.save_to_buffer()))):
        assert torch.equal(loaded(X), expected)
        assert loaded.counter == 2
    assert {name.split("/")[0] for name in zipfile.ZipFile(file).namelist()} == {"again"}


def test_map_location(path: Path) -> None:
    assert {p.device.type for p in flambeau.load(path, map_location="meta").parameters()} == {"meta"}
    assert {p.device.type for p in flambeau.load(path, torch.device("cpu")).parameters()} == {"cpu"}
    with pytest.raises(ArchiveArgumentError, match=r"map_location should be either None, string or torch\.device"):
        flambeau.load(path, 3)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("device", ["privateuseone", "xla", "hpu"])
def test_devices_that_need_a_library(path: Path, device: str) -> None:
    with pytest.raises(ArchiveError, match="cannot be used here"):
        flambeau.load(path, map_location=device)


def test_archives_from_a_machine_with_a_gpu(path: Path) -> None:
    """What was on a GPU that there is not here loads where it is sent, and only there, as in PyTorch."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    here, there = b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"
    for name, record in records.items():
        if name.endswith("data.pkl"):
            assert here in record
            records[name] = record.replace(here, there)
    moved = path.with_name("moved.pt")
    with zipfile.ZipFile(moved, "w", zipfile.ZIP_STORED) as archive:
        for name, record in records.items():
            archive.writestr(name, record)
    assert {tensor.device for tensor in flambeau.inspect(moved).tensors} == {"cuda:0"}
    for where in (None, "cuda"):
        with pytest.raises(RuntimeError):
            torch.jit.load(str(moved), map_location=where)
        with pytest.raises(ArchiveError, match="cannot be used here"):
            flambeau.load(moved, map_location=where)
    for mmap in (True, False):
        for where in ("cpu", torch.device("cpu")):
            mine, theirs = flambeau.load(moved, where, mmap=mmap), torch.jit.load(str(moved), where)
            assert {t.device.type for t in mine.state_dict().values()} == {"cpu"}
            assert torch.equal(mine(X), theirs(X))


def test_extra_files(tmp_path: Path) -> None:
    data = saved_by_pytorch(Net(), _extra_files={"a.txt": "text", "b.bin": b"\0\1"})
    wanted: dict[str, object] = {"a.txt": "", "b.bin": None, "missing": "x"}
    module = flambeau.load(io.BytesIO(data), extra_files=wanted)
    assert wanted == {"a.txt": b"text", "b.bin": b"\0\1", "missing": b""}
    file = tmp_path / "m.pt"
    flambeau.save(module, file, extra_files={"note": "ä", "bytes": b"\xff"})
    read = {"note": "", "bytes": ""}
    torch.jit.load(str(file), _extra_files=read)
    assert read == {"note": "ä".encode(), "bytes": b"\xff"}


# --- what is refused


def test_files_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArchiveArgumentError, match=r"The provided filename .*missing\.pt does not exist") as raised:
        flambeau.load(tmp_path / "missing.pt")
    assert isinstance(raised.value, ValueError)
    with pytest.raises(ArchiveArgumentError, match=r"The provided filename .* is a directory"):
        flambeau.load(tmp_path)
    with pytest.raises(ArchiveArgumentError, match="not from a int"):
        flambeau.load(3)  # type: ignore[arg-type]


def not_zip(data: bytes) -> bytes:
    return b"no archive at all" * 10


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def empty(data: bytes) -> bytes:
    return b""


def state_dict_only(data: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2)}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("damage", [not_zip, truncated, empty, state_dict_only])
def test_files_that_are_no_archives(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ArchiveError):
        flambeau.load(path)
    with pytest.raises(ArchiveError):
        flambeau.load(io.BytesIO(path.read_bytes()))


def test_only_scripted_things_are_saved(tmp_path: Path) -> None:
    file = tmp_path / "m.pt"
    with pytest.raises(ArchiveArgumentError, match="not a Linear"):
        flambeau.save(nn.Linear(1, 1), file)  # type: ignore[arg-type]
    module = flambeau.load(io.BytesIO(saved_by_pytorch(Net())))
    with pytest.raises(ArchiveError, match=r"Parent directory .*no does not exist"):
        flambeau.save(module, tmp_path / "no" / "m.pt")
    assert os.listdir(tmp_path) == []


class Conjugates(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = torch.tensor([1 + 2j, 3 - 1j])
        self.b = self.a.clone().conj()
        self.c = self.a.imag.clone()
        self.d = torch._neg_view(self.c.clone())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * self.a + self.b, x * self.c + self.d


def test_constants_that_differ_in_a_bit_only() -> None:
    """Conjugated and negated tensors have the bytes of what they are views of."""
    frozen = flambeau.freeze(flambeau.script(Conjugates().eval()))
    x = torch.ones(2)
    expected = frozen(x)
    data = frozen.save_to_buffer()
    for again in (flambeau.load(data), torch.jit.load(io.BytesIO(data))):
        for one, other in zip(again(x), expected, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind: type) -> None:
    data = kind(flambeau.script(nn.Linear(2, 3)).save_to_buffer())
    checksum = zlib.crc32(data)
    module = flambeau.load(data)
    with torch.no_grad():
        module.weight.add_(1)
    assert zlib.crc32(data) == checksum


@pytest.mark.parametrize("files", [[("a", "b")], {1: "a"}, {"a": 1}, {"a": None}])
def test_extra_files_of_the_wrong_kind(files: dict[str, str]) -> None:
    with pytest.raises(ArchiveError, match=r"extra files are given as|cannot be encoded"):
        flambeau.save(flambeau.script(nn.Linear(1, 1)), io.BytesIO(), extra_files=files)


def test_load_from_a_closed_file() -> None:
    file = io.BytesIO()
    flambeau.save(flambeau.script(nn.Linear(1, 1)), file)
    file.close()
    with pytest.raises(ArchiveError, match="closed file"):
        flambeau.load(file)


@pytest.mark.parametrize(
    "given", [{"limits": None}, {"limits": 3}, {"extra_files": ["a"]}, {"_extra_files": "a"}, {"extra_files": {1: b""}}]
)
def test_load_with_arguments_of_the_wrong_kind(given: dict[str, Any]) -> None:
    file = io.BytesIO()
    flambeau.save(flambeau.script(nn.Linear(1, 1)), file)
    with pytest.raises(ArchiveArgumentError, match=next(iter(given)).strip("_")):
        flambeau.load(file.getvalue(), **given)


class Umlauts(nn.Module):
    naïve: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("naïve", torch.ones(3))
        self.add_module("日本", nn.Linear(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.naïve


class Unread(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("naïve", torch.ones(3))
        self.register_buffer("Ã¯", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_names_beyond_ascii() -> None:
    file = io.BytesIO()
    flambeau.save(flambeau.script(Umlauts()), file)
    x = torch.randn(3)
    for loaded in (flambeau.load(file.getvalue()), torch.jit.load(io.BytesIO(file.getvalue()))):
        assert list(loaded.state_dict()) == ["naïve", "日本.weight", "日本.bias"]
        assert torch.equal(loaded(x), x + 1)
    assert list(flambeau.load(saved_by_pytorch(Unread())).state_dict()) == ["naïve", "Ã¯"]
