"""Modules of an archive in a process where PyTorch cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import copy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "llvmlite"):
            raise ModuleNotFoundError(f"{name} is refused in this test", name=name)

sys.meta_path.insert(0, Refuse())

from flambeau.api import CompilationUnit, Module
from flambeau.errors import UnsupportedError
from flambeau.serialization import read_archive

archive = read_archive(sys.argv[1])
module = Module(archive.root, archive.unit)
assert [n for n, _ in module.named_parameters()] == ["fc.weight", "fc.bias"]
assert "fc = self.fc" in module.get_method("project").code
assert "prim::CallMethod" in str(module.graph)
assert "prim::CallMethod" not in str(module.inlined_graph)
assert "CPUFloatType{2,3}" in module.dump_to_str()
assert module.get_method("add")(2) == 7
assert module.getattr("count") == 7
module.setattr("count", 1)
module.eval()
module.define("def twice(self, n: int) -> int:\\n    return 2 * self.count * n\\n")
assert module.get_method("twice")(4) == 8
twin = copy.deepcopy(module)
twin.setattr("count", 9)
assert module.getattr("count") == 1
try:
    module(next(iter(module.parameters())))
except UnsupportedError as error:
    assert "PyTorch" in str(error)
else:
    raise SystemExit("tensor operators ran without PyTorch")
module.save(sys.argv[2])
assert CompilationUnit("def f(n: int) -> int:\\n    return n + 1\\n").f(1) == 2
assert "torch" not in sys.modules
"""


def test_an_archive_is_read_changed_and_written_without_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(3, 2)
            self.count = 5

        def forward(self, x):
            return self.project(x)

        def project(self, x):
            return self.fc(x)

        @torch.jit.export
        def add(self, n: int) -> int:
            self.count += n
            return self.count

    original, changed = tmp_path / "original.pt", tmp_path / "changed.pt"
    torch.jit.script(Net()).save(str(original))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(original), str(changed)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    before, after = torch.jit.load(str(original)), torch.jit.load(str(changed))
    x = torch.randn(4, 3)
    assert torch.equal(before(x), after(x))
    assert (after.count, after.training, after.twice(3)) == (1, False, 6)
