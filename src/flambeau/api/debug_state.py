"""What is prepared for running a function, in the terms of TorchScript's graph executor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from flambeau import ir
from flambeau.api.presentation import presentation
from flambeau.ir import Function, Graph, Type
from flambeau.runtime import plan_if_made

__all__ = ["ExecutionPlan", "GraphExecutorState"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class ExecutionPlan:
    """A graph, and the code that runs it."""

    graph: Graph
    code: str
    """Generated Python source; empty where the graph is interpreted as it is."""


@final
class GraphExecutorState:
    """A look at a function's executor, at the time that the state was asked for."""

    __slots__ = ("_function", "_plan")

    def __init__(self, function: Function) -> None:
        self._function = function
        self._plan = plan_if_made(function)

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled."""
        return presentation.graph(self._function.graph)

    @property
    def execution_plans(self) -> dict[tuple[Type, ...], ExecutionPlan]:
        """The plans made so far, by the types of the arguments that they are for: none before the first call, then one.

        There is none either for functions that only the interpreter can run.
        """
        plan = self._plan
        if plan is None:
            return {}
        types = tuple(value.type for value in plan.graph.inputs)
        return {types: ExecutionPlan(presentation.graph(ir.copy_graph(plan.graph)), plan.source)}

    @property
    def fallback(self) -> ExecutionPlan:
        """What the reference interpreter runs: the graph as it was compiled."""
        return ExecutionPlan(self.graph, "")
