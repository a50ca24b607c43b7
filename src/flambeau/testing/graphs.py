"""Building graphs for tests: from text, from one line an operation, and comparing them.

g = graph_of('''
    graph(%x : Tensor):
      %y : Tensor = aten::relu(%x)
      return (%y)
''')

b = GraphBuilder()
x = b.input("x", ir.TENSOR)
b.output(b.op("aten::add", x, b.constant(1), b.constant(1)))
"""

from __future__ import annotations

import textwrap
from typing import final

from flambeau.errors import OperatorError
from flambeau.ir import (
    TENSOR,
    Graph,
    Node,
    Type,
    Value,
    copy_graph,
    insert_constant,
    parse,
    result_types,
    verify,
)
from flambeau.passes import canonicalize


def graph_of(text: str, *, checked: bool = True) -> Graph:
    """The graph of a text that may be indented as a whole; verified unless `checked` is off."""
    graph = parse(textwrap.dedent(text).strip("\n") + "\n", checked=checked)
    if checked:
        verify(graph)
    return graph


def same_graphs(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal but for the names and numbers of values and for source ranges."""
    return _normal_text(a) == _normal_text(b)


def _normal_text(graph: Graph) -> str:
    copy = copy_graph(graph)
    canonicalize(copy, keep_names=False)
    return "\n".join(line.partition(" # ")[0] for line in str(copy).splitlines())


@final
class GraphBuilder:
    """Adds nodes to a graph one after the other; result types come from the operators' schemas."""

    def __init__(self) -> None:
        self.graph = Graph()

    def input(self, name: str = "", type: Type = TENSOR) -> Value:
        return self.graph.add_input(name, type)

    def constant(self, value: object, type: Type | None = None) -> Value:
        return insert_constant(self.graph, value, type)

    def node(self, kind: str, *inputs: Value, outputs: tuple[Type, ...] = (TENSOR,)) -> Node:
        """A node of any kind."""
        return self.graph.insert(kind, inputs, outputs)

    def op(self, kind: str, *inputs: Value) -> Value:
        """The result of an operator with one result; OperatorError if no overload accepts the inputs."""
        node = self.graph.insert(kind, inputs, 0)
        operator = node.operator
        types = () if operator is None else result_types(operator.schema, inputs)
        if len(types) != 1:
            node.destroy()
            given = ", ".join(str(v.type) for v in inputs)
            raise OperatorError(f"{kind} has no overload with one result for ({given})")
        return node.add_output(types[0])

    def output(self, value: Value) -> None:
        self.graph.add_output(value)
