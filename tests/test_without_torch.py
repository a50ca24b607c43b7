"""Looking into archives needs no PyTorch: where importing it fails, everything but running tensors works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau

PROGRAM = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "llvmlite"):
            raise ModuleNotFoundError(f"no module named {name}", name=name)

sys.meta_path.insert(0, Refuse())

import flambeau
from flambeau import ir
from flambeau.api import Module
from flambeau.passes import eliminate_dead_code, inline_calls
from flambeau.serialization import read_archive, write_archive

archive = read_archive(sys.argv[1])
module = Module(archive.root, archive.unit)
print(module.code)
graph = ir.copy_graph(archive.root.type.methods["forward"].graph)
inline_calls(graph)
eliminate_dead_code(graph)
ir.verify(graph)
print(graph)
text = str(graph)
assert len(text.splitlines()) > 3
weight = archive.root.get("first").get("weight")
print(type(weight).__name__, weight.sizes, float(weight.numpy().sum()))
write_archive(archive.root, sys.argv[2])
scalars = ir.parse("graph(%x : int):\\n  %y : int = aten::add(%x, %x)\\n  return (%y)\\n")
from flambeau.runtime import interpret
print(interpret(scalars, [21]))
assert "torch" not in sys.modules
"""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2)

    def forward(self, x: Tensor, twice: bool = False) -> Tensor:
        y = self.second(self.first(x).relu())
        if twice:
            y = y * 2
        return y


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Net, Path]:
    net = Net()
    flambeau.save(flambeau.script(net), tmp_path / "net.pt")
    return net, tmp_path / "net.pt"


def test_reading_printing_transforming_and_writing(archive: tuple[Net, Path], tmp_path: Path) -> None:
    net, path = archive
    copy = tmp_path / "copy.pt"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(copy)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "def forward(self" in ran.stdout
    assert "aten::linear" in ran.stdout
    assert "TensorData (4, 3)" in ran.stdout
    assert "[42]" in ran.stdout
    x = torch.randn(5, 3)
    torch.testing.assert_close(flambeau.load(copy)(x, True), net(x, True), rtol=0, atol=0)
    torch.testing.assert_close(torch.jit.load(copy)(x, True), net(x, True), rtol=0, atol=0)
