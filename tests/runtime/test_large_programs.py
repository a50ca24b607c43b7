"""Large programs run as they are at first, and are optimised in the background."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from collections.abc import Iterator
from typing import Any, Final

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError, UnsupportedError
from flambeau.ir import Function, Graph, parse
from flambeau.passes import inlining
from flambeau.runtime import background, call, execution_plan, executor
from flambeau.runtime.executor import Executor


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() > 2:
            raise ValueError("too many dimensions")
        return self.dropout(self.linear(x).relu())


class Deep(nn.Module):
    """Each with a constant of its own: modules of one type share their functions, and we want cold ones."""

    made = 0
    number: Final[int]

    def __init__(self, layers: int = 6) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Layer() for _ in range(layers)))
        Deep.made += 1
        self.number = Deep.made

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.number


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch, own_worker: None) -> Iterator[None]:
    """Everything is large, and nothing is optimised before it is asked for."""
    monkeypatch.setattr(background, "DELAY", 3600.0)
    settings.AT_ONCE.set(0)
    yield
    settings.AT_ONCE.set(None)


def state(function: Function) -> Executor:
    assert isinstance(function.executor, Executor)
    return function.executor


def is_optimised(function: Function) -> bool:
    return state(function)._task is None


def function_of(scripted: Any) -> Function:
    found: Function = scripted._c.forward.function if isinstance(scripted, flambeau.ScriptModule) else scripted.function
    return found


def calls_in(graph: Graph) -> int:
    return sum(node.kind in ("prim::CallFunction", "prim::CallMethod") for node in graph.walk())


@pytest.mark.usefixtures("all_are_large")
def test_results_gradients_and_random_numbers_are_the_same_before_and_after() -> None:
    eager = Deep()
    scripted = flambeau.script(eager)
    x = torch.randn(3, 4)
    found = []
    for run in (eager, scripted, scripted):
        torch.manual_seed(5)
        eager.zero_grad()
        result = run(x)
        result.sum().backward()
        found.append((result.detach(), *(p.grad.clone() for p in eager.parameters() if p.grad is not None)))
        if len(found) == 2:
            assert not is_optimised(function_of(scripted))
            scripted.forward.execution_plan()
    assert is_optimised(function_of(scripted))
    for other in found[1:]:
        assert len(other) == len(found[0])
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.usefixtures("all_are_large")
def test_errors_look_the_same_before_and_after() -> None:
    scripted = flambeau.script(Deep())
    texts = []
    for _ in range(2):
        with pytest.raises(ValueError, match="too many") as caught:
            scripted(torch.ones(1, 1, 4))
        assert isinstance(caught.value, ExecutionError)
        texts.append(str(caught.value))
        scripted.forward.execution_plan()
    assert texts[0] == texts[1]


@pytest.mark.usefixtures("all_are_large")
def test_warnings_are_given_once_whatever_form_runs() -> None:
    def advises(x: Tensor) -> Tensor:
        warnings.warn("careful")
        return (x * 2 + x) * 0.5 - x

    def advises_twice(x: Tensor) -> Tensor:
        return advises(x) + advises(x + 1)

    scripted = flambeau.script(advises_twice)
    with warnings.catch_warnings(record=True) as given, torch.no_grad():
        warnings.simplefilter("always")
        for _ in range(2):
            scripted(torch.ones(2))
            scripted(torch.ones(2))
            scripted.execution_plan()
    assert [str(warning.message) for warning in given] == ["careful"]


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(
    "look",
    [
        lambda scripted: scripted.forward.execution_plan(),
        lambda scripted: scripted.graph_for(torch.ones(2, 4)),
        lambda scripted: scripted.get_debug_state(),
        lambda scripted: flambeau.explain(scripted),
        lambda scripted: flambeau.last_executed_optimized_graph(),
    ],
    ids=["execution_plan", "graph_for", "get_debug_state", "explain", "last_executed"],
)
def test_whoever_looks_gets_the_optimised_form(look: Any) -> None:
    scripted = flambeau.script(Deep().eval())
    scripted(torch.ones(2, 4))
    assert not is_optimised(function_of(scripted))
    look(scripted)
    assert is_optimised(function_of(scripted))
    assert calls_in(execution_plan(function_of(scripted)).graph) == 0


def test_the_optimised_form_is_the_same_as_without_background() -> None:
    texts = []
    eager = Deep().eval()
    choices: list[dict[str, int]] = [{}, {"background": False}, {"profiled_runs": 0}]
    for values in choices:
        with settings.override(**{"at_once": 0, **values}):
            scripted = flambeau.script(eager)
            function_of(scripted).graph = function_of(scripted).graph  # cold again
            scripted(torch.ones(2, 4))
            texts.append(scripted.forward.execution_plan().source)
    assert texts[0] == texts[1] == texts[2]


def test_small_programs_are_optimised_at_once() -> None:
    scripted = flambeau.script(Layer().eval())
    scripted(torch.ones(2, 4))
    assert is_optimised(function_of(scripted))


@pytest.mark.parametrize("values", [{"background": False}, {"profiled_runs": 0}, {"at_once": 100_000}])
def test_what_switches_the_background_off(values: dict[str, int]) -> None:
    with settings.override(**{"at_once": 0, **values}):
        scripted = flambeau.script(Deep().eval())
        scripted(torch.ones(2, 4))
        assert is_optimised(function_of(scripted))


def test_it_happens_without_anybody_asking(monkeypatch: pytest.MonkeyPatch, own_worker: None) -> None:
    monkeypatch.setattr(background, "DELAY", 0.0)
    scripted = flambeau.script(Deep(12).eval())
    x = torch.ones(2, 4)
    expected = scripted(x)
    while not is_optimised(function_of(scripted)):
        assert torch.equal(scripted(x), expected)
    assert torch.equal(scripted(x), expected)
    assert calls_in(execution_plan(function_of(scripted)).graph) == 0


def test_it_is_requested_after_the_runs_that_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[object] = []
    monkeypatch.setattr(background.Task, "request", lambda task: requested.append(task))
    with settings.override(at_once=0, profiled_runs=3):
        scripted = flambeau.script(Deep().eval())
        for count in (0, 0, 1, 1):
            scripted(torch.ones(2, 4))
            assert len(requested) == count
    assert calls_in(scripted.forward.execution_plan().graph) == 0
    scripted(torch.ones(2, 4))


def many_steps(x: Tensor, n: int) -> Tensor:
    for i in range(n):
        x = x * 0.5 + x
        x = x.sigmoid() * 2.0
    return x


def twice_many_steps(x: Tensor, n: int) -> Tensor:
    return many_steps(x, n) + many_steps(x, n + 1)


@pytest.mark.usefixtures("all_are_large")
def test_explain_tells_of_functions_that_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their forms, which are made in the background as well, are waited for."""
    monkeypatch.setattr(inlining, "MOST_NODES", 5)
    scripted = flambeau.script(twice_many_steps)
    x = torch.ones(3)
    expected = scripted(x, 2)
    assert flambeau.explain(scripted).count("function __torch__") == 2
    with torch.no_grad():
        for _ in range(4):
            assert torch.equal(scripted(x, 2), expected)
    _, called = flambeau.explain(scripted).split("\n\nfunction ")
    assert called.startswith(function_of(scripted).qualified_name.replace("twice_", ""))
    assert "specialised for" in called
    assert torch.equal(scripted(x, 2), expected)


@pytest.mark.usefixtures("all_are_large")
def test_what_cannot_be_optimised_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(graph: Graph, graph_of: object) -> None:
        raise UnsupportedError("not this one")

    scripted = flambeau.script(Deep().eval())
    x = torch.ones(2, 4)
    expected = scripted(x)
    monkeypatch.setattr(executor, "optimize", refuse)
    assert "not optimised: not this one" in flambeau.explain(scripted)
    assert torch.equal(scripted(x), expected)

    def fail(graph: Graph, graph_of: object) -> None:
        raise ZeroDivisionError("a defect")

    other = flambeau.script(Deep().eval())
    other(x)
    monkeypatch.setattr(executor, "optimize", fail)
    assert "not optimised: ZeroDivisionError: a defect" in flambeau.explain(other)
    assert "a defect" in caplog.text


@pytest.mark.usefixtures("all_are_large")
def test_the_reference_interpreter_is_used_where_the_setting_says() -> None:
    scripted = flambeau.script(Deep().eval())
    with settings.override(tier="interpreter"):
        scripted(torch.ones(2, 4))
        assert function_of(scripted).executor is None


def chain(*names: str) -> dict[str, Function]:
    """Functions each of which calls the next; the last negates."""
    made: dict[str, Function] = {}
    for name, callee in list(zip(names, (*names[1:], ""), strict=True))[::-1]:
        if callee:
            body = (
                f'graph(%x : int):\n  %f : Function = prim::Constant[name="{callee}"]()\n'
                "  %y : int = prim::CallFunction(%f, %x)\n  return (%y)"
            )
        else:
            body = "graph(%x : int):\n  %y : int = aten::neg(%x)\n  return (%y)"
        made[name] = Function(name, parse(body, find_function=made.__getitem__))
    return made


IDENTITY = "graph(%x : int):\n  return (%x)"


@pytest.mark.parametrize("at_once", [0, 200])
@pytest.mark.parametrize("replaced", ["root", "middle", "leaf"])
@pytest.mark.parametrize("is_finished", [False, True])
def test_new_graphs_of_callees_count(
    at_once: int, replaced: str, is_finished: bool, monkeypatch: pytest.MonkeyPatch, own_worker: None
) -> None:
    monkeypatch.setattr(background, "DELAY", 3600.0)
    functions = chain("root", "middle", "leaf")
    root = functions["root"]
    with settings.override(at_once=at_once):
        assert call(root, [3]) == -3
        if is_finished:
            execution_plan(root)
        functions[replaced].graph = parse(IDENTITY)
        assert call(root, [3]) == 3
        execution_plan(root)
        assert call(root, [3]) == 3


@pytest.mark.usefixtures("all_are_large")
def test_a_graph_that_is_replaced_while_it_is_optimised_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = chain("root", "leaf")
    root = functions["root"]
    assert call(root, [3]) == -3
    optimize = executor.optimize

    def meanwhile(graph: Graph, graph_of: Any) -> None:
        optimize(graph, graph_of)
        functions["leaf"].graph = parse(IDENTITY)

    monkeypatch.setattr(executor, "optimize", meanwhile)
    state(root).finish()
    monkeypatch.undo()
    assert call(root, [3]) == 3


@pytest.mark.usefixtures("all_are_large")
def test_graphs_changed_in_place_do_not_disturb_what_is_optimised() -> None:
    functions = chain("root", "leaf")
    root = functions["root"]
    assert call(root, [3]) == -3
    graph = functions["leaf"].graph
    graph.outputs[0].replace_all_uses_with(graph.inputs[0])
    assert call(root, [3]) == -3
    execution_plan(root)
    assert call(root, [3]) == -3


@pytest.mark.usefixtures("all_are_large")
def test_functions_are_freed_while_they_are_queued() -> None:
    functions = chain("root", "leaf")
    assert call(functions["root"], [1]) == -1
    reference = weakref.ref(functions["root"])
    functions.clear()
    gc.collect()
    assert reference() is None


@pytest.mark.usefixtures("all_are_large")
def test_a_long_first_call_profits_from_what_is_ready_meanwhile() -> None:
    """What it calls from then on is what anybody would call."""
    functions = chain("middle", "leaf")
    root = Function(
        "root",
        parse(
            'graph(%x : int, %n : int):\n  %f : Function = prim::Constant[name="middle"]()\n'
            "  %true : bool = prim::Constant[value=1]()\n"
            "  %y : int = prim::Loop(%n, %true, %x)\n    block0(%i : int, %z : int):\n"
            "      %w : int = prim::CallFunction(%f, %z)\n"
            "      %seen : int = prim::PythonOp(%w)\n"
            "      -> (%true, %seen)\n  return (%y)",
            find_function=functions.__getitem__,
        ),
    )
    prepared = []

    def observe(value: int) -> int:
        if not prepared:
            state(root).finish()
        prepared.append(functions["middle"].executor is not None)
        return value

    (operation,) = (node for node in root.graph.walk() if node.kind == "prim::PythonOp")
    operation.set_attribute("callable", "ival", observe)
    assert call(root, [3, 4]) == 3
    assert prepared == [False, True, True, True]


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("is_finished", [False, True])
def test_values_are_freed_at_their_last_use(is_finished: bool) -> None:
    alive: list[weakref.ref[Tensor]] = []
    most: list[int] = []

    def step(x: Tensor) -> Tensor:
        result = x + 1
        alive.append(weakref.ref(result))
        most.append(sum(reference() is not None for reference in alive))
        return result

    body = "".join(f"  %v{i + 1} : Tensor = prim::PythonOp(%v{i})\n" for i in range(6))
    leaf = Function("leaf", parse(f"graph(%v0 : Tensor):\n{body}  return (%v6)"))
    for node in leaf.graph.find_nodes("prim::PythonOp"):
        node.set_attribute("callable", "ival", step)
    calls = "".join(f"  %v{i + 1} : Tensor = prim::CallFunction(%f, %v{i})\n" for i in range(3))
    root = Function(
        "root",
        parse(
            f'graph(%v0 : Tensor):\n  %f : Function = prim::Constant[name="leaf"]()\n{calls}  return (%v3)',
            find_function=lambda name: leaf,
        ),
    )
    call(root, [torch.ones(2)])
    if is_finished:
        execution_plan(root)
    alive.clear()
    most.clear()
    call(root, [torch.ones(2)])
    # One that a step reads and one that it makes; and in a call what the caller still holds, as in eager code.
    assert max(most) <= 3


@pytest.mark.usefixtures("all_are_large")
def test_threads_compile_a_cold_program_once_and_nobody_waits_for_the_optimiser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[str] = []
    compile_plan = executor.compile_plan
    monkeypatch.setattr(
        "flambeau.runtime.baseline.compile_plan",
        lambda graph, name, link, **options: compiled.append(name) or compile_plan(graph, name, link, **options),
    )
    scripted = flambeau.script(Deep(2).eval())
    x = torch.randn(2, 4)
    start, results = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        results.append(scripted(x))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not is_optimised(function_of(scripted))
    assert len(results) == 8
    assert all(torch.equal(r, results[0]) for r in results)
    assert sorted(compiled) == ["dropout", *5 * ["forward"]]
