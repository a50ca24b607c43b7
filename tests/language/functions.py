"""Calls among functions, name resolution, overloads, `ignore`, `unused`, `export`, boolean dispatch, text sources."""

import functools
from typing import Any, Dict, Final, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.common_types import _size_2_t

from tests.language.harness import Suite

suite = Suite("functions")


def _double(x: int) -> int:
    return x * 2


def _inferred(x):
    return x + 1


def _two(x: int, y: int = 5) -> Tuple[int, str]:
    return x + y, str(y)


def _no_result(x: List[int]) -> None:
    x.append(1)


@suite.accepts(3)
def call(x: int) -> int:
    return _double(_double(x)) + _double(x=x)


@suite.accepts(torch.ones(2))
def call_of_unannotated(x):
    return _inferred(_inferred(x))


@suite.accepts(3)
def call_with_several_results(x: int):
    a, b = _two(x)
    c = _two(x, 1)
    return a, b, c[0], c


@suite.accepts(([1],))
def call_changes_list(x: List[int]):
    y = [5]
    _no_result(y)
    return y


def _deep0(x: Tensor) -> Tensor:
    return x + 1


def _deep1(x: Tensor) -> Tensor:
    return _deep0(x) * 2


def _deep2(x: Tensor) -> Tensor:
    if bool(x.sum() > 2):
        return _deep1(x)
    return _deep0(_deep1(x))


@suite.accepts(torch.ones(2), torch.ones(3))
def chain_of_calls(x: Tensor) -> Tensor:
    return _deep2(_deep1(x))


@suite.accepts((1,), (1, 2), (1, 2, "z"))
def defaults(x: int, y: int = 7, z: str = "d"):
    return x, y, z


@suite.accepts(())
def defaults_of_every_type(
    a: int = 1, b: float = 2.5, c: bool = True, d: str = "s", e: Optional[int] = None, f: Tuple[int, int] = (1, 2)
):
    return a, b, c, d, e, f


@suite.accepts(1)
def keyword_only(x: int):
    return _keyword_only(x, scale=3)


def _keyword_only(x: int, *, scale: int) -> int:
    return x * scale


@suite.accepts(1)
def keyword_only_with_default(x: int):
    return _two(y=x, x=2)


class _Holder:
    @staticmethod
    def static(x: int) -> int:
        return x + 10


@suite.accepts(1)
def static_method(x: int) -> int:
    return _Holder.static(x)


@functools.wraps(_double)
def _wrapping(*args, **kwargs):
    return _double(*args, **kwargs)


CONSTANT: Final = 3
MODULE_VALUE = torch.float32


@suite.extends()
def module_constants():
    return torch.zeros(1, dtype=MODULE_VALUE), torch.nn.functional.relu(torch.ones(1))


def _make_adder(f):
    def adder(x: Tensor) -> Tensor:
        return f(x) + 1

    return adder


closure_over_function = _make_adder(_deep0)
suite.accepts(torch.ones(2))(closure_over_function)


def _recursive(n: int) -> int:
    if n <= 0:
        return 0
    return _recursive(n - 1) + 1


@suite.rejects("is called recursively. Recursive calls are not supported", marked="def _recursive")
def recursion(n: int) -> int:
    return _recursive(n)


@suite.rejects("Compiled functions can't take variable number of arguments")
def variadic(*args: int) -> int:
    return 1


@suite.rejects("Compiled functions can't take variable number of arguments")
def variadic_keywords(**kwargs: int) -> int:
    return 1


@suite.extends(1)
def keyword_only_default(x: int, *, y: int = 3) -> int:
    return x + y


def _bad(x: int) -> int:
    return x.nothing


@suite.rejects("'_bad' is being compiled since it was called from 'error_in_callee'")
def error_in_callee(x: int) -> int:
    return _bad(x)


def _outer_bad(x: int) -> int:
    return _bad(x)


@suite.rejects("'_outer_bad' is being compiled since it was called from 'error_two_calls_down'")
def error_two_calls_down(x: int) -> int:
    return _outer_bad(x)


@suite.rejects("function cannot be used as a value", ours="cannot be used as a value")
def function_as_value(x: int):
    f = _double
    return f


@suite.accepts(3)
def function_in_variable(x: int) -> int:
    f = _double
    return f(x)


# Markers.


@torch.jit.ignore
def _ignored(x: int) -> int:
    return sum({x, x + 1})


@torch.jit.ignore
def _ignored_tensors(x, names: List[str]) -> Dict[str, Tensor]:
    return {name: x for name in names if name}


@torch.jit.unused
def _unused(x: int) -> int:
    return sum({x, x + 1})


@suite.accepts(3)
def ignored_function_is_called(x: int) -> int:
    return _ignored(x) + 1


@suite.accepts((torch.ones(2), ["a", "b"]))
def ignored_function_with_containers(x: Tensor, names: List[str]):
    return _ignored_tensors(x, names)


@suite.accepts(3)
def unused_function_not_reached(x: int) -> int:
    if x < 0:
        return _unused(x)
    return x


@suite.accepts(-3, differs="what is unused raises in TorchScript")
def unused_function_reached(x: int) -> int:
    if x < 0:
        return _unused(x)
    return x


@torch.jit._overload
def _either(x: int) -> int: ...


@torch.jit._overload
def _either(x: str) -> str: ...


def _either(x):
    if torch.jit.is_scripting():
        return x + x
    return x + x


@suite.accepts((3, "a"))
def overloads(x: int, y: str) -> Tuple[int, str]:
    return _either(x), _either(y)


@torch.jit._overload
def _defaulted(x: int, y: Optional[int] = None) -> int: ...


@torch.jit._overload
def _defaulted(x: str, y: Optional[int] = None) -> int: ...


def _defaulted(x, y=None):
    return 1 if y is None else y


@suite.accepts((3, "a"))
def overloads_with_defaults(x: int, y: str):
    return _defaulted(x), _defaulted(y, 7)


@torch.jit._overload
def _with_weight(x: Tensor, w: None = None) -> Tuple[Tensor, None]: ...


@torch.jit._overload
def _with_weight(x: Tensor, w: Tensor) -> Tuple[Tensor, Tensor]: ...


@torch.jit._overload
def _with_weight(x: Tensor, w: Optional[Tensor]) -> Tuple[Tensor, Optional[Tensor]]: ...


def _with_weight(x, w=None):
    if w is None:
        return x, None
    return x, w * 2


@suite.accepts((torch.ones(2), None), (torch.ones(2), torch.ones(2)))
def overloads_of_what_may_be_none(x: Tensor, w: Optional[Tensor]):
    y, _ = _with_weight(x)
    y, doubled = _with_weight(y, x)
    return y + doubled, _with_weight(x, w)


@suite.rejects("Overloads are not usable", ours="verload")
def overload_without_match(x: float):
    return _either(x)


@suite.accepts(torch.ones(1, 1, 2, 2))
def boolean_dispatch(x: Tensor):
    y = F.max_pool2d(x, 2, return_indices=False)
    z, i = F.max_pool2d(x, 2, return_indices=True)
    return y, z, i


# Futures.


@suite.accepts(3)
def fork_and_wait(x: int) -> int:
    future = torch.jit.fork(_double, x)
    other = torch.jit._fork(_double, x=x + 1)
    return torch.jit.wait(future) + torch.jit._wait(other)


@suite.accepts(torch.ones(2))
def fork_in_loop(x: Tensor) -> Tensor:
    futures: List[torch.jit.Future[Tensor]] = []
    for i in range(4):
        futures.append(torch.jit.fork(_deep0, x * i))
    total = torch.zeros(2)
    for future in futures:
        total = total + torch.jit.wait(future)
    return total


@suite.accepts(3)
def wait_method(x: int) -> int:
    return torch.jit.fork(_double, x).wait()


def _failing(x: int) -> int:
    if x > 0:
        raise ValueError("in the task")
    return x


@suite.accepts(1, 0)
def error_in_task(x: int) -> int:
    return torch.jit.wait(torch.jit.fork(_failing, x))


@suite.accepts(3)
def awaitables(x: int) -> int:
    a = torch.jit._awaitable(_double, x)
    b = torch.jit._awaitable_nowait(x)
    return torch.jit._awaitable_wait(a) + torch.jit._awaitable_wait(b)


# Implicit conversions at calls.


def _takes_float(x: float) -> float:
    return x * 2


def _takes_list(x: List[int]) -> int:
    return len(x)


def _takes_optional(x: Optional[int]) -> int:
    return -1 if x is None else x


def _takes_any(x: Any) -> bool:
    return isinstance(x, int)


@suite.accepts(torch.tensor(2.5))
def tensor_to_float(x: Tensor) -> float:
    return _takes_float(x)


conversion = suite.programs[-1]
conversion.differs = "tensors become the numbers that are asked for in TorchScript"


@suite.extends(3)
def int_for_a_float(x: int) -> float:
    return _takes_float(x) + 0.5


@suite.rejects("Expected a value of type 'int' for argument 'x' but instead found type 'float'")
def float_is_no_int(x: float) -> int:
    return _takes_int(x)


def _takes_int(x: int) -> int:
    return x * 2


@suite.accepts((1, 2))
def tuple_for_list(x: int, y: int) -> int:
    return _takes_list((x, y)) + _takes_list([x])


@suite.accepts()
def empty_list_for_list() -> int:
    return _takes_list([])


@suite.accepts(5)
def values_for_optional_and_any(x: int):
    return _takes_optional(x), _takes_optional(None), _takes_any(x), _takes_any("s")


@suite.extends(5)
def callee_for_the_types_of_the_call(x: int):
    return _inferred(x)


@suite.rejects("Expected a value of type 'List[int]' for argument 'x' but instead found type 'List[float]'")
def list_of_other_type(x: List[float]):
    return _takes_list(x)


# Arguments as Python hands them over.


@suite.accepts("a")
def wrong_argument_type(x: int) -> int:
    return x


outside = suite.programs[-1]
outside.differs = "arguments are checked in TorchScript"


@suite.accepts((1, 2), differs="arguments are checked in TorchScript")
def int_for_float_argument(x: float, y: float):
    return x, y


@suite.accepts((), (1, 2, 3))
def wrong_argument_count(x: int, y: int) -> int:
    return x + y


@suite.accepts(((1, 2),), differs="a tuple for a list becomes one")
def tuple_for_list_argument(x: List[int]):
    return x


@suite.accepts(([1, "a"],), differs="arguments are checked in TorchScript")
def mixed_list_argument(x: List[int]):
    return x


@suite.accepts(True, differs="arguments are checked in TorchScript")
def bool_for_int_argument(x: int):
    return x


def _nothing():
    return 1


def _with_function(x: Tensor, act=_nothing):
    return x if act is _nothing else act(x)


@suite.extends(torch.ones(2))
def function_as_default(x: Tensor):
    return _with_function(x), _with_function(x, torch.sin), _with_function(x, act=_nothing)


@suite.extends(1)
def functions_compare_by_identity(n: int):
    return (
        _nothing is _nothing, _nothing is not _nothing, torch.sin is torch.cos, torch.sin is torch.sin,
        torch.nn.ReLU is not torch.nn.ReLU, _nothing == _nothing, _nothing != _with_function, _nothing is None,
    )  # fmt: skip


_TABLE = {1: "a", 2: "b"}


@suite.extends(1, 2, 7)
def dictionary_of_the_file(n: int):
    return n in _TABLE and len(_TABLE[n]) == 1


def _wrong_default(x: int = "a"):
    return x


@suite.rejects('Expected a default value of type int on parameter "x"', marked="def _wrong_default")
def default_of_another_type(n: int):
    return _wrong_default()


def _second(size: _size_2_t) -> int:
    return size[1] if torch.jit.is_scripting() else size


@suite.accepts(3)
def size_by_its_name(n: int):
    return _second(n)


@suite.accepts(3)
def size_of_a_list(n: int):
    return torch.Size([n, 2])[0], len(torch.Size((n, 1)))


@suite.extends(2, -1)
def variadic_local_function(x: int):
    def total(a: int, *rest, by: int = 1, **more):
        result = a * x
        for r in rest:
            result += r * by
        return result + more.get("z", 0) + len(rest)

    pair = lambda *both: both[0] - both[1]
    return total(1), total(1, 2, 3), total(1, 5, by=2, z=7), pair(3, x)
