"""What operators make of plain tensors, by family: dtype and rank of the results, how they lie, whether they are new.

Only what is certain is here. Families cover floating-point arithmetic and what surrounds it; arithmetic on integers
only where the dtypes are equal. An operator that is in no table gives tensors of which nothing is known.

How results lie follows from how PyTorch allocates them (`TensorIterator`): element-wise operators keep the order of the
strides of their operands and leave no gaps, so operands in row-major order give a contiguous result. Strides of
dimensions of size 1 and of tensors without elements, which lead to no element, are left out of account.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, final

from flambeau.ir import FLOAT, INT, NONE, Node, ScalarType, Value, constant_value

__all__ = [
    "BINARY",
    "COMPARISONS",
    "SCALAR",
    "SIZED",
    "SPLITS",
    "UNARY",
    "Order",
    "TensorFact",
    "gives_new_tensors",
    "rule_of",
]


class Order(enum.IntEnum):
    """How the elements of a tensor lie in memory."""

    ANY = 0
    ROW_MAJOR = 1
    """Strides do not grow from one dimension to the next; there may be gaps."""
    CONTIGUOUS = 2


@final
@dataclass(frozen=True, slots=True)
class TensorFact:
    """What is known of a plain tensor: strided, on the CPU, of no subclass. `dtype` or `rank` None: not known."""

    dtype: ScalarType | None
    rank: int | None = None
    order: Order = Order.ANY
    sources: frozenset[Value] = field(default=frozenset(), compare=False)
    """The values that it follows from what is known of."""


Facts: TypeAlias = "Mapping[Value, TensorFact]"
Rule: TypeAlias = "Callable[[Node, Facts], Sequence[TensorFact | None]]"
"""Gives the facts of a node's outputs."""

GIVES_NEW = frozenset({"prim::IndexTensor", "prim::TransposedLinear"})
"""Kinds of specialised graphs, without an operator, whose result is a tensor with memory of its own."""
_FLOATING = frozenset({ScalarType.Float, ScalarType.Double, ScalarType.Half, ScalarType.BFloat16})
_NOTHING: tuple[None, ...] = ()
_rules: dict[str, Rule] = {}
_new: set[str] = set()


def rule_of(node: Node) -> Rule | None:
    """What gives the facts of a node's outputs; None: nothing is known of them."""
    if node.kind == "prim::ListUnpack":
        return _parts
    if node.kind == "prim::TransposedLinear":
        return _linear
    operator = node.operator
    return None if operator is None else _rules.get(operator.qualified_name)


def gives_new_tensors(node: Node) -> bool:
    """Whether a node's results are certain to be tensors with memory of their own."""
    operator = node.operator
    return node.kind in GIVES_NEW or (operator is not None and operator.qualified_name in _new)


def _aten(names: str) -> tuple[str, ...]:
    return tuple(f"aten::{name}" for name in names.split())


UNARY = frozenset(
    _aten(
        "sigmoid tanh relu exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan sinh cosh asin acos atan"
        " asinh acosh atanh abs neg erf erfc floor ceil trunc reciprocal square silu gelu hardswish hardsigmoid"
        " leaky_relu elu clamp clamp_min clamp_max lgamma digamma frac round"
    )
)
"""Operators that treat each element of their first argument, a floating-point tensor, by itself."""
EXACT = frozenset(_aten("relu sqrt abs neg floor ceil trunc round clamp clamp_min clamp_max"))
"""Those of them whose results do not depend on how elements lie (others compute neighbours together, otherwise)."""
BINARY = frozenset(_aten("add.Tensor sub.Tensor mul.Tensor div.Tensor"))
"""The same of two tensors, which are broadcast."""
SCALAR = frozenset(_aten("add.Scalar sub.Scalar mul.Scalar div.Scalar"))
"""The same of a tensor and a number."""
COMPARISONS = frozenset(
    f"aten::{name}.{kind}" for name in ("lt", "le", "gt", "ge", "eq", "ne") for kind in ("Tensor", "Scalar")
)


def _rule(*names: str, new: bool = True) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        _rules.update(dict.fromkeys(names, rule))
        if new:
            _new.update(names)
        return rule

    return register


# --- element by element


def _elementwise(dtype: ScalarType | None, *operands: TensorFact) -> TensorFact:
    ranks = [o.rank for o in operands]
    rank = max(r for r in ranks if r is not None) if None not in ranks else None
    in_order = all(o.order >= Order.ROW_MAJOR for o in operands) or rank in (0, 1)
    return TensorFact(dtype, rank, Order.CONTIGUOUS if in_order else Order.ANY, _sources(operands))


def _sources(operands: Sequence[TensorFact]) -> frozenset[Value]:
    return frozenset().union(*(o.sources for o in operands))


@_rule(*UNARY)
def _unary(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None or operand.dtype not in _FLOATING:
        return _NOTHING
    if any(_may_hold_tensor(v) for v in node.inputs[1:]):
        return _NOTHING
    return (_elementwise(operand.dtype, operand),)


def _may_hold_tensor(value: Value) -> bool:
    return value.type not in (INT, FLOAT, NONE) and value.type.kind in ("TensorType", "OptionalType", "ListType")


@_rule(*BINARY, *_aten("maximum minimum max.other min.other"))
def _binary(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    one, other = facts.get(node.inputs[0]), facts.get(node.inputs[1])
    if one is None or other is None:
        return _NOTHING
    if one.dtype is None or one.dtype is not other.dtype or one.dtype is ScalarType.Bool:
        return (_elementwise(None, one, other),)
    if one.dtype not in _FLOATING and node.kind == "aten::div":
        return _NOTHING
    if len(node.inputs) > 2 and node.inputs[2].type is not INT:  # alpha
        return _NOTHING
    return (_elementwise(one.dtype, one, other),)


@_rule(*SCALAR)
def _with_number(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None or operand.dtype not in _FLOATING or any(v.type not in (INT, FLOAT) for v in node.inputs[1:]):
        return _NOTHING
    return (_elementwise(operand.dtype, operand),)


@_rule(*COMPARISONS)
def _comparison(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operands = [facts.get(v) for v in node.inputs if v.type.kind == "TensorType"]
    known = [o for o in operands if o is not None]
    return (_elementwise(ScalarType.Bool, *known),) if len(known) == len(operands) else _NOTHING


# --- products, norms, reductions


def _of_one_dtype(node: Node, facts: Facts, *indices: int) -> list[TensorFact] | None:
    """The facts of tensors that a node takes (None is left out), where it fails unless they are of one dtype.

    That dtype stands in the first of them; None unless it is known and a floating-point one.
    """
    found = [facts.get(v) for v in (node.inputs[i] for i in indices) if v.type is not NONE]
    known = [f for f in found if f is not None]
    dtypes = {f.dtype for f in known if f.dtype is not None}
    if len(known) != len(found) or len(dtypes) != 1 or not dtypes <= _FLOATING:
        return None
    return [replace(known[0], dtype=next(iter(dtypes))), *known[1:]]


@_rule("aten::mm")
def _mm(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    known = _of_one_dtype(node, facts, 0, 1)
    return _NOTHING if known is None else (TensorFact(known[0].dtype, 2, Order.CONTIGUOUS, _sources(known)),)


@_rule("aten::matmul")
def _matmul(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    known = _of_one_dtype(node, facts, 0, 1)
    if known is None:
        return _NOTHING
    one, other = known[0].rank, known[1].rank
    if one is None or other is None or min(one, other) < 2:
        return (TensorFact(known[0].dtype, sources=_sources(known)),)
    # A stack of matrices from the right may be transposed on the way.
    order = Order.ANY if one < other else Order.CONTIGUOUS
    return (TensorFact(known[0].dtype, max(one, other), order, _sources(known)),)


@_rule("aten::linear")
def _linear(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    known = _of_one_dtype(node, facts, 0, 1, 2)
    if known is None or known[1].rank != 2:
        return _NOTHING
    return (TensorFact(known[0].dtype, known[0].rank, Order.CONTIGUOUS, _sources(known)),)


@_rule("aten::embedding")
def _embedding(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    table, indices = facts.get(node.inputs[0]), facts.get(node.inputs[1])
    if table is None or indices is None:
        return _NOTHING
    rank = None if indices.rank is None else indices.rank + 1
    return (TensorFact(table.dtype, rank, Order.CONTIGUOUS, table.sources | indices.sources),)


@_rule("aten::layer_norm")
def _layer_norm(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    given = [facts.get(v) for v in node.inputs[2:4] if v.type is not NONE]
    if (
        operand is None
        or operand.dtype not in _FLOATING
        or any(g is None or g.dtype is not operand.dtype for g in given)
    ):
        return _NOTHING
    sources = _sources([operand, *(g for g in given if g is not None)])
    return (TensorFact(operand.dtype, operand.rank, Order.CONTIGUOUS, sources),)


@_rule("aten::softmax.int", "aten::log_softmax.int")
def _softmax(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if (
        operand is None
        or (operand.dtype not in _FLOATING and operand.dtype is not None)
        or node.inputs[2].type is not NONE
    ):
        return _NOTHING
    contiguous = operand.order is Order.CONTIGUOUS
    return (TensorFact(operand.dtype, operand.rank, Order.CONTIGUOUS if contiguous else Order.ANY, operand.sources),)


@_rule("aten::max.dim", "aten::min.dim")
def _extreme(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    keeps = constant_value(node.inputs[2])
    if operand is None or not isinstance(keeps, bool):
        return _NOTHING
    rank = operand.rank if keeps or operand.rank is None else max(operand.rank - 1, 0)
    return tuple(TensorFact(d, rank, Order.CONTIGUOUS, operand.sources) for d in (operand.dtype, ScalarType.Long))


@_rule("aten::triu", "aten::tril")
def _triangle(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    return _NOTHING if operand is None else (_elementwise(operand.dtype, operand),)


@_rule("aten::masked_fill.Scalar")
def _masked_fill(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand, mask = facts.get(node.inputs[0]), facts.get(node.inputs[1])
    if operand is None or mask is None or node.inputs[2].type not in (INT, FLOAT):
        return _NOTHING
    return (_elementwise(operand.dtype, operand, mask),)


@_rule("aten::argsort")
def _argsort(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None:
        return _NOTHING
    order = Order.CONTIGUOUS if operand.rank in (0, 1) else Order.ANY
    return (TensorFact(ScalarType.Long, operand.rank, order, operand.sources),)


@_rule("aten::arange", "aten::arange.start", "aten::arange.start_step")
def _arange(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    """A range of ints."""
    sources = _on_known_cpu(node, facts)
    numbers = [v.type for v in node.inputs[: len(node.inputs) - 4]]
    if sources is None or any(t is not INT for t in numbers) or node.named_input("dtype").type is not NONE:
        return _NOTHING
    return (TensorFact(ScalarType.Long, 1, Order.CONTIGUOUS, sources),)


@_rule("aten::empty.memory_format", "aten::zeros", "aten::ones")
def _filled(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    sources = _on_known_cpu(node, facts)
    dtype = constant_value(node.named_input("dtype"))
    sizes = node.inputs[0].node
    if sources is None or (node.kind == "aten::empty" and node.named_input("memory_format").type is not NONE):
        return _NOTHING
    known = ScalarType(dtype) if isinstance(dtype, int) else None  # the default can be changed
    rank = len(sizes.inputs) if sizes.kind == "prim::ListConstruct" else None
    return (TensorFact(known, rank, Order.CONTIGUOUS, sources),)


def _on_known_cpu(node: Node, facts: Facts) -> frozenset[Value] | None:
    """Where what a node makes is on the device of a tensor that is known: what that follows from."""
    device = node.named_input("device").node
    if device.kind != "prim::device" or device.inputs[0] not in facts or node.named_input("layout").type is not NONE:
        return None
    return facts[device.inputs[0]].sources


@_rule("aten::cat", "aten::stack")
def _joined(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    joined = node.inputs[0].node
    known = [facts[v] for v in joined.inputs if v in facts] if joined.kind == "prim::ListConstruct" else []
    if not known or len(known) != len(joined.inputs):
        return _NOTHING
    dtype = known[0].dtype if all(k.dtype is known[0].dtype for k in known) else None
    more = 1 if node.kind == "aten::stack" else 0
    ranks = {k.rank for k in known}
    rank = None if len(ranks) > 1 or known[0].rank is None else known[0].rank + more
    in_order = all(k.order is Order.CONTIGUOUS for k in known)
    # Of its operands `cat` takes over one thing, that channels are last, which images and volumes may have.
    in_order = in_order or (node.kind == "aten::cat" and rank is not None and rank not in (4, 5))
    return (TensorFact(dtype, rank, Order.CONTIGUOUS if in_order else Order.ANY, _sources(known)),)


@_rule("aten::index.Tensor")
def _index(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    """`x[i]` for one tensor: of ints, which stand for the first dimension, or a mask of the first ones."""
    operand = facts.get(node.inputs[0])
    index = facts.get(single_index(node) or node.inputs[0])
    if operand is None or single_index(node) is None or index is None or operand.rank is None or index.rank is None:
        return _NOTHING
    is_mask = index.dtype is ScalarType.Bool
    if not is_mask and index.dtype is not ScalarType.Long:
        return _NOTHING
    rank = operand.rank + 1 - index.rank if is_mask else operand.rank - 1 + index.rank
    takes_rows = not is_mask and index.rank == 1 and operand.rank <= 2
    order = Order.CONTIGUOUS if rank == 1 or takes_rows else Order.ANY
    return (TensorFact(operand.dtype, max(rank, 0), order, operand.sources | index.sources),)


def single_index(node: Node) -> Value | None:
    """The only index of an `aten::index`, a tensor; None if it has others."""
    indices = node.inputs[1].node
    if indices.kind != "prim::ListConstruct" or len(indices.inputs) != 1:
        return None
    return indices.inputs[0] if indices.inputs[0].type.kind == "TensorType" else None


# --- views


@_rule("aten::select.int", new=False)
def _select(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None:
        return _NOTHING
    whole = constant_value(node.inputs[1]) == 0
    rank = None if operand.rank is None else max(operand.rank - 1, 0)
    order = operand.order if whole else min(operand.order, Order.ROW_MAJOR)
    return (TensorFact(operand.dtype, rank, order, operand.sources),)


@_rule("aten::slice.Tensor", new=False)
def _slice(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None:
        return _NOTHING
    whole = constant_value(node.inputs[1]) == 0 and constant_value(node.inputs[4]) == 1
    order = operand.order if whole else min(operand.order, Order.ROW_MAJOR)
    return (TensorFact(operand.dtype, operand.rank, order, operand.sources),)


@_rule("aten::unsqueeze", new=False)
def _unsqueeze(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None:
        return _NOTHING
    rank = None if operand.rank is None else operand.rank + 1
    return (TensorFact(operand.dtype, rank, operand.order, operand.sources),)


@_rule("aten::t", "aten::transpose.int", new=False)
def _transpose(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    return _NOTHING if operand is None else (TensorFact(operand.dtype, operand.rank, Order.ANY, operand.sources),)


@_rule("aten::view", "aten::reshape", "aten::flatten.using_ints", new=False)
def _reshaped(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    operand = facts.get(node.inputs[0])
    if operand is None:
        return _NOTHING
    order = Order.CONTIGUOUS if operand.order is Order.CONTIGUOUS else Order.ANY
    return (TensorFact(operand.dtype, _rank_of_reshaped(node, operand.rank), order, operand.sources),)


def _rank_of_reshaped(node: Node, rank: int | None) -> int | None:
    if node.kind != "aten::flatten":
        sizes = node.inputs[1].node
        return len(sizes.inputs) if sizes.kind == "prim::ListConstruct" else None
    first, last = (constant_value(v) for v in node.inputs[1:])
    if rank is None or not isinstance(first, int) or not isinstance(last, int):
        return None
    return max(rank - max(last % max(rank, 1) - first % max(rank, 1), 0), 1)


SPLITS = frozenset(_aten("chunk split.Tensor split.sizes split_with_sizes"))
"""Operators that give the pieces of a tensor, none of which overlap, as a list of views."""


def _parts(node: Node, facts: Facts) -> Sequence[TensorFact | None]:
    made = node.inputs[0].node
    operator = made.operator
    if operator is None or operator.qualified_name not in SPLITS or made.inputs[0] not in facts:
        return _NOTHING
    whole = facts[made.inputs[0]]
    dimension = made.named_input("dim")
    order = whole.order if constant_value(dimension) == 0 else min(whole.order, Order.ROW_MAJOR)
    return tuple(TensorFact(whole.dtype, whole.rank, order, whole.sources) for _ in node.outputs)


SIZED = frozenset(_rules) - frozenset(
    _aten("index.Tensor arange arange.start arange.start_step empty.memory_format zeros ones cat stack")
)
"""Operators whose results' sizes and strides follow from those of their tensors, and from what else they are given."""
