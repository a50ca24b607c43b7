"""The two-way matrix: every module of the zoo, from PyTorch's archive to flambeau and back, again and again."""

from __future__ import annotations

import io
import re
import warnings
import zipfile

import pytest
import torch
from torch import nn

import flambeau
from flambeau.python import ScriptModule
from flambeau.serialization import ArchiveReader
from tests.serialization.old_archives import rewritten
from tests.serialization.zoo import Specimen, equal, outcomes, seeded
from tests.serialization.zoo.everything import REFUSED_BY_PYTORCH, ZOO

EXTRA = {"notes/read me.txt": "größer", "weights.bin": b"\0\xff"}

pytestmark = pytest.mark.filterwarnings("ignore")


def saved_by_pytorch(specimen: Specimen) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = seeded(specimen)
        scripted = module if specimen.prepared else torch.jit.script(module)
        file = io.BytesIO()
        torch.jit.save(scripted, file, _extra_files=EXTRA)
    return file.getvalue()


def loaded_by_pytorch(data: bytes) -> nn.Module:
    wanted = dict.fromkeys(EXTRA, "")
    module = torch.jit.load(io.BytesIO(data), _extra_files=wanted)
    assert wanted == expected_extra_files()
    return module


def loaded(data: bytes) -> ScriptModule:
    wanted = dict.fromkeys(EXTRA, b"")
    module = flambeau.load(io.BytesIO(data), extra_files=wanted)
    assert wanted == expected_extra_files()
    return module


def expected_extra_files() -> dict[str, bytes]:
    return {name: text.encode() if isinstance(text, str) else text for name, text in EXTRA.items()}


def same_state(a: nn.Module, b: nn.Module) -> bool:
    mine, theirs = a.state_dict(), b.state_dict()
    return list(mine) == list(theirs) and all(equal(mine[name], theirs[name]) for name in theirs)


def check_structure(mine: ScriptModule, theirs: nn.Module) -> None:
    """Everything that can be asked of a module without calling it."""
    assert same_state(mine, theirs)
    assert [name for name, _ in mine.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert sorted(name for name, _ in mine.named_buffers()) == sorted(name for name, _ in theirs.named_buffers())
    for (name, parameter), (their_name, theirs_) in zip(
        mine.named_parameters(remove_duplicate=False), theirs.named_parameters(remove_duplicate=False), strict=True
    ):
        assert (name, parameter.requires_grad) == (their_name, theirs_.requires_grad)
    assert {name: module.training for name, module in mine.named_modules()} == {
        # Frozen modules have no such attribute.
        name: getattr(module, "training", False)
        for name, module in theirs.named_modules()
    }


def check_storages(mine: nn.Module, theirs: nn.Module) -> None:
    """What shares memory there shares it here."""

    def sharing(module: nn.Module) -> list[list[str]]:
        holders: dict[int, list[str]] = {}
        for name, tensor in module.state_dict().items():
            if tensor.layout is torch.strided and tensor.untyped_storage().nbytes():
                holders.setdefault(tensor.untyped_storage().data_ptr(), []).append(name)
        return sorted(holders.values())

    assert sharing(mine) == sharing(theirs)


def contents(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


SLOW = ("nn Transformer", "nn TransformerEncoder", "nn TransformerDecoderLayer", "nn TransformerEncoderLayer")


def _cases() -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in ZOO
        if name not in REFUSED_BY_PYTORCH
    ]


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 200


@pytest.mark.parametrize("name", _cases())
def test_from_pytorch_and_back(name: str) -> None:
    specimen = ZOO[name]
    data = saved_by_pytorch(specimen)
    expected = outcomes(loaded_by_pytorch(data), specimen)
    mine = loaded(data)
    check_structure(mine, loaded_by_pytorch(data))
    check_storages(mine, loaded_by_pytorch(data))
    again = io.BytesIO()
    flambeau.save(mine, again, extra_files=EXTRA)
    assert equal(outcomes(mine, specimen), expected), "PyTorch's archive does not run alike"
    theirs = loaded_by_pytorch(again.getvalue())
    check_storages(theirs, loaded_by_pytorch(data))
    assert equal(outcomes(theirs, specimen), expected), "our archive does not run alike in PyTorch"
    second = loaded(again.getvalue())
    check_structure(second, loaded_by_pytorch(data))
    assert equal(outcomes(second, specimen), expected), "our archive does not run alike"
    assert (
        contents(again.getvalue())["version" if "version" in contents(data) else ".data/version"]
        == (contents(data)["version" if "version" in contents(data) else ".data/version"])
    )


@pytest.mark.parametrize("name", ["language Containers", "nn Linear", "traced mutation", "quantized conv2d"])
def test_saving_twice_gives_equal_bytes(name: str) -> None:
    module = loaded(saved_by_pytorch(ZOO[name]))
    first = module.save_to_buffer(EXTRA)
    assert module.save_to_buffer(EXTRA) == first


@pytest.mark.parametrize(
    "name", [name for name in _cases() if not (isinstance(name, str) and (ZOO[name].prepared or "traced" in name))]
)
def test_scripted_by_flambeau(name: str) -> None:
    """The same modules, through flambeau's compiler: what PyTorch makes of our archives of them."""
    specimen = ZOO[name]
    scripted = flambeau.script(seeded(specimen))
    file = io.BytesIO()
    flambeau.save(scripted, file, extra_files=EXTRA)
    assert flambeau.validate(file.getvalue()) == ()
    # What torch.jit compiles of this one does not scale the weights.
    wrong_in_pytorch = name == "nn Embedding with max_norm"
    reference = seeded(specimen) if wrong_in_pytorch else loaded_by_pytorch(saved_by_pytorch(specimen))
    expected = outcomes(reference, specimen)
    theirs = loaded_by_pytorch(file.getvalue())
    mine = loaded(file.getvalue())
    if name != "language TiedWeights":  # PyTorch lists a module that has two names twice
        check_structure(mine, theirs)
    assert equal(outcomes(theirs, specimen), expected), "our archive does not run alike in PyTorch"
    assert equal(outcomes(mine, specimen), expected), "our archive does not run alike"


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("quantized conv2d", "[2, 2], [1, 1], [1, 1], 1"),
        ("quantized conv2d in groups", "[1, 1], [0, 0], [1, 1], 2"),
        ("quantized conv3d", "[1, 1, 1], [0, 0, 0], [1, 1, 1], 1"),
        ("quantized conv and relu", "[1, 1], [0, 0], [1, 1], 1"),
    ],
)
def test_old_quantized_convolutions(name: str, old: str) -> None:
    """Before PyTorch 1.5 the call itself had the stride, padding, dilation and groups."""
    specimen = ZOO[name]
    data = saved_by_pytorch(specimen)

    def edit(code: str) -> str:
        return re.sub(r"(ops\.quantized\.conv\dd(_relu)?\(\w+, _packed_params)(, scale, )", rf"\1, {old}\3", code)

    before = rewritten(data, 3, edit)
    assert any(f"_packed_params, {old}, scale".encode() in content for content in contents(before).values())
    expected = outcomes(torch.jit.load(io.BytesIO(data)), specimen)
    mine = flambeau.load(io.BytesIO(before))
    assert equal(outcomes(mine, specimen), expected)
    assert equal(outcomes(torch.jit.load(io.BytesIO(mine.save_to_buffer())), specimen), expected)


@pytest.mark.parametrize("name", ["language Containers", "language Forks", "nn LSTM", "quantized conv2d", "nn Linear"])
def test_records_are_where_pytorch_has_them(name: str) -> None:
    """The same records in the same order, each at a multiple of 64, with the same flags."""
    data = saved_by_pytorch(ZOO[name])
    again = loaded(data).save_to_buffer(EXTRA)

    def layout(archive: bytes) -> list[tuple[str, int, int, int]]:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            # PyTorch shuffles extra files, and writes a file without code for C++ classes.
            infos = [i for i in opened.infolist() if "/extra/" not in i.filename and "/classes/" not in i.filename]
        return [(i.filename, i.flag_bits, i.create_version, i.date_time[0]) for i in infos]

    assert layout(again) == layout(data)
    reader = ArchiveReader(again)
    assert all(reader.offset(record) % 64 == 0 for record in reader.records())
