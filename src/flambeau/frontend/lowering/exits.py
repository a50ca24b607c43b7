"""Early exits as values: no block is left but at its end.

    if c:                               %exited, %result = prim::If(%c)
      return a                 ->         -> (True, %a)
    x = f()                               -> (False, <uninitialized>)
    return x                            %r = prim::If(%exited)
                                          -> (%result)
                                          %x = f()
                                          -> (%x)

A statement that exits tells its *target* block (the function's, for `return`; the loop's body, for `break` and
`continue`) which outputs to have. On the way there, each enclosing node passes on whether an exit happened and with
which values, and what follows a possible exit runs only if there was none. First this is done for loops, then for
functions.

Between `prim::Enter` and `prim::Exit`, an exit still passes the latter: such a piece becomes a `prim::With` for the
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from flambeau import ir

from .merge_ifs import is_inside, merge_consecutive_ifs

_CONTINUATION, _RETURN = "prim::LoopContinuation", "prim::ReturnStmt"


def transform_exits(
    graph: ir.Graph, *, has_continuations: bool = True, has_with: bool = True, has_local_calls: bool = True
) -> None:
    """Remove `prim::LoopContinuation` and `prim::ReturnStmt`, and put the bodies of local calls in their place."""
    if has_with:
        _wrap_with_statements(graph.block)
    if has_continuations:
        _ExitTransform(graph, _CONTINUATION).run()
    _ExitTransform(graph, _RETURN).run()
    if has_local_calls:
        _unwrap(graph, "prim::LocalCall")
    merge_consecutive_ifs(graph)
    if has_with:
        _unwrap(graph, "prim::With")


Certainty: TypeAlias = Literal["never", "maybe", "always", "raises"]


@final
@dataclass(frozen=True, slots=True)
class _Exit:
    """Whether a block was left early: how sure that is, the values it was left with, and the bool that says so."""

    certainty: Certainty
    values: tuple[ir.Value, ...] = ()
    happened: ir.Value | None = None
    """Needed only where that is not certain."""


_NEVER = _Exit("never")


@final
class _ExitTransform:
    """Lowers the exits of one kind."""

    def __init__(self, graph: ir.Graph, kind: str) -> None:
        self._graph = graph
        self._kind = kind
        self._constants: dict[bool, ir.Value] = {}
        self._uninitialized: dict[ir.Type, ir.Value] = {}

    def run(self) -> None:
        self._block(self._graph.block, is_target=self._kind == _RETURN)

    # --- blocks

    def _block(self, block: ir.Block, *, is_target: bool) -> _Exit:
        left = self._nodes(block)
        if not is_target:
            return left
        if left.certainty == "always":
            block.return_node.set_inputs(left.values)
        elif left.certainty == "maybe":
            node = self._if(left, block.return_node)
            self._add_outputs(node, left.values, block.outputs)
            block.return_node.set_inputs(node.outputs)
        return _NEVER

    def _nodes(self, block: ir.Block) -> _Exit:
        """Lower the nodes of a block up to the first after which it may have been left."""
        node = block.param_node.next
        while node is not block.return_node:
            following = node.next
            left = self._node(node)
            if left.certainty in ("always", "raises"):
                self._drop_from(following, block)
                return left
            if left.certainty == "maybe":
                return self._guard(block, left, following)
            node = following
        return _NEVER

    def _node(self, node: ir.Node) -> _Exit:
        match node.kind:
            case "prim::RaiseException":
                return _Exit("raises")
            case kind if kind == self._kind:
                left = _Exit("always", tuple(node.inputs))
                node.destroy()
                return left
            case "prim::If":
                return self._if_node(node)
            case "prim::Loop":
                return self._loop(node)
            case "prim::With":
                return self._with(node)
            case "prim::Closure" | "prim::LocalCall":
                self._block(node.blocks[0], is_target=self._kind == _RETURN)
                return _NEVER
            case _:
                return _NEVER

    def _drop_from(self, node: ir.Node, block: ir.Block) -> None:
        """Remove what is never reached; the outputs of the block become uninitialized."""
        unreached: list[ir.Node] = []
        while node is not block.return_node:
            unreached.append(node)
            node = node.next
        if not unreached:
            return
        block.return_node.set_inputs([self._unset(output.type) for output in block.outputs])
        for node in reversed(unreached):
            for value in _defined_by(node):
                if value.uses:
                    # What follows a `with` reads it, and is not reached either.
                    value.replace_all_uses_with(self._unset(value.type))
            node.destroy()

    def _guard(self, block: ir.Block, left: _Exit, start: ir.Node) -> _Exit:
        """Let the nodes from `start` on run only if the block was not left before them."""
        if start is block.return_node:
            return left
        node = self._if(left, start)
        exited, otherwise = node.blocks
        while start is not block.return_node:
            following = start.next
            start.move_before(otherwise.return_node)
            start = following
        outputs = list(block.outputs)
        block.return_node.set_inputs(())
        self._add_outputs(node, [self._unset(value.type) for value in outputs], outputs)
        block.return_node.set_inputs(node.outputs)
        self._let_out(node, otherwise)
        exited.append(self._graph.create(self._kind, left.values, 0, node.range))
        return self._if_node(node)

    def _let_out(self, node: ir.Node, block: ir.Block) -> None:
        """What follows a `with` reads values of its body: make those of a block of this `If` outputs of it."""
        for value in [value for inner in block for value in _defined_by(inner)]:
            readers = [(user, offset) for user, offset in value.uses if not is_inside(user, block)]
            if readers:
                (output,) = self._add_outputs(node, [self._unset(value.type)], [value])
                for user, offset in readers:
                    user.replace_input(offset, output)

    # --- nodes with blocks

    def _if_node(self, node: ir.Node) -> _Exit:
        first, second = (self._block(block, is_target=False) for block in node.blocks)
        certainties = {first.certainty, second.certainty}
        if certainties == {"raises"}:
            return first
        if certainties <= {"never", "raises"}:
            return _NEVER
        is_certain = certainties <= {"always", "raises"}
        happened = [] if is_certain else self._add_outputs(node, [self._happened(first)], [self._happened(second)])
        values = tuple(self._add_outputs(node, self._matching(first, second), self._matching(second, first)))
        return _Exit("always", values) if is_certain else _Exit("maybe", values, happened[0])

    def _matching(self, left: _Exit, other: _Exit) -> list[ir.Value]:
        """The exit values of one branch: uninitialized ones, if it does not exit."""
        if left.certainty in ("never", "raises"):
            return [self._unset(value.type) for value in other.values]
        return list(left.values)

    def _loop(self, loop: ir.Node) -> _Exit:
        body = loop.blocks[0]
        left = self._block(body, is_target=self._kind == _CONTINUATION)
        if left.certainty in ("never", "raises"):
            return _NEVER
        stop = self._if(left, body.return_node)
        (goes_on,) = self._add_outputs(stop, [self._constant(False)], [body.outputs[0]])
        body.return_node.replace_input(0, goes_on)
        happened = self._carry(loop, self._constant(False), self._happened(left))
        values = [self._carry(loop, self._unset(value.type), value) for value in left.values]
        return _Exit("maybe", tuple(values), happened)

    def _carry(self, loop: ir.Node, before: ir.Value, after: ir.Value) -> ir.Value:
        """Add a value that rounds of a loop hand on: what it is before the loop, and after a round."""
        body = loop.blocks[0]
        loop.add_input(before)
        body.add_input("", after.type)
        body.add_output(after)
        return loop.add_output(after.type)

    def _with(self, node: ir.Node) -> _Exit:
        body = node.blocks[0]
        left = self._block(body, is_target=False)
        if left.certainty in ("never", "raises"):
            return left
        outputs: list[ir.Value] = []
        for value in (self._happened(left), *left.values):
            body.add_output(value)
            outputs.append(node.add_output(value.type))
        happened, *values = outputs
        return _Exit(left.certainty, tuple(values), happened)

    # --- pieces

    def _happened(self, left: _Exit) -> ir.Value:
        """The bool that says whether an exit happened."""
        match left.certainty:
            case "always":
                return self._constant(True)
            case "never":
                return self._constant(False)
            case "maybe" if left.happened is not None:
                return left.happened
            case _:
                # An exception was raised: nobody gets to read it.
                return self._unset(ir.BOOL)

    def _if(self, left: _Exit, place: ir.Node) -> ir.Node:
        """An `If` that asks whether an exit happened."""
        node = self._graph.create("prim::If", (self._happened(left),), 0, place.range).insert_before(place)
        node.add_block()
        node.add_block()
        return node

    def _add_outputs(self, node: ir.Node, first: Sequence[ir.Value], second: Sequence[ir.Value]) -> list[ir.Value]:
        """Add outputs to an `If`, by the values in its two branches."""
        added: list[ir.Value] = []
        for one, other in zip(first, second, strict=True):
            for block, value in zip(node.blocks, (one, other), strict=True):
                block.add_output(value)
            added.append(node.add_output(ir.unify(one.type, other.type, default_to_union=True) or ir.ANY))
        return added

    def _constant(self, value: bool) -> ir.Value:
        """A constant at the beginning of the graph."""
        if value not in self._constants:
            self._constants[value] = self._graph.block.prepend(ir.create_constant(self._graph, value)).output
        return self._constants[value]

    def _unset(self, type: ir.Type) -> ir.Value:
        """The uninitialized value of a type, at the beginning of the graph."""
        if type not in self._uninitialized:
            node = self._graph.create("prim::Uninitialized", (), (type,))
            self._uninitialized[type] = self._graph.block.prepend(node).output
        return self._uninitialized[type]


def _defined_by(node: ir.Node) -> list[ir.Value]:
    """The values that a node makes visible in its block; those of the body of a `prim::With` are."""
    inner = [value for nested in node.blocks[0] for value in _defined_by(nested)] if node.kind == "prim::With" else []
    return [*node.outputs, *inner]


# --- with statements


def _wrap_with_statements(block: ir.Block) -> None:
    """Put what stands between an Enter and its Exit into a `prim::With`, and the Exit into its second block."""
    for node in block:
        for nested in node.blocks:
            _wrap_with_statements(nested)
    # From the end: an inner pair is wrapped, whole, into the outer one.
    entered = [node for node in block if node.kind == "prim::Enter"]
    for enter in reversed(entered):
        leave = _exit_of(enter, block)
        if leave is None:
            continue
        wrapper = block.graph.create("prim::With", (), 0, enter.range).insert_after(enter)
        body, after = wrapper.add_block(), wrapper.add_block()
        while wrapper.next is not leave:
            wrapper.next.move_before(body.return_node)
        leave.move_before(after.return_node)


def _exit_of(enter: ir.Node, block: ir.Block) -> ir.Node | None:
    node = enter.next
    while node is not block.return_node:
        if node.kind == "prim::Exit" and node.input is enter.input:
            return node
        node = node.next
    return None


def _unwrap(graph: ir.Graph, kind: str) -> None:
    """Put the blocks of nodes of a kind in the nodes' place; their outputs are those of the first block."""
    # Outer ones first: the nodes of a block are moved out before those nested in it.
    for node in graph.find_nodes(kind):
        for output, value in zip(node.outputs, node.blocks[0].outputs, strict=True):
            output.replace_all_uses_with(value)
        for block in node.blocks:
            block.return_node.set_inputs(())
            for moved in block:
                moved.move_before(node)
        node.destroy()
