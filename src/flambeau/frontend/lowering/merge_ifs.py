"""Put an `If` into the one before it whose outcome decides it.

    %e, %v = prim::If(%c)                 %r = prim::If(%c)
      -> (True, %a)                         -> (%a)
      -> (False, %u)               ->       %x = f()
    %r = prim::If(%e)                       -> (%x)
      -> (%v)
      %x = f()
      -> (%x)

The first must come right before the second, and say in both branches, by a constant, which way the second goes.
"""

from __future__ import annotations

from flambeau import ir


def merge_consecutive_ifs(graph: ir.Graph) -> None:
    """Merge such pairs throughout a graph."""
    _merge_in(graph.block)


def _merge_in(block: ir.Block) -> None:
    node = block.param_node.next
    while node is not block.return_node:
        for nested in node.blocks:
            _merge_in(nested)
        following = node.next
        if node.kind == "prim::If" and following.kind == "prim::If":
            branches = _decided_branches(node, following)
            if branches is not None:
                for nested in following.blocks:
                    _merge_in(nested)
                _merge(node, following, branches)
                continue
        node = following


def _decided_branches(first: ir.Node, second: ir.Node) -> tuple[int, int] | None:
    """For each branch of the first, the branch of the second that follows; None if that is not known."""
    condition = second.inputs[0]
    if condition.node is not first:
        return None
    outcomes = [ir.constant_value(block.outputs[condition.offset]) for block in first.blocks]
    if not all(isinstance(outcome, bool) for outcome in outcomes):
        return None
    return (0 if outcomes[0] else 1, 0 if outcomes[1] else 1)


def _merge(first: ir.Node, second: ir.Node, branches: tuple[int, int]) -> None:
    results: list[list[ir.Value]] = []
    for index, (block, taken) in enumerate(zip(first.blocks, branches, strict=True)):
        # Inside the branch, the first one's outputs are what the branch gives them.
        values = dict(zip(first.outputs, block.outputs, strict=True))
        inner = second.blocks[taken]
        if index == 0 and branches[0] == branches[1]:
            for node in inner:
                block.append(ir.copy_node(node, first.graph, values))
        else:
            _read_inside(inner, values)
            for node in inner:
                node.move_before(block.return_node)
        results.append([values.get(value, value) for value in inner.outputs])
    for index, output in enumerate(second.outputs):
        for block, result in zip(first.blocks, results, strict=True):
            block.add_output(result[index])
        added = first.add_output(output.type)
        if output.has_debug_name:
            added.set_debug_name(ir.base_name(output.debug_name))
        output.replace_all_uses_with(added)
    for inner in second.blocks:
        inner.return_node.set_inputs(())
    second.destroy()


def _read_inside(block: ir.Block, values: dict[ir.Value, ir.Value]) -> None:
    """Make what is in a block read other values."""
    for old, new in values.items():
        for user, offset in old.uses:
            if is_inside(user, block):
                user.replace_input(offset, new)


def is_inside(node: ir.Node, block: ir.Block) -> bool:
    """Whether a node stands in a block, or in a block of a node there."""
    current = node.owning_block
    while current is not None:
        if current is block:
            return True
        current = current.owning_node.owning_block if current.owning_node else None
    return False
