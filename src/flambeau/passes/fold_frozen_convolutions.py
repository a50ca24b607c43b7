"""Fold what follows a convolution with constant weights into the weights.

    %y = aten::conv2d(%x, %w, %b, ...)                      ->   %y = aten::conv2d(%x, %v, %c, ...)
    %z = aten::batch_norm(%y, %gamma, %beta, ..., %false)        where %v and %c are computed from constants

Also additions, subtractions, multiplications and divisions by constants that are one number or one for each channel.
The new weights are written as operations on constants, which constant propagation computes; results differ by rounding.
Only if nothing else reads the convolution's result, all tensors are of one floating point dtype (so that none is
promoted), and the convolution is not transposed. A batch norm is taken to follow a batch: of a single image it would
normalise rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from flambeau.ir import (
    Graph,
    Node,
    TensorType,
    Value,
    constant_value,
    insert_constant,
)

from .constant_tensors import constant_tensor_type
from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_RANKS = {"aten::conv1d": 3, "aten::conv2d": 4, "aten::conv3d": 5}
_TRANSPOSABLE = {"aten::convolution": 6, "aten::_convolution": 6}
"""Which input says whether it is transposed."""
_ASK_NO_ELEMENTS = frozenset({"aten::dim", "aten::size", "aten::numel", "aten::len", "prim::dtype", "prim::device"})
"""What else may read a result that is about to change."""


@graph_pass("fold_frozen_conv_bn")
def fold_frozen_batch_norm(graph: Graph) -> bool:
    """Fold batch norms in evaluation mode."""
    return _fold(graph, {"aten::batch_norm": _fold_batch_norm})


@graph_pass("fold_frozen_conv_add_or_sub")
def fold_frozen_addition(graph: Graph) -> bool:
    """Fold additions and subtractions into the bias."""
    return _fold(graph, {"aten::add": _fold_sum, "aten::sub": _fold_sum})


@graph_pass("fold_frozen_conv_mul_or_div")
def fold_frozen_multiplication(graph: Graph) -> bool:
    """Fold multiplications and divisions into weight and bias."""
    return _fold(graph, {"aten::mul": _fold_product, "aten::div": _fold_product})


def _fold(graph: Graph, rules: dict[str, Callable[[_Convolution, Node], bool]]) -> bool:
    changed = False
    for current in with_subgraphs(graph):
        for node in list(current.walk()):
            rule = rules.get(node.kind)
            if rule is None or node.owning_block is None or len(node.inputs) < 2:
                continue
            convolution = _convolution_of(node.inputs[0], node)
            if convolution is not None and rule(convolution, node):
                _replace(node, convolution)
                changed = True
    return changed


def _replace(node: Node, convolution: _Convolution) -> None:
    made = convolution.node
    name = node.output.debug_name if node.output.has_debug_name else ""
    node.output.replace_all_uses_with(made.output)
    node.destroy()
    if name:
        made.output.set_debug_name(name)


@final
class _Convolution:
    """A convolution with constant weights, and what writes operations on those before it."""

    def __init__(self, node: Node, weight: TensorType) -> None:
        self.node = node
        self.type = weight
        sizes = weight.sizes or ()
        self.rank, self.channels = len(sizes), sizes[0]

    @property
    def weight(self) -> Value:
        return self.node.inputs[1]

    @property
    def bias(self) -> Value:
        """The bias; zeros are written where there is none."""
        given = self.node.inputs[2]
        if constant_value(given) is not None:
            return self.tensor(given)
        none = self.constant(None)
        return self.call("aten::new_zeros", self.weight, self.constant([self.channels]), none, none, none, none)

    def constant(self, value: object) -> Value:
        with self.node.graph.inserting_at(self.node):
            return insert_constant(self.node.graph, value, range=self.node.range)

    def tensor(self, value: Value) -> Value:
        """A constant tensor that may be typed as optional, or be defined later: one that can be read here."""
        readable = isinstance(value.type, TensorType) and value.node.is_before(self.node)
        return value if readable else self.constant(constant_value(value))

    def call(self, kind: str, *inputs: Value) -> Value:
        graph = self.node.graph
        with graph.inserting_at(self.node):
            return graph.insert_node(graph.create(kind, inputs, 1, range=self.node.range)).output

    def by_channel(self, value: Value) -> Value:
        """A tensor of one number for each channel (or of one), in the shape that multiplies the weight."""
        return self.call("aten::reshape", value, self.constant([-1] + [1] * (self.rank - 1)))

    def flat(self, value: Value) -> Value:
        return self.call("aten::reshape", value, self.constant([-1]))

    def agrees(self, value: Value) -> bool:
        """Whether a value is a constant tensor of the weight's dtype and device."""
        type = constant_tensor_type(value)
        return type is not None and (type.scalar_type, type.device) == (self.type.scalar_type, self.type.device)

    def set(self, weight: Value, bias: Value) -> None:
        self.node.replace_input(1, weight)
        self.node.replace_input(2, bias)


def _convolution_of(value: Value, reader: Node) -> _Convolution | None:
    """The convolution that made a value, if what only that node reads of it can be folded into it."""
    node = value.node
    if any(user is not reader and user.kind not in _ASK_NO_ELEMENTS for user, _ in value.uses):
        return None
    if reader.inputs.count(value) != 1 or (node.kind not in _RANKS and node.kind not in _TRANSPOSABLE):
        return None
    if node.kind in _TRANSPOSABLE and constant_value(node.inputs[_TRANSPOSABLE[node.kind]]) is not False:
        return None
    type = constant_tensor_type(node.inputs[1])
    if type is None or type.scalar_type is None or not type.scalar_type.is_floating_point or not type.sizes:
        return None
    if not all(isinstance(size, int) for size in type.sizes):
        return None
    found = _Convolution(node, type)
    bias = node.inputs[2]
    return found if constant_value(bias) is None or found.agrees(bias) else None


def _fold_batch_norm(convolution: _Convolution, node: Node) -> bool:
    gamma, beta, mean, variance, training = node.inputs[1:6]
    eps = node.inputs[7]
    if constant_value(training) is not False or not isinstance(constant_value(eps), float):
        return False
    if not convolution.agrees(mean) or not convolution.agrees(variance):
        return False
    if any(constant_value(v) is not None and not convolution.agrees(v) for v in (gamma, beta)):
        return False
    call, one = convolution.call, convolution.constant(1)
    precise = convolution.constant(constant_value(eps))
    scale = call("aten::rsqrt", call("aten::add", convolution.tensor(variance), precise, one))
    if constant_value(gamma) is not None:
        scale = call("aten::mul", scale, convolution.tensor(gamma))
    weight = call("aten::mul", convolution.weight, convolution.by_channel(scale))
    bias = call("aten::mul", call("aten::sub", convolution.bias, convolution.tensor(mean), one), scale)
    if constant_value(beta) is not None:
        bias = call("aten::add", bias, convolution.tensor(beta), one)
    convolution.set(weight, bias)
    return True


def _operand(convolution: _Convolution, node: Node) -> Value | None:
    """The other operand of arithmetic, if it is a constant number, or a tensor of one for each channel."""
    other = node.inputs[1]
    known = constant_value(other)
    if isinstance(known, (int, float)) and not isinstance(known, bool):
        return other
    if not convolution.agrees(other):
        return None
    type = constant_tensor_type(other)
    sizes = () if type is None or type.sizes is None else type.sizes
    # With one dimension more, the result of an image that is not in a batch would get that dimension.
    by_channel = len(sizes) == convolution.rank - 1 and sizes[0] in (1, convolution.channels)
    return other if not sizes or (by_channel and all(size == 1 for size in sizes[1:])) else None


def _fold_sum(convolution: _Convolution, node: Node) -> bool:
    other = _operand(convolution, node)
    if other is None or len(node.inputs) != 3 or constant_value(node.inputs[2]) != 1:
        return False
    is_number = isinstance(constant_value(other), (int, float))
    flat = convolution.constant(constant_value(other)) if is_number else convolution.flat(convolution.tensor(other))
    one = convolution.constant(1)
    convolution.set(convolution.weight, convolution.call(node.kind, convolution.bias, flat, one))
    return True


def _fold_product(convolution: _Convolution, node: Node) -> bool:
    other = _operand(convolution, node)
    if other is None or len(node.inputs) != 2:
        return False
    is_number = isinstance(constant_value(other), (int, float))
    given = convolution.constant(constant_value(other)) if is_number else convolution.tensor(other)
    weight = convolution.call(node.kind, convolution.weight, given if is_number else convolution.by_channel(given))
    if constant_value(convolution.node.inputs[2]) is None:
        convolution.node.replace_input(1, weight)
        return True
    flat = given if is_number else convolution.flat(given)
    convolution.set(weight, convolution.call(node.kind, convolution.bias, flat))
    return True
