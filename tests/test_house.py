"""The rules of the whole package: no use of PyTorch's own JIT, torch only where it belongs, layers, budgets."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

SOURCES = house.sources()
FILE_LIMIT, FUNCTION_LIMIT = 600, 80
LONG_FILES: dict[str, int] = {}
"""Files over the limit, with their size. A number here may only shrink, and goes when the file fits."""
LONG_FUNCTIONS: dict[str, int] = {}
"""Functions over the limit, as `file:qualified.name`, by the same rule."""

by_file = pytest.mark.parametrize("path", SOURCES, ids=house.name_of)


def report(findings: list[house.Finding]) -> str:
    return "\n".join(map(str, findings))


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | environment,
        cwd=house.ROOT,
    )


# --- no use of PyTorch's own JIT
# ---------------------------------------------------------------------------------------


@by_file
def test_pytorch_jit_is_not_used(path: Path) -> None:
    findings = house.uses_of_pytorch_jit(path)
    assert not findings, report(findings)


PLANTED = {
    "import of the package": ("import torch.jit", "torch.jit"),
    "import of a module": ("import torch.jit.frontend as f", "torch.jit.frontend"),
    "from torch": ("from torch import jit", "torch.jit"),
    "from inside": ("from torch.jit._script import script", "torch.jit._script.script"),
    "attribute": ("import torch\ntorch.jit.script(f)", "torch.jit.script"),
    "renamed torch": ("import torch as t\nt.jit.load('x')", "torch.jit.load"),
    "assigned": ("import torch\nC = torch._C\nC._jit_pass_inline(g)", "torch._C._jit_pass_inline"),
    "graph class": ("from torch import _C\n_C.Graph()", "torch._C.Graph"),
    "parser": ("import torch._C as c\nc.parse_ir(s)", "torch._C.parse_ir"),
    "from _C": ("from torch._C import _jit_script_compile", "torch._C._jit_script_compile"),
    "getattr": ("import torch\ngetattr(torch, 'jit').script", "torch.jit.script"),
    "getattr of _C": ("import torch\ngetattr(torch._C, '_jit_pass_dce')(g)", "torch._C._jit_pass_dce"),
    "import_module": ("from importlib import import_module\nimport_module('torch.jit')", "torch.jit"),
    "__import__": ("__import__('torch.jit.frontend')", "torch.jit.frontend"),
    "sys.modules": ("import sys\nsys.modules['torch.jit']", "torch.jit"),
    "vars": ("import torch\nvars(torch)['jit']", "torch.jit"),
    "in a function": ("def f(x):\n    import torch\n    return torch.jit.trace(f, x)", "torch.jit.trace"),
    "internal function": (
        "from torch._jit_internal import get_type_hints",
        "torch._jit_internal.get_type_hints",
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_use_is_found(case: str, tmp_path: Path) -> None:
    source, dotted = PLANTED[case]
    planted = tmp_path / "planted.py"
    planted.write_text(source)
    assert dotted in [finding.what for finding in house.uses_of_pytorch_jit(planted)]


def test_tables_markers_and_words_are_not_uses(tmp_path: Path) -> None:
    innocent = tmp_path / "innocent.py"
    innocent.write_text(
        '"""Says torch.jit.script in its docstring."""\n'
        "import torch\n"
        "from torch import _jit_internal\n"
        "from torch._jit_internal import boolean_dispatched\n"
        "table = _jit_internal._overloaded_fns\n"
        "raise ValueError('use torch.jit.export')\n"
        "torch.add(1, 1)\n"
        "getattr(torch, 'add')\n"
        "getattr(fn, '_torchscript_modifier', None)\n"
        "jit = 1\n"
    )
    assert house.uses_of_pytorch_jit(innocent) == []


def test_each_exception_still_names_something_of_pytorch() -> None:
    internal = pytest.importorskip("torch")._jit_internal
    missing = [name for name in house.READ_AS_DATA if not hasattr(internal, name.rsplit(".", 1)[1])]
    assert missing == []


def test_scripts_work_with_pytorchs_entry_points_poisoned() -> None:
    """Script, run, save and load three modules while every entry point of PyTorch's JIT refuses to be called by us."""
    pytest.importorskip("torch")
    done = python(str(house.ROOT / "tests" / "poisoned_smoke.py"))
    assert done.returncode == 0, done.stdout + done.stderr


# --- torch only where it belongs
# ---------------------------------------------------------------------------------------


def test_import_is_light() -> None:
    done = python(
        "-c",
        "import sys; before = set(sys.modules); import flambeau; new = set(sys.modules) - before;"
        "print(*sorted(name for name in new if name.startswith('flambeau')));"
        "assert not {'torch', 'llvmlite', 'numpy'} & set(sys.modules)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["flambeau", "flambeau.errors", "flambeau.settings"]


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if house.room_of(house.module_of(p)) in house.TORCH_FREE], ids=house.name_of
)
def test_torch_is_not_imported_here(path: Path) -> None:
    if house.module_of(path).startswith(house.NEEDS_TORCH):
        pytest.skip("the part of this room that needs torch")
    findings = house.tensor_imports(path)
    assert not findings, report(findings)


WITHOUT_TORCH = """
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "llvmlite"):
            raise ImportError(f"{name} is refused in this test")

sys.meta_path.insert(0, Refuse())
room = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(room.__path__, room.__name__ + ".", onerror=lambda name: None):
    if not found.name.startswith(tuple(sys.argv[2:])):
        importlib.import_module(found.name)
"""


@pytest.mark.parametrize("room", house.TORCH_FREE)
def test_room_imports_where_torch_does_not(room: str) -> None:
    if room == "mobile" and not (house.PACKAGE / room).exists():
        pytest.skip("not built yet")
    done = python("-c", WITHOUT_TORCH, f"flambeau.{room}", *house.NEEDS_TORCH)
    assert done.returncode == 0, done.stderr


def test_a_graph_is_parsed_printed_and_optimised_where_torch_does_not_import() -> None:
    text = "graph(%x : int):\\n  %d : int = aten::neg(%x)\\n  return (%x)\\n"
    done = python(
        "-c",
        WITHOUT_TORCH.replace("room = ", "import flambeau\nroom = ")
        + f"\ngraph = flambeau.ir.parse('{text}')"
        + f"\nassert str(graph) == '{text}', str(graph)"
        + "\nfrom flambeau.passes import eliminate_dead_code"
        + "\neliminate_dead_code(graph)"
        + "\nassert 'neg' not in str(graph), str(graph)",
        "flambeau.ir",
    )
    assert done.returncode == 0, done.stderr


# --- layers
# ------------------------------------------------------------------------------------------------------------


@by_file
def test_imports_point_down_through_front_doors(path: Path) -> None:
    findings = house.broken_layers(path)
    assert not findings, report(findings)


BROKEN = {
    "upwards": ("from flambeau.runtime import run", "passes imports flambeau.runtime, which is above it"),
    "upwards, for types only": (
        "if TYPE_CHECKING:\n    from flambeau.api import Module",
        "passes imports flambeau.api, which is above it",
    ),
    "past the front door": ("from flambeau.ir.graph import Graph", "flambeau.ir.graph is not a front door"),
    "in a function": ("def f():\n    from flambeau import ir", "flambeau.ir is imported inside a function"),
    "relative, upwards": ("from ..runtime import run", "passes imports flambeau.runtime, which is above it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_planted_broken_layer_is_found(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, message = BROKEN[case]
    package = tmp_path / "flambeau"
    for module in ("runtime/__init__.py", "api/__init__.py", "ir/__init__.py", "ir/graph.py", "passes/__init__.py"):
        package.joinpath(module).parent.mkdir(parents=True, exist_ok=True)
        package.joinpath(module).write_text("")
    planted = package / "passes" / "planted.py"
    planted.write_text(f"from flambeau.ir import Graph\nfrom .other import helper\n{source}\n")
    monkeypatch.setattr(house, "PACKAGE", package)
    assert [finding.what for finding in house.broken_layers(planted)] == [message]


def test_every_room_stands_on_the_ladder() -> None:
    rooms = {p.stem if p.is_file() else p.name for p in house.PACKAGE.iterdir() if p.is_dir() or p.suffix == ".py"}
    assert rooms - {"__init__", "__main__", "__pycache__"} <= set(house.STEP)


# --- budgets
# -----------------------------------------------------------------------------------------------------------


@by_file
def test_file_fits(path: Path) -> None:
    assert house.line_count(path) <= LONG_FILES.get(house.name_of(path), FILE_LIMIT)


@by_file
def test_functions_fit(path: Path) -> None:
    long = {
        name: size
        for name, size in house.function_sizes(path).items()
        if size > LONG_FUNCTIONS.get(f"{house.name_of(path)}:{name}", FUNCTION_LIMIT)
    }
    assert long == {}


def test_exceptions_are_exact() -> None:
    """An exception that is no longer needed, or larger than needed, hides growth."""
    files = {house.name_of(path): house.line_count(path) for path in SOURCES}
    assert {name: files.get(name) for name in LONG_FILES} == LONG_FILES
    functions = {
        f"{house.name_of(path)}:{name}": size for path in SOURCES for name, size in house.function_sizes(path).items()
    }
    assert {name: functions.get(name) for name in LONG_FUNCTIONS} == LONG_FUNCTIONS


@by_file
def test_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(house.tree_of(path))
