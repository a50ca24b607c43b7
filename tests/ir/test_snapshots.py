"""Snapshots of programs: no edit of a graph, class or function goes unnoticed, and nothing else is taken for one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import TypeAlias

import pytest

from flambeau import ir
from flambeau.ir import (
    INT,
    STRING,
    TENSOR,
    Block,
    ClassAttribute,
    ClassType,
    Function,
    Graph,
    InterfaceType,
    Node,
    ProgramSnapshot,
    Source,
    Value,
    parse,
    parse_schema,
)

TEXT = """graph(%x : int, %y : int, %c : bool):
  %k : int[] = prim::Constant[value=[1, 2]]()
  %a : int = aten::add(%x, %y)
  %b : int = aten::mul(%a, %a)
  %d : int, %e : int = prim::If(%c)
    block0():
      %f : int = aten::neg(%a)
      -> (%f, %f)
    block1(%p : int):
      -> (%b, %b)
  %t : Tensor = prim::Unused()
  return (%d, %b)
"""
Edit: TypeAlias = "Callable[[Graph], object]"


def node(graph: Graph, kind: str) -> Node:
    return graph.find_nodes(kind)[0]


def value(graph: Graph, name: str) -> Value:
    found = graph.find_value(name)
    assert found is not None
    return found


def branch(graph: Graph, index: int = 0) -> Block:
    return node(graph, "prim::If").blocks[index]


def unused(graph: Graph) -> Node:
    return node(graph, "prim::Unused")


def other(graph: Graph) -> Node:
    """A node of another kind, in no block, that reads nothing."""
    return graph.create("prim::rangelist", (), (STRING,), Source("text").range())


EDITS: dict[str, Edit] = {
    "Block.add_input": lambda g: branch(g).add_input("q", INT),
    "Block.add_output": lambda g: branch(g).add_output(value(g, "a")),
    "Block.append": lambda g: branch(g).append(other(g)),
    "Block.prepend": lambda g: branch(g, 1).prepend(other(g)),
    "Graph.add_input": lambda g: g.add_input("q", INT),
    "Graph.add_output": lambda g: g.add_output(value(g, "a")),
    "Graph.append_node": lambda g: g.append_node(other(g)),
    "Graph.create": lambda g: g.create("aten::neg", [value(g, "x")]),
    "Graph.insert": lambda g: g.insert("prim::rangelist"),
    "Graph.insert_node": lambda g: g.insert_node(other(g)),
    "Graph.prepend_node": lambda g: g.prepend_node(other(g)),
    "Node.add_block": lambda g: unused(g).add_block(),
    "Node.add_input": lambda g: unused(g).add_input(value(g, "x")),
    "Node.add_output": lambda g: unused(g).add_output(),
    "Node.copy_attributes": lambda g: unused(g).copy_attributes(node(g, "prim::Constant")),
    "Node.copy_metadata": lambda g: unused(g).copy_metadata(other(g)),
    "Node.destroy": lambda g: unused(g).destroy(),
    "Node.erase_block": lambda g: node(g, "prim::If").erase_block(0),
    "Node.erase_output": lambda g: unused(g).erase_output(0),
    "Node.insert_after": lambda g: other(g).insert_after(node(g, "aten::neg")),
    "Node.insert_before": lambda g: other(g).insert_before(branch(g, 1).return_node),
    "Node.insert_input": lambda g: node(g, "aten::mul").insert_input(1, value(g, "x")),
    "Node.insert_output": lambda g: unused(g).insert_output(0),
    "Node.kind": lambda g: setattr(node(g, "aten::add"), "kind", "aten::sub"),
    "Node.move_after": lambda g: node(g, "prim::Constant").move_after(node(g, "aten::add")),
    "Node.move_before": lambda g: unused(g).move_before(node(g, "aten::add")),
    "Node.permute_inputs": lambda g: node(g, "aten::add").permute_inputs([1, 0]),
    "Node.permute_outputs": lambda g: node(g, "prim::If").permute_outputs([1, 0]),
    "Node.range": lambda g: setattr(unused(g), "range", Source("text").range()),
    "Node.remove_all_inputs": lambda g: node(g, "aten::neg").remove_all_inputs(),
    "Node.remove_attribute": lambda g: node(g, "prim::Constant").remove_attribute("value"),
    "Node.remove_input": lambda g: node(g, "aten::mul").remove_input(0),
    "Node.replace_all_uses_with": lambda g: node(g, "aten::add").replace_all_uses_with(node(g, "aten::mul")),
    "Node.replace_input": lambda g: node(g, "aten::mul").replace_input(0, value(g, "x")),
    "Node.replace_input_with": lambda g: branch(g).return_node.replace_input_with(value(g, "f"), value(g, "a")),
    "Node.set_attribute": lambda g: node(g, "prim::Constant").set_attribute("value", "i", 1),
    "Node.set_inputs": lambda g: node(g, "aten::mul").set_inputs([value(g, "x"), value(g, "y")]),
    "Node.set_operator": lambda g: node(g, "aten::add").set_operator(None),
    "Value.copy_metadata": lambda g: value(g, "a").copy_metadata(value(g, "t")),
    "Value.replace_all_uses_after": lambda g: value(g, "a").replace_all_uses_after(node(g, "aten::mul"), value(g, "x")),
    "Value.replace_all_uses_with": lambda g: value(g, "f").replace_all_uses_with(value(g, "a")),
    "Value.set_debug_name": lambda g: value(g, "a").set_debug_name("q"),
    "Value.type": lambda g: setattr(value(g, "t"), "type", INT),
}
"""Every way to change what a graph's text says, by what does it."""
WITHOUT_EFFECT = {
    *("Block.find_nodes", "Block.graph", "Block.inputs", "Block.is_empty", "Block.outputs", "Block.owning_node"),
    *("Block.param_node", "Block.return_node", "Block.walk"),
    *("Graph.at_range", "Graph.create_block", "Graph.find_nodes", "Graph.find_value", "Graph.inputs", "Graph.outputs"),
    *("Graph.insert_block", "Graph.insert_point", "Graph.inserting_at", "Graph.nodes", "Graph.param_node"),
    *("Graph.renumber", "Graph.resolve_operator", "Graph.return_node", "Graph.set_insert_point", "Graph.walk"),
    *("Node.attribute", "Node.attributes", "Node.blocks", "Node.call", "Node.graph", "Node.graph_attribute"),
    *("Node.has_attribute", "Node.has_uses", "Node.innermost_loop", "Node.input", "Node.inputs", "Node.is_after"),
    *("Node.is_before", "Node.named_input", "Node.next", "Node.operator", "Node.output", "Node.outputs"),
    *("Node.owning_block", "Node.previous", "Node.scope", "Node.string_attribute"),
    *("Value.debug_name", "Value.graph", "Value.has_debug_name", "Value.has_uses", "Value.node", "Value.offset"),
    *("Value.unique", "Value.use_count", "Value.uses"),
}
"""What reads, or says what only other methods change, or what no text shows."""


def defined() -> Function:
    graph = parse(TEXT)
    for each in graph.walk():
        _ = each.operator
    return Function("f", graph, parse_schema("f(int x, int y, bool c) -> int"))


def test_every_public_name_is_told_to_edit_or_not() -> None:
    names = {f"{cls.__name__}.{name}" for cls in (Graph, Block, Node, Value) for name in dir(cls) if name[0] != "_"}
    assert names == set(EDITS) | WITHOUT_EFFECT
    assert not set(EDITS) & WITHOUT_EFFECT


@pytest.mark.parametrize("name", EDITS)
def test_edits_are_noticed(name: str) -> None:
    function = defined()
    snapshot = ProgramSnapshot([function])
    assert snapshot.holds
    EDITS[name](function.graph)
    assert not snapshot.holds
    assert ProgramSnapshot([function]).holds


def test_what_is_not_in_the_text_does_not_matter() -> None:
    function = defined()
    graph = function.graph
    snapshot = ProgramSnapshot([function])
    graph.set_insert_point(branch(graph))
    graph.renumber([output for each in graph.walk() for output in each.outputs])
    graph.current_range = Source("text").range()
    node(graph, "aten::add").scope = "scope"
    str(graph)
    function.executor = object()
    assert snapshot.holds


def test_graphs_in_attributes_belong_to_their_nodes() -> None:
    function, inner, innermost = defined(), parse(TEXT), parse(TEXT)
    unused(function.graph).set_attribute("Subgraph", "g", inner)
    unused(inner).set_attribute("Subgraphs", "gs", (innermost,))
    snapshot = ProgramSnapshot([function])
    assert snapshot.holds
    node(innermost, "aten::add").permute_inputs([1, 0])
    assert not snapshot.holds


def test_constants_changed_in_place_are_noticed() -> None:
    function = defined()
    snapshot = ProgramSnapshot([function])
    constant = node(function.graph, "prim::Constant").attribute("value")
    assert isinstance(constant, list)
    constant[0] = True
    assert not snapshot.holds
    constant[0] = 1
    assert snapshot.holds


def class_with_everything() -> ClassType:
    cls = ClassType("__torch__.C", is_module=True, constants={"size": 1, "sizes": [1, 2]})
    cls.add_attribute("training", INT)
    cls.add_method("forward", defined())
    cls.forward_hooks.append(Function("hook", parse("graph():\n  return ()\n")))
    return cls


CLASS_EDITS: dict[str, Callable[[ClassType], object]] = {
    "name": lambda c: setattr(c, "qualified_name", "__torch__.D"),
    "module": lambda c: setattr(c, "is_module", False),
    "attribute": lambda c: c.add_attribute("weight", TENSOR, "parameter"),
    "attribute name": lambda c: setattr(c.attributes[0], "name", "other"),
    "attribute type": lambda c: setattr(c.attributes[0], "type", STRING),
    "attribute kind": lambda c: setattr(c.attributes[0], "kind", "buffer"),
    "attribute replaced": lambda c: c.attributes.__setitem__(0, ClassAttribute("training", STRING)),
    "constant": lambda c: c.constants.update(other=1),
    "constant of an equal value": lambda c: c.constants.update(size=True),
    "constant renamed": lambda c: c.constants.update(sized=c.constants.pop("size")),
    "constant in place": lambda c: c.constants["sizes"].append(3),  # type: ignore[attr-defined]
    "method": lambda c: c.add_method("more", defined()),
    "method replaced": lambda c: c.methods.update(forward=defined()),
    "method's graph": lambda c: setattr(c.methods["forward"], "graph", parse(TEXT)),
    "method's schema": lambda c: setattr(
        c.methods["forward"], "schema", parse_schema("f(int a, int b, bool c) -> int")
    ),
    "method's name": lambda c: setattr(c.methods["forward"], "qualified_name", "g"),
    "hook": lambda c: c.forward_hooks.append(c.forward_hooks[0]),
    "hook before": lambda c: c.forward_pre_hooks.append(c.forward_hooks[0]),
    "hook's graph": lambda c: c.forward_hooks[0].graph.add_input("x"),
}


@pytest.mark.parametrize("name", CLASS_EDITS)
def test_changes_of_classes_are_noticed(name: str) -> None:
    cls = class_with_everything()
    _ = [f.schema for f in (*cls.methods.values(), *cls.forward_hooks)]
    snapshot = ProgramSnapshot([cls])
    assert snapshot.holds
    CLASS_EDITS[name](cls)
    assert not snapshot.holds


def test_changes_of_interfaces_are_noticed() -> None:
    interface = InterfaceType("__torch__.I", methods=[parse_schema("f(int x) -> int")])
    snapshot = ProgramSnapshot([interface])
    interface.methods[0] = parse_schema("g(int x) -> int")
    assert not snapshot.holds
    snapshot = ProgramSnapshot([interface])
    interface.qualified_name = "__torch__.J"
    assert not snapshot.holds


def test_a_snapshot_lives_no_longer_than_its_class() -> None:
    cls = class_with_everything()
    cls.printed = ProgramSnapshot([cls])
    gone = weakref.ref(cls.methods["forward"])
    del cls
    gc.collect()
    assert gone() is None


def test_printing_is_no_edit() -> None:
    function = defined()
    snapshot = ProgramSnapshot([function])
    ir.print_graph(function.graph)
    assert snapshot.holds
