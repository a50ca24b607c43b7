"""Built-in functions and the `math` and `cmath` modules."""

import cmath
import math
import warnings
from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("builtins")


@suite.accepts(([1, 2], {"a": 1}, "abc", (1, "x")))
def length(a: List[int], b: Dict[str, int], c: str, d: Tuple[int, str]):
    return len(a), len(b), len(c), len(d), len([])


@suite.extends(7)
def length_of_range(n: int):
    return len(range(n))


@suite.accepts(torch.ones(3, 2))
def length_of_tensor(x: Tensor):
    return len(x), len(x.shape)


@suite.accepts(5, 0)
def ranges(n: int):
    return [i for i in range(n)], [i for i in range(1, n)], [i for i in range(n, 0, -2)]


@suite.accepts(([4, 5, 6],))
def enumerate_of_list(x: List[int]):
    return [i * y for i, y in enumerate(x)]


@suite.accepts((3, 5), (5, 3))
def minimum_and_maximum(a: int, b: int):
    return min(a, b), max(a, b)


@suite.accepts((3.5, 5), (float("inf"), -1))
def minimum_of_mixed(a: float, b: int):
    return max(a, float(b)), min(float(b), a)


@suite.accepts(([3, 1, 2],), ([5],))
def minimum_of_list(a: List[int]):
    return min(a), max(a)


@suite.accepts(([],))
def minimum_of_empty_list(a: List[int]):
    return min(a)


@suite.accepts(([1.5, -2.5],))
def minimum_of_float_list(a: List[float]):
    return min(a), max(a)


@suite.accepts(([1, 2], [1, 3]))
def minimum_of_two_lists(a: List[int], b: List[int]):
    return min(a, b), max(a, b)


@suite.accepts((torch.tensor(1), torch.tensor(2)), differs="`min` and `max` convert tensors to ints in TorchScript")
def minimum_of_tensors(a: Tensor, b: Tensor):
    return torch.min(a, b), max(a, b), min(a, b)


@suite.accepts((-3, -2.5, 3 + 4j))
def absolute(a: int, b: float, c: complex):
    return abs(a), abs(b), abs(c)


@suite.accepts(torch.tensor([-1.0, 2.0]))
def absolute_of_tensor(a: Tensor):
    return abs(a)


@suite.accepts(([True, True],), ([True, False],), ([],))
def all_and_any(a: List[bool]):
    return all(a), any(a)


@suite.accepts(([1, 0],), ([1, 2],))
def all_and_any_of_ints(a: List[int]):
    return all(a), any(a)


@suite.accepts(([0.0, 0.5],))
def all_and_any_of_floats(a: List[float]):
    return all(a), any(a)


@suite.accepts(torch.tensor([True, False]), differs="these are the tensor operators")
def all_and_any_of_tensor(a: Tensor):
    return all(a), any(a)


@suite.accepts(([1, 2, 3], [1.5, 2.5], [True, True, False]))
def sums(a: List[int], b: List[float], c: List[bool]):
    return sum(a), sum(b), sum(c)


@suite.corrects(([2**31, 1],), ([-(2**40), 3],), because="the ints of a list are added up in 32 bits")
def sum_of_large_ints(a: List[int]):
    return sum(a)


@suite.accepts(([],))
def sum_of_nothing(a: List[int]):
    return sum(a)


@suite.accepts(([3, 1, 2], [2.5, -1.0], ["b", "a"], [True, False]))
def sorted_lists(a: List[int], b: List[float], c: List[str], d: List[bool]):
    return sorted(a), sorted(b), sorted(c), sorted(d), a


@suite.accepts(([(2, 1), (1, 5)],))
def sorted_tuples(a: List[Tuple[int, int]]):
    return sorted(a)


@suite.accepts((7, 3), (-7, 3), (7, -3))
def divmod_of_ints(a: int, b: int):
    return divmod(a, b)


@suite.accepts((7.5, 2.0), (-7.5, 2.0))
def divmod_of_floats(a: float, b: float):
    return divmod(a, b)


@suite.accepts((7, 0))
def divmod_by_zero(a: int, b: int):
    return divmod(a, b)


@suite.accepts((2.5, True, "12"))
def casts_to_int(a: float, b: bool, c: str):
    return int(a), int(b), int(c), int(-2.7), 5


@suite.accepts("x1")
def cast_of_bad_string(a: str):
    return int(a)


@suite.accepts((2, False, "1.5"))
def casts_to_float(a: int, b: bool, c: str):
    return float(a), float(b), float(c), float("inf"), float("-inf"), float(2.5)


@suite.accepts("abc")
def float_of_bad_string(a: str):
    return float(a)


@suite.accepts((2, 0.0, torch.tensor(1)))
def casts_to_bool(a: int, b: float, c: Tensor):
    return bool(a), bool(b), bool(c), bool(True)


@suite.accepts((2, 0.5))
def casts_to_complex(a: int, b: float):
    return complex(a, 1), complex(b, 2.5), complex(a)


@suite.accepts((torch.tensor(2.5), torch.tensor([3])))
def casts_of_tensors(a: Tensor, b: Tensor):
    return int(a), float(a), float(b), int(b), bool(b)


@suite.accepts(torch.ones(2))
def cast_of_large_tensor(a: Tensor):
    return float(a)


@suite.accepts((2, 0.5, True))
def casts_to_str(a: int, b: float, c: bool):
    return str(a), str(b), str(c), str("s"), str(-a)


@suite.accepts((1.0, 1e16, 1e-5, float("nan"), float("-inf"), 0.1), differs="floats print as C++ prints them")
def floats_as_text(a: float, b: float, c: float, d: float, e: float, f: float):
    return str(a), str(b), str(c), str(d), str(e), str(f), str(1 / 3)


@suite.accepts(([1, 2], (1, 2)))
def containers_as_text(a: List[int], b: Tuple[int, int]):
    return str(a), str(b), str(None)


@suite.accepts("ab")
def list_of_string(a: str):
    return list(a)


@suite.accepts(([1, 2],))
def list_copies(a: List[int]):
    b = list(a)
    b.append(3)
    return a, b


@suite.accepts(((1, 2, 3),))
def list_of_tuple(a: Tuple[int, int, int]):
    return list(a)


@suite.accepts(4)
def list_of_range(n: int):
    return list(range(n))


@suite.accepts({"a": 1, "b": 2})
def lists_of_dict(d: Dict[str, int]):
    return list(d.keys()), list(d.values()), list(d.items())


@suite.accepts()
def list_of_nothing():
    a: List[int] = list()
    a.append(1)
    return a


@suite.accepts(([("a", 1), ("b", 2)],))
def dict_of_pairs(x: List[Tuple[str, int]]):
    return dict(x)


@suite.accepts({"a": 1})
def dict_copies(x: Dict[str, int]):
    y = dict(x)
    y["b"] = 2
    return x, y


@suite.accepts(1)
def dict_by_keywords(x: int):
    return dict(a=x, b=2)


@suite.accepts(([1, 2],))
def tuple_of_static_length(x: List[int]):
    return tuple((x[0], "a"))


@suite.accepts("é", differs="characters are bytes in TorchScript")
def ordinal_of_letter_with_accent(c: str):
    return ord(c)


@suite.accepts("a", "ab", "")
def ordinals(c: str):
    return ord(c)


@suite.accepts(97, 65)
def characters(i: int):
    return chr(i)


@suite.accepts(10, 255, -3)
def bases(i: int):
    return hex(i), oct(i), bin(i)


@suite.accepts(1.5, 2.5, -0.5, 2.4, differs="`round` of one argument keeps its type in TorchScript")
def rounding(x: float):
    return round(x)


@suite.rejects("Expected at most 1 arguments but found 2 positional arguments")
def rounding_to_digits(x: float, n: int):
    return round(x, n)


@suite.accepts((2, 3), differs="a power of ints is a float in TorchScript")
def power(a: int, b: int):
    return pow(a, b)


@suite.accepts((2.0, 0.5))
def power_of_floats(a: float, b: float):
    return pow(a, b)


@suite.accepts(5, "a", 2.5)
def isinstance_of_any(x: Any):
    return isinstance(x, int), isinstance(x, str), isinstance(x, (float, str))


@suite.accepts(5)
def isinstance_is_static(x: int):
    return isinstance(x, int), isinstance(x, float), isinstance(x, (str, int))


@suite.accepts(([1],))
def isinstance_of_containers(x: List[int]):
    return isinstance(x, list), isinstance((1, 2), tuple), torch.jit.isinstance(x, List[int])


@suite.accepts((torch.ones(1), (None,)))
def isinstance_tensor(x: Tensor, y: Any):
    return isinstance(x, Tensor), isinstance(y, Tensor)


@suite.accepts(torch.ones(2, 3))
def getattr_of_tensor(x: Tensor):
    return getattr(x, "ndim"), getattr(x, "requires_grad")


@suite.accepts(torch.tensor([1.0, 1.0]))
def hash_is_stable(x: Tensor):
    return hash("a") == hash("a"), hash(1) == hash(1)


@suite.accepts("once")
def warning(x: str):
    warnings.warn("careful: " + x)
    return x


@suite.accepts(([1, 2, 3], [4, 5, 6], ["a", "b"]))
def zip_of_three(a: List[int], b: List[int], c: List[str]):
    return [(x, y, z) for x, y, z in zip(a, b, c)]


@suite.accepts()
def torch_names_of_builtins():
    return torch.jit.is_scripting(), torch.jit.is_tracing()


test_is_scripting = suite.programs.pop()
test_is_scripting.differs = "code is scripted in TorchScript"
suite.programs.append(test_is_scripting)


# math.


@suite.accepts(0.5, 2.0)
def math_elementary(x: float):
    return (
        math.sqrt(x), math.exp(x), math.log(x), math.log10(x), math.log1p(x), math.expm1(x),
        math.sin(x), math.cos(x), math.tan(x), math.atan(x), math.sinh(x), math.cosh(x), math.tanh(x), math.asinh(x),
    )  # fmt: skip


@suite.accepts(0.5, -0.25)
def math_inverse(x: float):
    return math.asin(x), math.acos(x), math.atanh(x), math.acosh(1.0 - x + 1), math.erf(x), math.erfc(x)


@suite.rejects("Python builtin <built-in function log2> is currently not supported in Torchscript")
def math_log2(x: float):
    return math.log2(x)


@suite.accepts(1.0, 2.0, differs="")
def math_gamma(x: float):
    return math.gamma(x), math.lgamma(x)


@suite.accepts((7.5, 2.0), (-7.5, 2.0))
def math_of_two(x: float, y: float):
    return math.atan2(x, y), math.fmod(x, y), math.copysign(x, y), math.pow(x, y), math.remainder(x, y)


@suite.accepts(2.5, -2.5, 3.0)
def math_rounding(x: float):
    return math.floor(x), math.ceil(x), math.fabs(x)


@suite.accepts(2.5, -2.75)
def math_parts(x: float):
    return math.modf(x), math.frexp(x), math.ldexp(x, 3)


@suite.accepts(float("inf"), float("nan"), 1.0)
def math_tests(x: float):
    return math.isinf(x), math.isnan(x), math.isfinite(x)


@suite.accepts(90.0)
def math_angles(x: float):
    return math.radians(x), math.degrees(x)


@suite.accepts((12, 18), (0, 5), (-4, 6))
def math_gcd(a: int, b: int):
    return math.gcd(a, b)


@suite.accepts(5, 0, 20)
def math_factorial(n: int):
    return math.factorial(n)


@suite.accepts(-1)
def math_factorial_of_negative(n: int):
    return math.factorial(n)


@suite.accepts(-1.0, differs="functions follow IEEE 754 in TorchScript")
def math_outside_domain(x: float):
    return math.sqrt(x), math.log(x), math.acos(x - 1)


@suite.accepts()
def math_constants():
    return math.pi, math.e, math.inf, math.tau, math.nan


@suite.accepts(4)
def math_of_ints(n: int):
    return math.sqrt(n), math.floor(n), math.ceil(n), math.log(n), math.exp(n), math.sin(n)


@suite.accepts(1 + 2j, -0.5 + 0.25j)
def cmath_functions(z: complex):
    return cmath.isnan(z), cmath.isfinite(z), cmath.isinf(z)


@suite.rejects("'complex' object has no attribute or method 'real'")
def complex_parts(z: complex):
    return z.real, z.imag


# What is no built-in function.


@suite.extends(([1, 2, 3],))
def reversed_function(x: List[int]):
    return [y for y in reversed(x)]


@suite.rejects("is currently not supported in Torchscript")
def type_function(x: int):
    return type(x)


@suite.rejects("is currently not supported in Torchscript")
def iter_function(x: List[int]):
    return iter(x)


@suite.rejects("is currently not supported in Torchscript")
def open_function(x: str):
    return open(x)


@suite.rejects("is currently not supported in Torchscript")
def eval_function(x: str):
    return eval(x)


@suite.rejects("getattr's second argument must be a string literal")
def getattr_of_variable(x: Tensor, name: str):
    return getattr(x, name)


@suite.rejects("math.comb", ours="comb")
def math_comb(n: int):
    return math.comb(n, 2)


@suite.rejects("")
def range_as_value(n: int):
    x = range(n)
    return x


@suite.rejects("argument")
def abs_of_two(x: int):
    return abs(x, x)


@suite.accepts(5, differs="an only argument makes a list in TorchScript")
def len_of_int(x: int):
    return len(x)


@suite.rejects("")
def sorted_by_key(x: List[int], y: Optional[int] = None):
    return sorted(x, key=abs)


@suite.accepts(([3, 1, 2],))
def sorted_backwards(x: List[int]):
    x.sort(reverse=True)
    return x


class _Sized:
    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __str__(self) -> str:
        return "sized"

    def __int__(self) -> int:
        return self.n * 2

    def __float__(self) -> float:
        return self.n * 0.5

    def __bool__(self) -> bool:
        return self.n > 1


@suite.accepts(1, 3)
def casts_of_objects(n: int):
    x = _Sized(n)
    return len(x), str(x), int(x), float(x), bool(x)
