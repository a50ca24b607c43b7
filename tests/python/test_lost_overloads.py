"""Functions with overloads that PyTorch's own compiler saw before flambeau was imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import flambeau
from tests.python.overloaded import doubled

PROGRAM = """
import torch

def norms(x):
    return torch.norm(x), torch.norm(x, 2, 0)

theirs = torch.jit.script(norms)
assert "flambeau" not in sys.modules and "__torch__.torch.functional.norm" not in torch._jit_internal._overloaded_fns
import flambeau
from flambeau import settings

ours, x = flambeau.script(norms), torch.arange(6.0).reshape(2, 3)
for tier in ("interpreter", "python"):
    with settings.override(tier=tier):
        print([torch.equal(a, b) for a, b in zip(ours(x), theirs(x))])
"""


def test_overloads_that_pytorch_used_up(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(f"import sys\n{PROGRAM}")
    done = subprocess.run([sys.executable, "-W", "ignore", str(file)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[True, True]"] * 2, done.stderr


def test_overloads_of_other_kinds_are_none() -> None:
    """`typing.overload` is for type checkers, not for scripts."""
    assert flambeau.script(doubled)(2) == 4
