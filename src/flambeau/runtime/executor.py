"""Running functions: each is compiled for the tier that the settings say when it is first called.

The compiled form is kept in `Function.executor`, of an optimised copy of the graph that calls are inlined into. Many
threads may call a function that is not compiled yet: one compiles, the others wait.

Optimising a large program takes longer than to run it. So it runs as it is at first (see `baseline`), and what its
optimised copy runs as takes that form's place when a thread in the background has made it. Whoever looks at the
optimised form waits for it.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from typing import final

from flambeau import settings
from flambeau.errors import ExecutionError, FlambeauError, UnsupportedError
from flambeau.ir import Function, Graph, collected_later, copy_graph
from flambeau.passes import callee_of, optimize, pause, register_evaluator
from flambeau.runtime.background import Task
from flambeau.runtime.baseline import Baseline, interpreted
from flambeau.runtime.calls import services
from flambeau.runtime.exceptions import located
from flambeau.runtime.interpreter import Guard, evaluate_constant, guarded, interpret_function
from flambeau.runtime.linking import Entry
from flambeau.runtime.locks import locks
from flambeau.runtime.program import Program
from flambeau.runtime.python_tier import Plan, compile_plan
from flambeau.runtime.python_tier.plan import Compiled

__all__ = [
    "call",
    "call_guarded",
    "call_unlocated",
    "execution_plan",
    "last_graph",
    "plan_if_made",
    "reason_for_interpreting",
    "reason_unoptimised",
]

_log = logging.getLogger("flambeau.runtime")


@final
class Executor(Entry):
    """What a function runs as. `plan` is None where the graph is beyond the Python tier and is interpreted."""

    __slots__ = ("_baseline", "_function", "_task", "plan", "reason", "reference")

    def __init__(self, function: Function, run: Compiled, plan: Plan | None, reason: str = "") -> None:
        super().__init__(run)
        self.plan = plan
        self.reason = reason
        """Why there is no plan, or none of an optimised graph."""
        self.reference = weakref.ref(self)
        self._function = weakref.ref(function)
        self._baseline: Baseline | None = None
        self._task: Task | None = None

    def discard(self) -> None:
        """The function, or one that was inlined into it, has another graph: no code may call this one any more."""
        self.close()
        if self._baseline is not None:
            self._baseline.retire()
        function = self._function()
        if function is not None and function.executor is self:
            function.executor = None

    def finish(self) -> None:
        """Have made now what is still to be made in the background."""
        task = self._task
        if task is not None:
            task.finish()
        plan = self.plan
        if plan is not None:
            plan.finish()

    def begin(self, baseline: Baseline, runs: int) -> None:
        """Run a program as it is; after so many runs, have it optimised in the background."""
        self._baseline = baseline
        reference = self.reference
        self._task = task = Task(lambda: _optimise(reference))
        if runs <= 1:
            task.request()
        else:
            self.run = _counting(reference, self.run, runs)

    def warmed_up(self, run: Compiled) -> None:
        """It has run often enough."""
        with locks.linking:
            task = self._task
            if task is not None and not task.is_done:
                self.replace(run)
        if task is not None:
            task.request()

    def optimise(self, function: Function) -> None:
        """Put what an optimised copy of the program runs as in place of the baseline."""
        baseline = self._baseline
        if baseline is None:
            return
        try:
            graph = copy_graph(baseline.program.graph_of(function))
            optimize(graph, baseline.program.graph_of)
            plan = compile_plan(graph, function.name, _link)
            _prepare_callees(plan.graph)
        except UnsupportedError as error:
            self.reason = str(error)
        except Exception as error:  # a defect, which must not take away what works
            self.reason = f"{type(error).__name__}: {error}"
            _log.warning("'%s' cannot be optimised: %s", function.qualified_name, self.reason, exc_info=error)
        else:
            with locks.linking:
                self.plan, self.reason = plan, ""
                self.replace(plan.run)
            baseline.retire()
        self._baseline = self._task = None


def _optimise(reference: weakref.ref[Executor]) -> None:
    executor = reference()
    function = None if executor is None else executor._function()
    if executor is not None and function is not None:
        executor.optimise(function)


def _counting(reference: weakref.ref[Executor], run: Compiled, runs: int) -> Compiled:
    """A function that tells the executor when it has been called so many times."""
    left = runs

    def counted(*arguments: object) -> object:
        nonlocal left
        left -= 1
        executor = reference() if left <= 0 else None
        if executor is not None:
            executor.warmed_up(run)
        return run(*arguments)

    return counted


_last: weakref.ref[Executor] | None = None
"""What Python called last. A reference made beforehand: to note it takes no time, and keeps nothing alive."""


def call(function: Function, arguments: Sequence[object]) -> object:
    """Run a function on run-time values, one for each argument of its schema; its result as one value.

    What the script raises comes as an `ExecutionError` that is an exception of its own class as well, with the script's
    traceback.
    """
    global _last
    try:
        executor = function.executor
        if settings.TIER.value != "python":
            return call_unlocated(function, arguments)
        if executor.__class__ is not Executor:
            executor = _prepare(function)
        _last = executor.reference
        return executor.run(*arguments)
    except FlambeauError as error:
        raise (located(error) if isinstance(error, ExecutionError) else error) from error.__cause__
    except Exception as error:  # whatever an operator raises
        raise located(error) from error


def call_guarded(function: Function, arguments: Sequence[object], guard: Guard) -> object:
    """Run a function that is not to be trusted: as `call`, but with a guard that is asked before each node.

    Everything it calls on this thread is interpreted under the guard too; tasks that it forks would not be.
    """
    with settings.override(tier="interpreter"), guarded(guard):
        return call(function, arguments)


def call_unlocated(function: Function, arguments: Sequence[object]) -> object:
    """Run a function from within a script: exceptions pass through as they are."""
    if settings.TIER.value == "interpreter":
        return interpret_function(function, arguments)
    return _executor_of(function).run(*arguments)


def _executor_of(function: Function) -> Executor:
    executor = function.executor
    return executor if isinstance(executor, Executor) else _prepare(function)


def _finished(function: Function) -> Executor:
    executor = _executor_of(function)
    executor.finish()
    return executor


def _link(function: Function, caller: Compiled, name: str) -> Compiled:
    while True:
        run = _executor_of(function).link(caller, name)
        if run is not None:
            return run


def execution_plan(function: Function) -> Plan:
    """How a function is run by the Python tier; UnsupportedError if it is interpreted."""
    plan = _finished(function).plan
    if plan is None:
        raise UnsupportedError(f"'{function.qualified_name}' is run by the interpreter: it is nested too deeply")
    return plan


def plan_if_made(function: Function) -> Plan | None:
    """The plan of a function that has been prepared to run; None if it has not, or is interpreted."""
    return _finished(function).plan if isinstance(function.executor, Executor) else None


def last_graph() -> Graph | None:
    """The optimised graph of the function that was last passed to `call`; None if there is none, or none any more."""
    executor = None if _last is None else _last()
    if executor is None:
        return None
    executor.finish()
    return None if executor.plan is None else executor.plan.graph


def reason_for_interpreting(function: Function) -> str:
    """Why the Python tier cannot run a function; empty if it can."""
    executor = _finished(function)
    return executor.reason if executor.plan is None else ""


def reason_unoptimised(function: Function) -> str:
    """Why the Python tier runs a function as it is; empty if it is optimised."""
    executor = _finished(function)
    return "" if executor.plan is None else executor.reason


def _prepare(function: Function) -> Executor:
    with locks.compiling:
        if isinstance(function.executor, Executor):  # another thread was faster
            return function.executor
        with collected_later():
            if function.is_optimized:
                function.executor = executor = _compiled(function, function.graph)
            else:
                executor = _prepare_program(function)
        return executor


def _prepare_program(function: Function) -> Executor:
    program = Program(function)
    runs = settings.PROFILED_RUNS.value
    if settings.BACKGROUND.value and runs > 0 and program.inlined_size > settings.AT_ONCE.value:
        baseline = Baseline(program.snapshot(), _link)
        plan = baseline.plan(function)
        if isinstance(plan, Plan):
            executor = Executor(function, plan.run, plan)
        else:
            executor = Executor(function, interpreted(function), None, plan)
        executor.begin(baseline, runs)
    else:
        executor = _compiled(function, optimized(function.graph))
    function.executor = executor
    program.tell(executor)
    return executor


def _prepare_callees(graph: Graph) -> None:
    """Compile the functions that only an optimised graph calls: bodies that were too large to be inlined."""
    for node in graph.walk():
        callee = callee_of(node)
        if callee is not None and callee.is_optimized and callee.executor is None:
            pause()
            callee.executor = _compiled(callee, callee.graph)
            _prepare_callees(callee.graph)


def optimized(graph: Graph) -> Graph:
    """A copy of a graph, as it is executed."""
    result = copy_graph(graph)
    optimize(result)
    return result


def _compiled(function: Function, graph: Graph) -> Executor:
    try:
        plan = compile_plan(graph, function.name, _link)
    except UnsupportedError as error:
        return Executor(function, interpreted(function), None, str(error))
    return Executor(function, plan.run, plan)


services.call = call_unlocated
register_evaluator(evaluate_constant)
