"""Forms of a plan for tensors as they were seen: dtypes, ranks and contiguity, of arguments and of modules' attributes.
(Of constants they are known.)

Some serve while no gradients are recorded; others, which use fewer rewrites, while they are. The first calls run the
general form. Then a specialised graph is made for what the arguments are like (`flambeau.passes.specialize`); if that
is of any use, its code is run from then on for arguments that are like them, which is checked before each run. Of
arguments that are not, the same becomes another form, up to a few; all others are left to the general one. The settings
`profiled_runs` and `specializations` say how many calls and how many forms, of each sort. Of large graphs forms are
made in the background.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from flambeau import settings
from flambeau.ir import Graph, Value, copy_graph
from flambeau.passes import TensorFact, pause, specialize_for
from flambeau.runtime.background import Task
from flambeau.runtime.nodes import runtime_constant
from flambeau.runtime.python_tier.incoming import Path, incoming_values, spelled, value_at, written_attributes
from flambeau.runtime.registry import TensorBackend, load_tensor_backend

__all__ = ["Form", "Specialized"]

Compiled: TypeAlias = "Callable[..., Any]"
Compile: TypeAlias = "Callable[[Graph], tuple[Compiled, str]]"
"""Makes a function of a graph, and gives its source."""

_log = logging.getLogger("flambeau.runtime")

WORTH = 0.5
"""How many calls of operators a form must spare for each tensor that is checked before it runs."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One form: its graph, its code, and when that may run, as code too."""

    graph: Graph
    source: str
    guard: str


@final
class Specialized:
    """The forms of one plan. What runs the general form or another is installed, anew when a form is added."""

    def __init__(
        self,
        graph: Graph,
        general: Compiled,
        compile_form: Compile,
        install: Callable[[Compiled], None],
        *,
        recorded: bool = False,
    ) -> None:
        self.forms: list[Form] = []
        self._graph = graph
        self._general = general
        self._compile = compile_form
        self._lock = threading.Lock()
        self._unserved = 0
        """How many calls no form served, since one was made last."""
        self._task: Task | None = None
        backend = load_tensor_backend()
        modes = backend.plain_recording if recorded else backend.plain_modes
        self._bindings: dict[str, Any] = {"general": general, "plain_modes": modes}
        self._functions: list[str] = []
        self._install = install
        self._recorded = recorded
        """Whether gradients are recorded when they run."""
        install(self.observe)

    def observe(self, *arguments: object) -> object:
        """Run the general form, and learn from the arguments."""
        self._unserved += 1
        if self._unserved > settings.PROFILED_RUNS.value and self._task is None and self._lock.acquire(blocking=False):
            try:
                self._unserved = 0
                self._learn(arguments)
            finally:
                self._lock.release()
        return self._general(*arguments)

    def finish(self) -> None:
        """Have the form made now that is under way."""
        task = self._task
        if task is not None:
            task.finish()

    def _learn(self, arguments: tuple[object, ...]) -> None:
        if len(self.forms) >= settings.SPECIALIZATIONS.value:
            self._settle(added=False)
            return
        backend = load_tensor_backend()
        facts: dict[Path, TensorFact] = {}
        for path in _incoming_tensors(self._graph).values():
            fact = backend.fact_of_tensor(value_at(path, arguments))
            if fact is not None:
                facts[path] = fact
        if settings.BACKGROUND.value and sum(1 for _ in self._graph.walk()) > settings.AT_ONCE.value:
            self._task = Task(lambda: self._add_later(facts))
            self._task.request()
        else:
            self._settle(added=self._add_form(facts))

    def _add_later(self, facts: dict[Path, TensorFact]) -> None:
        added = False
        try:
            added = self._add_form(facts)
        except Exception as error:  # a defect, which must not take away what works
            _log.warning("no form was made for other tensors: %s", error, exc_info=error)
        self._settle(added=added)
        self._task = None

    def _settle(self, *, added: bool) -> None:
        """Run the forms that there are."""
        if not added:  # others would fare no better
            self._bindings["others"] = self._general
        if self.forms:
            self._bindings.setdefault("others", self.observe)
            self._install(self._dispatcher())
        else:
            self._install(self._general)

    def _add_form(self, facts: dict[Path, TensorFact]) -> bool:
        """Make a form for tensors of which facts are true, if that is of use."""
        graph = copy_graph(self._graph)
        paths = _incoming_tensors(graph)
        given: dict[Value, TensorFact] = {}
        for value, path in paths.items():
            fact = facts.get(path)
            if fact is not None:
                given[value] = TensorFact(fact.dtype, fact.rank, fact.order, frozenset({value}))
        given |= _facts_of_constants(graph)
        pause()
        found = specialize_for(graph, given, recorded=self._recorded)
        if found.gain < WORTH * (1 + len(found.used)):
            return False
        pause()
        run, source = self._compile(graph)
        needed = {paths[value]: given[value] for value in found.used}
        guard = self._guard(needed, load_tensor_backend())
        number = len(self.forms)
        self._bindings[f"form_{number}"] = run
        self._functions.append(guard)
        self.forms.append(Form(graph, source, guard))
        return True

    def _guard(self, needed: dict[Path, TensorFact], backend: TensorBackend) -> str:
        def bind(prefix: str, value: object) -> str:
            for name, bound in self._bindings.items():
                if bound is value and name.startswith(prefix):
                    return name
            name = f"{prefix}_{len(self._bindings)}"
            self._bindings[name] = value
            return name

        tests: list[str] = []
        for path, fact in sorted(needed.items()):
            if len(path) == 1:
                tests.append(backend.tensor_guard(spelled(path), fact, bind))
            else:
                tests.append(backend.tensor_guard("t", fact, bind).replace("t.", f"(t := {spelled(path)}).", 1))
        return " and ".join(tests) or "True"

    def _dispatcher(self) -> Compiled:
        """The function that asks which form serves, and runs it."""
        names = ", ".join(f"a{i}" for i in range(len(self._graph.inputs)))
        lines = [f"def enter({names}):", "  if plain_modes():"]
        for number, guard in enumerate(self._functions):
            lines += [f"    if {guard}:", f"      return form_{number}({names})"]
        lines.append(f"  return others({names})")
        exec(compile("\n".join(lines), "<flambeau guards>", "exec"), self._bindings)
        enter: Compiled = self._bindings["enter"]
        return enter


def _incoming_tensors(graph: Graph) -> dict[Value, Path]:
    """The tensors that come into a graph and stay what they are, and where they are found."""
    incoming = incoming_values(graph, without=written_attributes(graph))
    return {v: path for v, path in incoming.items() if v.type.kind == "TensorType"}


def _facts_of_constants(graph: Graph) -> dict[Value, TensorFact]:
    """What is known of the tensors that a graph holds; it need not be checked before a run."""
    backend = load_tensor_backend()
    constants = [n for n in graph.walk() if n.kind == "prim::Constant" and n.output.type.kind == "TensorType"]
    facts = {node.output: backend.fact_of_tensor(runtime_constant(node)) for node in constants}
    return {value: fact for value, fact in facts.items() if fact is not None}
