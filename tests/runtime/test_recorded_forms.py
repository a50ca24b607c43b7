"""Specialised forms that run while gradients are recorded: results, gradients and errors are eager's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError
from flambeau.runtime.python_tier.specialized import Form
from tests.runtime.test_specialized_random import SEED, Generator, arguments, collect, load


def recorded_forms(scripted: Any) -> list[Form]:
    found = scripted.execution_plan().recorded
    return [] if found is None else found.forms


def warm(function: Callable[..., Any], *given: object) -> None:
    for _ in range(settings.PROFILED_RUNS.value + 2):
        function(*given)


class Cell(nn.Module):
    """Weights that a loop transposes, rows that it takes one by one, gates that are cut."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 4) * 0.5)
        self.hidden = nn.Linear(4, 8)

    def forward(self, xs: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        kept: list[Tensor] = []
        for t in range(xs.size(0)):
            gates = torch.mm(xs[t], self.weight.t()) + self.hidden(h) * 0.5
            i, f = gates.chunk(2, 1)
            h = torch.sigmoid(f) * h + torch.tanh(i)
            kept.append(h)
        return torch.stack(kept), h


def cells() -> tuple[Cell, Any, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    cell = Cell().double()
    given = torch.randn(5, 2, 4).double(), torch.randn(2, 4).double()
    scripted = flambeau.script(copy.deepcopy(cell))
    scripted.forward.function.graph = scripted.forward.function.graph  # nothing is prepared for it yet
    warm(scripted, *given)
    assert len(recorded_forms(scripted.forward)) == 1
    return cell, scripted, given


def gradients(module: nn.Module, given: tuple[Tensor, ...]) -> list[Tensor]:
    xs = [g.clone().requires_grad_() for g in given]
    outs, last = module(*xs)
    total = outs.pow(2).sum() + last.sum()
    wanted = [*module.parameters(), *xs]
    first = torch.autograd.grad(total, wanted, create_graph=True)
    second = torch.autograd.grad(sum((g * g).sum() for g in first), wanted)
    return [outs.detach(), last.detach(), *(g.detach() for g in first), *second]


def test_gradients_of_first_and_second_order() -> None:
    cell, scripted, given = cells()
    torch.testing.assert_close(gradients(scripted, given), gradients(cell, given))
    assert len(recorded_forms(scripted.forward)) == 1  # which served: nothing else came in


def test_what_the_form_does() -> None:
    _, scripted, _ = cells()
    (form,) = recorded_forms(scripted.forward)
    kinds = [node.kind for node in form.graph.block]
    assert kinds.count("aten::t") == 2  # of both weights, before the loop
    assert "aten::unbind" in kinds
    assert not any(node.has_attribute("reuses") or node.kind == "prim::Into" for node in form.graph.walk())
    assert "while gradients are recorded" in flambeau.explain(scripted)


def test_other_tensors_make_other_forms_and_no_gradients_others() -> None:
    cell, scripted, given = cells()
    with torch.no_grad():
        warm(scripted, *given)
    plan = scripted.forward.execution_plan()
    assert len(plan.specialized.forms) == len(plan.recorded.forms) == 1
    assert plan.specialized.forms[0].source != plan.recorded.forms[0].source
    with torch.inference_mode():
        result, _ = scripted(*given)
    assert result.is_inference()
    torch.testing.assert_close(gradients(scripted, given), gradients(cell, given))
    warm(scripted.float(), *(g.float() for g in given))
    narrow = tuple(g.float() for g in given)
    torch.testing.assert_close(gradients(scripted, narrow), gradients(cell.float(), narrow), rtol=1e-4, atol=1e-4)
    assert len(plan.recorded.forms) == 2


def scaled(x: Tensor, w: Tensor) -> Tensor:
    a = x * 0.37 + w
    b = torch.sigmoid(a) * 0.37
    return torch.tanh(b - 0.37) / 0.37


def test_numbers_that_inference_mode_made_tensors_of() -> None:
    """A tensor that was made in inference mode cannot be saved for a backward pass."""
    x, w = torch.randn(3), torch.randn(3, requires_grad=True)
    scripted = flambeau.script(scaled)
    with torch.inference_mode():
        warm(scripted, x, w)
    warm(scripted, x, w)
    assert recorded_forms(scripted)
    scripted(x, w).sum().backward()
    found, w.grad = w.grad, None
    scaled(x, w).sum().backward()
    torch.testing.assert_close(found, w.grad)


def test_hooks_on_parameters_and_results() -> None:
    cell, scripted, given = cells()
    seen: list[list[Tensor]] = []
    for module in (cell, scripted):
        found: list[Tensor] = []
        module.weight.register_hook(found.append)
        module.hidden.bias.register_hook(lambda g, found=found: found.append(g) or g * 2)
        outs, last = module(*given)
        last.register_hook(found.append)
        outs.retain_grad()
        (outs.sum() * last.sum()).backward()
        seen.append([*found, outs.grad, module.hidden.bias.grad])
    torch.testing.assert_close(seen[1], seen[0])


def test_graphs_are_freed_and_kept_as_usual() -> None:
    cell, scripted, given = cells()
    for module in (cell, scripted):
        total = module(*given)[0].sum()
        total.backward(retain_graph=True)
        total.backward()
        with pytest.raises(RuntimeError, match="second time"):
            total.backward()
    torch.testing.assert_close(scripted.weight.grad, cell.weight.grad)


def backward_outcome(total: Tensor) -> str:
    try:
        total.backward()
    except RuntimeError as error:
        return str(error).partition(":")[0]
    return ""


@pytest.mark.parametrize("which", ["weight", "hidden.weight", "hidden.bias"])
def test_parameters_that_change_before_the_backward_pass(which: str) -> None:
    """Whether that is an error follows from what the operators save."""
    cell, scripted, given = cells()
    outcomes = []
    for module in (cell, scripted):
        total = module(*given)[0].sum()
        with torch.no_grad():
            module.get_parameter(which).add_(1)
        outcomes.append(backward_outcome(total))
    assert outcomes[0] == outcomes[1]
    assert (outcomes[0] == "") == (which != "hidden.weight")  # the first weight is only multiplied by what needs none


def gates(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    i, f = torch.mm(x, w.t()).chunk(2, 1)
    a = torch.sigmoid(i * 0.5)
    return a, a * torch.tanh(f * 0.5) / 3.0


@pytest.mark.parametrize("which", [0, 1])
def test_results_that_are_written_to(which: int) -> None:
    x, w = torch.randn(2, 4), torch.randn(8, 4, requires_grad=True)
    scripted = flambeau.script(gates)
    warm(scripted, x, w)
    assert recorded_forms(scripted)
    found = []
    for function in (gates, scripted):
        results = function(x, w)
        results[which].mul_(2)
        found.append(backward_outcome((results[0] + results[1]).sum()))
    assert found[0] == found[1]
    assert ("modified by an inplace operation" in found[0]) == (which == 0)


def test_anomalies_and_saved_tensors() -> None:
    cell, scripted, given = cells()
    counts = []
    for module in (cell, scripted):
        packed: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, packed=packed: (packed.append(t), t)[1], lambda t: t):
            module(*given)[0].sum().backward()
        counts.append(len(packed))
    assert counts[0] == counts[1]
    with torch.autograd.detect_anomaly(check_nan=True), pytest.raises(RuntimeError, match="returned nan"):
        scripted(given[0] * float("inf"), given[1])[0].sum().backward()


def test_transforms() -> None:
    cell, scripted, given = cells()

    def total(module: Any) -> Callable[[Tensor], Tensor]:
        return lambda xs: module(xs, given[1])[0].sum()

    torch.testing.assert_close(torch.func.grad(total(scripted))(given[0]), torch.func.grad(total(cell))(given[0]))
    tangent = (torch.ones_like(given[0]),)
    torch.testing.assert_close(
        torch.func.jvp(total(scripted), (given[0],), tangent), torch.func.jvp(total(cell), (given[0],), tangent)
    )


def wrong_row(xs: Tensor, w: Tensor, last: int) -> Tensor:
    total = xs[0] * 0.5
    for i in range(last):
        total = total + xs[i] * w.t()[0] * 0.5
    return total


def test_errors_are_the_scripts() -> None:
    scripted = flambeau.script(wrong_row)
    xs, w = torch.randn(3, 4, requires_grad=True), torch.randn(4, 4, requires_grad=True)
    warm(scripted, xs, w, 3)
    assert recorded_forms(scripted)
    with pytest.raises(ExecutionError, match="index 3 is out of bounds"):
        scripted(xs, w, 4)
    with pytest.raises(ExecutionError, match="must match the size"):
        scripted(xs, w[:3, :3], 3)


def written(x: Tensor, w: Tensor) -> Tensor:
    total = x * 0.5
    for _ in range(3):
        total.add_(w.t() * 0.5)
    return total


def test_graphs_that_write_to_tensors_have_none() -> None:
    scripted = flambeau.script(written)
    warm(scripted, torch.randn(3, 3), torch.randn(3, 3, requires_grad=True))
    assert scripted.execution_plan().recorded is None


class Attention(nn.Module):
    """A batch of one, heads that are cut from one product: dimensions are left out, pieces are viewed together."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, 8)

    def heads(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, 2, width // 2).transpose(1, 2)

    def forward(self, x: Tensor, repeats: int) -> Tensor:
        x = x.unsqueeze(0)
        for _ in range(repeats):
            q, k, v = self.project(self.norm(x)).chunk(3, dim=-1)
            scores = torch.matmul(self.heads(q), self.heads(k).transpose(-2, -1)) / 2.0
            mixed = torch.matmul(F.softmax(scores, dim=-1), self.heads(v))
            x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x[0, -1]


def test_attention() -> None:
    torch.manual_seed(0)
    net = Attention()
    scripted = flambeau.script(copy.deepcopy(net))
    x = torch.randn(5, 8)
    warm(scripted, x, 3)
    (form,) = recorded_forms(scripted.forward)
    assert "aten::unsqueeze" not in {node.kind for node in form.graph.walk()}
    assert "aten::split_with_sizes" in {node.kind for node in form.graph.walk()}
    seen = []
    for module in (net, scripted):
        given = x.clone().requires_grad_()
        module(given, 3).square().sum().backward()
        seen.append([given.grad, *(p.grad for p in module.parameters())])
    torch.testing.assert_close(seen[1], seen[0])


def test_training_follows_eager() -> None:
    cell, scripted, given = cells()
    curves = []
    for module in (cell, scripted):
        optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
        curve = []
        for _ in range(50):
            optimizer.zero_grad()
            loss = (module(*given)[0] - 0.25).pow(2).mean()
            loss.backward()
            optimizer.step()
            curve.append(loss.detach())
        curves.append(torch.stack(curve))
    assert curves[0][-1] < 0.5 * curves[0][0]
    torch.testing.assert_close(curves[1], curves[0], rtol=0, atol=1e-5)


# --- random programs

TOLERANCE = 1e-7
"""Gradients are summed in another order. All programs run on 64 bits: rounding of fewer hides what differs."""


def outcome(function: Callable[..., Any], given: list[object]) -> list[object]:
    """What a call gives, whether that requires gradients, and the gradients of what comes in."""
    values = [a.clone(memory_format=torch.preserve_format) if isinstance(a, Tensor) else a for a in given]
    wanted = [v.requires_grad_() for v in values if isinstance(v, Tensor)]
    tensors: list[Tensor] = []
    result = function(*values)
    collect(result, tensors)
    seen: list[object] = [(t.detach(), t.requires_grad) for t in tensors]
    total = torch.stack([torch.tanh(t.double()).sum() for t in tensors]).sum()
    if total.requires_grad:
        seen.append(torch.autograd.grad(total, wanted, allow_unused=True))
    return seen


def check(seed: int, folder: Path) -> int:
    """Returns how many forms came of it."""
    source = Generator(seed).program()
    function = load(source, folder, f"program_{seed}")
    scripted = flambeau.script(function)
    for call in range(3):
        given = [a.double() if isinstance(a, Tensor) else a for a in arguments(seed * 10 + call)]
        try:
            expected = outcome(function, given)
        except (RuntimeError, IndexError, ValueError):
            continue
        for repetition in range(4):
            torch.testing.assert_close(
                outcome(scripted, given),
                expected,
                rtol=TOLERANCE,
                atol=TOLERANCE,
                equal_nan=True,
                msg=lambda text, run=repetition: f"seed {seed}, run {run}\n{source}\n{text}",
            )
    return len(recorded_forms(scripted))


@pytest.mark.parametrize("part", range(8))
def test_random_programs_have_eagers_gradients(part: int, tmp_path: Path) -> None:
    assert sum(check(seed, tmp_path) for seed in range(part * 12, part * 12 + 12)) > 2


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_random_programs_have_eagers_gradients(part: int, tmp_path: Path) -> None:
    start = 10_000 + SEED * 10_000 + part * 100
    assert sum(check(seed, tmp_path) for seed in range(start, start + 100)) > 20
