"""Comparison and identity.

An int and a float are compared as floats, so that ints above 2**53 lose their last bits first, as in C++.
"""

from __future__ import annotations

from flambeau.runtime.operators.arithmetic import Number
from flambeau.runtime.registry import implements

_SAME = (
    *("int_list", "bool_list", "str_list", "device", "bool", "enum", "int", "complex", "float"),
    *("float_complex", "complex_float", "str"),
)


def _alike(a: Number, b: Number) -> tuple[Number, Number]:
    """Two numbers as the comparison sees them."""
    if isinstance(a, complex) or isinstance(b, complex):
        return complex(a), complex(b)
    return (a, b) if isinstance(a, int) == isinstance(b, int) else (float(a), float(b))


@implements(*(f"aten::eq.{name}" for name in _SAME))
def eq(a: object, b: object) -> bool:
    return a == b


@implements(*(f"aten::ne.{name}" for name in _SAME))
def ne(a: object, b: object) -> bool:
    return a != b


@implements("aten::eq.float_list")
def eq_float_list(a: list[float], b: list[float]) -> bool:
    """NaN differs from itself, which comparing Python lists would miss."""
    return len(a) == len(b) and all(x == y for x, y in zip(a, b, strict=True))


@implements("aten::ne.float_list")
def ne_float_list(a: list[float], b: list[float]) -> bool:
    return not eq_float_list(a, b)


@implements("aten::eq.int_float", "aten::eq.float_int")
def eq_mixed(a: float, b: float) -> bool:
    return float(a) == float(b)


@implements("aten::ne.int_float", "aten::ne.float_int")
def ne_mixed(a: float, b: float) -> bool:
    return float(a) != float(b)


@implements("aten::eq")
def eq_number(a: Number, b: Number) -> bool:
    left, right = _alike(a, b)
    return left == right


@implements("aten::ne")
def ne_number(a: Number, b: Number) -> bool:
    return not eq_number(a, b)


@implements("aten::lt.int", "aten::lt.float")
def lt(a: float, b: float) -> bool:
    return a < b


@implements("aten::le.int", "aten::le.float")
def le(a: float, b: float) -> bool:
    return a <= b


@implements("aten::gt.int", "aten::gt.float")
def gt(a: float, b: float) -> bool:
    return a > b


@implements("aten::ge.int", "aten::ge.float")
def ge(a: float, b: float) -> bool:
    return a >= b


@implements("aten::lt.int_float", "aten::lt.float_int")
def lt_mixed(a: float, b: float) -> bool:
    return float(a) < float(b)


@implements("aten::le.int_float", "aten::le.float_int")
def le_mixed(a: float, b: float) -> bool:
    return float(a) <= float(b)


@implements("aten::gt.int_float", "aten::gt.float_int")
def gt_mixed(a: float, b: float) -> bool:
    return float(a) > float(b)


@implements("aten::ge.int_float", "aten::ge.float_int")
def ge_mixed(a: float, b: float) -> bool:
    return float(a) >= float(b)


@implements("aten::lt")
def lt_number(a: float, b: float) -> bool:
    return a < b if isinstance(a, int) == isinstance(b, int) else float(a) < float(b)


@implements("aten::le")
def le_number(a: float, b: float) -> bool:
    return a <= b if isinstance(a, int) == isinstance(b, int) else float(a) <= float(b)


@implements("aten::gt")
def gt_number(a: float, b: float) -> bool:
    return lt_number(b, a)


@implements("aten::ge")
def ge_number(a: float, b: float) -> bool:
    return le_number(b, a)


@implements("aten::lt.str")
def lt_str(a: str, b: str) -> bool:
    return ordering_key(a) < ordering_key(b)


@implements("aten::le.str")
def le_str(a: str, b: str) -> bool:
    return ordering_key(a) <= ordering_key(b)


@implements("aten::gt.str")
def gt_str(a: str, b: str) -> bool:
    return ordering_key(a) > ordering_key(b)


@implements("aten::ge.str")
def ge_str(a: str, b: str) -> bool:
    return ordering_key(a) >= ordering_key(b)


def ordering_key(text: str) -> bytes:
    """What strings are ordered by: their bytes."""
    return text.encode("utf-8", "surrogateescape")


@implements("aten::__is__")
def is_(self: object, other: object) -> bool:
    return same(self, other)


@implements("aten::__isnot__")
def is_not(self: object, other: object) -> bool:
    return not same(self, other)


def same(a: object, b: object) -> bool:
    """Identity; numbers and strings, which have none, are compared by type and value."""
    if isinstance(a, (bool, int, float, complex, str)):
        return type(a) is type(b) and a == b
    return a is b


@implements("aten::__not__")
def not_(self: bool) -> bool:
    return not self
