"""What is known of the tensors of a graph, given what is known of those that come in: dtype, rank, how they lie.

    facts = propagate_facts(graph, {boxes: TensorFact(ScalarType.Float, 2, Order.CONTIGUOUS), ...})
    facts[overlap]       # TensorFact(dtype=Float, rank=1, order=CONTIGUOUS)

Facts are about plain tensors only: strided, on the CPU, of no subclass. A value without a fact may be anything. Sizes
are not known, so an operator that needs certain sizes may still fail. A fact remembers which of the given ones it
follows from (`sources`), for whoever has to check them.

What operators do is in the tables of `tensor_rules`. Cost: linear, times the number of rounds that loops need.
"""

from __future__ import annotations

from collections.abc import Mapping

from flambeau.ir import Block, Graph, Node, TensorType, Type, Value

from .tensor_rules import Order, TensorFact, rule_of

__all__ = ["fact_of_type", "local_lists", "propagate_facts"]

_ROUNDS = 4
"""How often the body of a loop is gone through before what it carries counts as unknown."""


def fact_of_type(given: Type, value: Value) -> TensorFact | None:
    """What a refined type says; None if it is not the type of a plain tensor of known dtype."""
    if not isinstance(given, TensorType) or given.scalar_type is None or given.device != "cpu":
        return None
    rank = None if given.sizes is None else len(given.sizes)
    order = Order.CONTIGUOUS if _is_contiguous(given) else Order.ANY
    return TensorFact(given.scalar_type, rank, order, frozenset({value}))


def _is_contiguous(given: TensorType) -> bool:
    if given.sizes is None or given.strides is None or not given.is_complete:
        return False
    expected = 1
    for size, stride in zip(reversed(given.sizes), reversed(given.strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size if isinstance(size, int) else 0
    return True


def propagate_facts(graph: Graph, given: Mapping[Value, TensorFact]) -> dict[Value, TensorFact]:
    """The facts of all values of a graph that have one; those `given` (inputs, attributes that are read) hold."""
    lists = local_lists(graph)
    contents: dict[Value, TensorFact] = {}
    # At first what is not known to be in a list does not count; then what is assumed of a list must come out again.
    for round_ in range(_ROUNDS):
        known = {**given, **contents}
        _visit_block(graph.block, known)
        found = {v: _contents([w for w in writes if round_ or w in known], known) for v, writes in lists.items()}
        if round_ and all(found[v] == fact for v, fact in contents.items()):
            return known
        allowed = contents if round_ else found
        contents = {v: fact for v, fact in found.items() if fact is not None and v in allowed}
    known = dict(given)
    _visit_block(graph.block, known)
    return known


_WRITES_LIST = {"aten::append": 1, "aten::_set_item": 2}
"""Which input of the kinds that put something into a list that is."""
_READS_LIST = frozenset({"aten::__getitem__", "aten::len", "aten::stack", "aten::cat"})


def local_lists(graph: Graph) -> dict[Value, list[Value]]:
    """The lists of tensors that a graph makes for itself, and all that is ever put into them."""
    lists: dict[Value, list[Value]] = {}
    for node in graph.walk():
        if node.kind == "prim::ListConstruct" and str(node.output.type) == "Tensor[]":
            users = [use.user for use in node.output.uses if use.offset == 0]
            known = all(u.kind in _READS_LIST or (u.kind in _WRITES_LIST and not u.has_uses) for u in users)
            if known and len(users) == node.output.use_count:
                lists[node.output] = [*node.inputs, *(u.inputs[i] for u in users if (i := _WRITES_LIST.get(u.kind)))]
    return lists


def _contents(writes: list[Value], known: Mapping[Value, TensorFact]) -> TensorFact | None:
    """What holds of everything in a list."""
    found = known.get(writes[0]) if writes else None
    for value in writes[1:]:
        found = _either(found, known.get(value))
    return found


def _visit_block(block: Block, known: dict[Value, TensorFact]) -> None:
    for node in block:
        if node.kind == "prim::If":
            _visit_if(node, known)
        elif node.kind == "prim::Loop":
            _visit_loop(node, known)
        elif node.blocks:
            for inner in node.blocks:
                _visit_block(inner, known)
        else:
            _visit_operator(node, known)


def _visit_operator(node: Node, known: dict[Value, TensorFact]) -> None:
    if node.kind == "aten::__getitem__":
        _set(known, node.output, known.get(node.inputs[0]))
        return
    rule = rule_of(node)
    if rule is None:
        return
    found = rule(node, known)
    for output, fact in zip(node.outputs, found, strict=False):
        _set(known, output, fact)


def _visit_if(node: Node, known: dict[Value, TensorFact]) -> None:
    for block in node.blocks:
        _visit_block(block, known)
    for output in node.outputs:
        one, other = (known.get(block.outputs[output.offset]) for block in node.blocks)
        _set(known, output, _either(one, other))


def _visit_loop(node: Node, known: dict[Value, TensorFact]) -> None:
    """Begin with what goes in, and give up what an iteration does not keep, until nothing changes."""
    body = node.blocks[0]
    carried = [known.get(v) for v in node.inputs[2:]]
    for round_ in range(_ROUNDS):
        for value, fact in zip(body.inputs[1:], carried, strict=True):
            _set(known, value, fact)
        _visit_block(body, known)
        after = [_either(fact, known.get(v)) for fact, v in zip(carried, body.outputs[1:], strict=True)]
        if after == carried:
            break
        carried = after if round_ < _ROUNDS - 2 else [None] * len(after)
    for output, fact in zip(node.outputs, carried, strict=True):
        _set(known, output, fact)


def _set(known: dict[Value, TensorFact], value: Value, fact: TensorFact | None) -> None:
    if fact is None:
        known.pop(value, None)
    else:
        known[value] = fact


def _either(one: TensorFact | None, other: TensorFact | None) -> TensorFact | None:
    """What holds of a value that is one of two."""
    if one is None or other is None:
        return None
    rank = one.rank if one.rank == other.rank else None
    return TensorFact(
        one.dtype if one.dtype is other.dtype else None, rank, min(one.order, other.order), one.sources | other.sources
    )
