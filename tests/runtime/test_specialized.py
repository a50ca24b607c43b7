"""Forms of plans for tensors as they were seen: they serve for those only, and nobody can tell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError
from flambeau.runtime import background


def chain(x: Tensor, y: Tensor) -> Tensor:
    a = x * y
    b = torch.sigmoid(a) + y
    return torch.tanh(b * 0.5) - x


def rows(x: Tensor, i: Tensor) -> Tensor:
    total = x[i] * 2.0
    for _ in range(3):
        total = total + x[i] * 0.5
    return total


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 4))
        self.bias = nn.Parameter(torch.randn(8))

    def forward(self, xs: Tensor, h: Tensor) -> tuple[Tensor, list[Tensor]]:
        kept: list[Tensor] = []
        for t in range(xs.size(0)):
            gates = torch.mm(xs[t], self.weight.t()) + self.bias
            i, f = gates.chunk(2, 1)
            h = torch.sigmoid(f) * h + torch.tanh(i)
            kept.append(h)
        return h, kept


def forms(scripted: object) -> int:
    plan = scripted.execution_plan()  # type: ignore[attr-defined]
    return 0 if plan.specialized is None else len(plan.specialized.forms)


def warm(function: Callable[..., object], *arguments: object) -> None:
    with torch.no_grad():
        for _ in range(settings.PROFILED_RUNS.value + 2):
            function(*arguments)


def cold(program: Callable[..., object]) -> Any:
    """A scripted function that nothing is prepared for yet."""
    scripted = flambeau.script(program)
    scripted.function.graph = scripted.function.graph
    return scripted


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 4)


def same(a: object, b: object) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_form_is_made_for_what_was_seen(x: Tensor) -> None:
    scripted = flambeau.script(chain)
    with torch.no_grad():
        scripted(x, x)
        assert forms(scripted) == 0
        warm(scripted, x, x)
        assert forms(scripted) == 1
        same(scripted(x, x + 1), chain(x, x + 1))
    assert "reuses" in flambeau.explain(scripted)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.double(),
        lambda x: x.to(torch.bfloat16),
        lambda x: x.long(),
        lambda x: x[0],
        lambda x: x.t().contiguous().t(),
        lambda x: x[:, :1],
        lambda x: x[:0],
        lambda x: x.to(torch.complex64),
        lambda x: nn.Parameter(x),
        lambda x: x.expand(2, 3, 4),
    ],
)
def test_other_tensors_are_served_as_well(x: Tensor, change: Callable[[Tensor], Tensor]) -> None:
    scripted = flambeau.script(chain)
    warm(scripted, x, x)
    with torch.no_grad():
        for first, second in ((change(x), x), (x, change(x)), (change(x), change(x))):
            try:
                expected = chain(first, second)
            except RuntimeError:
                with pytest.raises(ExecutionError):
                    scripted(first, second)
                continue
            for _ in range(3):
                found = scripted(first, second)
                same(found, expected)
                assert found.stride() == expected.stride()
                assert not found.requires_grad


def test_the_number_of_forms_is_bounded(x: Tensor) -> None:
    scripted = cold(chain)
    with settings.override(specializations=2):
        for rank in (1, 2, 3, 4):
            given = x.reshape([1] * (rank - 1) + [12])
            warm(scripted, given, given)
            with torch.no_grad():
                same(scripted(given, given), chain(given, given))
    assert forms(scripted) == 2


def test_settings_say_how_many_forms_after_how_many_calls(x: Tensor) -> None:
    with settings.override(specializations=0):
        function = cold(chain)
        warm(function, x, x)
        assert forms(function) == 0
    for runs in (0, 1, 3):
        with settings.override(profiled_runs=runs), torch.no_grad():
            function = cold(chain)
            for _ in range(runs):
                function(x, x)
            assert forms(function) == 0
            function(x, x)
            assert forms(function) == 1


def test_forms_of_large_graphs_are_made_in_the_background(
    x: Tensor, monkeypatch: pytest.MonkeyPatch, own_worker: None
) -> None:
    monkeypatch.setattr(background, "DELAY", 3600.0)
    scripted = cold(chain)
    specialized = scripted.execution_plan().specialized
    with settings.override(at_once=0):
        warm(scripted, x, x)
        warm(scripted, x[0], x[0])
        assert not specialized.forms
        assert forms(scripted) == 1  # looking waits
        warm(scripted, x[0], x[0])
        with torch.no_grad():
            same(scripted(x, x), chain(x, x))
        assert forms(scripted) == 2


def test_arguments_are_not_written_to(x: Tensor) -> None:
    scripted, y = flambeau.script(chain), torch.randn(3, 4)
    before = x.clone(), y.clone()
    warm(scripted, x, y)
    same((x, y), before)


def test_gradients_are_recorded_after_all(x: Tensor) -> None:
    scripted = flambeau.script(chain)
    warm(scripted, x, x)
    a, b = (x.clone().requires_grad_() for _ in range(2))
    scripted(a, x).sum().backward()
    chain(b, x).sum().backward()
    same(a.grad, b.grad)


def test_autocast_is_obeyed(x: Tensor) -> None:
    model = Cell()
    scripted = flambeau.script(model)
    xs, h = torch.randn(5, 3, 4), torch.randn(3, 4)
    warm(scripted, xs, h)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        same(scripted(xs, h), model(xs, h))


def test_modes_see_what_the_script_says(x: Tensor) -> None:
    class Names(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.seen.append(function.__name__)
            return function(*args, **(kwargs or {}))

    scripted = flambeau.script(chain)
    warm(scripted, x, x)
    with torch.no_grad(), Names() as names:
        same(scripted(x, x), chain(x, x))
    assert not {"add_", "mul_", "sigmoid_", "tanh_"} & set(names.seen)


def test_negative_indices(x: Tensor) -> None:
    scripted = flambeau.script(rows)
    index = torch.tensor([0, 2, 1])
    warm(scripted, x, index)
    assert forms(scripted) == 1
    with torch.no_grad():
        for _ in range(2):
            same(scripted(x, index - 3), rows(x, index - 3))
            same(scripted(x, index), rows(x, index))
        with pytest.raises(IndexError, match="out of bounds"):
            scripted(x, index + 2)
        same(scripted(x, index), rows(x, index))


def marked(x: Tensor, mask: Tensor) -> Tensor:
    total = x[mask].sum()
    for _ in range(3):
        total = total + x[mask].sum() * 0.5
    return x[mask] + total


def test_masks(x: Tensor) -> None:
    """A mask of another size is refused as ever, whichever is the longer."""
    scripted = flambeau.script(marked)
    row = x.flatten()
    warm(scripted, row, row > 0)
    assert "nonzero" in flambeau.explain(scripted)
    with torch.no_grad():
        for one, mask in ((row, row > 0), (row[::2], row[::2] < 0), (row, row > 9), (row[:0], row[:0] > 0)):
            same(scripted(one, mask), marked(one, mask))
        for one, mask in ((row, row[1:] > 0), (row[1:], row > 0), (row[:1], row > 0), (row, row[:1] > 9)):
            with pytest.raises(IndexError, match="shape of the mask"):
                scripted(one, mask)
        same(scripted(row, row.long()), marked(row, row.long()))


def clamped(x: Tensor) -> Tensor:
    y = (x * 1.0).clamp(min=0)
    return (y.clamp_min(0.0) * 1.0 + torch.clamp(-y, 0) * 1.0).neg()


def test_clamps_keep_the_signs_of_zeros_and_what_is_no_number() -> None:
    scripted = flambeau.script(clamped)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf, 1.0, -1.0] * 7, dtype=dtype)
        warm(scripted, x)
        with torch.no_grad():
            found, expected = scripted(x), clamped(x)
        same(found.signbit(), expected.signbit())
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert flambeau.explain(scripted).count("aten::relu") >= 3


def test_results_have_memory_of_their_own() -> None:
    model = Cell()
    scripted = flambeau.script(model)
    xs, h = torch.randn(5, 1, 4), torch.randn(1, 4)
    warm(scripted, xs, h)
    with torch.no_grad():
        (found, kept), (expected, others) = scripted(xs, h), model(xs, h)
    same((found, kept), (expected, others))
    assert len({t.data_ptr() for t in kept}) == len(kept)
    for mine, theirs in zip(kept, others, strict=True):
        assert mine.untyped_storage().nbytes() == theirs.untyped_storage().nbytes()
        assert mine.stride() == theirs.stride()


def test_attributes_may_change() -> None:
    model = Cell()
    scripted = flambeau.script(model)
    xs, h = torch.randn(5, 3, 4), torch.randn(3, 4)
    warm(scripted, xs, h)
    model.double()
    scripted.double()
    for dtype in (torch.float64, torch.float32):
        with torch.no_grad():
            try:
                expected = model(xs.to(dtype), h)
            except RuntimeError:
                with pytest.raises(ExecutionError):
                    scripted(xs.to(dtype), h)
                continue
            same(scripted(xs.to(dtype), h), expected)


def test_operands_that_are_too_small() -> None:
    scripted = flambeau.script(chain)
    x, y = torch.randn(3, 1), torch.randn(1, 4)
    warm(scripted, torch.randn(3, 4), torch.randn(3, 4))
    with torch.no_grad():
        for _ in range(3):
            same(scripted(x, y), chain(x, y))
            same(scripted(y, x), chain(y, x))


def followed(x: Tensor, w: Tensor, start: int) -> tuple[Tensor, list[int], list[float]]:
    """Best columns, and the way back through them."""
    passed: list[Tensor] = []
    sums: list[Tensor] = []
    for _ in range(6):
        best, where = (x.unsqueeze(1) + w).max(dim=0)
        x = best * 0.5
        passed.append(where)
        sums.append(x)
    path = [start]
    numbers: list[float] = []
    for i in range(len(passed)):
        numbers.append(float(sums[i][path[-1]]))
        path.append(int(passed[len(passed) - 1 - i][path[-1]]))
    return x, path, numbers


@pytest.mark.parametrize("size", [3, 23, 24, 100])
def test_numbers_of_many_tensors(size: int) -> None:
    scripted = flambeau.script(followed)
    x, w = torch.randn(size), torch.randn(size, size)
    warm(scripted, x, w, 0)
    assert "as_numbers" in str(flambeau.explain(scripted))
    with torch.no_grad():
        for start in (0, -1, size - 1):
            (found, *rest), (expected, *others) = scripted(x, w, start), followed(x, w, start)
            same(found, expected)
            assert rest == others
        for start in (size, -size - 1):
            with pytest.raises(IndexError) as theirs:
                followed(x, w, start)
            with pytest.raises(IndexError) as ours:
                scripted(x, w, start)
            assert str(theirs.value).splitlines()[0] in str(ours.value)
        bad = x.clone()
        bad[0] = float("nan")
        assert scripted(bad, w, 0)[1] == followed(bad, w, 0)[1]


def test_threads_that_are_the_first() -> None:
    scripted = flambeau.script(chain)
    failures: list[object] = []

    def work(seed: int) -> None:
        torch.manual_seed(seed)
        with torch.no_grad():
            for rank in range(60):
                x = torch.randn([2] * (rank % 4 + 1), dtype=(torch.float32, torch.float64)[rank % 2])
                if not torch.equal(scripted(x, x), chain(x, x)):
                    failures.append((seed, rank))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
