"""Loops that are recorded at once: nobody can tell them from eager ones, but by the names of autograd's nodes.

Random recurrent cells are compared with eager: results, gradients of any of them, of first and second order, which
gradients there are at all, what may be written to, and when graphs are gone.
"""

from __future__ import annotations

import gc
import os
import random
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError
from flambeau.runtime.aten.loop_recorder import RecordedLoop
from tests.runtime.test_specialized_random import load

SEED = int(os.environ.get("FLAMBEAU_TEST_SEED", "0"))


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of iterations of loops that were recorded at once."""
    seen: list[int] = []
    forward = RecordedLoop.forward

    def noted(ctx: Any, variant: Any, trips: int, *given: Any) -> Any:
        seen.append(trips)
        return forward(ctx, variant, trips, *given)

    monkeypatch.setattr(RecordedLoop, "forward", staticmethod(noted))
    return seen


def warm(function: Callable[..., Any], *given: object) -> None:
    for _ in range(settings.PROFILED_RUNS.value + 2):
        function(*given)


# --- random cells


class Generator:
    """A loop over rows of `x`, that carries some of `h`, `c`, with weights `w`, `u`, `b`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.used: set[str] = set()

    def program(self) -> str:
        pick = self.random.choice
        carried = ["h"] if self.random.random() < 0.4 else ["h", "c"]
        known = ["x[t]", *carried, "b"]
        lines = [f"p = torch.mm({pick(['x[t]', 'h'])}, w.t()) + torch.mm(h, u.t())"]
        known.append("p")
        if self.random.random() < 0.6:
            lines.append(pick(["g = p + b", "g = b * p", "g = p - b"]))
            lines.append("k, l = torch.cat_free(g)".replace("torch.cat_free(g)", "torch.mm(g, v.t()).chunk(2, 1)"))
            known += ["k", "l", "g"]
        for number in range(self.random.randint(2, 6)):
            lines.append(f"y{number} = {self.operation(known)}")
            known.append(f"y{number}")
        for name in carried:
            lines.append(f"{name} = {self.operation([*known[-4:], 'p'])} + torch.tanh(p)")
        if len(carried) == 2 and self.random.random() < 0.3:
            lines.append("h, c = c, h")
        count = self.random.randint(0, 2)
        for number in range(count):
            lines.append(f"kept{number}.append({pick([*carried, *[k for k in known if k[0] == 'y'][-1:]])})")
        start = pick([0, 0, 1])
        joined = [f"torch.{pick(['stack', 'cat'])}(kept{number})" for number in range(count)]
        body = "\n".join(f"        {line}" for line in lines)
        lists = "\n".join(f"    kept{n}: list[Tensor] = []" for n in range(2))
        return f"""import torch
from torch import Tensor


def f(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, v: Tensor, b: Tensor) -> list[Tensor]:
{lists}
    for t in range({start}, x.size(0)):
{body}
    return [{", ".join([*carried, *joined])}]
"""

    def operation(self, known: list[str]) -> str:
        """Another one each time: equal ones are computed once, which a backward pass through one of them shows."""
        while True:
            text = self.any_operation(known)
            parts = {text, text.partition(" - ")[2]} - {""}
            if parts.isdisjoint(self.used):
                self.used |= parts
                return text

    def any_operation(self, known: list[str]) -> str:
        pick = self.random.choice
        return pick(
            [
                f"torch.sigmoid({pick(known)})",
                f"torch.tanh({pick(known)})",
                f"{pick(known)} * {pick(known)}",
                f"{pick(known)} + {pick(known)}",
                f"{pick(known)} - {pick(known)} * {pick(known)}",
                f"-{pick(known)}",
                f"{pick(known)} * 0.5",
                f"torch.nn.functional.linear({pick(known)}, u, b)",
            ]
        )


def arguments(seed: int) -> list[Tensor]:
    chosen = random.Random(seed)
    torch.manual_seed(seed)
    rows, width = chosen.choice([(3, 4), (1, 4), (2, 1), (0, 4)])
    shapes = [(chosen.choice([4, 5, 7]), rows, width), (rows, width), (rows, width), (width, width), (width, width)]
    shapes += [(2 * width, width), (width,) if chosen.random() < 0.7 else (1, width)]
    made = [(torch.randn(shape) * 0.7).double() for shape in shapes]
    required = [chosen.random() < 0.5 for _ in made]
    required[chosen.choice([3, 4, 6])] = True
    return [t.requires_grad_(r) for t, r in zip(made, required, strict=True)]


def copies(given: list[Tensor]) -> list[Tensor]:
    return [t.detach().clone().requires_grad_(t.requires_grad) for t in given]


def attempt(run: Callable[[], Any]) -> Any:
    """What comes of it, or the kind of error."""
    try:
        return run()
    except RuntimeError as error:
        return "modified" if "modified" in str(error) else str(error)[:40]


def observed(function: Callable[..., Any], given: list[Tensor], seed: int) -> list[Any]:
    """All that can be seen of a call."""
    chosen = random.Random(seed)
    values = copies(given)
    wanted = [v for v in values if v.requires_grad]
    results = function(*values)
    seen: list[Any] = [[r.detach() for r in results], [r.requires_grad for r in results]]
    some = [r for r in results if r.requires_grad and chosen.random() < 0.6] or [r for r in results if r.requires_grad]
    if not some:
        return seen
    total = torch.stack(
        [(s * torch.rand(s.shape, generator=torch.Generator().manual_seed(1))).sum() for s in some]
    ).sum()

    def first() -> Any:
        return torch.autograd.grad(total, wanted, retain_graph=True, allow_unused=True)

    def second() -> Any:
        found = torch.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
        squares = torch.stack([f.square().sum() for f in found if f is not None]).sum()
        return (
            torch.autograd.grad(squares, wanted, retain_graph=True, allow_unused=True)
            if squares.requires_grad
            else None
        )

    seen += [attempt(first), attempt(second), attempt(first)]
    # What may be written to before the backward pass.
    place = chosen.randrange(len(results) + len(values))
    results = function(*values)
    total = torch.stack([r.sum() for r in results if r.requires_grad]).sum()
    with torch.no_grad():
        (*results, *values)[place].mul_(2)
    seen.append(attempt(lambda: torch.autograd.grad(total, wanted, allow_unused=True)))
    # One backward pass after the other.
    values = copies(given)
    wanted = [v for v in values if v.requires_grad]
    results = [r for r in function(*values) if r.requires_grad]
    for result in chosen.sample(results, min(2, len(results))):
        seen.append(attempt(lambda r=result: torch.autograd.grad(r.sum(), wanted, allow_unused=True)))
    return seen


def check(seed: int, folder: Path) -> None:
    source = Generator(seed).program()
    function = load(source, folder, f"cell_{seed}")
    scripted = flambeau.script(function)
    for call in range(3):
        given = arguments(seed * 10 + call)
        try:
            expected = observed(function, given, seed + call)
        except RuntimeError:  # sizes that do not go together
            with pytest.raises(RuntimeError):
                warm(scripted, *given)
            continue
        for run in range(3):
            found = observed(scripted, given, seed + call)
            differing = [i for i, (f, e) in enumerate(zip(found, expected, strict=True)) if not is_same(f, e, 1e-8)]
            assert not differing, f"seed {seed}, call {call}, run {run}, {differing}\n{source}"


def is_same(found: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(
            is_same(f, e, tolerance) for f, e in zip(found, expected, strict=True)
        )
    if isinstance(expected, Tensor):
        return isinstance(found, Tensor) and torch.allclose(found, expected, tolerance, tolerance, equal_nan=True)
    return bool(found == expected)


@pytest.mark.parametrize("part", range(8))
def test_random_cells_do_as_eager(part: int, tmp_path: Path, recorded: list[int]) -> None:
    for seed in range(part * 10, part * 10 + 10):
        check(seed, tmp_path)
    assert len(recorded) > 25


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_random_cells_do_as_eager(part: int, tmp_path: Path, recorded: list[int]) -> None:
    for seed in range(10_000 + SEED * 10_000 + part * 100, 10_100 + SEED * 10_000 + part * 100):
        check(seed, tmp_path)
    assert len(recorded) > 400


# --- one cell


def cell(x: Tensor, h: Tensor, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    kept: list[Tensor] = []
    for t in range(x.size(0)):
        gates = torch.mm(x[t], w.t()) + torch.mm(h, u.t())
        h = torch.sigmoid(gates) * h + torch.tanh(gates) * 0.5
        kept.append(h)
    return torch.stack(kept), h


def giving_all(x: Tensor, h: Tensor, w: Tensor) -> list[Tensor]:
    kept: list[Tensor] = []
    for t in range(x.size(0)):
        p = torch.mm(h, w.t())
        h = torch.sigmoid(p) * h + torch.tanh(p) + x[t]
        kept.append(h)
    return kept


def inputs(trips: int = 5) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = (trips, 2, 4), (2, 4), (4, 4), (4, 4)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def prepared() -> Any:
    scripted = flambeau.script(cell)
    warm(scripted, *inputs())
    return scripted


def test_explain_shows_the_step() -> None:
    text = flambeau.explain(prepared())
    assert "prim::RecordLoop[step=" in text
    assert "kept += appended[0]" in text


@pytest.mark.parametrize("trips", [1, 3, 4, 600])
def test_numbers_of_iterations(trips: int, recorded: list[int]) -> None:
    scripted = prepared()
    del recorded[:]
    found = []
    for function in (cell, scripted):
        given = inputs(trips)
        kept, h = function(*given)
        assert kept.size(0) == trips
        found.append(torch.autograd.grad(h.square().sum(), given, allow_unused=True))
    assert is_same(found[1], found[0], 1e-8)
    assert recorded == ([2] if trips == 4 else [])  # many rows stay one tensor


def test_results_of_iterations_that_are_given_out(recorded: list[int]) -> None:
    """There are gradients with respect to each, through those that follow."""
    scripted = flambeau.script(giving_all)
    warm(scripted, *inputs()[:3])
    found = []
    for function in (giving_all, scripted):
        given = inputs()[:3]
        kept = function(*given)
        kept[1].retain_grad()
        between = torch.autograd.grad(kept[-1].sum(), kept[2], retain_graph=True)
        kept[-1].square().sum().backward()
        found.append([*between, kept[1].grad, *(t.grad for t in given)])
    assert is_same(found[1], found[0], 1e-8)
    assert recorded == []


def test_gradients_between_results() -> None:
    scripted = prepared()
    found = []
    for function in (cell, scripted):
        kept, h = function(*inputs())
        found.append(torch.autograd.grad(kept.square().sum(), h))
    assert is_same(found[1], found[0], 1e-8)


def test_nothing_is_kept_alive() -> None:
    scripted = prepared()
    given = inputs()
    gc.collect()
    gc.disable()
    try:
        kept, h = scripted(*given)
        assert "RecordedLoop" in nodes_of(kept)
        seen = weakref.ref(given[0])
        (h.sum() + kept.sum()).backward()
        del kept, h, given
        assert seen() is None
    finally:
        gc.enable()


def nodes_of(result: Tensor) -> str:
    """The names of the functions that autograd has for a result."""
    pending, names = [result.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is not None and node not in names:
            names.add(node)
            pending += [before for before, _ in node.next_functions]
    return " ".join(sorted(node.name() for node in names))


def test_hooks_on_results() -> None:
    scripted = prepared()
    found = []
    for function in (cell, scripted):
        given, seen = inputs(), []
        kept, h = function(*given)
        kept.register_hook(lambda g, seen=seen: seen.append(g) or g * 2)
        h.retain_grad()
        h.register_hook(seen.append)
        for tensor in given:
            tensor.register_hook(seen.append)
        (kept[0].sum() + h.square().sum()).backward()
        found.append([len(seen), h.grad, seen[0], *(t.grad for t in given)])
    assert is_same(found[1], found[0], 1e-8)


def test_batches_of_gradients() -> None:
    scripted = prepared()
    found = []
    for function in (cell, scripted):
        given = inputs()
        kept, h = function(*given)
        directions = torch.arange(240.0).reshape(6, 5, 2, 4).double(), torch.ones(6, 2, 4).double()
        found.append(torch.autograd.grad((kept, h), given, directions, is_grads_batched=True))
    assert is_same(found[1], found[0], 1e-8)


def test_gradcheck(recorded: list[int]) -> None:
    scripted = prepared()
    given = inputs()

    def last(*values: Tensor) -> Tensor:
        kept, h = scripted(*values)
        result: Tensor = h * kept[1]
        return result

    assert torch.autograd.gradcheck(last, given)
    assert torch.autograd.gradgradcheck(last, given)
    assert recorded


def test_who_looks_closer_sees_operators(recorded: list[int]) -> None:
    from torch.utils.checkpoint import checkpoint

    scripted = prepared()
    given = inputs()
    del recorded[:]
    with torch.autograd.detect_anomaly(check_nan=True):
        scripted(*given)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        scripted(*given)
    checkpoint(scripted, *given, use_reentrant=False)[1].sum().backward()
    torch.func.grad(lambda x: scripted(x, *(t.detach() for t in given[1:]))[1].sum())(given[0].detach())
    with torch.no_grad():
        scripted(*given)
    assert recorded == []
    scripted(*given)
    assert recorded == [3]


def test_errors_are_the_scripts() -> None:
    scripted = prepared()
    x, h, w, u = inputs()
    with pytest.raises(ExecutionError, match=r"gates = torch\.mm"):
        scripted(x, h, w, u[:3])


def shifted(x: Tensor, h: Tensor, w: Tensor, b: Tensor) -> Tensor:
    for t in range(x.size(0)):
        p = torch.mm(h, w.t()) + b
        h = torch.tanh(p) * torch.sigmoid(p) + x[t]
    return h


def test_changes_that_gradients_of_gradients_would_miss(recorded: list[int]) -> None:
    """The bias is not kept, so it may change before a backward pass; not before one that runs the loop again."""
    scripted = flambeau.script(shifted)
    given = [*inputs()[:3], torch.zeros(4, dtype=torch.float64, requires_grad=True)]
    warm(scripted, *given)
    assert recorded
    results = scripted(*given), shifted(*given)
    with torch.no_grad():
        given[3].add_(1)
    found, expected = (torch.autograd.grad(r.sum(), given, retain_graph=True) for r in results)
    assert is_same(found, expected, 1e-8)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(results[0].sum(), given, create_graph=True)


def test_loops_of_32_bits(recorded: list[int]) -> None:
    scripted = flambeau.script(cell)
    given = [t.detach().float().requires_grad_() for t in inputs()]
    warm(scripted, *given)
    del recorded[:]
    found, expected = (torch.autograd.grad(f(*given)[1].sum(), given) for f in (scripted, cell))
    assert recorded == [3]
    assert is_same(found, expected, 1e-5)


def test_other_sizes_have_passes_of_their_own(recorded: list[int]) -> None:
    scripted = prepared()
    del recorded[:]
    for rows in (1, 3, 2):
        found = []
        for function in (cell, scripted):
            x, h, w, u = inputs()
            given = [x[:, :1].expand(-1, rows, -1), h[:1].expand(rows, -1), w, u]
            leaves = [t.detach().clone().requires_grad_() for t in given]
            found.append(torch.autograd.grad(function(*leaves)[1].sum(), leaves))
        assert is_same(found[1], found[0], 1e-8)
    assert recorded == [3, 3, 3]
