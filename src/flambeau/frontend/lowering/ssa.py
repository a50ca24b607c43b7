"""Variables to values: from `prim::Store` and `prim::Load` to SSA form.

    prim::Store[name="y"](%a)              prim::Store[name="y"](%a)
    prim::If(%c)                           %y : int = prim::If(%c)
      block0():                              block0():
        prim::Store[name="y"](%b)     ->       -> (%b)
      block1():                              block1():
    %z = prim::Load[name="y"]()                -> (%a)
    f(%z)                                  f(%y)

Three steps: variables that branches and loops change get loads and stores where control flow joins; `break`,
`continue` and the condition of loops become values (`loops`); then stores and loads are replaced by the values
themselves, in order.

Requires: naive code as the emitter makes it. Leaves: `prim::ReturnStmt` and `prim::LoopContinuation`, which `exits`
lowers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from flambeau import ir

from ..environment import debug_name_of
from .loops import connect_loops, inline_loop_conditions


def convert_to_ssa(graph: ir.Graph, *, has_loops: bool = True) -> None:
    """Replace stores and loads, statements that leave loops, and conditions of loops."""
    _JoinPoints(graph).run(graph.block, _Types(None))
    if has_loops:
        connect_loops(graph)
        inline_loop_conditions(graph)
    _replace_loads(graph.block, _Values(None))


@final
@dataclass(slots=True)
class _Types:
    """The types that variables have, by block."""

    outer: _Types | None
    here: dict[str, ir.Type] = field(default_factory=dict)

    def find(self, name: str) -> ir.Type | None:
        scope: _Types | None = self
        while scope is not None:
            if name in scope.here:
                return scope.here[name]
            scope = scope.outer
        return None


@final
class _JoinPoints:
    """Adds loads and stores for the variables that an `If` or a `Loop` changes."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph

    def run(self, block: ir.Block, types: _Types) -> None:
        for node in block:
            match node.kind:
                case "prim::Store":
                    types.here[node.string_attribute("name")] = node.input.type
                case "prim::If":
                    self._run_if(node, types)
                case "prim::Loop":
                    self._run_loop(node, types)
                case kind if kind in _TRANSPARENT:
                    self.run(node.blocks[0], _Types(types))

    def _run_if(self, node: ir.Node, types: _Types) -> None:
        scopes = (_Types(types), _Types(types))
        for block, scope in zip(node.blocks, scopes, strict=True):
            self.run(block, scope)
        after = node
        for name in sorted({*scopes[0].here, *scopes[1].here}):
            first, second = (scope.find(name) for scope in scopes)
            if first is None or second is None:
                continue
            # A variable whose types do not join was noted by the emitter: nothing reads it.
            joined = ir.unify(first, second, default_to_union=True) or ir.ANY
            for block, type in zip(node.blocks, (first, second), strict=True):
                self._load_output(block, name, type)
            after = self._store_output(node, name, joined, after)
            types.here[name] = joined

    def _run_loop(self, node: ir.Node, types: _Types) -> None:
        body, header = node.blocks
        entry = _at_entry(body, types)
        inner = _Types(entry)
        self.run(body, inner)
        self.run(header, _Types(types))
        after = node
        for name in sorted(inner.here):
            before, at_entry = types.find(name), entry.find(name)
            if before is None or at_entry is None:
                continue
            # What a round leaves fits the type before the loop; the emitter checked that.
            joined = ir.unify(at_entry, inner.here[name], default_to_union=True) or at_entry
            load = self._graph.create("prim::Load", (), (before,), node.range).set_attribute("name", "s", name)
            node.add_input(load.insert_before(node).output)
            value = body.add_input(debug_name_of(name), joined)
            body.prepend(self._store(name, value))
            self._load_output(body, name, inner.here[name])
            after = self._store_output(node, name, joined, after)
            types.here[name] = joined

    def _store(self, name: str, value: ir.Value) -> ir.Node:
        return self._graph.create("prim::Store", (value,), 0).set_attribute("name", "s", name)

    def _load_output(self, block: ir.Block, name: str, type: ir.Type) -> None:
        load = self._graph.create("prim::Load", (), (type,)).set_attribute("name", "s", name)
        block.add_output(block.append(load).output)

    def _store_output(self, node: ir.Node, name: str, type: ir.Type, after: ir.Node) -> ir.Node:
        """Add an output, stored right after `after`; that store."""
        output = node.add_output(type)
        output.set_debug_name(debug_name_of(name))
        return self._store(name, output).insert_after(after)


def _at_entry(body: ir.Block, types: _Types) -> _Types:
    """The types of the variables that a loop's body assigns, at its start: those before the loop, or of a round before.

    A variable may leave a round with a wider type than it had before the first, as `Optional[int]` is of `int`.
    """
    after = _Types(types)
    jumps: list[dict[str, ir.Type]] = []
    _note_types(body, after, after, jumps)
    entry = _Types(types)
    for left in (after.here, *jumps):
        for name, type in left.items():
            before = entry.find(name)
            if before is not None and before != type:
                entry.here[name] = ir.unify(before, type, default_to_union=True) or before
    return entry


def _note_types(block: ir.Block, types: _Types, round: _Types, jumps: list[dict[str, ir.Type]]) -> None:
    """Enter the types that variables have at the end of a block.

    `round` has those of the innermost loop's body, and `jumps` gets those at each `break` and `continue` of it.
    """
    for node in block:
        if node.kind == "prim::Store":
            types.here[node.string_attribute("name")] = node.input.type
        elif node.kind in ("prim::BreakStmt", "prim::ContinueStmt"):
            jumps.append(_since(types, round))
        elif node.kind == "prim::If":
            scopes = (_Types(types), _Types(types))
            for nested, scope in zip(node.blocks, scopes, strict=True):
                _note_types(nested, scope, round, jumps)
            for name in {*scopes[0].here, *scopes[1].here}:
                first, second = (scope.find(name) for scope in scopes)
                if first is not None and second is not None:
                    types.here[name] = ir.unify(first, second, default_to_union=True) or ir.ANY
        elif node.kind == "prim::Loop":
            entry = _at_entry(node.blocks[0], types)
            types.here.update(entry.here)
        elif node.kind in _TRANSPARENT:
            _note_types(node.blocks[0], _Types(types), round, jumps)


def _since(types: _Types, outermost: _Types) -> dict[str, ir.Type]:
    """The types entered from one scope inwards."""
    found: dict[str, ir.Type] = {}
    scope: _Types | None = types
    while scope is not None:
        found = scope.here | found
        if scope is outermost:
            break
        scope = scope.outer
    return found


_TRANSPARENT = frozenset({"prim::Closure", "prim::LocalCall", "prim::ComprehensionScope"})
"""Kinds of nodes whose block may read variables, and leaves those outside as they are."""


@final
@dataclass(slots=True)
class _Values:
    """The values that variables have, by block."""

    outer: _Values | None
    here: dict[str, ir.Value] = field(default_factory=dict)

    def find(self, name: str) -> ir.Value:
        scope: _Values | None = self
        while scope is not None:
            if name in scope.here:
                return scope.here[name]
            scope = scope.outer
        raise KeyError(name)


def _replace_loads(block: ir.Block, values: _Values) -> None:
    for node in block:
        match node.kind:
            case "prim::Store":
                values.here[node.string_attribute("name")] = node.input
                node.destroy()
            case "prim::Load":
                node.output.replace_all_uses_with(values.find(node.string_attribute("name")))
                node.destroy()
            case "prim::ComprehensionScope":
                inner = node.blocks[0]
                _replace_loads(inner, _Values(values))
                for moved in inner:
                    moved.move_before(node)
                node.destroy()
            case _:
                for nested in node.blocks:
                    _replace_loads(nested, _Values(values))
