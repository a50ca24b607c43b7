"""Compute while compiling what does not depend on the inputs.

    %a : int = prim::Constant[value=2]()
    %b : int = prim::Constant[value=3]()
    %c : int = aten::add(%a, %b)              ->   %c : int = prim::Constant[value=5]()
    %d = prim::If(%true) ...                  ->   the nodes of the branch that is taken
    %e = prim::Loop(%n, %false, %x) ...       ->   readers of %e read %x
    %f = prim::If(%c): both branches give %x  ->   readers of %f read %x

A node is evaluated if all its inputs are constants, it has no effects, is deterministic, and nothing writes to what it
reads or makes. Results that can change and may become known outside the graph stay computed, as every call must give a
new one; so do tensors that would make the program much larger, or that require grad. What evaluation refuses is left
alone: it may fail only when it runs. `fold_immutable_constants` looks at nodes without tensors, lists and objects only.

How a node is evaluated is handed in (`evaluate`). Dead code is removed at the end, unless the caller does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from flambeau.errors import FlambeauError
from flambeau.ir import (
    NOT_CONSTANT,
    STRING,
    AliasDb,
    Block,
    EnumValue,
    Function,
    Graph,
    Node,
    OpaqueConstant,
    ScriptObject,
    TensorType,
    TupleType,
    Type,
    Value,
    constant_value,
    create_constant,
    has_side_effects,
    is_deterministic,
    is_device,
    is_mutable_type,
    is_tensor,
    value_key,
)

from .dead_code_elimination import eliminate_dead_code
from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs

Evaluate: TypeAlias = "Callable[[Node, Sequence[object]], Sequence[object]]"
"""Computes the outputs of a node from the values of its inputs; raises FlambeauError if that fails."""

MOST_ELEMENTS = 1 << 16
"""Tensors with more elements are made constants only if an input was as large."""

MOST_CHARACTERS = 1 << 20
"""Strings that may be longer are left to the program: a few lines can ask for more than there is memory."""

_PADDING = frozenset({"aten::ljust", "aten::rjust", "aten::center", "aten::zfill", "aten::expandtabs"})
"""Operators on strings to which a number is a length."""

_LEFT_ALONE = frozenset(
    {
        *("prim::Constant", "prim::Uninitialized", "prim::unchecked_cast", "prim::Closure", "prim::AutogradZero"),
        *("prim::CreateObject", "prim::GetAttr", "prim::PythonOp", "prim::MakeTestTensor", "prim::EmptyListLiteral"),
    }
)


_PLAIN = (bool, int, float, complex, str, EnumValue, type(None))


def _no_evaluation(node: Node, inputs: Sequence[object]) -> Sequence[object]:
    raise FlambeauError("nothing is evaluated")


@graph_pass("constant_propagation", keeps_facts=True)
def fold_constants(graph: Graph, evaluate: Evaluate = _no_evaluation, sweep: bool = True) -> bool:
    """Evaluate nodes with constant inputs and take branches with constant conditions.

    Without `sweep`, dead code is left to another pass.
    """
    return _fold(graph, evaluate, immutable_only=False, sweep=sweep)


@graph_pass("constant_propagation_immutable_types", keeps_facts=True)
def fold_immutable_constants(graph: Graph, evaluate: Evaluate = _no_evaluation) -> bool:
    """The same, for nodes that neither take nor give anything that can change."""
    return _fold(graph, evaluate, immutable_only=True, sweep=True)


def _fold(graph: Graph, evaluate: Evaluate, *, immutable_only: bool, sweep: bool) -> bool:
    changed = False
    for current in with_subgraphs(graph):
        folder = _Folder(current, evaluate, immutable_only)
        folder.fold_all()
        changed |= folder.changed
    if changed and sweep:
        eliminate_dead_code(graph)
    return changed


class _Folder:
    """One run over one graph."""

    def __init__(self, graph: Graph, evaluate: Evaluate, immutable_only: bool) -> None:
        self.changed = False
        self._graph = graph
        self._evaluate = evaluate
        self._immutable_only = immutable_only
        self._known_facts: AliasDb | None = None

    @property
    def _facts(self) -> AliasDb:
        if self._known_facts is None:
            self._known_facts = alias_facts(self._graph)
        return self._known_facts

    def fold_all(self) -> None:
        """Visit every node once, branches that turn out to be taken included; control flow after what is inside it."""
        pending: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(self._graph.nodes()))]
        while pending:
            node, inside_done = pending.pop()
            if node.owning_block is None:
                continue
            taken = _taken_branch(node)
            if taken is not None:
                moved = _inline_block(node, taken)
                self.changed = True
                pending += [(inner, False) for inner in reversed(moved)]
            elif node.kind == "prim::Loop" and _never_runs(node):
                for output, initial in zip(node.outputs, node.inputs[2:], strict=True):
                    output.replace_all_uses_with(initial)
                node.destroy()
                self.changed = True
            elif node.blocks and not inside_done:
                pending.append((node, True))
                pending += [(inner, False) for block in reversed(node.blocks) for inner in reversed(list(block))]
            elif node.kind == "prim::If":
                self._forward_equal_results(node)
            elif node.kind == "prim::Loop":
                self._forward_unchanged(node)
            elif not node.blocks and self._may_evaluate(node):
                self._replace_by_value(node)

    # --- evaluation

    def _may_evaluate(self, node: Node) -> bool:
        if not node.outputs or node.kind in _LEFT_ALONE or "Subgraph" in node.attributes:
            return False
        if any(v.node.kind != "prim::Constant" for v in node.inputs):
            return False
        if has_side_effects(node) or not is_deterministic(node):
            return False
        mutable_inputs = any(is_mutable_type(v.type) for v in node.inputs)
        mutable_outputs = any(is_mutable_type(v.type) for v in node.outputs)
        if mutable_inputs or mutable_outputs:
            if self._immutable_only or self._facts.has_writers(node):
                return False
        return not (mutable_outputs and self._facts.escapes_scope(node.outputs))

    def _replace_by_value(self, node: Node) -> None:
        inputs = [constant_value(v) for v in node.inputs]
        if any(isinstance(value, (OpaqueConstant, Function, ScriptObject)) for value in inputs):
            return
        if any(output.type is STRING for output in node.outputs) and _longest_text(node, inputs) > MOST_CHARACTERS:
            return
        try:
            results = _made(node, inputs) or self._evaluate(node, inputs)
        except FlambeauError:  # it fails, or cannot be evaluated here: it may never run
            return
        if len(results) != len(node.outputs) or not all(_may_be_constant(r, inputs) for r in results):
            return
        constants = [_constant_for(node.graph, output, r) for output, r in zip(node.outputs, results, strict=True)]
        for output, constant in zip(node.outputs, constants, strict=True):
            if constant is not None:
                constant.copy_metadata(node).insert_before(node)
                output.replace_all_uses_with(constant.output)
                self.changed = True

    # --- control flow

    def _forward_equal_results(self, node: Node) -> None:
        """Results that are the same value, or equal constants, in both branches."""
        first, second = node.blocks
        for output, a, b in zip(node.outputs, first.outputs, second.outputs, strict=True):
            if not output.has_uses:
                continue
            if a is b:
                output.replace_all_uses_with(a)
                self.changed = True
            elif _are_equal_constants(a, b):
                with node.graph.inserting_at(node):
                    constant = create_constant(node.graph, constant_value(a), output.type)
                    output.replace_all_uses_with(constant.copy_metadata(a.node).insert_before(node).output)
                self.changed = True

    def _forward_unchanged(self, node: Node) -> None:
        """Values that a loop carries without changing them."""
        body = node.blocks[0]
        carried = zip(node.inputs[2:], body.inputs[1:], body.outputs[1:], node.outputs, strict=True)
        for initial, inner, after, output in carried:
            if (after is inner or after is initial) and (inner.has_uses or output.has_uses):
                inner.replace_all_uses_with(initial)
                output.replace_all_uses_with(initial)
                self.changed = True


def _longest_text(node: Node, inputs: Sequence[object]) -> int:
    """How long a string made of these can be at most: each length times each other, and times numbers that are one."""
    longest = math.prod(max(len(value), 1) for value in inputs if isinstance(value, str))
    if node.kind in _PADDING:
        longest *= math.prod(max(value, 1) for value in inputs if isinstance(value, int))
    return longest


def _taken_branch(node: Node) -> Block | None:
    if node.kind != "prim::If":
        return None
    condition = constant_value(node.input)
    return node.blocks[0 if condition else 1] if isinstance(condition, (bool, int)) else None


def _never_runs(node: Node) -> bool:
    trips, condition = constant_value(node.inputs[0]), constant_value(node.inputs[1])
    return (isinstance(trips, int) and trips <= 0) or (condition is not NOT_CONSTANT and not condition)


def _inline_block(node: Node, block: Block) -> list[Node]:
    """Move the nodes of a branch before its `prim::If` and drop that; returns the nodes."""
    moved = list(block)
    for inner in moved:
        inner.move_before(node)
    for output, value in zip(node.outputs, block.outputs, strict=True):
        output.replace_all_uses_with(value)
    node.destroy()
    return moved


def _are_equal_constants(a: Value, b: Value) -> bool:
    if a.type != b.type or is_mutable_type(a.type):
        return False
    first, second = constant_value(a), constant_value(b)
    return first is not NOT_CONSTANT and second is not NOT_CONSTANT and value_key(first) == value_key(second)


def _made(node: Node, inputs: list[object]) -> Sequence[object]:
    """The results of kinds that only build and take apart; empty for all others."""
    match node.kind:
        # A NamedTuple is made by whoever evaluates: its class is a matter of the runtime.
        case "prim::TupleConstruct" if not _has_named_fields(node.output.type):
            return [tuple(inputs)]
        case "prim::ListConstruct":
            return [list(inputs)]
        case "prim::DictConstruct":
            return [dict(zip(inputs[::2], inputs[1::2], strict=True))]
        case "prim::TupleUnpack" | "prim::ListUnpack" if isinstance(inputs[0], (tuple, list)):
            return list(inputs[0])
        case _:
            return []


def _has_named_fields(given: Type) -> bool:
    return isinstance(given, TupleType) and given.field_names is not None


def _may_be_constant(result: object, inputs: list[object]) -> bool:
    if isinstance(result, (list, tuple)):
        return all(_may_be_constant(item, inputs) for item in result)
    if isinstance(result, dict):
        return all(_may_be_constant(item, inputs) for item in (*result.keys(), *result.values()))
    if not is_tensor(result):
        return isinstance(result, _PLAIN) or is_device(result)
    if getattr(result, "requires_grad", False):
        return False
    largest = max((_elements(value) for value in inputs if is_tensor(value)), default=0)
    return _elements(result) <= max(MOST_ELEMENTS, largest)


def _elements(tensor: object) -> int:
    count = tensor.numel if not callable(getattr(tensor, "numel", None)) else tensor.numel()  # type: ignore[attr-defined]  # TensorData or torch.Tensor
    return int(count)


def _constant_for(graph: Graph, output: Value, value: object) -> Node | None:
    known = None if isinstance(output.type, TensorType) and is_tensor(value) else output.type
    try:
        return create_constant(graph, value, known)
    except ValueError:  # a value that cannot be a constant
        return None
