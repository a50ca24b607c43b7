"""How graphs and schemas are shown to users: as they are, unless someone shows them otherwise.

The drop-in for `torch.jit` does: programs that were written for PyTorch expect its method names.
"""

from __future__ import annotations

from typing import Protocol, final

from flambeau.ir import FunctionSchema, Graph, copy_graph

__all__ = ["Presenter", "present_by", "presentation", "presented"]


class Presenter(Protocol):
    """Makes what users see of a graph or a schema; it is used as one."""

    def graph(self, graph: Graph) -> Graph: ...
    def schema(self, schema: FunctionSchema) -> FunctionSchema: ...


@final
class _AsTheyAre:
    def graph(self, graph: Graph) -> Graph:
        return graph

    def schema(self, schema: FunctionSchema) -> FunctionSchema:
        return schema


@final
class _Presentation:
    def __init__(self) -> None:
        self.presenter: Presenter = _AsTheyAre()

    def graph(self, graph: Graph) -> Graph:
        return self.presenter.graph(graph)

    def schema(self, schema: FunctionSchema) -> FunctionSchema:
        return self.presenter.schema(schema)


presentation = _Presentation()


def present_by(presenter: Presenter | None) -> None:
    """Show graphs and schemas in another way from now on; None: as they are."""
    presentation.presenter = presenter or _AsTheyAre()


def presented(graph: Graph) -> Graph:
    """A copy of a graph, as users see it."""
    return presentation.graph(copy_graph(graph))
