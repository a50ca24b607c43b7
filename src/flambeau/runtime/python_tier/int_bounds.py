"""What range an int is in, so that code which cannot leave 64 bits need not check.

Constants have theirs; the length of a list and the size of a tensor stay far below 2**56 in any process, and so does
the number of times that anything can be executed. Sums, differences and products of bounded values are bounded. A
variable that a loop only ever changes by small constants (a counter) stays near where it began. Everything else may be
any int.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.ir import INT, Block, Node, Value, constant_value
from flambeau.runtime.integers import INT_MAX, INT_MIN
from flambeau.runtime.python_tier.expressions import ANY_INT, Bounds

__all__ = ["TRIP_COUNT", "carried_bounds", "result_bounds"]

_COUNT = 1 << 56
_SMALL_STEP = 1 << 10
_NEAR = 1 << 61
"""2**51 changes by small steps would take years; a counter that begins within 2**61 of zero stays within 2**62."""

TRIP_COUNT: Bounds = (0, _COUNT)
"""How often a loop can have run."""

_COUNTS = frozenset(
    {
        "aten::len",
        "aten::__range_length",
        "aten::dim",
        "aten::size",
        "aten::numel",
        "aten::ord",
        "aten::find",
        "aten::count",
    }
)


def result_bounds(node: Node, operands: Sequence[Bounds]) -> Bounds:
    """The bounds of a node's result, not wrapped to 64 bits, given those of its operands."""
    rule = _RULES.get(node.kind)
    if rule is not None and len(operands) == 2 and all(v.type is INT for v in node.inputs):
        return rule(operands[0], operands[1])
    if node.kind == "aten::neg":
        return -operands[0][1], -operands[0][0]
    return (-1, _COUNT) if node.kind in _COUNTS else ANY_INT


def _sum(a: Bounds, b: Bounds) -> Bounds:
    return a[0] + b[0], a[1] + b[1]


def _difference(a: Bounds, b: Bounds) -> Bounds:
    return a[0] - b[1], a[1] - b[0]


def _product(a: Bounds, b: Bounds) -> Bounds:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _quotient(a: Bounds, b: Bounds) -> Bounds:
    if b[0] > 0:
        corners = [x // y for x in a for y in b]
        return min(corners), max(corners)
    # Only the smallest int divided by -1 is out of range.
    return (INT_MIN, INT_MAX) if a[0] > INT_MIN or b[0] > -1 or b[1] < -1 else (INT_MIN, INT_MAX + 1)


def _remainder(a: Bounds, b: Bounds) -> Bounds:
    return min(0, b[0] + 1), max(0, b[1] - 1)


def _smaller(a: Bounds, b: Bounds) -> Bounds:
    return min(a[0], b[0]), min(a[1], b[1])


def _larger(a: Bounds, b: Bounds) -> Bounds:
    return max(a[0], b[0]), max(a[1], b[1])


_RULES: dict[str, Callable[[Bounds, Bounds], Bounds]] = {
    "aten::add": _sum,
    "aten::sub": _difference,
    "aten::mul": _product,
    "aten::floordiv": _quotient,
    "aten::remainder": _remainder,
    "prim::min": _smaller,
    "prim::max": _larger,
}


# --- counters


def carried_bounds(body: Block, index: int, initial: Bounds) -> Bounds:
    """The bounds of a variable that a loop carries: block input and output number `index`, and what it begins as."""
    variable = body.inputs[index]
    steps = _steps(body.outputs[index], variable) if variable.type is INT else None
    if steps is None or max(map(abs, initial)) > _NEAR:
        return ANY_INT
    low, high = steps
    return initial[0] - (_NEAR if low < 0 else 0), initial[1] + (_NEAR if high > 0 else 0)


def _steps(value: Value, variable: Value, depth: int = 0) -> Bounds | None:
    """How far a value is from a variable, if it is the variable but for small constants added to it."""
    if value is variable:
        return 0, 0
    node = value.node
    if depth > 20 or node.kind not in ("aten::add", "aten::sub", "prim::If", "prim::Loop"):
        return None
    if node.kind == "prim::If":
        return _either([_steps(b.outputs[value.offset], variable, depth + 1) for b in node.blocks])
    if node.kind == "prim::Loop":
        inner = node.blocks[0]
        before = _steps(node.inputs[value.offset + 2], variable, depth + 1)
        within = _steps(inner.outputs[value.offset + 1], inner.inputs[value.offset + 1], depth + 1)
        return _either([before, within])
    step = constant_value(node.inputs[1])
    if not isinstance(step, int) or isinstance(step, bool) or abs(step) > _SMALL_STEP:
        return None
    before = _steps(node.inputs[0], variable, depth + 1)
    if before is None:
        return None
    moved = step if node.kind == "aten::add" else -step
    return min(before[0], before[0] + moved), max(before[1], before[1] + moved)


def _either(found: list[Bounds | None]) -> Bounds | None:
    known = [f for f in found if f is not None]
    if len(known) != len(found):
        return None
    return min(low for low, _ in known), max(high for _, high in known)
