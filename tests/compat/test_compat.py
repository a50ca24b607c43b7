"""The drop-in: `torch.jit` served by flambeau, and put back object by object."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import compat, settings
from flambeau.compat.replacements import KEPT
from flambeau.errors import ExecutionError, UnsupportedError
from flambeau.testing import FileCheck

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
    torch.jit.script(3)
except RuntimeError as error:
    print("refused")
"""


def identities() -> dict[tuple[str, str], int]:
    modules = (torch, torch.jit, torch._C, torch.testing)
    return {(module.__name__, name): id(value) for module in modules for name, value in vars(module).items()}


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
    before = identities()
    with compat.installed():
        assert compat.is_installed()
        assert torch.jit.ScriptModule is flambeau.ScriptModule
        compat.install()  # changes nothing
        assert torch.testing.FileCheck is torch._C.FileCheck is FileCheck
        assert torch._C.ScriptFunction is flambeau.ScriptFunction
    assert not compat.is_installed()
    assert identities() == before


def test_every_function_is_served_kept_or_refuses_by_name() -> None:
    before = identities()
    with compat.installed():
        with pytest.raises(UnsupportedError, match="jit_module_from_flatbuffer"):
            torch.jit.jit_module_from_flatbuffer("model.ff")
        with pytest.raises(UnsupportedError, match=r"torch\.jit\._get_trace_graph"):
            torch.jit._get_trace_graph(nn.Linear(1, 1), (torch.ones(1),))
        unchanged = {
            name
            for name, value in vars(torch.jit).items()
            if before["torch.jit", name] == id(value)
            and callable(value)
            and (value.__module__ or "").startswith("torch.jit")
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


def test_switches_that_are_settings() -> None:
    with compat.installed():
        torch._C._set_graph_executor_optimize(False)
        try:
            assert torch._C._get_graph_executor_optimize() is False
            assert settings.TIER.value == "interpreter"
        finally:
            torch._C._set_graph_executor_optimize(True)
        assert torch._C._get_graph_executor_optimize() is True
        assert settings.TIER.value != "interpreter"
        before = torch._C._jit_set_num_profiled_runs(4)
        try:
            assert settings.PROFILED_RUNS.value == torch._C._jit_get_num_profiled_runs() == 4
        finally:
            assert torch._C._jit_set_num_profiled_runs(before) == 4
        strategy = torch.jit.set_fusion_strategy([("STATIC", 2), ("DYNAMIC", 1)])
        try:
            assert settings.SPECIALIZATIONS.value == 3
            assert torch._C._jit_set_bailout_depth(5) == 3
            assert settings.SPECIALIZATIONS.value == 5
        finally:
            assert torch.jit.set_fusion_strategy(strategy) == [("STATIC", 5)]
        assert settings.SPECIALIZATIONS.value == settings.SPECIALIZATIONS.default


class Listing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, str, int]:
        parts = [x, x]
        parts.append(x)
        for step in range(3):
            x = x + step
        if int(x.sum()) > 3000:
            raise ValueError("too large")
        rows, columns = x.size()
        print(rows)
        return self.linear(torch.cat(parts)), str(rows * columns), len(parts)


def test_operator_names_are_those_of_torch_jit() -> None:
    expected = torch.jit.export_opnames(torch.jit.script(Listing()))
    with compat.installed():
        assert torch.jit.export_opnames(torch.jit.script(Listing())) == expected


def test_a_compilation_unit_takes_the_arguments_of_torch_jit() -> None:
    factor = 3
    assert factor == 3

    def outer() -> torch.jit.CompilationUnit:
        return torch.jit.CompilationUnit("def f(x):\n    return x * factor\n", _frames_up=1)

    with compat.installed():
        unit = torch.jit.CompilationUnit(lang="def f(x):\n    return x * factor\n")
        unit.define("def g(x):\n    return f(x) + factor\n")
        assert isinstance(unit, torch.jit.CompilationUnit)
        assert torch.equal(unit.g(torch.ones(1)), torch.full((1,), 6.0))
        assert torch.equal(outer().f(torch.ones(1)), torch.full((1,), 3.0))
        unit.set_optimized(False)
        with pytest.raises(UnsupportedError, match="resolution callback"):
            unit.define("def h(x):\n    return x\n", lambda name: None)


def test_programs_get_flambeau_where_torch_keeps_its_own() -> None:
    text = "graph(%x : Tensor):\n  %y : Tensor = aten::relu(%x)\n  return (%y)\n"
    schema = "aten::relu(Tensor self) -> Tensor"
    with compat.installed():
        graph = torch._C.parse_ir(text)
        assert isinstance(graph, torch._C.Graph)
        assert isinstance(graph.ir, flambeau.ir.Graph)
        torch.testing.FileCheck().check("aten::relu").run(graph)
        assert isinstance(torch._C.parse_schema(schema).ir, flambeau.ir.FunctionSchema)
        inside: dict[str, object] = {"__name__": "torch.library", "torch": torch}
        exec("parsed = torch._C.parse_schema('aten::relu(Tensor self) -> Tensor')", inside)
        assert isinstance(inside["parsed"], torch._C.FunctionSchema)


def test_the_onednn_switch_is_remembered() -> None:
    with compat.installed():
        torch.jit.enable_onednn_fusion(True)
        try:
            assert torch.jit.onednn_fusion_enabled()
        finally:
            torch.jit.enable_onednn_fusion(False)
        assert not torch.jit.onednn_fusion_enabled()


def test_the_switch_of_pytorch_turns_compilation_off(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\n\n"
        "class Old(torch.jit.ScriptModule):\n"
        "    @torch.jit.script_method\n"
        "    def forward(self, x):\n"
        "        return [x, 'text']\n\n"
        "@torch.jit.script\n"
        "def anything(x):\n"
        "    return eval('x')\n\n"
        "print(anything(3), Old()(4), torch.jit.trace(anything, 1) is anything)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "flambeau.compat", str(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTORCH_JIT": "0"},
    )
    assert ran.stdout == "3 [4, 'text'] True\n", ran.stderr


FORMS = """
from typing import List, Optional

import torch
from torch import Tensor


def doubled(x: Tensor) -> Tensor:
    return x * 2


@torch.jit.script
def waits(x: Tensor) -> Tensor:
    first = torch.jit.wait(torch.jit.fork(doubled, x))
    second: torch.jit.Future[Tensor] = torch.jit._fork(doubled, first)
    y = torch.jit._wait(second)
    numbers = torch.jit.annotate(List[int], [])
    if torch.jit.is_tracing():
        y = y + 100
    if torch.jit.is_scripting():
        y = y + 1
    return y + len(numbers)


@torch.jit.script
def later(future: torch.jit.Future[Tensor]) -> Tensor:
    return torch.jit.wait(future)


@torch.jit.script
def unwrapped(x: Optional[Tensor]) -> Tensor:
    with torch.jit.strict_fusion():
        return torch.jit._unwrap_optional(x) + 1


@torch.jit.script_if_tracing
def magnitude(x: Tensor) -> Tensor:
    if bool(x.sum() > 0):
        return x
    return -x


traced = torch.jit.trace(lambda x: magnitude(x), torch.ones(2))
print(waits(torch.ones(1)), unwrapped(torch.ones(1)), traced(-torch.ones(2)))
print(later.schema, torch.jit.fork(doubled, torch.ones(1)).wait())
"""


def test_what_programs_call_in_scripts_and_outside(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(FORMS)
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", *prefix, str(program)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        for prefix in ([], ["-m", "flambeau.compat"])
    ]
    theirs, ours = runs
    assert ours.stdout == theirs.stdout, ours.stderr


def test_containers_and_awaitables_under_the_drop_in() -> None:
    with compat.installed():
        shared = torch.jit.script([1, 2])
        torch.jit.script(appended)(shared)
        assert list(shared) == [1, 2, 3]
        assert torch.jit.isinstance([1], list[int])
        later = torch.jit._awaitable(lambda x: x + 1, torch.ones(1))
        assert isinstance(later, torch.jit._Await)
        assert torch.jit._awaitable_wait(later) == 2
        assert torch.jit.script(awaited)(torch.ones(1)) == 3
        graph = torch.jit.last_executed_optimized_graph()
        assert isinstance(graph, torch._C.Graph)
        assert graph.findNode("prim::awaitable_wait") is not None


def appended(x: list[int]) -> None:
    x.append(3)


def plus_two(x: Tensor) -> Tensor:
    return x + 2


def awaited(x: Tensor) -> Tensor:
    later: torch.jit._Await[Tensor] = torch.jit._awaitable(plus_two, x)
    return torch.jit._awaitable_wait(later)
