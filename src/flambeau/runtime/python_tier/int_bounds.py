"""Which int results can leave 64 bits, so that the code must check them.

A value's bound is a number of bits that its magnitude surely fits in. Constants have theirs; the length of a list, and
how often a loop has run, stay far below 2**56 in any process; sums, differences and products of bounded values are
bounded. Everything else may be any int.
"""

from __future__ import annotations

from typing import final

from flambeau.ir import NOT_CONSTANT, Node, Value, constant_value

_COUNT_BITS = 56
_ANY = 64
_SAFE = 62

_COUNTS = frozenset({"aten::len", "aten::__range_length", "aten::dim", "aten::size", "aten::numel"})


@final
class IntBounds:
    """The bounds of the values of one graph, found when asked for."""

    def __init__(self) -> None:
        self._bits: dict[Value, int] = {}

    def bits(self, value: Value) -> int:
        """How many bits the magnitude of an int fits in; 64 where nothing is known."""
        known = self._bits.get(value)
        if known is None:
            constant = constant_value(value)
            known = _ANY
            if constant is not NOT_CONSTANT:
                known = constant.bit_length() if isinstance(constant, int) else _ANY
            elif value.node.kind in _COUNTS or _is_trip_index(value):
                known = _COUNT_BITS
            self._bits[value] = known
        return known

    def result(self, node: Node) -> int:
        """Note and return the bound of the result of an addition, subtraction, multiplication or negation."""
        operands = [self.bits(v) for v in node.inputs]
        match node.kind:
            case "aten::add" | "aten::sub":
                bits = max(operands) + 1
            case "aten::mul":
                bits = sum(operands)
            case _:
                bits = operands[0]
        self._bits[node.output] = bits if bits <= _SAFE else _ANY
        return bits

    def same(self, value: Value, as_value: Value, extra: int = 0) -> None:
        """Note that a value is bounded as another is, up to `extra` bits."""
        self._bits[value] = min(_ANY, self.bits(as_value) + extra)


def overflow_condition(node: Node, result: str, bounds: IntBounds, low: int, high: int) -> str | None:
    """When the result of an int operation is out of range, as an expression; None if it never is."""
    if bounds.result(node) <= _SAFE:
        return None
    side = _only_side(node)
    if side > 0:
        return f"{result} > {high}"
    if side < 0:
        return f"{result} < {low}"
    return f"not {low} <= {result} <= {high}"


def _only_side(node: Node) -> int:
    """1 if only too large a result is possible, -1 if only too small a one, 0 if either."""
    if node.kind not in ("aten::add", "aten::sub"):
        return 0
    for index, value in enumerate(node.inputs):
        constant = constant_value(value)
        if isinstance(constant, int) and (node.kind == "aten::add" or index == 1):
            sign = -1 if node.kind == "aten::sub" else 1
            return sign if constant >= 0 else -sign
    return 0


def _is_trip_index(value: Value) -> bool:
    block = value.node.owning_block
    if value.node.kind != "prim::Param" or block is None or block.owning_node is None:
        return False
    return block.owning_node.kind == "prim::Loop" and value.offset == 0
