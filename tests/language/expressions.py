"""Literals, operators, comparisons, calls, ternaries, comprehensions, f-strings."""

from typing import Dict, List, Optional, Tuple

# ruff: noqa: RUF021
import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("expressions")


# Literals.


@suite.accepts()
def literals():
    return 1, -2, 2.5, 1e-3, 1e20, 2j, "text", "adjacent", True, False, None, 0x1F, 1_000


@suite.accepts()
def string_escapes() -> Tuple[str, str, str, str]:
    return "line\nnext\ttab", 'quote " inside', "back\\slash", "ünïcode ☃"


@suite.accepts()
def float_literals() -> List[float]:
    return [0.1, 1.0 / 3.0, 1e308, 5e-324, 3.0, -0.0]


@suite.accepts()
def list_literals() -> Tuple[List[int], List[List[str]], List[Optional[int]]]:
    c: List[Optional[int]] = [1, None, 2]
    return [1, 2, 3], [["a"], ["b", "c"]], c


@suite.accepts()
def dict_literals() -> Tuple[Dict[str, int], Dict[int, List[float]]]:
    return {"a": 1, "b": 2}, {1: [1.0], 2: [2.0, 3.0]}


@suite.accepts()
def empty_list_is_of_tensors() -> List[Tensor]:
    x = []
    x.append(torch.ones(1))
    return x


@suite.accepts()
def empty_dict_is_of_tensors() -> Dict[str, Tensor]:
    x = {}
    x["a"] = torch.ones(1)
    return x


@suite.accepts((1, "a"))
def tuples(x: int, y: str):
    a = (x, y)
    b = (x,)
    c = ()
    return a, b, c, (a, b)


@suite.accepts()
def tuple_concatenation() -> Tuple[int, str, float]:
    a = (1, "x")
    return a + (2.5,)


@suite.rejects("Set aren't supported")
def set_literal():
    x = {1, 2}
    return x


@suite.extends(1, 3)
def what_is_in_a_set(n: int):
    x = {1, 2, 1}
    return len(x), n in x, 2 in x, n not in {4, n}


@suite.rejects("Unknown Constant expression type")
def bytes_literal():
    return b"abc"


@suite.extends({"a": 1}, {"b": 4, "c": 2})
def dict_expansion(d: Dict[str, int]):
    e = {**d, "b": 3}
    f = {"b": 7, **e, **d}
    f["new"] = len(e)
    return d, e, f


@suite.rejects("Dict expansion")
def expansion_of_a_list(xs: List[int]):
    return {**xs}


# Arithmetic.


@suite.accepts((7, 3), (-7, 3), (7, -3), (-7, -3), (0, 5))
def int_arithmetic(a: int, b: int):
    return a + b, a - b, a * b, a / b, a // b, a % b, -a


@suite.accepts((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1e300, 1e10), (0.0, -3.0))
def float_arithmetic(a: float, b: float):
    return a + b, a - b, a * b, a / b, a // b, a % b, -a


@suite.accepts((7, 2.0), (-7, 0.5))
def int_with_float(a: int, b: float):
    return a + b, b - a, a * b, a / b, b / a, a // b, a % b


@suite.accepts((1 + 2j, 3 - 1j), (0j, 1j))
def complex_arithmetic(a: complex, b: complex):
    return a + b, a - b, a * b, a / b, -a, a == b, a != b


@suite.accepts((2 + 1j, 2, 0.5))
def complex_with_others(a: complex, b: int, c: float):
    return a + b, c * a, a - c


@suite.corrects((2 + 1j, 2, 0.5), because="the operator takes its operands for others")
def others_by_complex(a: complex, b: int, c: float):
    return b / a, c / a


@suite.accepts((2, 3), (2, 0), (5, 2), differs="a power of ints is a float in TorchScript")
def int_power(a: int, b: int):
    return a**b


@suite.accepts((2.0, 3.0), (2.5, -1.5), (9.0, 0.5))
def float_power(a: float, b: float):
    return a**b


@suite.accepts((2, 0.5), (4, -0.5))
def mixed_power(a: int, b: float):
    return a**b, b**a


@suite.accepts(2, differs="a power of ints is a float in TorchScript")
def power_binds_tighter_than_minus(a: int):
    return -(a**2), -(2**2)


@suite.accepts((12, 10), (-5, 3))
def bit_operators(a: int, b: int):
    return a & b, a | b, a ^ b


@suite.accepts((5, 2), (-5, 1), (1, 40))
def shifts(a: int, b: int):
    return a << b, a >> b


@suite.accepts((True, False), (True, True))
def bool_bit_operators(a: bool, b: bool):
    return a & b, a | b, a ^ b


@suite.accepts((5, 0))
def int_division_by_zero(a: int, b: int):
    return a // b


@suite.corrects((5, 0), because="the processor's division trap ends the process", deadly=True)
def int_modulo_zero(a: int, b: int):
    return a % b


@suite.accepts((5, 0), (-5, 0), (0, 0), differs="division follows IEEE 754 in TorchScript")
def true_division_by_zero(a: int, b: int):
    return a / b


@suite.accepts((5.0, 0.0), (-5.0, 0.0), (0.0, 0.0), differs="division follows IEEE 754 in TorchScript")
def float_division_by_zero(a: float, b: float):
    return a / b


@suite.accepts((torch.tensor([7.0, -7.0]), torch.tensor([2.0, 2.0])))
def tensor_arithmetic(a: Tensor, b: Tensor):
    return a + b, a - b, a * b, a / b, a // b, a % b, a**b, -a


@suite.accepts((torch.tensor([7.0, -7.0]), 2, 0.5))
def tensor_with_scalars(a: Tensor, b: int, c: float):
    return a + b, b + a, a - c, c - a, a * b, b * a, a / b, b / a, a**b, b**a, a % b, a // b


@suite.accepts((torch.tensor([7, 5]), torch.tensor([1, 2])))
def integer_tensor_operators(a: Tensor, b: Tensor):
    return a & b, a | b, a ^ b, a << b, a >> b, ~a


@suite.accepts((torch.arange(6.0).view(2, 3), torch.arange(6.0).view(3, 2)))
def matrix_product(a: Tensor, b: Tensor):
    return a @ b


@suite.accepts(([1], [2]), differs="")
def list_concatenation(a: List[int], b: List[int]):
    return a + b, a * 2


@suite.accepts()
def list_repetition() -> List[int]:
    return [0, 1] * 3


@suite.accepts((3, torch.ones(2)))
def scalar_of_item(n: int, x: Tensor):
    return x.sum().item() + n


@suite.rejects("no operator", ours="")
def invert_int(x: int):
    return ~x


@suite.rejects("Arguments for call are not valid", ours="")
def string_times_int(s: str) -> str:
    return s * 3


@suite.rejects("Arguments for call are not valid")
def int_plus_string(a: int, b: str):
    return a + b


@suite.extends((2, 0.5, torch.tensor([1, -2])))
def unary_plus(x: int, y: float, z: Tensor):
    return +x, +y, +z, +True


@suite.rejects("")
def unary_plus_of_string(x: str):
    return +x


# Comparisons.


@suite.accepts((1, 2), (2, 2), (3, 2))
def int_comparisons(a: int, b: int):
    return a == b, a != b, a < b, a <= b, a > b, a >= b


@suite.accepts((1.5, 2), (2.0, 2), (float("nan"), 2))
def float_comparisons(a: float, b: int):
    return a == b, a != b, a < b, a <= b, a > b, a >= b


@suite.accepts(("a", "b"), ("b", "b"), ("ba", "b"))
def string_comparisons(a: str, b: str):
    return a == b, a != b, a < b, a <= b, a > b, a >= b


@suite.accepts((True, False), (True, True))
def bool_comparisons(a: bool, b: bool):
    return a == b, a != b


@suite.accepts(([1, 2], [1, 2]), ([1, 2], [1, 3]), ([], [1]))
def list_comparisons(a: List[int], b: List[int]):
    return a == b, a != b


@suite.rejects("Expected a value of type 'Tensor' for argument 'self' but instead found type 'List[int]'")
def order_of_lists(a: List[int], b: List[int]):
    return a < b


@suite.rejects("Expected a value of type 'Tensor' for argument 'self' but instead found type 'Dict[str, int]'")
def dict_comparisons(a: Dict[str, int], b: Dict[str, int]):
    return a == b, a != b


@suite.accepts((torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0])))
def tensor_comparisons(a: Tensor, b: Tensor):
    return a == b, a != b, a < b, a <= b, a > b, a >= b, a == 2


@suite.accepts((1, 2, 3), (1, 3, 2), (3, 2, 1))
def comparison_chain(a: int, b: int, c: int):
    return a < b < c, a < b > c, a == b == c


@suite.accepts((2, [1, 2]), (3, [1, 2]))
def membership_in_list(x: int, xs: List[int]):
    return x in xs, x not in xs


@suite.accepts(("a", {"a": 1}), ("z", {"a": 1}))
def membership_in_dict(x: str, xs: Dict[str, int]):
    return x in xs, x not in xs


@suite.accepts(("b", "abc"), ("z", "abc"))
def membership_in_string(x: str, xs: str):
    return x in xs, x not in xs


@suite.accepts(2, 5)
def membership_in_literal(x: int):
    return x in [1, 2, 3], x not in (1, 2)


@suite.accepts((None,), 1)
def identity_with_none(x: Optional[int]):
    return x is None, x is not None


@suite.accepts((True, True), (True, False))
def identity_of_bools(a: bool, b: bool):
    return a is b, a is not b


@suite.accepts(((1, 2), (1, 2)), ((1, 2), (1, 3)))
def tuple_equality(a: Tuple[int, int], b: Tuple[int, int]) -> bool:
    return a == b


# Boolean operators, ternaries.


@suite.accepts((True, False), (False, False), (True, True))
def boolean_operators(a: bool, b: bool):
    return a and b, a or b, not a, not (a and b) or a


@suite.accepts((0,), (5,))
def short_circuit(x: int) -> bool:
    return x != 0 and 10 // x > 1


@suite.accepts(([],), ([3],))
def short_circuit_or(x: List[int]) -> bool:
    return len(x) == 0 or x[0] > 2


@suite.accepts((0, 2), (3, 0), (3, 4), differs="`and` and `or` give bools in TorchScript")
def boolean_operators_of_ints(a: int, b: int):
    return a and b, a or b


@suite.accepts(0, 3)
def not_int(a: int):
    return not a


@suite.accepts((1, 2, 3, 4))
def three_operands(a: int, b: int, c: int, d: int):
    return a < b and b < c and c < d, a > b or b > c or c < d, a > b or b < c and c < d


@suite.accepts(1, -1)
def ternary(x: int):
    return "positive" if x > 0 else "other"


@suite.accepts(1, -1, 0)
def nested_ternary(x: int):
    return 1 if x > 0 else (-1 if x < 0 else 0)


@suite.accepts(1, -1)
def ternary_to_optional(x: int) -> Optional[int]:
    y = x if x > 0 else None
    return y


@suite.accepts(1, -1)
def ternary_evaluates_one_side(x: int) -> int:
    ys = [1, 2]
    return ys[x] if x > 0 else ys[0]


@suite.rejects("if-expression's true branch has type")
def ternary_type_mismatch(x: int):
    y = 1 if x > 0 else "a"
    return y


# Calls.


def _three(a: int, b: int = 2, c: int = 3) -> int:
    return a * 100 + b * 10 + c


@suite.accepts(1)
def keyword_calls(x: int):
    return _three(x), _three(x, 5), _three(x, c=7), _three(c=1, a=x, b=4)


@suite.accepts(1)
def starred_call(x: int):
    t = (x, 8, 9)
    u = (4, 5)
    return _three(*t), _three(x, *u)


@suite.rejects("keyword-arg expansion is not supported")
def keyword_expansion(d: Dict[str, int]) -> int:
    return _three(**d)


@suite.extends(4)
def keyword_literal(x: int):
    return _three(**{"a": x, "c": 7}), _three(x, **{"b": 2}, c=3)


@suite.rejects("Unknown keyword argument", ours="Unknown keyword argument")
def unknown_keyword(x: int) -> int:
    return _three(x, z=3)


@suite.rejects("Expected at most 3 argument(s)", ours="")
def too_many_arguments(x: int) -> int:
    return _three(x, 1, 2, 3)


@suite.rejects("missing value for argument")
def missing_argument(x: int) -> int:
    return _three()


@suite.rejects("Expected a value of type 'int' for argument 'a' but instead found type 'str'")
def argument_of_wrong_type(s: str) -> int:
    return _three(s)


# f-strings and formatting.


@suite.accepts((1, "b", 2.5))
def f_string(a: int, b: str, c: float) -> str:
    return f"{a} and {b}, {c}{a}"


@suite.accepts((1, [1, 2], {"a": 1.5}, (1, "x")))
def f_string_of_containers(a: int, b: List[int], c: Dict[str, float], d: Tuple[int, str]) -> str:
    return f"{a + 1} {b} {len(c)} {d[0]}"


@suite.accepts(3)
def f_string_braces(a: int) -> str:
    return f"x{a}y"


@suite.extends((7, -1.25, "it"), (-12, 1e10, "longer than that"))
def f_string_formats(n: int, x: float, s: str):
    return f"{n:d}|{n:03d}|{n:5}|{n:<6d}|{x:f}|{x:e}|{x:>16f}|{n:f}", f"{s:>6}|{s:*>9s}|{s:.3}|{s!s}|{n!r:>4}"


@suite.extends("it's", 'a "quoted" \\ line\n', "é")
def f_string_conversion(a: str) -> str:
    return f"{a!r} {a!s:>12}"


@suite.extends("abc", "é", "longer than nine")
def f_string_centered(a: str) -> str:
    return f"{a:^9}|{a:*^8.5}"


@suite.extends(2.5, -0.001, 1e22, 123456.789)
def f_string_format_spec(a: float) -> str:
    return f"{a:.2f} {a:+.3e} {a:g} {a:,.1f} {a:08.1f} {a:.1%}"


@suite.extends((255, "a"), (-1234567, "b"))
def format_with_specs(n: int, s: str):
    return "{:,} {:#x} {:>4}".format(n, n, s), "{1!r} {0:_b} {k:.2f}".format(n, s, k=0.125)


@suite.corrects((2.5, 7, "a"), (-1e-7, -7, "bcd"), because="torch.jit knows no widths and precisions when it runs them")
def percent_formats_with_precision(x: float, n: int, s: str):
    return "%.2f|%+5d|%-5s|%05.1f|%g|%x|%%" % (x, n, s, x, x, n), "%8.3e" % x


@suite.rejects("Don't support formatting in JoinedStr")
def f_string_with_a_width_of_the_run(a: float, n: int) -> str:
    return f"{a:{n}.2f}"


@suite.rejects("Don't support conversion in JoinedStr")
def f_string_conversion_of_a_list(a: List[float]) -> str:
    return f"{a!r}"


@suite.accepts((1, "b", 2.5))
def percent_formatting(a: int, b: str, c: float) -> str:
    return "%d %s %s" % (a, b, a)


@suite.accepts(4)
def percent_formatting_of_one(a: int) -> str:
    return "%s!" % a


@suite.accepts((1, "b"))
def format_method(a: int, b: str) -> str:
    return "{} {} {}".format(a, b, 2)


# Comprehensions.


@suite.accepts(([1, 2, 3],))
def list_comprehension(xs: List[int]) -> List[int]:
    return [x * x for x in xs]


@suite.accepts(4)
def list_comprehension_over_range(n: int) -> List[str]:
    return [str(i) for i in range(n)]


@suite.accepts(([1, 2], ["a", "b"]))
def list_comprehension_over_zip(xs: List[int], ys: List[str]) -> List[str]:
    return [y + str(x) for x, y in zip(xs, ys)]


@suite.accepts(([5, 6],))
def list_comprehension_over_enumerate(xs: List[int]) -> List[int]:
    return [i * x for i, x in enumerate(xs)]


@suite.accepts(([[1], [2, 3]],))
def comprehension_in_comprehension(xs: List[List[int]]) -> List[List[int]]:
    return [[y + 1 for y in x] for x in xs]


@suite.accepts(([1, 2],))
def comprehension_variable_is_local(xs: List[int]) -> int:
    x = 100
    ys = [x + 1 for x in xs]
    return x + ys[0]


@suite.accepts(([1, 2],))
def dict_comprehension(xs: List[int]) -> Dict[int, str]:
    return {x: str(x) for x in xs}


@suite.accepts(torch.arange(3))
def comprehension_over_tensor(x: Tensor):
    return [y + 1 for y in x]


@suite.accepts(([1, 2],), differs="a generator expression is a list in TorchScript")
def generator_expression(xs: List[int]):
    return (x + 1 for x in xs)


@suite.accepts(([1, 2, 3],))
def generator_in_call(xs: List[int]) -> int:
    return sum(x + 1 for x in xs)


@suite.extends(([1, 2, 3],))
def comprehension_with_if(xs: List[int]) -> List[int]:
    return [x for x in xs if x > 1]


@suite.extends(([1, 2, 3],))
def comprehension_with_two_generators(xs: List[int]) -> List[int]:
    return [x + y for x in xs for y in xs]


@suite.rejects("SetComp aren't supported")
def set_comprehension(xs: List[int]) -> int:
    return len({x for x in xs})


@suite.extends(1, 2)
def walrus(x: int) -> int:
    if (y := x + 1) > 2:
        return y
    return 0


# Names.


@suite.rejects("undefined value")
def undefined_name(x: int) -> int:
    return x + nowhere  # noqa: F821


@suite.rejects("can't start with __jit")
def reserved_name(x: int) -> int:
    __jit_y = x
    return __jit_y


GLOBAL_INT = 3
GLOBAL_LIST = [1, 2]


@suite.extends(1)
def global_list(x: int) -> int:
    return x + GLOBAL_LIST[0]


@suite.extends(1)
def global_int(x: int) -> int:
    return x + GLOBAL_INT
