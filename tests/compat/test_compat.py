"""The drop-in: `torch.jit` served by flambeau, and put back object by object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import compat
from flambeau.compat.replacements import KEPT
from flambeau.errors import ExecutionError, UnsupportedError

PROGRAM = """
import sys
from typing import List, Optional

import torch
from torch import Tensor, nn


@torch.jit.interface
class Block(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Scale(nn.Module):
    factor: torch.jit.Final[float]

    def __init__(self) -> None:
        super().__init__()
        self.factor = 2.0

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    @torch.jit.export
    def twice(self, x: Tensor) -> Tensor:
        return self.forward(self.forward(x))

    @torch.jit.ignore
    def python_only(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.unused
    def never(self, x: Tensor) -> Tensor:
        return eval("x")


class Net(nn.Module):
    block: Block

    def __init__(self) -> None:
        super().__init__()
        self.block = Scale()

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        if torch.jit.is_scripting():
            x = x + 1
        if mask is not None:
            x = x * mask
        return self.block(x)


@torch.jit.script
def total(xs: List[Tensor]) -> Tensor:
    result = torch.zeros(2)
    for x in xs:
        result = result + x
    return result


scripted = torch.jit.script(Net())
assert isinstance(scripted, torch.jit.ScriptModule)
assert isinstance(total, torch.jit.ScriptFunction)
assert type(scripted).__module__.startswith("flambeau"), type(scripted)
print(scripted(torch.ones(2)).tolist(), total([torch.ones(2), torch.ones(2)]).tolist())
print(torch.jit.script(Scale()).twice(torch.ones(1)).item())
torch.jit.save(scripted, sys.argv[1])
loaded = torch.jit.load(sys.argv[1], map_location="cpu")
print(loaded(torch.ones(2), torch.zeros(2)).tolist())
traced = torch.jit.trace(nn.Linear(2, 2).eval(), torch.ones(1, 2))
frozen = torch.jit.freeze(torch.jit.script(nn.Linear(2, 2).eval()))
print(traced(torch.ones(3, 2)).shape == frozen(torch.ones(3, 2)).shape)
try:
    torch.jit.script(lambda x: x)
except RuntimeError as error:
    print("refused")
"""


def identities() -> dict[str, int]:
    return {name: id(value) for name, value in vars(torch.jit).items()}


def test_an_unmodified_program_runs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "-m", "flambeau.compat", str(program), str(tmp_path / "net.pt")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["[4.0, 4.0] [2.0, 2.0]", "4.0", "[0.0, 0.0]", "True", "refused"]


def test_uninstalling_puts_back_the_very_objects() -> None:
    before, function = identities(), torch._C.ScriptFunction
    with compat.installed():
        assert compat.is_installed()
        assert torch.jit.ScriptModule is flambeau.ScriptModule
        compat.install()  # changes nothing
    assert not compat.is_installed()
    assert identities() == before
    assert torch._C.ScriptFunction is function


def test_every_function_is_served_kept_or_refuses_by_name() -> None:
    before = identities()
    with compat.installed():
        with pytest.raises(UnsupportedError, match=r"torch\.jit\.jit_module_from_flatbuffer"):
            torch.jit.jit_module_from_flatbuffer("model.ff")
        with pytest.raises(UnsupportedError, match=r"torch\.jit\._get_trace_graph"):
            torch.jit._get_trace_graph(nn.Linear(1, 1), (torch.ones(1),))
        unchanged = {
            name
            for name, value in vars(torch.jit).items()
            if before[name] == id(value) and callable(value) and (value.__module__ or "").startswith("torch.jit")
        }
    assert unchanged <= KEPT


def test_errors_of_scripts_are_torch_jit_errors() -> None:
    def fails(x: Tensor) -> Tensor:
        raise ValueError("bad")

    with compat.installed():
        scripted = torch.jit.script(fails)
        with pytest.raises(torch.jit.Error, match="bad") as raised:
            scripted(torch.ones(1))
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, ExecutionError)


def test_optimized_execution_chooses_the_interpreter() -> None:
    def doubled(x: Tensor) -> Tensor:
        return x * 2

    with compat.installed():
        scripted = torch.jit.script(doubled)
        with torch.jit.optimized_execution(False):
            assert torch.equal(scripted(torch.ones(2)), torch.full((2,), 2.0))
        previous = torch.jit.set_fusion_strategy([("STATIC", 1)])
        assert torch.jit.set_fusion_strategy(previous) == [("STATIC", 1)]
