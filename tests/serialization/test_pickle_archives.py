"""Every pickle of the real archives, read with nothing but placeholders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flambeau.ir import TensorData
from flambeau.serialization import (
    ArchiveReader,
    PickledObject,
    ValueBuilder,
    read_constants,
    read_pickle,
    read_pickle_record,
    read_traced_inputs,
)

ARCHIVES = Path(os.environ.get("FLAMBEAU_ARCHIVES", Path(__file__).parents[2].parent / "shared" / "archives"))
PATHS = sorted(ARCHIVES.glob("*/model.pt"))

pytestmark = pytest.mark.skipif(not PATHS, reason=f"there are no archives at {ARCHIVES}")


class Collector(ValueBuilder):
    """Keeps all tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[TensorData] = []

    def tensor(self, data: TensorData) -> object:
        self.tensors.append(data)
        return data


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.parent.name)
def test_everything_is_read(path: Path) -> None:
    archive = ArchiveReader(path)
    archive.require_script()
    builder = Collector()
    root = read_pickle_record(archive, "data", builder, verify=True)
    assert isinstance(root, PickledObject)
    assert root.class_name.startswith("__torch__.")
    read_constants(archive, builder)
    read_traced_inputs(archive, builder)
    for name in archive.records():
        if name.endswith(".pkl") and name not in ("data.pkl", "constants.pkl", "traced_inputs.pkl"):
            read_pickle_record(archive, name.removesuffix(".pkl"), builder, folder="constants")
        elif name.endswith(".debug_pkl"):
            read_pickle(archive.read_pickle(name), record=name)
    keys = {t.storage.key for t in builder.tensors if t.storage is not None and t.storage.data is not None}
    records = {name for name in archive.records() if name.startswith(("data/", "constants/"))}
    assert keys == records


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.parent.name)
def test_tensors_are_pytorch_s(path: Path) -> None:
    """The parameters and buffers that PyTorch finds have the bytes that we find."""
    torch = pytest.importorskip("torch")
    builder = Collector()
    read_pickle_record(ArchiveReader(path), "data", builder)
    ours = {(t.sizes, t.numpy().tobytes()) for t in builder.tensors if t.dtype.numpy_name}
    with open(path, "rb") as file:
        module = torch.jit.load(file)
    theirs = [t for t in (*module.parameters(), *module.buffers()) if not t.is_quantized]
    assert {(tuple(t.shape), t.detach().numpy().tobytes()) for t in theirs} <= ours
