"""Scripted functions: what they may name and call, against eager and PyTorch's compiler."""

import enum
import math
import re
import warnings
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import relu as rectify

import flambeau
from flambeau.errors import ScriptError, UnsupportedError
from tests.python.differential import check_function

LIMIT = 3
SHAPE = (2, 3)
NAMES = ["a", "b"]


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: Tensor
    scale: int = 2


class Error(Exception):
    pass


def add(x: Tensor, n: int) -> Tensor:
    return x + n


def uses_defaults(x: Tensor, factor: float = 2.0, names: Optional[List[str]] = None) -> Tensor:
    if names is not None:
        factor = factor + len(names)
    return x * factor


def calls_others(x: Tensor) -> Tensor:
    y = add(x, 3) + uses_defaults(x) + uses_defaults(x, names=["p", "q"])
    return rectify(F.relu(y)) + torch.relu(x) + math.pi


def loops(x: Tensor, n: int) -> Tuple[Tensor, int]:
    total = 0
    for i in range(n):
        if i == 2:
            continue
        total += i
        x = x + i
        if total > 10:
            break
    return x, total


def containers(x: Tensor) -> Dict[str, List[Tensor]]:
    result: Dict[str, List[Tensor]] = {}
    for name in ["a", "b"]:
        result[name] = [x, x + len(name)]
    return result


def enums(x: Tensor) -> Tensor:
    return x + 1 if _pick(2) == Colour.BLUE else x


def _pick(n: int) -> Colour:
    if n == 1:
        return Colour.RED
    return Colour.BLUE


def named_tuples(x: Tensor) -> Tensor:
    p = Point(x)
    q = Point(x=x, scale=5)
    return p.x * p.scale + q.x * q.scale


def dtypes(x: Tensor) -> Tensor:
    return x.to(torch.float64) + torch.zeros(2, dtype=torch.float64, device=x.device)


def unions(x: Union[int, str]) -> int:
    if isinstance(x, int):
        return x
    return len(x)


def lists_of_sizes(x: Tensor) -> List[int]:
    return x.size() + x.shape


def comprehension(x: List[int]) -> List[int]:
    return [i * 2 for i in x]


def closes(x: Tensor) -> Tensor:
    return _inner(x)


def _inner(x: Tensor) -> Tensor:
    return x * 2


FUNCTIONS = {
    "arithmetic": (add, (torch.ones(2), 3)),
    "defaults": (uses_defaults, (torch.ones(2), 3.0, ["a"])),
    "calls": (calls_others, (torch.randn(3),)),
    "loops": (loops, (torch.ones(2), 9)),
    "containers": (containers, (torch.ones(2),)),
    "enums": (enums, (torch.ones(2),)),
    "named tuples": (named_tuples, (torch.ones(2),)),
    "dtypes": (dtypes, (torch.ones(2),)),
    "unions": (unions, ("abc",)),
    "sizes": (lists_of_sizes, (torch.ones(2, 3),)),
    "comprehension": (comprehension, ([1, 2, 3],)),
    "function in function": (closes, (torch.ones(2),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_equals_eager(name: str) -> None:
    function, arguments = FUNCTIONS[name]
    check_function(function, *arguments, oracle=name != "sizes")


def test_schema_says_what_annotations_say() -> None:
    assert str(flambeau.script(uses_defaults).schema) == str(torch.jit.script(uses_defaults).schema)
    assert str(flambeau.script(add).schema) == "add(Tensor x, int n) -> Tensor"


def test_graph_is_that_of_pytorch() -> None:
    for function in (add, uses_defaults, calls_others, containers):
        mine = _without_ranges(str(flambeau.script(function).graph))
        theirs = _without_ranges(str(torch.jit.script(function).graph))
        assert mine == theirs


def _without_ranges(text: str) -> str:
    """The text without places, the values that have no names numbered in order."""
    text = "\n".join(line.partition(" # ")[0] for line in text.splitlines())
    numbers: dict[str, int] = {}
    return re.sub(r"%(\d+)\b", lambda m: f"%{numbers.setdefault(m[1], len(numbers))}", text)


def test_function_is_compiled_once() -> None:
    assert flambeau.script(add).function is flambeau.script(add).function


def test_closure_variables() -> None:
    scale = torch.nn.functional.relu

    def inner(x: Tensor) -> Tensor:
        return scale(x) - 1

    def outer(x: Tensor) -> Tensor:
        return inner(x)

    check_function(outer, torch.randn(3))


def test_type_comments() -> None:
    def commented(x, n):
        # type: (Tensor, int) -> Tensor
        return x + n

    assert str(flambeau.script(commented).schema) == "commented(Tensor x, int n) -> Tensor"


def test_annotations_that_are_local_names() -> None:
    class Local(NamedTuple):
        a: int

    def f(p: Local) -> int:
        return p.a

    scripted = flambeau.script(f)
    assert str(scripted.schema.arguments[0].type) == "NamedTuple(a : int)"


def test_ignored_function_stays_python() -> None:
    seen = []

    @torch.jit.ignore
    def python_only(x: Tensor, n: int) -> int:
        seen.append((x, n))
        return n + 1

    def f(x: Tensor) -> int:
        return python_only(x, 3) * 2

    scripted = flambeau.script(f)
    assert "^python_only" in str(scripted.graph)
    assert scripted(torch.ones(1)) == 8
    assert len(seen) == 1


def test_unused_function_raises_when_called() -> None:
    @torch.jit.unused
    def never(x, *rest):
        return x.nonsense(*rest)

    def f(x: Tensor, flag: bool) -> Tensor:
        if flag:
            return never(x, 1, "a")
        return x

    scripted = flambeau.script(f)
    assert scripted(torch.ones(1), False).item() == 1
    with pytest.raises(RuntimeError, match="annotated to be ignored and cannot be run"):
        scripted(torch.ones(1), True)


def test_is_scripting_is_constant() -> None:
    def f(x: Tensor) -> Tensor:
        if not torch.jit.is_scripting():
            return undefined_name(x)  # noqa: F821
        return x + 1

    assert flambeau.script(f)(torch.ones(1)).item() == 2


def test_overloads() -> None:
    scripted = flambeau.script(_calls_overloaded)
    assert scripted(torch.ones(1)) == torch.jit.script(_calls_overloaded)(torch.ones(1))
    with pytest.raises(ScriptError, match="cannot be directly compiled because it is overloaded"):
        flambeau.script(_overloaded)


@torch.jit._overload
def _overloaded(x: int) -> int: ...


@torch.jit._overload
def _overloaded(x: str) -> str: ...


def _overloaded(x):
    if isinstance(x, int):
        return x + 1
    return x + "!"


def _calls_overloaded(x: Tensor) -> Tuple[int, str]:
    return _overloaded(3), _overloaded("a")


def test_boolean_dispatch() -> None:
    def values_only(x: Tensor) -> Tensor:
        return F.max_pool1d(x, 2)

    def with_indices(x: Tensor) -> Tuple[Tensor, Tensor]:
        return F.max_pool1d(x, 2, return_indices=True)

    check_function(values_only, torch.randn(1, 2, 6))
    check_function(with_indices, torch.randn(1, 2, 6))

    def not_constant(x: Tensor, flag: bool) -> Tensor:
        return F.max_pool1d(x, 2, return_indices=flag)

    with pytest.raises(ScriptError, match="for boolean dispatch at position was not constant"):
        flambeau.script(not_constant)


def test_plain_constants_of_modules_are_constants() -> None:
    """PyTorch's compiler refuses these. A list is what it was when the function was compiled."""

    def f(x: Tensor) -> Tensor:
        return x + LIMIT + SHAPE[1]

    assert flambeau.script(f)(torch.zeros(1)).item() == 6

    def g(x: Tensor) -> int:
        return len(NAMES)

    assert flambeau.script(g)(torch.zeros(1)) == len(NAMES)


def test_custom_exception_keeps_its_name() -> None:
    def f(x: int) -> int:
        if x > 1:
            raise Error("too large")
        return x

    graph = str(flambeau.script(f).graph)
    assert f'"{__name__}.Error"' in graph
    assert "too large" in graph


def _recursive(n: int) -> int:
    return _recursive(n - 1)


def _no_such_name(x: Tensor) -> Tensor:
    return missing(x)  # noqa: F821


def _no_such_operator(x: Tensor) -> Tensor:
    return torch.no_such_function(x)


def _wrong_type(x: Tensor) -> Tensor:
    return add(x, "three")


def _outer(x: Tensor) -> Tensor:
    return _wrong_type(x)


def _linear_class(x: Tensor) -> Tensor:
    return torch.nn.Linear(2, 3)(x)


def _open(x: Tensor) -> Tensor:
    open("file")
    return x


def _variadic(*xs):
    return xs


MESSAGES = {
    _recursive: "function '_recursive' is called recursively. Recursive calls are not supported",
    _no_such_name: "undefined value missing",
    _no_such_operator: "module 'torch' has no attribute 'no_such_function'",
    _wrong_type: "Expected a value of type 'int' for argument 'n' but instead found type 'str'",
    _linear_class: "Cannot instantiate class 'Linear' in a script function",
    _open: "Python builtin <built-in function open> is currently not supported in Torchscript",
    _variadic: "Compiled functions can't take variable number of arguments",
}


@pytest.mark.parametrize("function", MESSAGES, ids=lambda f: f.__name__)
def test_error_names_the_problem_and_the_place(function: object) -> None:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(function)
    assert MESSAGES[function] in str(caught.value)
    assert "test_functions.py" in str(caught.value)


def test_error_shows_the_chain_of_calls() -> None:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(_outer)
    text = str(caught.value)
    assert "'_wrong_type' is being compiled since it was called from '_outer'" in text
    assert 'add(x, "three")' in text
    assert "return _wrong_type(x)" in text


def test_a_failed_function_can_be_tried_again() -> None:
    for _ in range(2):
        with pytest.raises(ScriptError, match="undefined value missing"):
            flambeau.script(_no_such_name)


UNSCRIPTABLE = {
    "an int": (3, "built-in class"),
    "a builtin function": (len, "built-in function"),
    "a module class": (torch.nn.Linear, "pass an instance instead"),
    "the class int": (int, "<class 'int'> is a built-in class"),
}


@pytest.mark.parametrize("what", UNSCRIPTABLE)
def test_what_cannot_be_scripted_is_said(what: str) -> None:
    obj, message = UNSCRIPTABLE[what]
    with pytest.raises(ScriptError, match=message):
        flambeau.script(obj)


def test_lambda_is_found_in_its_file() -> None:
    first, second = (lambda x: x + 1), (lambda x: x - 1)
    assert [flambeau.script(f)(torch.ones(1)).item() for f in (first, second)] == [2, 0]


def test_function_without_source() -> None:
    namespace: dict[str, object] = {}
    exec(compile("def f(x):\n    return x\n", "<a place without text>", "exec"), namespace)
    with pytest.raises(ScriptError, match="Can't get source for"):
        flambeau.script(namespace["f"])


def test_text_that_has_become_another_function(tmp_path: Path) -> None:
    """So it is when a file is edited under a running program, or when two texts are run under one name."""
    file = tmp_path / "module.py"
    file.write_text("def g(x):\n    return -x\n", encoding="utf-8")
    namespace: dict[str, object] = {}
    exec(compile("def f(x):\n    return x\n", str(file), "exec"), namespace)
    with pytest.raises(ScriptError, match=r"Can't get source for .* another function stands there"):
        flambeau.script(namespace["f"])


def test_no_warnings_from_compiling() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flambeau.script(loops)


@torch.jit.script
def _scripted_by_pytorch(x: Tensor) -> Tensor:
    return x * 3


def test_functions_that_pytorch_compiled_are_compiled_again() -> None:
    def f(x: Tensor) -> Tensor:
        return _scripted_by_pytorch(x) + 1

    check_function(f, torch.ones(2))
    assert flambeau.script(_scripted_by_pytorch)(torch.ones(1)).item() == 3


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, by: float) -> Tensor:
        ctx.by = by
        return x * by

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return gradient * ctx.by * 10, None


def test_autograd_functions_stay_python() -> None:
    def f(x: Tensor) -> Tensor:
        return _Scaled.apply(x, 2.0) + 1

    scripted = flambeau.script(f)
    assert "^_Scaled" in str(scripted.graph)
    x = torch.ones(1, requires_grad=True)
    y = scripted(x)
    assert y.item() == 3
    y.backward()
    assert x.grad.item() == 20


_global = nn.Linear(3, 2)
_global.register_forward_hook(lambda module, args, result: result + 1)


def _calls_a_global_module(x: Tensor):
    y = _global(x)
    return y * 2, _global(x + 1)


def test_modules_that_are_no_submodules_stay_in_python() -> None:
    scripted, theirs = flambeau.script(_calls_a_global_module), torch.jit.script(_calls_a_global_module)
    x = torch.ones(2, 3)
    for ours, expected in zip(scripted(x), theirs(x), strict=True):
        assert torch.equal(ours, expected)
    scripted(x)[0].sum().backward()
    assert _global.weight.grad is not None
    with pytest.raises(UnsupportedError, match="Could not export Python function call 'Linear'"):
        scripted.save_to_buffer()
