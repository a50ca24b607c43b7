"""Printed source, compared with PyTorch's text: of single graphs, and of whole archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Union

import pytest
import torch

import flambeau
from flambeau import ir
from flambeau.errors import UnsupportedError
from flambeau.ir import Function, parse, parse_schema
from flambeau.serialization import code_of_function
from tests.serialization.printed_programs import PROGRAMS
from tests.serialization.zoo import seeded
from tests.serialization.zoo.everything import NN, ZOO

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", PROGRAMS)
def test_graph_prints_as_pytorch_prints_it(name: str) -> None:
    """PyTorch's own graph, as text, through our parser and printer."""
    scripted = torch.jit.script(PROGRAMS[name])
    text = str(scripted.graph)
    graph = parse(text)
    assert ir.print_graph(graph) == text
    code, _ = code_of_function(Function(scripted.name, graph, parse_schema(str(scripted.schema))))
    assert code.rstrip() == scripted.code.rstrip()


def code_files(data: bytes) -> dict[str, str]:
    """The source files of an archive. Constants of a class stand in the order of a set, so they are sorted here."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = [n for n in archive.namelist() if "/code/" in n and n.endswith(".py") and archive.getinfo(n).file_size]
    return {name.partition("/code/")[2]: _sorted_constants(archive.read(name).decode()) for name in names}


def _sorted_constants(text: str) -> str:
    done: list[str] = []
    constants: list[str] = []
    for line in text.splitlines():
        if ": Final[" in line:
            constants.append(line)
            continue
        done += sorted(constants)
        constants.clear()
        done.append(line)
    return "\n".join(done + sorted(constants))


def saved(module: torch.nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(module, file)
    return file.getvalue()


OTHER_TEXT = {
    "language AwkwardParameterNames": "a variable may not be called `annotate` here; PyTorch's text would not load",
    "language Enums": "equal members are one constant here",
}
"""Archives whose code is another one, by intent."""
_SAME = [*(n for n in ZOO if n.startswith("language ") and n not in OTHER_TEXT), *list(NN)[:70], "traced conv net"]
_REFUSED = ("nn MaxUnpool2d",)


@pytest.mark.parametrize("name", [name for name in _SAME if name not in _REFUSED])
def test_archive_is_saved_again_as_pytorch_does(name: str) -> None:
    """Loaded and saved by PyTorch, or loaded and saved by flambeau: the same files with the same text."""
    specimen = ZOO[name]
    module = seeded(specimen)
    data = saved(module if specimen.prepared else torch.jit.script(module))
    theirs = code_files(saved(torch.jit.load(io.BytesIO(data))))
    mine = code_files(flambeau.load(io.BytesIO(data)).save_to_buffer())
    assert list(mine) == list(theirs)
    for file, text in theirs.items():
        assert mine[file] == text


# --- what has no PyTorch to compare with


def printed(text: str, schema: str) -> tuple[str, list[object]]:
    return code_of_function(Function("f", parse(text), parse_schema(schema)))


def test_python_functions_cannot_be_printed() -> None:
    text = "graph(%x : Tensor):\n  %y : Tensor = ^callback()(%x)\n  return (%y)\n"
    with pytest.raises(UnsupportedError, match="Could not export Python function call 'callback'"):
        printed(text, "f(Tensor x) -> Tensor")


def test_loops_with_count_and_condition_cannot_be_printed() -> None:
    text = """graph(%n : int, %c : bool):
  %r : int = prim::Loop(%n, %c, %n)
    block0(%i : int, %v : int):
      %w : int = aten::add(%v, %i)
      -> (%c, %w)
  return (%r)
"""
    with pytest.raises(UnsupportedError, match="both a trip count and a condition"):
        printed(text, "f(int n, bool c) -> int")


def test_graphs_return_one_value() -> None:
    with pytest.raises(UnsupportedError, match="must have a single return value"):
        printed("graph(%a : int):\n  return (%a, %a)\n", "f(int a) -> (int, int)")


def test_values_with_odd_names() -> None:
    text = """graph(%1a : int, %b-c : int, %lambda : int):
  %d.5 : int = aten::add(%1a, %b-c)
  %e : int = aten::mul(%d.5, %d.5)
  return (%e)
"""
    code, _ = printed(text, "f(int a, int b, int c) -> int")
    assert code == "def f(a: int,\n    b: int,\n    c: int) -> int:\n  d = torch.add(a, b)\n  return torch.mul(d, d)\n"


def test_single_unpacking_is_a_statement() -> None:
    text = """graph(%t : (int)):
  %1 : int = prim::TupleUnpack(%t)
  %2 : int[] = prim::ListConstruct(%1)
  return (%2)
"""
    code, _ = printed(text, "f((int) t) -> int[]")
    assert code == "def f(t: Tuple[int]) -> List[int]:\n  _0, = t\n  return [_0]\n"


def test_text_that_pytorch_cannot_read_becomes_a_constant() -> None:
    for value in ("ä", "a\rb"):
        graph = ir.Graph()
        graph.add_output(ir.insert_constant(graph, value))
        code, constants = code_of_function(Function("f", graph, parse_schema("f() -> str")))
        assert (code, constants) == ("def f() -> str:\n  return CONSTANTS.c0\n", [value])


def counted_union(s: str, n: int) -> str:
    v: Union[int, str] = torch.jit.annotate(Union[int, str], s)
    for i in range(n):
        v = i
    return str(v)


def conditional_union(s: str, n: int) -> str:
    v: Union[int, str] = torch.jit.annotate(Union[int, str], s)
    m = n
    while m > 0:
        m -= 1
        v = m
    return str(v)


@pytest.mark.parametrize("function", [counted_union, conditional_union])
def test_unions_carried_by_loops_load_in_pytorch(function: Callable[[str, int], str]) -> None:
    """PyTorch does not take an int where the Union was a str before, unless the text says that it is the Union."""
    file = io.BytesIO()
    flambeau.save(flambeau.script(function), file)
    loaded = torch.jit.load(io.BytesIO(file.getvalue()))
    assert [loaded("a", n) for n in (0, 3)] == [function("a", n) for n in (0, 3)]


def test_expressions_of_any_depth() -> None:
    """Inlining is bounded, so that neither we nor PyTorch run out of stack."""
    lines = ["graph(%x : int):"]
    last = "x"
    for i in range(3000):
        lines.append(f"  %{i + 10} : int = aten::neg(%{last})")
        last = str(i + 10)
    code, _ = printed("\n".join([*lines, f"  return (%{last})"]), "f(int x) -> int")
    assert max(line.count("(") for line in code.splitlines()) < 50
    assert code.count("torch.neg") == 3000
