"""Running functions: each is compiled for the tier that the settings say when it is first called.

The compiled form is kept in `Function.executor`, of an optimised copy of the graph that calls are inlined into. Many
threads may call a function that is not compiled yet: one compiles, the others wait.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import final

from flambeau import settings
from flambeau.errors import ExecutionError, FlambeauError, UnsupportedError
from flambeau.ir import Function, Graph, collected_later, copy_graph
from flambeau.passes import optimize, register_evaluator
from flambeau.runtime.calls import services
from flambeau.runtime.exceptions import located
from flambeau.runtime.interpreter import Guard, evaluate_node, guarded, interpret_function
from flambeau.runtime.python_tier import Plan, compile_plan
from flambeau.runtime.python_tier.plan import Compiled, unlink

__all__ = [
    "call",
    "call_guarded",
    "call_unlocated",
    "entry_of",
    "execution_plan",
    "last_graph",
    "plan_if_made",
    "reason_for_interpreting",
]

_compiling = threading.RLock()


@final
class Executor:
    """What a function runs as. `plan` is None where the graph is beyond the Python tier and is interpreted."""

    __slots__ = ("__weakref__", "_callers", "plan", "reason", "reference", "run")

    def __init__(self, run: Compiled, plan: Plan | None, reason: str = "") -> None:
        self.run = run
        self.plan = plan
        self.reason = reason
        """Why there is no plan."""
        self.reference = weakref.ref(self)
        self._callers: weakref.WeakKeyDictionary[Compiled, str] = weakref.WeakKeyDictionary()
        """The generated code that calls `run`, under what name."""

    def link(self, caller: Compiled, name: str) -> Compiled:
        """What generated code calls, until it is told to ask again."""
        self._callers[caller] = name
        return self.run

    def discard(self) -> None:
        """The function has another graph: no code may call this one any more."""
        for caller, name in list(self._callers.items()):
            unlink(caller, name)


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
    executor = function.executor
    if not isinstance(executor, Executor):
        executor = _prepare(function)
    return executor.run(*arguments)


def entry_of(function: Function) -> Compiled:
    """The compiled form of a function: takes run-time values, one for each argument; exceptions pass as they are."""
    executor = function.executor
    return executor.run if isinstance(executor, Executor) else _prepare(function).run


def _link(function: Function, caller: Compiled, name: str) -> Compiled:
    executor = function.executor
    return (executor if isinstance(executor, Executor) else _prepare(function)).link(caller, name)


def execution_plan(function: Function) -> Plan:
    """How a function is run by the Python tier; UnsupportedError if it is interpreted."""
    executor = function.executor
    plan = executor.plan if isinstance(executor, Executor) else _prepare(function).plan
    if plan is None:
        raise UnsupportedError(f"'{function.qualified_name}' is run by the interpreter: it is nested too deeply")
    return plan


def plan_if_made(function: Function) -> Plan | None:
    """The plan of a function that has been prepared to run; None if it has not, or is interpreted."""
    executor = function.executor
    return executor.plan if isinstance(executor, Executor) else None


def last_graph() -> Graph | None:
    """The optimised graph of the function that was last passed to `call`; None if there is none, or none any more."""
    executor = None if _last is None else _last()
    return None if executor is None or executor.plan is None else executor.plan.graph


def reason_for_interpreting(function: Function) -> str:
    """Why the Python tier cannot run a function; empty if it can."""
    executor = function.executor
    return executor.reason if isinstance(executor, Executor) else _prepare(function).reason


def _prepare(function: Function) -> Executor:
    with _compiling:
        if isinstance(function.executor, Executor):  # another thread was faster
            return function.executor
        with collected_later():
            graph = function.graph if function.is_optimized else optimized(function.graph)
            executor = _compiled(function, graph)
        function.executor = executor
        return executor


def optimized(graph: Graph) -> Graph:
    """A copy of a graph, as it is executed."""
    result = copy_graph(graph)
    optimize(result)
    return result


def _compiled(function: Function, graph: Graph) -> Executor:
    try:
        plan = compile_plan(graph, function.name, _link)
    except UnsupportedError as error:
        return Executor(lambda *arguments: interpret_function(function, arguments), None, str(error))
    return Executor(plan.run, plan)


services.call = call_unlocated
register_evaluator(evaluate_node)
