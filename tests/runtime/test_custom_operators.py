"""Operators that programs register with `torch.library`: called from scripts, saved, loaded, differentiated.

Each script is run by PyTorch's TorchScript and by both tiers here, before and after it went through an archive.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import settings
from flambeau.errors import FlambeauError, OperatorError, ScriptError

NAMESPACE = "flambeau_custom"
ops = getattr(torch.ops, NAMESPACE)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[torch.library.Library]:
    library = torch.library.Library(NAMESPACE, "DEF")
    library.define("scale(Tensor x, float by=2.0, *, bool negate=False) -> Tensor")
    library.impl("scale", scale, "CompositeExplicitAutograd")
    library.define("moments(Tensor x, int[] dims) -> (Tensor, Tensor)")
    library.impl("moments", lambda x, dims: (x.sum(dims), (x * x).sum(dims)), "CompositeImplicitAutograd")
    library.define("fill_(Tensor(a!) x, float value) -> Tensor(a!)")
    library.impl("fill_", lambda x, value: x.fill_(value), "CPU")
    library.define("bump(Tensor(a!) x) -> ()")
    library.impl("bump", bump, "CPU")
    library.define("maybe(Tensor? x, str s='a', int? n=None, int[] more=[]) -> Tensor?")
    library.impl("maybe", maybe, "CompositeImplicitAutograd")
    library.define("several.one(Tensor x) -> Tensor")
    library.define("several.two(Tensor x, Tensor y) -> Tensor")
    library.impl("several.one", lambda x: x + 1, "CompositeImplicitAutograd")
    library.impl("several.two", lambda x, y: x * y, "CompositeImplicitAutograd")
    library.define("late(Tensor x) -> Tensor")
    library.define("number(int n, float r, bool b, Scalar s) -> float")
    library.impl("number", lambda n, r, b, s: float(n + r + b + s), "CompositeImplicitAutograd")
    library.define("fails(Tensor x) -> Tensor")
    library.impl("fails", fails, "CompositeImplicitAutograd")
    yield library
    library._destroy()


def scale(x: Tensor, by: float = 2.0, *, negate: bool = False) -> Tensor:
    return x * (-by if negate else by)


def bump(x: Tensor) -> None:
    x.add_(1)


def maybe(x: Tensor | None, s: str = "a", n: int | None = None, more: tuple[int, ...] = ()) -> Tensor | None:
    return None if x is None else x + (n or 0) + len(s) + sum(more)


def fails(x: Tensor) -> Tensor:
    raise ValueError("no such luck")


@torch.library.custom_op(f"{NAMESPACE}::cube", mutates_args=())
def cube(x: Tensor) -> Tensor:
    return x.detach().clone() ** 3


def _setup(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> Tensor:
    (x,) = ctx.saved_tensors
    return 3 * x * x * gradient


torch.library.register_autograd(f"{NAMESPACE}::cube", _backward, setup_context=_setup)


@torch.library.custom_op(f"{NAMESPACE}::add_to", mutates_args={"x"})
def add_to(x: Tensor, n: int = 1) -> None:
    x.add_(n)


@torch.library.custom_op(f"{NAMESPACE}::all_plus", mutates_args=())
def all_plus(xs: list[Tensor], n: int | None = None) -> list[Tensor]:
    return [x + (n or 0) for x in xs]


# --- scripts


def defaults_and_keywords(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.ops.flambeau_custom.scale(x),
        torch.ops.flambeau_custom.scale(x, 3.0),
        torch.ops.flambeau_custom.scale(x, negate=True, by=0.5),
    )


def several_results(x: Tensor) -> tuple[Tensor, Tensor]:
    total, squares = torch.ops.flambeau_custom.moments(x, dims=[0])
    return total * 2, squares


def in_place(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x.clone()
    z = torch.ops.flambeau_custom.fill_(y, 2.0)
    before = y + 0
    torch.ops.flambeau_custom.bump(y)
    torch.ops.flambeau_custom.bump(z)
    return before, y


def mutable(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x * 1
    before = y * 1
    torch.ops.flambeau_custom.add_to(y)
    torch.ops.flambeau_custom.add_to(y, n=5)
    return before, y


def optional(x: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    return (
        torch.ops.flambeau_custom.maybe(x),
        torch.ops.flambeau_custom.maybe(None),
        torch.ops.flambeau_custom.maybe(x, "bcd", 2, [1, 2]),
    )


def overloaded(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ops.flambeau_custom.several(x), torch.ops.flambeau_custom.several(x, x)


def with_formula(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.cube(x) + x


def lists(x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    return torch.ops.flambeau_custom.all_plus([x, x]), torch.ops.flambeau_custom.all_plus([x], 3)


def numbers(x: Tensor) -> float:
    return torch.ops.flambeau_custom.number(1, 2.5, True, 3) + torch.ops.flambeau_custom.number(1, 2.5, False, 0.5)


def in_a_loop(x: Tensor) -> Tensor:
    for i in range(3):
        if i % 2 == 0:
            x = torch.ops.flambeau_custom.scale(x, float(i))
        torch.ops.flambeau_custom.add_to(x, i)
    return x


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.cube(torch.ops.flambeau_custom.scale(x, 1.5) * self.weight)


SCRIPTS: list[Callable[..., object]] = [
    *(defaults_and_keywords, several_results, in_place, mutable, optional, overloaded, with_formula, lists, numbers),
    *(in_a_loop, Holder),
]


def subject(script: Callable[..., object]) -> Any:
    return script() if isinstance(script, type) else script


def close(actual: object, expected: object) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


X = torch.arange(4.0).reshape(2, 2) - 1


@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda f: f.__name__)
def test_scripts_and_their_archives(script: Callable[..., object], tier: str) -> None:
    theirs, mine = torch.jit.script(subject(script)), flambeau.script(subject(script))
    expected = theirs(X.clone())
    with settings.override(tier=tier):
        close(mine(X.clone()), expected)
        archive, original = io.BytesIO(), io.BytesIO()
        flambeau.save(mine, archive)
        torch.jit.save(theirs, original)
        for file in (archive, original):
            file.seek(0)
            close(flambeau.load(file)(X.clone()), expected)
    archive.seek(0)
    close(torch.jit.load(archive)(X.clone()), expected)


@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.parametrize(
    "script", [defaults_and_keywords, several_results, with_formula, Holder], ids=lambda f: f.__name__
)
def test_gradients(script: Callable[..., object], tier: str) -> None:
    def gradient(function: Any) -> Tensor:
        x = X.clone().requires_grad_()
        result = function(x)
        (result[0] if isinstance(result, tuple) else result).pow(2).sum().backward()
        assert x.grad is not None
        return x.grad

    with settings.override(tier=tier):
        close(gradient(flambeau.script(subject(script))), gradient(subject(script)))


def test_second_derivatives_through_a_registered_formula() -> None:
    x = X.double().requires_grad_()
    scripted = flambeau.script(with_formula)
    assert torch.autograd.gradcheck(scripted, (x,))
    assert torch.autograd.gradgradcheck(scripted, (x,))


def test_a_call_of_the_function_itself_is_the_operator() -> None:
    """PyTorch's TorchScript calls back to Python there, and cannot save the script."""

    def calls(x: Tensor) -> Tensor:
        y = cube(x)
        add_to(y, 2)
        return y

    scripted = flambeau.script(calls)
    close(scripted(X), torch.jit.script(calls)(X))
    assert f"{NAMESPACE}::cube" in str(scripted.graph)
    archive = io.BytesIO()
    flambeau.save(scripted, archive)
    archive.seek(0)
    close(torch.jit.load(archive)(X), calls(X))


def test_a_kernel_that_comes_after_the_script(registered: torch.library.Library) -> None:
    def calls(x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.late(x)

    scripted = flambeau.script(calls)
    with pytest.raises(FlambeauError, match="flambeau_custom::late"):
        scripted(X)
    registered.impl("late", lambda x: x * 7, "CPU")
    close(scripted(X), X * 7)


def test_an_operator_that_comes_after_other_scripts(registered: torch.library.Library) -> None:
    def calls(x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.newcomer(x)

    with pytest.raises(ScriptError, match="newcomer"):
        flambeau.script(calls)
    registered.define("newcomer(Tensor x) -> Tensor")
    registered.impl("newcomer", lambda x: x - 1, "CompositeImplicitAutograd")
    close(flambeau.script(calls)(X), X - 1)


def test_an_overload_that_comes_later(registered: torch.library.Library) -> None:
    def one(x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.growing(x)

    def two(x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.growing(x, 3)

    registered.define("growing(Tensor x) -> Tensor")
    registered.impl("growing", lambda x: x + 1, "CompositeImplicitAutograd")
    close(flambeau.script(one)(X), X + 1)
    with pytest.raises(ScriptError):
        flambeau.script(two)
    registered.define("growing.more(Tensor x, int n) -> Tensor")
    registered.impl("growing.more", lambda x, n: x + n, "CompositeImplicitAutograd")
    close(flambeau.script(two)(X), X + 3)


def test_what_a_kernel_raises() -> None:
    def calls(x: Tensor) -> Tensor:
        return torch.ops.flambeau_custom.fails(x)

    for tier in ("interpreter", "python"):
        with settings.override(tier=tier), pytest.raises(ValueError, match="no such luck") as caught:
            flambeau.script(calls)(X)
        assert isinstance(caught.value, FlambeauError)
        assert caught.value.operator_call == f"{NAMESPACE}::fails(x: float32[2, 2])"


def wrong_type(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.scale(x, "a")


def wrong_name(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.scale(x, factor=1.0)


def too_many(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.scale(x, 1.0, True)


def no_overload(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.several(x, x, x)


def no_such_operator(x: Tensor) -> Tensor:
    return torch.ops.flambeau_custom.absent(x)


def no_such_namespace(x: Tensor) -> Tensor:
    return torch.ops.flambeau_absent.absent(x)


@pytest.mark.parametrize(
    "script",
    [wrong_type, wrong_name, too_many, no_overload, no_such_operator, no_such_namespace],
    ids=lambda f: f.__name__,
)
def test_calls_that_do_not_fit(script: Callable[..., object]) -> None:
    with pytest.raises(RuntimeError):
        torch.jit.script(script)
    with pytest.raises((ScriptError, OperatorError)) as caught:
        flambeau.script(script)
    assert "<--- HERE" in str(caught.value)


def test_an_archive_whose_operator_nobody_has() -> None:
    library = torch.library.Library("flambeau_gone", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CompositeImplicitAutograd")

    def calls(x: Tensor) -> Tensor:
        return torch.ops.flambeau_gone.twice(x)

    archive = io.BytesIO()
    flambeau.save(flambeau.script(calls), archive)
    library._destroy()
    archive.seek(0)
    with pytest.raises(FlambeauError, match="flambeau_gone::twice"):
        flambeau.load(archive)(X)
