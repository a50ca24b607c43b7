"""Editing graphs: use lists, names, order, blocks, insert points; and that the cost does not grow with the graph."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import ir
from flambeau.errors import InvalidGraphError

TEXT = "graph(%x : int, %y : int):\n  %a : int = aten::add(%x, %y)\n  %b : int = aten::mul(%a, %a)\n  return (%b, %a)\n"


def values(graph: ir.Graph, *names: str) -> list[ir.Value]:
    found = [graph.find_value(name) for name in names]
    assert None not in found
    return [v for v in found if v is not None]


def nodes(graph: ir.Graph) -> list[ir.Node]:
    return list(graph.nodes())


def test_uses_follow_every_edit() -> None:
    graph = ir.parse(TEXT)
    x, y, a, b = values(graph, "x", "y", "a", "b")
    add, mul = nodes(graph)
    assert [(u.user.kind, u.offset) for u in a.uses] == [("aten::mul", 0), ("aten::mul", 1), ("prim::Return", 1)]
    mul.replace_input(1, x)
    assert [(u.user.kind, u.offset) for u in x.uses] == [("aten::add", 0), ("aten::mul", 1)]
    a.replace_all_uses_with(y)
    assert a.uses == ()
    assert y.use_count == 3
    mul.insert_input(0, x)
    assert list(mul.inputs) == [x, y, x]
    mul.remove_input(1)
    mul.permute_inputs([1, 0])
    mul.add_input(y)
    mul.replace_input_with(x, y)
    assert list(mul.inputs) == [y, y, y]
    ir.parse(str(graph))
    assert [b.invariant for b in ir.check(graph) if b.invariant != "no-overload"] == []
    assert b.use_count == 1
    add.destroy()
    assert nodes(graph) == [mul]


def test_replacing_uses_after_a_node() -> None:
    graph = ir.parse(
        "graph(%x : int):\n  %a : int = aten::neg(%x)\n  %b : int = aten::neg(%x)\n  %c : int = aten::neg(%x)\n"
        "  return (%c, %b)\n"
    )
    x, a = values(graph, "x", "a")
    x.replace_all_uses_after(nodes(graph)[0], a)
    assert [n.inputs[0].debug_name for n in graph.nodes()] == ["x", "a", "a"]


def test_what_is_read_cannot_be_removed() -> None:
    graph = ir.parse(TEXT)
    with pytest.raises(InvalidGraphError, match="cannot destroy aten::add: %a has uses"):
        nodes(graph)[0].destroy()
    with pytest.raises(InvalidGraphError, match="cannot erase %a: it has uses"):
        nodes(graph)[0].erase_output(0)


def test_a_node_is_in_one_place() -> None:
    graph = ir.parse(TEXT)
    add, mul = nodes(graph)
    with pytest.raises(InvalidGraphError, match="is in a block already"):
        add.insert_after(mul)
    with pytest.raises(InvalidGraphError, match="cannot insert"):
        graph.create("aten::neg").insert_after(graph.return_node)


def test_names() -> None:
    graph = ir.Graph()
    first, second, third = (graph.add_input() for _ in range(3))
    first.set_debug_name("x")
    second.set_debug_name("x")
    assert (first.debug_name, second.debug_name) == ("x.1", "x")
    third.set_debug_name("x.1")
    assert (first.debug_name, third.debug_name) == ("x.3", "x.1")
    third.set_debug_name("")
    assert third.debug_name == "2"
    with pytest.raises(ValueError, match="Invalid name: '12'"):
        third.set_debug_name("12")
    assert graph.find_value("x") is second


def test_names_clash_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = torch._C.Graph(), ir.Graph()
    wanted = ["a", "a", "a.1", "a", "b.7", "b.7", "b", "a.1", "b.9", "b.7", "a.b", "a.b"]
    for name in wanted:
        theirs.addInput().setDebugName(name)
        ours.add_input().set_debug_name(name)
    assert [v.debug_name for v in ours.inputs] == [v.debugName() for v in theirs.inputs()]


def test_insert_points() -> None:
    graph = ir.parse(TEXT)
    add, mul = nodes(graph)
    with graph.inserting_at(mul):
        first = graph.insert("prim::A")
        second = graph.insert("prim::B")
    last = graph.insert("prim::C")
    front = graph.prepend_node(graph.create("prim::D"))
    assert nodes(graph) == [front, add, first, second, mul, last]
    graph.set_insert_point(last)
    last.destroy()
    assert graph.insert_point is graph.return_node


def test_blocks_are_cleared_whatever_their_nodes_read() -> None:
    graph = ir.parse(
        "graph(%c : bool, %x : int):\n  %r : int = prim::If(%c)\n    block0():\n      %a : int = aten::neg(%x)\n"
        "      %b : int = prim::If(%c)\n        block0():\n          -> (%a)\n        block1():\n          -> (%x)\n"
        "      -> (%b)\n    block1():\n      -> (%x)\n  return (%x)\n"
    )
    nodes(graph)[0].destroy()
    assert str(graph) == "graph(%c : bool,\n      %x : int):\n  return (%x)\n"
    assert ir.check(graph) == []


def test_order_across_blocks() -> None:
    graph = ir.parse(
        "graph(%c : bool, %x : int):\n  %a : int = aten::neg(%x)\n  %r : int = prim::If(%c)\n    block0():\n"
        "      %b : int = aten::neg(%x)\n      -> (%b)\n    block1():\n      %d : int = aten::neg(%x)\n      -> (%d)\n"
        "  %e : int = aten::neg(%r)\n  return (%e)\n"
    )
    order = [graph.param_node, *graph.walk(), graph.return_node]
    for i, first in enumerate(order):
        for j, second in enumerate(order):
            assert first.is_before(second) == (i < j)
            assert first.is_after(second) == (i > j)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=80))
def test_order_is_that_of_a_list(edits: list[tuple[int, int, int]]) -> None:
    graph = ir.Graph()
    expected: list[ir.Node] = []
    for action, i, j in edits:
        if action <= 1 or len(expected) < 2:
            node = graph.create("prim::A", (), 0)
            place = i % (len(expected) + 1) if action else min(1, len(expected))
            if place < len(expected):
                node.insert_before(expected[place])
            else:
                graph.append_node(node)
            expected.insert(place, node)
        elif action == 2:
            node, other = expected[i % len(expected)], expected[j % len(expected)]
            if node is not other:
                node.move_after(other)
                expected.remove(node)
                expected.insert(expected.index(other) + 1, node)
        else:
            expected.pop(i % len(expected)).destroy()
    assert nodes(graph) == expected
    assert list(reversed(graph.block)) == expected[::-1]
    assert all(a.is_before(b) for a, b in itertools.pairwise(expected))
    assert ir.check(graph) == []


def operations(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs: its cost, independent of the machine."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        action()
    finally:
        sys.settrace(previous)
    return count


def insert_everywhere(place: str, size: int) -> int:
    """The cost of 200 insertions, one kind of place, into a graph of that many nodes."""
    graph = ir.Graph()
    first, last = graph.insert("prim::First"), None
    for _ in range(size):
        last = graph.insert("prim::A", (), 0)
    assert last is not None

    def insert() -> None:
        for _ in range(200):
            node = graph.create("prim::B", (), 0)
            if place == "end":
                graph.append_node(node)
            elif place == "front":
                graph.prepend_node(node)
            elif place == "before one node":
                node.insert_before(last)
            else:
                node.insert_after(first)
            node.is_before(last)

    return operations(insert)


@pytest.mark.parametrize("place", ["end", "front", "before one node", "after one node"])
def test_insertion_does_not_cost_more_in_larger_graphs(place: str) -> None:
    small, large = insert_everywhere(place, 100), insert_everywhere(place, 10_000)
    assert large <= small * 1.5


def test_removal_and_change_of_inputs_do_not_cost_more_in_larger_graphs() -> None:
    def cost(size: int) -> int:
        graph = ir.Graph()
        x = graph.add_input("x")
        made = [graph.insert("prim::A", (x,)) for _ in range(size)]

        def edit() -> None:
            for node in made[size // 2 : size // 2 + 50]:
                node.replace_input(0, made[0].output)
                node.move_before(made[1])
                node.destroy()

        return operations(edit)

    assert cost(10_000) <= cost(200) * 1.5


def test_whole_graph_work_is_linear() -> None:
    def cost(size: int) -> dict[str, int]:
        graph = ir.Graph()
        value = graph.add_input("x", ir.INT)
        for _ in range(size):
            value = graph.insert("aten::neg", (value,), [ir.INT]).output
        graph.add_output(value)
        text = str(graph)
        return {
            "print": operations(lambda: str(graph)),
            "parse": operations(lambda: ir.parse(text)),
            "check": operations(lambda: ir.check(graph)),
            "copy": operations(lambda: ir.copy_graph(graph)),
            "alias": operations(lambda: ir.AliasDb(graph)),
        }

    small, large = cost(100), cost(1000)
    for name in small:
        assert large[name] <= small[name] * 11, name
