"""Graphs as text, in TorchScript's own form.

    graph(%x.1 : Tensor,
          %n : int):
      %2 : int = prim::Constant[value=1]() # model.py:7:15
      %y : Tensor = prim::Loop(%n, ...
        block0(%i : int, %z : Tensor):
          ...
          -> (%cond, %w)
      return (%y)

A node with a `Subgraph` prints as `kind_N`, N counting such nodes of its graph, and the subgraphs follow the graph,
each with those inside it. A `prim::PythonOp` prints as `^name[attributes](scalars)(inputs)`, from its attributes
`name` (kind `s`) and `scalar_args` (an `ival` tuple); the attribute `callable` is not shown. `parser.parse` reads all
of this back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flambeau.ir.attributes import Attribute
from flambeau.ir.function import Function
from flambeau.ir.graph import Block, Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.schema import quoted
from flambeau.ir.text.constant_text import OpaqueConstant, attribute_text, value_repr
from flambeau.ir.text.type_text import type_text
from flambeau.ir.traversal import Nested, flat

Notes: TypeAlias = "Callable[[Node], str]"
"""What to add to the end of a node's line (the verifier's findings, for example)."""

_HIDDEN = frozenset({"name", "scalar_args", "callable"})


def print_graph(graph: Graph, show_ranges: bool = True, notes: Notes | None = None) -> str:
    """The text of a graph; `show_ranges` adds the place in the user's source to each line."""
    printer = _Printer(show_ranges, notes)
    pending = [("", graph)]
    while pending:
        prefix, current = pending.pop()
        groups = printer.add_graph(prefix, current)
        sections = [(f"with {node.kind}_{i} = ", node.graph_attribute()) for i, node in enumerate(groups)]
        pending.extend(reversed(sections))
    return printer.text()


def print_node(node: Node, show_ranges: bool = True) -> str:
    """The text of one node with its sub-blocks, as a line (or lines) of its own."""
    printer = _Printer(show_ranges, None, name_subgraphs=False)
    printer.add_lines(printer.node_lines(node, 0))
    return printer.text()


def print_block(block: Block, show_ranges: bool = True) -> str:
    """The text of a block's nodes and of what it returns."""
    printer = _Printer(show_ranges, None, name_subgraphs=False)
    printer.add_lines(printer.block_lines(block, 0))
    return f"{printer.text()}-> ({_names(block.outputs)})\n"


class _Printer:
    """Collects lines."""

    def __init__(self, show_ranges: bool, notes: Notes | None, name_subgraphs: bool = True) -> None:
        self._show_ranges = show_ranges
        self._notes = notes
        self._name_subgraphs = name_subgraphs
        self._lines: list[str] = []
        self._types: dict[int, str] = {}
        self._groups: list[Node] = []

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def add_graph(self, prefix: str, graph: Graph) -> list[Node]:
        """Add the lines of a graph; returns its nodes that have a subgraph, which must be printed next."""
        self._groups = []
        inputs = ",\n      ".join(map(self._typed, graph.inputs))
        self._lines.append(f"{prefix}graph({inputs}):{self._note(graph.param_node)}")
        self.add_lines(self.block_lines(graph.block, 1))
        self._lines.append(f"  return ({_names(graph.outputs)}){self._note(graph.return_node)}")
        return self._groups

    def add_lines(self, lines: Nested[str]) -> None:
        self._lines += flat(lines)

    def block_lines(self, block: Block, depth: int) -> Nested[str]:
        indent = "  " * depth
        for node in block:
            yield indent + self._line(node)
            if node.blocks:
                yield self._sub_blocks(node, depth + 1)

    def node_lines(self, node: Node, depth: int) -> Nested[str]:
        yield "  " * depth + self._line(node)
        yield self._sub_blocks(node, depth + 1)

    def _sub_blocks(self, node: Node, depth: int) -> Nested[str]:
        indent = "  " * depth
        for index, block in enumerate(node.blocks):
            inputs = ", ".join(map(self._typed, block.inputs))
            yield f"{indent}block{index}({inputs}):{self._note(block.param_node)}"
            yield self.block_lines(block, depth + 1)
            yield f"{indent}  -> ({_names(block.outputs)}){self._note(block.return_node)}"

    def _line(self, node: Node) -> str:
        outputs = ", ".join(map(self._typed, node.outputs))
        line = f"{outputs} = {self._operation(node)}({_names(node.inputs)})"
        if node.scope:
            line += f", scope: {node.scope}"
        if self._show_ranges and node.range is not None:
            line += f" # {node.range.original() or node.range}"
        return line + self._note(node) if self._notes else line

    def _typed(self, value: Value) -> str:
        shown = self._types.get(id(value.type))
        if shown is None:
            shown = self._types[id(value.type)] = type_text(value.type)
        return f"%{value.debug_name} : {shown}"

    def _note(self, node: Node) -> str:
        return self._notes(node) if self._notes else ""

    def _operation(self, node: Node) -> str:
        attributes = node.attributes
        if not attributes and node.kind != "prim::PythonOp":
            return node.kind
        if node.kind == "prim::Constant":
            return f"prim::Constant{_constant_attributes(node)}"
        if node.kind == "prim::PythonOp":
            return _python_operation(node)
        if self._name_subgraphs and "Subgraph" in attributes and attributes["Subgraph"].kind == "g":
            self._groups.append(node)
            name = f"{node.kind}_{len(self._groups) - 1}"
            shown = {} if node.kind == "prim::DifferentiableGraph" else _without(node, {"Subgraph"})
            return f"{name}{_attributes(shown)}" if shown else name
        return f"{node.kind}{_attributes(dict(attributes))}"


def _names(values: object) -> str:
    return ", ".join([f"%{v.debug_name}" for v in values])  # type: ignore[attr-defined]  # a sequence of values


def _without(node: Node, hidden: frozenset[str] | set[str]) -> dict[str, Attribute]:
    return {name: given for name, given in node.attributes.items() if name not in hidden}


def _attributes(shown: dict[str, Attribute]) -> str:
    return f"[{', '.join(f'{name}={attribute_text(given)}' for name, given in shown.items())}]"


def _constant_attributes(node: Node) -> str:
    given = node.attributes.get("value")
    if given is None or len(node.outputs) != 1:
        return _attributes(dict(node.attributes))
    if isinstance(given.value, Function):
        return f"[name={quoted(given.value.name)}]"
    texts = [f"value={attribute_text(given, node.outputs[0].type)}"]
    texts += [f"{name}={attribute_text(other)}" for name, other in _without(node, {"value"}).items()]
    return f"[{', '.join(texts)}]"


def _python_operation(node: Node) -> str:
    attributes = node.attributes
    name = attributes["name"].value if "name" in attributes else "python_value"
    scalars = attributes["scalar_args"].value if "scalar_args" in attributes else ()
    if isinstance(scalars, tuple):
        shown = ", ".join(value_repr(scalar, None) for scalar in scalars)
    else:
        shown = scalars.text if isinstance(scalars, OpaqueConstant) else ""
    return f"^{name}{_attributes(_without(node, _HIDDEN))}({shown})"
