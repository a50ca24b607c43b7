"""The backward graph of a straight-line graph, and the forward graph that saves what it needs.

    graph(%x, %y):                     forward(%x, %y):                    backward(%grad, %p, %y):
      %p = aten::mul(%x, %y)             %p = aten::mul(%x, %y)              %a = aten::mul(%grad, cos(%p)) ...
      %r = aten::sin(%p)         ->      %r = aten::sin(%p)          and     ...
      return (%r)                        return (%r, %p)                     return (gradient of %x, gradient of %y)

The derivative of each node comes from the table in `formulas`, last node first; a value that several nodes read gets
the sum of what they give. What formulas ask of forward values without looking at elements (their sizes) is computed in
the forward graph, so that no tensor is kept alive for it. The backward graph is simplified like any other.

Nodes that compute nothing differentiable (comparisons, sizes, constants) need no formula. A graph with sub-blocks, with
writes to tensors, or with an operator that has no formula between an input and an output is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    TENSOR,
    Graph,
    Node,
    TensorType,
    TupleType,
    Type,
    Value,
    constant_value,
    copy_graph,
    copy_node,
    insert_constant,
    insert_graph,
)
from flambeau.passes.inlining import inline_calls

from .formulas import TENSORS, Formula, find_formulas

WITHOUT_DERIVATIVE = frozenset(
    f"aten::{name}"
    for name in (
        *("lt", "le", "gt", "ge", "eq", "ne", "size", "dim", "numel", "len", "detach", "argmax", "argmin", "isnan"),
        *("ones_like", "zeros_like", "rand_like", "randn_like", "full_like", "nonzero", "sign", "logical_not"),
        *("logical_and", "logical_or", "is_floating_point", "zeros", "ones", "full", "arange"),
    )
)
"""Operators through whose results no gradient flows."""

_ASKED_OF_FORWARD = frozenset({"aten::size", "aten::dim", "aten::numel", "prim::dtype", "prim::device"})
"""Facts of a tensor for which the forward graph saves the answer instead of the tensor."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """A graph and its derivative.

    The forward graph gives the original outputs, then the saved values. The backward graph takes the gradients of the
    `differentiated` outputs, then the saved values, and gives the gradients of the `wanted` inputs.
    """

    forward: Graph
    backward: Graph
    outputs: int
    """How many outputs of the forward graph are the original ones."""
    differentiated: tuple[int, ...]
    wanted: tuple[int, ...]
    reached: tuple[bool, ...]
    """Which of the wanted inputs any gradient flows to; the others' are zeros."""


def is_differentiable(node: Node) -> bool:
    """Whether gradients can be carried through a node (or need not be)."""
    found = node.operator
    if node.blocks or (found is not None and (found.schema.is_mutable or found.has_side_effects)):
        return False
    if not any(_carries_gradient(v.type) for v in node.outputs) or node.kind in _STRUCTURE | WITHOUT_DERIVATIVE:
        return True
    if found is None or find_formulas(found) is None:
        return False
    return node.kind != "aten::dropout" or constant_value(node.named_input("train")) is False


def differentiate(
    graph: Graph,
    simplify: Callable[[Graph], object] | None = None,
    wanted: Sequence[int] | None = None,
    given: Sequence[int] | None = None,
) -> Gradient:
    """The forward and backward graphs of a graph; UnsupportedError names a node that stands in the way.

    `wanted` are the inputs to differentiate with respect to (default: all tensors), `given` the outputs whose gradients
    are there (default: all that depend on those inputs). `simplify` is applied to both graphs.
    """
    forward = copy_graph(graph)
    inline_calls(forward)
    chosen = _tensors(forward.inputs) if wanted is None else tuple(wanted)
    for index in chosen:
        if not isinstance(forward.inputs[index].type, TensorType):
            raise UnsupportedError(f"input {index} of the graph is not a tensor: it has no gradient")
    sweep = _Sweep(forward, chosen, given)
    result = sweep.run()
    if simplify is not None:
        simplify(result.backward)
    _ask_forward(result)
    _drop_unused(result)
    if simplify is not None:
        simplify(result.forward)
    return result


_STRUCTURE = frozenset({"prim::Constant", "prim::ListConstruct", "prim::ListUnpack"})


def _carries_gradient(given: Type) -> bool:
    return isinstance(given, TensorType) or given == TENSORS


def _tensors(values: Sequence[Value]) -> tuple[int, ...]:
    return tuple(i for i, v in enumerate(values) if isinstance(v.type, TensorType))


def _ask_forward(result: Gradient) -> None:
    """Save facts of tensors where the backward graph asks no more of them."""
    backward, forward = result.backward, result.forward
    first = len(result.differentiated)
    for index, saved in enumerate(list(backward.inputs)[first:]):
        original = forward.outputs[result.outputs + index]
        for user, _ in saved.uses:
            if user.kind in _ASKED_OF_FORWARD and len(user.inputs) == 1 and user.owning_block is backward.block:
                fact = forward.append_node(forward.create(user.kind, (original,), (user.output.type,)))
                forward.add_output(fact.output)
                user.output.replace_all_uses_with(backward.add_input(type=user.output.type))
                user.destroy()


def _drop_unused(result: Gradient) -> None:
    """Do not save what the backward graph does not read after all."""
    backward, forward = result.backward, result.forward
    first = len(result.differentiated)
    for index in reversed(range(first, len(backward.inputs))):
        if not backward.inputs[index].has_uses:
            backward.param_node.erase_output(index)
            forward.return_node.remove_input(result.outputs + index - first)


class _Sweep:
    """Builds the backward graph of one forward graph."""

    def __init__(self, forward: Graph, wanted: tuple[int, ...], given: Sequence[int] | None) -> None:
        self.forward = forward
        self.backward = Graph()
        self._wanted = wanted
        self._given = given
        self._active: set[Value] = set()
        """Values that depend on the wanted inputs differentiably."""
        self._gradients: dict[Value, Value] = {}
        self._seen: dict[Value, Value] = {}
        """What stands for forward values in the backward graph."""
        self._saved: list[Value] = []

    def run(self) -> Gradient:
        outputs = len(self.forward.outputs)
        self._find_active()
        possible = _tensors(self.forward.outputs) if self._given is None else self._given
        differentiated = tuple(i for i in possible if self.forward.outputs[i] in self._active)
        for index in differentiated:
            self._add(self.forward.outputs[index], self.backward.add_input(f"grad_{index}"))
        for node in reversed(list(self.forward.nodes())):
            if any(output in self._gradients for output in node.outputs):
                self._backward_of(node)
        reached = tuple(self.forward.inputs[index] in self._gradients for index in self._wanted)
        for index in self._wanted:
            value = self.forward.inputs[index]
            self.backward.add_output(self._gradients.get(value) or self._zeros(value))
        inline_calls(self.backward)
        for value in self._saved:
            self.forward.add_output(value)
        return Gradient(self.forward, self.backward, outputs, differentiated, self._wanted, reached)

    def _find_active(self) -> None:
        self._active.update(self.forward.inputs[i] for i in self._wanted)
        for node in self.forward.nodes():
            if node.blocks:
                raise UnsupportedError(f"{node.kind} has no derivative formula: only straight-line graphs have")
            if not any(value in self._active for value in node.inputs) or node.kind in WITHOUT_DERIVATIVE:
                if node.operator is not None and node.operator.schema.is_mutable:
                    raise UnsupportedError(f"{node.kind} writes to a tensor, which derivatives cannot follow")
                continue
            outputs = [v for v in node.outputs if _carries_gradient(v.type)]
            if outputs and not is_differentiable(node):
                raise UnsupportedError(f"{node.kind} has no derivative formula")
            self._active.update(outputs)

    # --- gradients

    def _add(self, value: Value, gradient: Value) -> None:
        """Add a contribution to the gradient of a forward value."""
        former = self._gradients.get(value)
        if former is not None:
            if not isinstance(value.type, TensorType):
                raise UnsupportedError("a list of tensors that is read twice has no derivative formula")
            one = self._constant(1)
            gradient = self.backward.insert("aten::add", (former, gradient, one)).output
        self._gradients[value] = gradient

    def _backward_of(self, node: Node) -> None:
        if node.kind == "prim::ListConstruct":
            parts = self._unpacked(self._gradients[node.output], len(node.inputs))
            for value, part in zip(node.inputs, parts, strict=True):
                if value in self._active:
                    self._add(value, part)
        elif node.kind == "prim::ListUnpack":
            given = [self._gradients.get(v) or self._zeros(v) for v in node.outputs]
            self._add(node.input, self.backward.insert("prim::ListConstruct", given, (TENSORS,)).output)
        elif node.operator is not None:
            for formula in find_formulas(node.operator) or ():
                self._apply(node, formula)

    def _apply(self, node: Node, formula: Formula) -> None:
        if not any(node.inputs[index] in self._active for index in formula.arguments):
            return
        given = [self._parameter(node, name) for name in formula.parameters]
        with self.backward.at_range(node.range):
            (result,) = insert_graph(self.backward, formula.graph, given)
        parts = [result]
        if isinstance(result.type, TupleType):
            unpack = self.backward.insert("prim::TupleUnpack", (result,), result.type.elements)
            parts = list(unpack.outputs)
        for index, part in zip(formula.arguments, parts, strict=True):
            if node.inputs[index] in self._active:
                self._add(node.inputs[index], part)

    def _parameter(self, node: Node, name: str) -> Value:
        if name in ("grad", "grads"):
            return self._gradients[node.output]
        return self._standing_for(node.output if name == "result" else node.named_input(name))

    def _unpacked(self, gradients: Value, count: int) -> Sequence[Value]:
        return self.backward.insert("prim::ListUnpack", (gradients,), (TENSOR,) * count).outputs

    def _zeros(self, value: Value) -> Value:
        """A gradient of zero. Only forward values that nothing differentiable reads have it."""
        none, like = self._constant(None), self._standing_for(value)
        return self.backward.insert("aten::zeros_like", (like, none, none, none, none, none)).output

    # --- forward values

    def _constant(self, value: object) -> Value:
        return insert_constant(self.backward, value)

    def _standing_for(self, value: Value) -> Value:
        """A forward value in the backward graph: constants and lists are made anew, all else is saved."""
        known = self._seen.get(value)
        if known is not None:
            return known
        node = value.node
        if node.kind == "prim::Constant":
            made = self.backward.insert_node(copy_node(node, self.backward, {})).output
            made.set_debug_name("")
        elif node.kind == "prim::ListConstruct":
            parts = [self._standing_for(v) for v in node.inputs]
            made = self.backward.insert(node.kind, parts, (value.type,)).output
        else:
            made = self.backward.add_input(value.debug_name if value.has_debug_name else "", value.type)
            self._saved.append(value)
        self._seen[value] = made
        return made
