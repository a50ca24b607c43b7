"""Finding small graphs in large ones, and replacing them.

    graph(%x, %w, %b):                          graph(%x, %w, %b):
      %y = aten::linear(%x, %w, %b)       ->      %z = mine::linear_relu(%x, %w, %b)
      %z = aten::relu(%y)                         return (%z)
      return (%z)

A pattern is a graph without sub-blocks. It matches where nodes of the same kinds are connected in the same way, from
the node that computes its first output (the anchor) backwards. Its inputs match any value; attributes, and so
constants, must be equal; types do not matter. What the pattern computes inside may be read by nothing outside. A
match lies in one block, but for constants, which may stand anywhere and be read by others.
`match::module[name="Conv2d"](%self)` matches a `prim::GetAttr` that gives a module whose class's name ends so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau.ir.alias.alias_db import AliasDb
from flambeau.ir.class_types import ClassType
from flambeau.ir.cloning import copy_node
from flambeau.ir.graph import Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.node_equality import value_key
from flambeau.ir.subtyping import is_subtype
from flambeau.ir.text.parser import parse

MODULE = "match::module"


@final
@dataclass(frozen=True, slots=True)
class PatternMatch:
    """One occurrence: which nodes and values of the graph the pattern's stand for."""

    anchor: Node
    nodes: dict[Node, Node]
    values: dict[Value, Value]


Filter: TypeAlias = "Callable[[PatternMatch, dict[str, Value]], bool]"
"""Decides on a match; also gets the pattern's values by name."""


def find_pattern_matches(pattern: Graph, graph: Graph) -> list[PatternMatch]:
    """Every occurrence of a pattern, in the order of their anchors; occurrences may overlap.

    ValueError for a graph that cannot be a pattern.
    """
    return list(_matches(pattern, graph))


def _matches(pattern: Graph, graph: Graph) -> Iterator[PatternMatch]:
    """The occurrences; the graph may be edited at an occurrence before the next is asked for."""
    anchor = _anchor_of(pattern)
    for node in list(graph.walk()):
        if node.owning_block is not None and _may_match(anchor, node):
            match = _Matcher(pattern, node).match(anchor, node)
            if match is not None:
                yield match


def _anchor_of(pattern: Graph) -> Node:
    if not pattern.outputs or pattern.outputs[0].node.kind == "prim::Param":
        raise ValueError("a pattern must compute its first output")
    if any(node.blocks for node in pattern.walk()):
        raise ValueError("a pattern has no sub-blocks")
    return pattern.outputs[0].node


def _may_match(wanted: Node, node: Node) -> bool:
    if wanted.kind == MODULE:
        return node.kind == "prim::GetAttr" and _is_module(wanted, node)
    if (wanted.kind, len(wanted.inputs), len(wanted.outputs)) != (node.kind, len(node.inputs), len(node.outputs)):
        return False
    return not node.blocks and _same_attributes(wanted, node)


def _is_module(wanted: Node, node: Node) -> bool:
    type = node.output.type
    return isinstance(type, ClassType) and type.qualified_name.endswith(wanted.string_attribute("name"))


def _same_attributes(wanted: Node, node: Node) -> bool:
    if wanted.attributes.keys() != node.attributes.keys():
        return False
    return all(
        given.kind == node.attributes[name].kind and value_key(given.value) == value_key(node.attributes[name].value)
        for name, given in wanted.attributes.items()
    )


@final
class _Matcher:
    """The attempt to match a pattern at one anchor."""

    def __init__(self, pattern: Graph, anchor: Node) -> None:
        self._returned = set(pattern.outputs)
        self._block = anchor.owning_block
        self._nodes: dict[Node, Node] = {}
        self._values: dict[Value, Value] = {}

    def match(self, wanted: Node, node: Node) -> PatternMatch | None:
        pending = [(wanted, node)]
        while pending:
            theirs, ours = pending.pop()
            if theirs in self._nodes:
                if self._nodes[theirs] is not ours:
                    return None
                continue
            elsewhere = ours.owning_block is not self._block and ours.kind != "prim::Constant"
            if elsewhere or not _may_match(theirs, ours):
                return None
            self._nodes[theirs] = ours
            pairs = [*zip(theirs.outputs, ours.outputs, strict=True), *zip(theirs.inputs, ours.inputs, strict=True)]
            for expected, value in pairs:
                if self._values.setdefault(expected, value) is not value:
                    return None
                if expected.node.kind != "prim::Param":
                    pending.append((expected.node, value.node))
        return PatternMatch(node, self._nodes, self._values) if self._is_closed() else None

    def _is_closed(self) -> bool:
        """Whether what is computed inside is read inside only."""
        inside = set(self._nodes.values())
        for expected, value in self._values.items():
            if expected.node.kind in ("prim::Param", "prim::Constant") or expected in self._returned:
                continue
            if any(use.user not in inside for use in value.uses):
                return False
        return True


@final
@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: Graph
    replacement: Graph
    ranges: dict[str, str] = field(default_factory=dict)
    """Value of the replacement -> value of the pattern whose source range its node gets."""


@final
class SubgraphRewriter:
    """Replaces every occurrence of some patterns.

    A replacement has inputs and outputs like its pattern. Of overlapping occurrences the first is replaced. An
    occurrence stays where it cannot be computed in one place: something between its nodes reads its results, or
    changes what it reads.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def register(self, pattern: str, replacement: str, value_name_pairs: Sequence[tuple[str, str]] = ()) -> None:
        """Add a rule as IR text; ParseError or ValueError if it is none.

        `value_name_pairs` say whose source range nodes get: (value of the replacement, value of the pattern). All
        others get the anchor's.
        """
        parsed, new = parse(pattern), parse(replacement)
        _anchor_of(parsed)
        if (len(parsed.inputs), len(parsed.outputs)) != (len(new.inputs), len(new.outputs)):
            raise ValueError("pattern and replacement must have the same numbers of inputs and outputs")
        self._rules.append(_Rule(parsed, new, dict(value_name_pairs)))

    def run(self, graph: Graph, filters: Sequence[Filter] = ()) -> bool:
        """Replace what the rules match and all filters accept; whether there was anything."""
        changed = False
        for rule in self._rules:
            changed |= _rewrite(rule, graph, filters)
        return changed


def _rewrite(rule: _Rule, graph: Graph, filters: Sequence[Filter]) -> bool:
    changed = False
    named = {v.debug_name: v for v in _values_of(rule.pattern)}
    facts: AliasDb | None = None
    for match in _matches(rule.pattern, graph):
        if not all(accept(match, named) for accept in filters):
            continue
        facts = facts or AliasDb(graph)
        if not _can_be_one(rule.pattern, match, facts):
            continue
        _replace(rule, match, named)
        changed = True
    return changed


def _values_of(pattern: Graph) -> Iterator[Value]:
    yield from pattern.inputs
    for node in pattern.nodes():
        yield from node.outputs


def _in_order(match: PatternMatch) -> list[Node]:
    """The matched nodes but for constants, which stay where they are."""
    nodes = [node for node in match.nodes.values() if node.kind != "prim::Constant"]
    nodes.sort(key=lambda node: node._position)
    return nodes


def _can_be_one(pattern: Graph, match: PatternMatch, facts: AliasDb) -> bool:
    """Whether all nodes could be computed where the last of them stands."""
    nodes = _in_order(match)
    inside, passed = set(nodes), []
    current, last = nodes[0], nodes[-1]
    while current is not last:
        if current in inside:
            passed.append(current)
        elif any(facts.must_keep_order(node, current) for node in passed):
            return False
        current = current.next
    return all(
        use.user in inside or last.is_before(use.user)
        for output in pattern.outputs
        for use in match.values[output].uses
    )


def _replace(rule: _Rule, match: PatternMatch, named: dict[str, Value]) -> None:
    graph = match.anchor.graph
    nodes = _in_order(match)
    inputs = [match.values.get(v) for v in rule.pattern.inputs]
    if any(v is None for v in inputs):
        raise ValueError("every input of a pattern must be read in it")
    mapped = dict(zip(rule.replacement.inputs, (v for v in inputs if v is not None), strict=True))
    new_nodes: list[Node] = []
    for node in rule.replacement.nodes():
        new_nodes.append(copy_node(node, graph, mapped).insert_before(nodes[-1]))
        for value in new_nodes[-1].outputs:
            value.set_debug_name("")
    results = [mapped[v] for v in rule.replacement.outputs]
    for node in new_nodes:
        node.range, node.scope, node.call = match.anchor.range, match.anchor.scope, match.anchor.call
    for value in _values_of(rule.replacement):
        source = named.get(rule.ranges.get(value.debug_name, ""))
        if source is not None and source in match.values:
            mapped[value].node.range = match.values[source].node.range
    for old, new in zip(rule.pattern.outputs, results, strict=True):
        replaced = match.values[old]
        if new.node in new_nodes and is_subtype(replaced.type, new.type):
            new.type = replaced.type
            name = replaced.debug_name if replaced.has_debug_name else ""
            replaced.set_debug_name("")
            new.set_debug_name(name)
        replaced.replace_all_uses_with(new)
    for node in reversed(nodes):
        node.destroy()
