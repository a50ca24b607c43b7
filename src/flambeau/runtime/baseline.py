"""The cheapest tier: a program's functions compiled one by one when they are first called, as they are.

Nothing is inlined or optimised, so that a large program starts at once. It serves until the optimised form is there,
or for good if there can be none.
"""

from __future__ import annotations

from typing import final

from flambeau.errors import UnsupportedError
from flambeau.ir import Function, collected_later
from flambeau.runtime.interpreter import interpret_function
from flambeau.runtime.linking import Entry
from flambeau.runtime.locks import locks
from flambeau.runtime.program import Snapshot
from flambeau.runtime.python_tier import Plan, compile_plan
from flambeau.runtime.python_tier.plan import Compiled, Link

__all__ = ["Baseline", "interpreted"]


@final
class Baseline:
    """A program's functions; `elsewhere` links calls of functions that do not belong to it."""

    def __init__(self, program: Snapshot, elsewhere: Link) -> None:
        self.program = program
        self._elsewhere = elsewhere
        self._entries: dict[Function, Entry] = {}
        self._is_retired = False

    def plan(self, function: Function) -> Plan | str:
        """The plan of a function as it is, or why there is none."""
        try:
            return compile_plan(self.program.graph_of(function), function.name, self._link, specializes=False)
        except UnsupportedError as error:
            return str(error)

    def retire(self) -> None:
        """Let code that still runs call the functions as anybody does: there is something better by now."""
        self._is_retired = True
        for entry in list(self._entries.values()):
            entry.close()
        self._entries.clear()

    def _link(self, function: Function, caller: Compiled, name: str) -> Compiled:
        if not self._is_retired and self.program.find(function) is not None:
            run = self._entry(function).link(caller, name)
            if run is not None:
                return run
        return self._elsewhere(function, caller, name)

    def _entry(self, function: Function) -> Entry:
        entry = self._entries.get(function)
        if entry is None:
            with locks.compiling, collected_later():
                entry = self._entries.get(function)
                if entry is None:
                    entry = self._entries[function] = Entry(self._compiled(function))
        return entry

    def _compiled(self, function: Function) -> Compiled:
        plan = self.plan(function)
        return plan.run if isinstance(plan, Plan) else interpreted(function)


def interpreted(function: Function) -> Compiled:
    """A function, run by the reference interpreter."""
    return lambda *arguments: interpret_function(function, arguments)
