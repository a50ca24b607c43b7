"""The Python-source tier: the same results as the interpreter, memory freed at the last use, readable source."""

from __future__ import annotations

import gc
import textwrap
import weakref
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import flambeau
from flambeau.api import CompilationUnit
from flambeau.errors import ExecutionError
from flambeau.ir import Graph, copy_graph, parse
from flambeau.passes import optimize
from flambeau.runtime import execution_plan
from flambeau.runtime.executor import _executor_of
from flambeau.runtime.python_tier import compile_plan, source_of
from tests.strategies.graphs import arguments, graphs, observe


def run_compiled(graph: Graph, inputs: Sequence[object]) -> Sequence[object]:
    result = compile_plan(graph, "tested", lambda function, caller, name: _executor_of(function).run).run(*inputs)
    return result if len(graph.outputs) > 1 else [result] if graph.outputs else []


@given(graph=graphs(size=16), data=st.data())
def test_compiled_graphs_do_what_the_interpreter_does(graph: Graph, data: st.DataObject) -> None:
    inputs = arguments(data.draw, graph)
    expected = observe(graph, inputs)
    assert observe(graph, inputs, run_compiled) == expected
    optimized = copy_graph(graph)
    optimize(optimized)
    assert observe(optimized, inputs, run_compiled) == expected


# --- values that a loop carries


def swapped(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    y = x + 1
    a = y
    b = y
    for _i in range(n):
        a, b = b * 2, a + 1
    return a, b


def merged(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    y = x + 1
    a = y
    b = y
    for _i in range(n):
        z = a + b
        a = z
        b = z
    return a, b


def chosen(x: Tensor, n: int) -> Tensor:
    y = x + 1
    a = y
    b = y
    for i in range(n):
        if i % 2 == 0:
            a = b
        else:
            b = a + y
    return a + b


def rotated(x: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    y = x + 1
    a = y
    b = y
    c = x
    while n > 0:
        a, b, c = b, c, a
        n -= 1
        d = a
        for _j in range(2):
            a, d = d, a + 1
    return a, b, c


def kept(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    y = x + 1
    a = y
    b = y
    for _i in range(n):
        a = a + y
    return a, b


@pytest.mark.parametrize("program", [swapped, merged, chosen, rotated, kept])
def test_one_value_carried_twice(program: Callable[..., object]) -> None:
    scripted = flambeau.script(program)
    for n in range(4):
        torch.testing.assert_close(scripted(torch.ones(2), n), program(torch.ones(2), n))


# --- memory

_alive: list[weakref.ref[Tensor]] = []
_counts: list[int] = []


@pytest.fixture(scope="module")
def counting() -> Iterator[None]:
    """Operators that give tensors whose lives are watched: `make` a new one, `count` those that are alive."""
    library = torch.library.Library("flambeau_tier_test", "DEF")

    def make(x: Tensor) -> Tensor:
        result = x.clone()
        _alive.append(weakref.ref(result))
        _counts.append(sum(r() is not None for r in _alive))
        return result

    library.define("make(Tensor x) -> Tensor")
    library.impl("make", make, "CPU")
    yield
    library._destroy()


def chain(x: Tensor) -> Tensor:
    for _i in range(10):
        x = torch.ops.flambeau_tier_test.make(x)
    return x


def straight(x: Tensor) -> Tensor:
    a = torch.ops.flambeau_tier_test.make(x)
    b = torch.ops.flambeau_tier_test.make(a)
    c = torch.ops.flambeau_tier_test.make(b)
    d = torch.ops.flambeau_tier_test.make(c)
    return torch.ops.flambeau_tier_test.make(d)


def branches(x: Tensor) -> Tensor:
    a = torch.ops.flambeau_tier_test.make(x)
    if a.dim() == 1:
        b = torch.ops.flambeau_tier_test.make(a)
        c = torch.ops.flambeau_tier_test.make(b)
    else:
        c = a
    d = torch.ops.flambeau_tier_test.make(c)
    return torch.ops.flambeau_tier_test.make(d)


def in_tuples(x: Tensor) -> Tensor:
    pair = (torch.ops.flambeau_tier_test.make(x), x.dim())
    for _i in range(5):
        held = [pair[0]]
        pair = (torch.ops.flambeau_tier_test.make(held[0]), pair[1] + 1)
    return pair[0]


def replaced_in_a_loop(x: Tensor) -> Tensor:
    for i in range(5):
        x = torch.ops.flambeau_tier_test.make(x)
        y = torch.ops.flambeau_tier_test.make(x)
        z = torch.ops.flambeau_tier_test.make(y)
        if i > 2:
            x = z
    return x


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize(
    ("program", "most"), [(chain, 2), (straight, 2), (branches, 3), (in_tuples, 2), (replaced_in_a_loop, 3)]
)
def test_values_die_at_their_last_use(program: Callable[[Tensor], Tensor], most: int) -> None:
    """What a step reads and what it gives are alive together, and nothing else is; a branch keeps what came before."""
    scripted = flambeau.script(program)
    scripted(torch.ones(3))
    assert largest_number_alive(scripted) == most <= largest_number_alive(program)


def largest_number_alive(program: Callable[[Tensor], object]) -> int:
    gc.collect()
    _alive.clear()
    _counts.clear()
    program(torch.ones(3))
    return max(_counts)


# --- source


def documented(x: Tensor, n: int) -> Tensor:
    total = x
    for i in range(n):
        total = total * 2.0 + i
    if n > 5:
        total = total.reshape(7, 7)
    return total


def test_source_can_be_shown() -> None:
    plan = flambeau.script(documented).execution_plan()
    assert plan.source.startswith("def documented(")
    assert "for i in range(n):" in plan.source
    compile(plan.source, "shown", "exec")
    assert plan.run is not None


def test_lines_map_to_the_script() -> None:
    scripted = flambeau.script(documented)
    with pytest.raises(ExecutionError) as caught:
        scripted(torch.ones(3), 6)
    assert "total = total.reshape(7, 7)" in str(caught.value)
    plan = execution_plan(scripted.function)
    source = source_of(plan.graph, "documented")
    lines = {line.strip(): node for line, node in zip(source.lines, source.nodes, strict=True)}
    (reshape,) = [node for line, node in lines.items() if node is not None and node.kind == "aten::reshape"]
    assert reshape.range is not None
    assert "reshape(7, 7)" in reshape.range.text


def written(text: str) -> str:
    return source_of(parse(textwrap.dedent(text)), "f").text


def test_branches_that_only_choose_are_expressions() -> None:
    source = written(
        """
        graph(%a : bool, %b : bool):
          %yes : bool = prim::Constant[value=1]()
          %no : bool = prim::Constant[value=0]()
          %c : bool = prim::If(%a)
            block0():
              -> (%yes)
            block1():
              -> (%b)
          %d : bool = prim::If(%c)
            block0():
              -> (%b)
            block1():
              -> (%no)
          return (%d)
        """
    )
    assert source == "def f(a, b):\n  return (a or b) and b\n"


def test_ints_that_cannot_leave_64_bits_are_not_checked() -> None:
    def bounded(values: list[int]) -> int:
        found = 0
        for i in range(len(values)):
            if values[i] == i + 1:
                found += 1
        return found

    source = flambeau.script(bounded).execution_plan().source
    assert "wrapped" not in source


def test_what_follows_an_int_that_was_wrapped_is_checked() -> None:
    """Of constants the sum is known to leave 64 bits; where it is once it is wrapped is not."""
    graph = parse(
        textwrap.dedent(
            """
            graph(%x : int):
              %big : int = prim::Constant[value=4611686018427387904]()
              %small : int = prim::Constant[value=3037000500]()
              %sum : int = aten::add(%big, %big)
              %less : int = aten::sub(%sum, %small)
              %more : int = aten::add(%sum, %x)
              return (%sum, %less, %more)
            """
        )
    )
    assert list(run_compiled(graph, [-1])) == [-(2**63), 2**63 - 3037000500, 2**63 - 1]


def test_long_chains_of_operations_are_not_one_expression() -> None:
    """Python gives up on 200 nested parentheses."""
    lines = [f"    x = x + {index % 7} * n" for index in range(500)]
    unit = CompilationUnit("def f(x: int, n: int) -> int:\n" + "\n".join([*lines, "    return x"]) + "\n")
    assert unit.f(0, 1) == sum(index % 7 for index in range(500))


@pytest.mark.parametrize("depth", [5, 18, 19, 40])
def test_blocks_nested_deeply(depth: int) -> None:
    """Python's compiler has a limit; what goes beyond is interpreted."""
    opened = "".join(f"{'    ' * (i + 1)}with torch.no_grad():\n" for i in range(depth))
    source = f"def f(x: Tensor) -> Tensor:\n{opened}{'    ' * (depth + 1)}y = x + 1\n    return y\n"
    function = flambeau.CompilationUnit(source).f
    assert function(torch.ones(2)).tolist() == [2, 2]
    assert ("tier: interpreter" in flambeau.explain(function)) == (depth > 18)
