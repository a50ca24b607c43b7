"""A function together with all that it calls, as their graphs are at one moment.

What is compiled later, or piece by piece, is compiled from these copies: nothing that happens to the functions in the
meantime can make it inconsistent. `discard` of what is made of them is called when one of them gets another graph.
"""

from __future__ import annotations

from typing import final

from flambeau.errors import FlambeauError
from flambeau.ir import Discardable, Function, Graph, copy_graph
from flambeau.passes import callee_of, with_subgraphs

__all__ = ["Program", "Snapshot"]


@final
class Program:
    """The functions that can be reached from one by calls that are known beforehand."""

    def __init__(self, root: Function) -> None:
        self.root = root
        self.graphs: dict[Function, Graph] = {root: root.graph}
        self._sizes: dict[Function, int] = {}
        self._callees: dict[Function, list[Function]] = {}
        pending = [root]
        for function in pending:  # grows while it is read
            self._look_at(function)
            for callee in self._callees[function]:
                if callee not in self.graphs and _is_definable(callee):
                    self.graphs[callee] = callee.graph
                    pending.append(callee)

    def _look_at(self, function: Function) -> None:
        size, callees = 0, []
        for graph in with_subgraphs(self.graphs[function]):
            for node in graph.walk():
                size += 1
                callee = callee_of(node)
                if callee is not None:
                    callees.append(callee)
        self._sizes[function], self._callees[function] = size, callees

    @property
    def inlined_size(self) -> int:
        """How many nodes the graph has when every call is replaced by what it calls; recursion counts once."""
        sizes: dict[Function, int] = {}
        opened: set[Function] = set()
        pending = [self.root]
        while pending:
            function = pending[-1]
            if function in opened:
                pending.pop()
                if function not in sizes:
                    sizes[function] = self._sizes[function] + sum(sizes.get(c, 0) for c in self._callees[function])
                continue
            opened.add(function)
            pending += [c for c in self._callees[function] if c in self.graphs and c not in opened]
        return sizes[self.root]

    def tell(self, dependent: Discardable) -> None:
        """Have something discarded when one of the callees gets another graph."""
        for function, graph in self.graphs.items():
            if function is not self.root:
                function.add_dependent(dependent, graph)

    def snapshot(self) -> Snapshot:
        """Copies of the graphs."""
        return Snapshot({function: copy_graph(graph) for function, graph in self.graphs.items()})


def _is_definable(function: Function) -> bool:
    """Whether a function has a graph, or can be given one now. A call of one that cannot need not be reached."""
    try:
        function.ensure_defined()
    except FlambeauError:
        return False
    return function.is_defined


@final
class Snapshot:
    """Copies of graphs, which nobody changes."""

    def __init__(self, graphs: dict[Function, Graph]) -> None:
        self._graphs = graphs

    def find(self, function: Function) -> Graph | None:
        """The graph that a function had; None if it is not among them."""
        return self._graphs.get(function)

    def graph_of(self, function: Function) -> Graph:
        """The graph that a function had, or that it has now if it could not be reached then."""
        found = self._graphs.get(function)
        return function.graph if found is None else found
