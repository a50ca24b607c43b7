"""Peephole rules on lists and dicts that are written out in the graph and that nothing changes."""

from __future__ import annotations

from collections.abc import Hashable

from flambeau.ir import NOT_CONSTANT, Node, Value, constant_value, value_key

from .rewriting import Match, Refusal, RuleSet

CONTAINERS = RuleSet()


def _literal(match: Match, container: Value, kind: str) -> Node | Refusal:
    """The node that makes a container, if it is of that kind and nothing in the graph writes to the container."""
    node = container.node
    if node.kind != kind:
        return match.no("it is not written out in the graph", container)
    if match.facts.may_be_written(container):
        return match.no("it may be changed", container)
    return node


def _index(value: Value, length: int) -> int | None:
    """A constant index, made positive; None if it is not constant or out of range."""
    index = constant_value(value)
    if not isinstance(index, int) or isinstance(index, bool) or not -length <= index < length:
        return None
    return index % length


@CONTAINERS.rewrite("aten::len.t")
def length_of_literal(match: Match) -> Value | Refusal:
    """`len([a, b])` is 2."""
    made = _literal(match, match.input(0), "prim::ListConstruct")
    return made if isinstance(made, Refusal) else match.constant(len(made.inputs))


@CONTAINERS.rewrite("aten::__getitem__.t", "aten::select.t")
def element_of_literal(match: Match) -> Value | Refusal:
    """`[a, b][1]` is b."""
    made = _literal(match, match.input(0), "prim::ListConstruct")
    if isinstance(made, Refusal):
        return made
    index = _index(match.input(1), len(made.inputs))
    return match.no("no constant index in range", match.input(1)) if index is None else made.inputs[index]


@CONTAINERS.rewrite("aten::slice.t")
def slice_of_literal(match: Match) -> Value | Refusal:
    """`[a, b, c][1:]` is `[b, c]`, a new list either way."""
    made = _literal(match, match.input(0), "prim::ListConstruct")
    if isinstance(made, Refusal):
        return made
    start, end, step = (constant_value(v) for v in match.node.inputs[1:])
    if not (start is None or isinstance(start, int)) or not (end is None or isinstance(end, int)):
        return match.no("no constant bounds")
    if not isinstance(step, int) or step < 1:
        return match.no("no constant step forwards")
    return _list_of(match, list(made.inputs)[start:end:step])


@CONTAINERS.rewrite("aten::add.t")
def sum_of_literals(match: Match) -> Value | Refusal:
    """`[a] + [b]` is `[a, b]`, a new list either way."""
    elements: list[Value] = []
    for value in match.node.inputs:
        made = _literal(match, value, "prim::ListConstruct")
        if isinstance(made, Refusal):
            return made
        elements += made.inputs
    return _list_of(match, elements)


def _list_of(match: Match, elements: list[Value]) -> Value:
    node = match.node
    made = node.graph.create("prim::ListConstruct", elements, (node.output.type,))
    return made.copy_metadata(node).insert_before(node).output


def _keys(made: Node) -> list[Hashable] | None:
    """The constant keys of a dict that is written out; None if one is not constant, or occurs twice."""
    keys = [constant_value(v) for v in made.inputs[::2]]
    known = [value_key(k) for k in keys if isinstance(k, (str, int, float, complex))]
    whole = len(known) == len(keys) and NOT_CONSTANT not in keys and len(set(known)) == len(known)
    return known if whole else None


@CONTAINERS.rewrite("aten::len.Dict_str", "aten::len.Dict_int")
def size_of_literal_dict(match: Match) -> Value | Refusal:
    """`len({"a": x})` is 1."""
    made = _literal(match, match.input(0), "prim::DictConstruct")
    if isinstance(made, Refusal):
        return made
    keys = _keys(made)
    return match.no("its keys are not distinct constants") if keys is None else match.constant(len(keys))


@CONTAINERS.rewrite("aten::__getitem__.Dict_str", "aten::__getitem__.Dict_int")
def item_of_literal_dict(match: Match) -> Value | Refusal:
    """`{"a": x}["a"]` is x."""
    made = _literal(match, match.input(0), "prim::DictConstruct")
    if isinstance(made, Refusal):
        return made
    keys, wanted = _keys(made), constant_value(match.input(1))
    if keys is None or wanted is NOT_CONSTANT or value_key(wanted) not in keys:
        return match.no("no such key among distinct constants", match.input(1))
    return made.inputs[2 * keys.index(value_key(wanted)) + 1]
