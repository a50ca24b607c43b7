"""Who reads a value when: where it dies, and whether something runs after something else."""

from __future__ import annotations

from collections.abc import Iterator

from flambeau.ir import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    NONE,
    NUMBER,
    STRING,
    Block,
    ClassType,
    EnumType,
    FunctionType,
    InterfaceType,
    Node,
    Type,
    Value,
)

__all__ = ["last_reader", "may_hold_memory", "read_after", "same_loop"]

_SMALL = frozenset({INT, FLOAT, BOOL, COMPLEX, STRING, NONE, NUMBER})


def may_hold_memory(given: Type) -> bool:
    """Whether values of a type are worth deleting early: tensors, and what can contain them. Modules live elsewhere."""
    if given in _SMALL or isinstance(given, (EnumType, FunctionType, InterfaceType)):
        return False
    return not (isinstance(given, ClassType) and given.is_module)


def last_reader(value: Value, block: Block) -> Node | None:
    """The node of `block` in or under which a value is read last (its own node, if nobody reads it).

    None if the outputs of the block read it.
    """
    last: Node | None = None
    for use in value.uses:
        node: Node | None = use.user
        while node is not None and node.owning_block is not block:
            node = node.owning_block.owning_node if node.owning_block is not None else None
        if node is None or node is block.return_node:
            return None
        if last is None or last.is_before(node):
            last = node
    if last is None and value.node is not block.param_node:
        return value.node
    return last


def read_after(value: Value, node: Node, *, within: bool) -> bool:
    """Whether anything that runs after a node has begun reads a value.

    What is in the node's own blocks counts if `within`. Of two branches, only one runs.
    """
    return any(use.user is not node and _runs_after(use.user, node, within) for use in value.uses)


def _runs_after(user: Node, node: Node, within: bool) -> bool:
    mine, theirs = list(_enclosing(node)), list(_enclosing(user))
    for a, b in zip(reversed(mine), reversed(theirs), strict=False):
        if a is not b:
            return a.owning_block is b.owning_block and a.is_before(b)
    return within and len(theirs) > len(mine)


def _enclosing(node: Node) -> Iterator[Node]:
    """A node and those that it is in, from the inside out."""
    current: Node | None = node
    while current is not None:
        yield current
        block = current.owning_block
        current = None if block is None else block.owning_node


def same_loop(value: Value, node: Node) -> bool:
    """Whether a value is defined in the innermost loop that a node is in, and so anew each time before the node."""
    return value.node.innermost_loop is node.innermost_loop
