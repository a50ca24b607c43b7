"""Exported programs as scripts, and scripts as exported programs: the same results, on other inputs too."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop
from torch.export import Dim

import flambeau
from examples.resnet import resnet18
from flambeau import ir
from flambeau.errors import ObjectError, UnsupportedError

R = torch.randn


class Case(NamedTuple):
    """A model, inputs to export it with, and others that it is to work for."""

    make: Callable[[], nn.Module]
    inputs: tuple[Any, ...]
    others: tuple[Any, ...] | None = None
    dynamic: Any = None
    kwargs: dict[str, Any] = {}  # never changed


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * self.scale + 1


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, (h, c) = self.lstm(x)
        return y, (h, c)


class Containers(nn.Module):
    def forward(self, pair: tuple[Tensor, Tensor], named: dict[str, Tensor], items: list[Tensor]) -> dict[str, Any]:
        return {"sum": pair[0] + pair[1] + items[0], "product": named["a"] * named["b"] - items[1]}


class Lists(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        first, second = x.chunk(2, 0)
        values, places = x.max(1)
        return [first, second, values, places.float()]


class Sizes(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        n = x.shape[0]
        return x.reshape(n * 3).repeat(2) + torch.arange(n * 6) + torch.zeros(n * 6).sum(), n + 1


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("hidden", torch.ones(2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.count.add_(1)
        return x * self.count + self.hidden


class WritesToInput(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2)
        x[0] = 5
        return x + 1


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x.relu() + 1, lambda x: x - 1, (x,))


class Options(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None, *, mode: str = "sum", scale: float = 2.0) -> Tensor:
        if y is not None:
            x = x + y
        return x.sum() if mode == "sum" else x * scale


class Many(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.to(torch.float64).clamp(-1, 1.5)
        y = torch.where(y > 0, y, torch.full_like(y, 0.25))
        y = F.pad(y, [1, 1]) ** 2 / 3 - 1
        y = torch.cat([y, y.flip(0)], 0)[:, 1:, None].squeeze(-1)
        return torch.einsum("ij,kj->ik", y, y).softmax(-1).to(torch.float32)


B = {0: Dim("batch")}
CASES: dict[str, Case] = {
    "layers": Case(Mlp, (R(2, 3),), (R(5, 3),), {"x": B}),
    "convolutions": Case(resnet18, (R(1, 3, 32, 32),), (R(1, 3, 32, 32),)),
    "attention": Case(Attention, (R(2, 5, 8),), (R(2, 5, 8),)),
    "recurrence": Case(Recurrent, (R(2, 5, 3),), (R(2, 5, 3),)),
    "containers": Case(Containers, ((R(2), R(2)), {"a": R(2), "b": R(2)}, [R(2), R(2)])),
    "lists": Case(Lists, (R(4, 3),), (R(4, 3),)),
    "sizes": Case(Sizes, (R(2, 3),), (R(5, 3),), {"x": B}),
    "buffers that are written": Case(Counting, (R(2),), (R(2),)),
    "inputs that are written": Case(WritesToInput, (R(3, 2),), (R(3, 2),)),
    "branches": Case(Branches, (R(3),), (-R(3).abs(),)),
    "keywords": Case(Options, (R(3),), (R(3),), None, {"mode": "scaled"}),
    "optional input": Case(Options, (R(3), R(3)), (R(3), R(3))),
    "many operators": Case(Many, (R(3, 4),), (R(3, 4),)),
}


def copied(value: Any) -> Any:
    return torch.utils._pytree.tree_map(lambda v: v.clone() if isinstance(v, Tensor) else v, value)


def assert_same(mine: Any, theirs: Any) -> None:
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


def exported(case: Case) -> tuple[nn.Module, torch.export.ExportedProgram]:
    torch.manual_seed(0)
    model = case.make().eval()
    return model, torch.export.export(model, copied(case.inputs), copied(case.kwargs), dynamic_shapes=case.dynamic)


@pytest.mark.parametrize("name", CASES)
def test_an_exported_program_as_a_script(name: str) -> None:
    case = CASES[name]
    model, program = exported(case)
    script = flambeau.from_exported_program(program)
    ir.verify(script.graph)
    for script_ in (script, torch.jit.load(io.BytesIO(script.save_to_buffer()))):
        reference = exported(case)[1].module()
        for inputs in (case.inputs, case.others or case.inputs):
            mine, theirs = copied(inputs), copied(inputs)
            assert_same(script_(*mine, **case.kwargs), reference(*theirs, **case.kwargs))
            assert_same(mine, theirs)
    assert set(model.state_dict()) <= set(script.state_dict())
    assert [n for n, _ in script.named_parameters()] == [n for n, _ in model.named_parameters()]


@pytest.mark.parametrize("name", [n for n in CASES if n != "branches"])
def test_a_script_as_an_exported_program(name: str) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    model = case.make().eval()
    scripted = name in ("layers", "convolutions", "lists", "buffers that are written", "inputs that are written")
    script = flambeau.script(model) if scripted else flambeau.from_exported_program(exported(case)[1])
    program = flambeau.to_exported_program(script, copied(case.inputs), case.kwargs)
    run = program.module()
    torch.manual_seed(0)
    expected = case.make().eval()
    assert_same(run(*copied(case.inputs), **case.kwargs), expected(*copied(case.inputs), **case.kwargs))
    assert {n for n, _ in model.named_parameters()} == set(program.state_dict) & {
        n for n, _ in model.named_parameters()
    }


def test_functions() -> None:
    @flambeau.script
    def twice(x: Tensor, n: int = 2) -> Tensor:
        for _ in range(n):
            x = x + x
        return x

    program = flambeau.to_exported_program(twice, (torch.ones(2),), dynamic_shapes=None)
    assert torch.equal(program.module()(torch.ones(2)), torch.full((2,), 4.0))


def test_scripts_that_decide_by_values_cannot_be_exported() -> None:
    @flambeau.script
    def by_value(x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            x = x + 1
        return x

    with pytest.raises(UnsupportedError, match="'by_value' decides by the values of tensors"):
        flambeau.to_exported_program(by_value, (torch.ones(2),))


def test_only_scripts_are_exported() -> None:
    with pytest.raises(ObjectError, match="not a Linear"):
        flambeau.to_exported_program(nn.Linear(1, 1), (torch.ones(1),))  # type: ignore[arg-type]  # that is the point


def test_calls_that_scripts_do_not_know_are_named() -> None:
    class Looping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            zero = torch.zeros((), dtype=torch.int64)
            return while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (zero, x))[1]

    program = torch.export.export(Looping(), (R(3),))
    with pytest.raises(UnsupportedError, match="while_loop"):
        flambeau.from_exported_program(program)


def test_parameters_are_shared_with_the_program() -> None:
    model, program = exported(CASES["layers"])
    script = flambeau.from_exported_program(program)
    with torch.no_grad():
        model.scale.fill_(7)
    assert torch.equal(script.scale, torch.full((2,), 7.0))
