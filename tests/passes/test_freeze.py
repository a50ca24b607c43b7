"""Freezing modules: what becomes constant, what stays, the new class, and what is refused. PyTorch is the oracle."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import flambeau
from flambeau import ir
from flambeau.errors import ObjectError
from flambeau.passes import freeze_module

torch = pytest.importorskip("torch")
nn = torch.nn


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout()
        self.scale = 2

    def forward(self, x):
        return self.drop(self.norm(self.fc(x))) * self.scale


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.view = self.total[1:]
        self.weight = nn.Parameter(torch.ones(3))
        self.count = 0
        self.sizes = [1, 2]
        self.inner = Small()

    def forward(self, x):
        self.total.add_(x.sum(0))
        self.count += 1
        return x * self.weight + self.total + self.count + self.sizes[0] + self.view.sum() + self.inner(x).sum()

    @torch.jit.export
    def other(self, x):
        return x + self.weight


class TwoTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.ones(2))
        self.b = nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor, flag: bool):
        y = self.a if flag else self.b
        y.add_(x)
        return y


class PassesItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.n = 3

    def forward(self, x):
        f = torch.jit.fork(self.fc, x)
        return torch.jit.wait(f) + self.n


def scripted(module: Any) -> ir.ScriptObject:
    script_object: ir.ScriptObject = flambeau.script(module.eval())._c.script_object
    return script_object


def attributes(module: ir.ScriptObject) -> list[str]:
    return [a.name for a in module.type.attributes]


def frozen_by_torch(module: Any, **options: Any) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.freeze(torch.jit.script(module.eval()), **options)
    names = {n.s("name") for n in frozen.graph.findAllNodes("prim::GetAttr")}
    return names | {n.s("name") for n in frozen.graph.findAllNodes("prim::SetAttr")}


def run(module: ir.ScriptObject, *inputs: object, method: str = "forward") -> Any:
    from flambeau.runtime import interpret

    (result,) = interpret(module.type.methods[method].graph, [module, *inputs])
    return result


def test_everything_that_is_only_read_becomes_constant() -> None:
    module = Small()
    frozen = freeze_module(scripted(module))
    graph = frozen.type.methods["forward"].graph
    ir.verify(graph, forbids={"prim::GetAttr", "prim::CallMethod", "aten::dropout"})
    assert attributes(frozen) == []
    weight = graph.find_value("self.fc.weight")
    assert weight is not None
    assert str(weight.type) == "Float(4, 3, strides=[3, 1], requires_grad=0, device=cpu)"
    x = torch.randn(5, 3)
    assert torch.equal(run(frozen, x), module(x))


def test_what_is_assigned_or_written_to_stays_with_what_shares_its_memory() -> None:
    module = Stateful()
    frozen = freeze_module(scripted(module))
    assert attributes(frozen) == ["total", "view", "count"]
    assert set(attributes(frozen)) == frozen_by_torch(Stateful())
    reference = Stateful().eval()
    reference.load_state_dict(module.state_dict())
    x = torch.randn(2, 3)
    for _ in range(2):
        assert torch.allclose(run(frozen, x), reference(x))


def test_written_to_through_a_choice() -> None:
    frozen = freeze_module(scripted(TwoTensors()))
    assert attributes(frozen) == ["a", "b"]


def test_the_original_is_not_changed() -> None:
    original = scripted(Small())
    before = str(original.type.methods["forward"].graph)
    freeze_module(original)
    assert str(original.type.methods["forward"].graph) == before
    assert original.type.find_slot("fc") is not None


def test_preserved_attributes_and_methods() -> None:
    frozen = freeze_module(scripted(Stateful()), ["other", "weight"])
    assert sorted(frozen.type.methods) == ["forward", "other"]
    assert "weight" in attributes(frozen)
    frozen.set("weight", torch.full((3,), 5.0))
    assert torch.equal(run(frozen, torch.zeros(3), method="other"), torch.full((3,), 5.0))


def test_preserved_parameters() -> None:
    frozen = freeze_module(scripted(Small()), preserve_parameters=True)
    assert attributes(frozen) == ["fc", "norm"]
    fc = frozen.get("fc")
    assert isinstance(fc, ir.ScriptObject)
    assert attributes(fc) == ["weight", "bias"]
    assert all(a.kind == "parameter" for a in fc.type.attributes)
    ir.verify(frozen.type.methods["forward"].graph)


def test_modules_that_are_passed_on_stay_whole() -> None:
    module = PassesItself()
    frozen = freeze_module(scripted(module))
    ir.verify(frozen.type.methods["forward"].graph)
    x = torch.randn(1, 2)
    assert torch.equal(run(frozen, x), module(x))
    assert "n" not in attributes(frozen)


def test_the_new_class_has_a_free_name() -> None:
    unit = ir.CompilationUnit()
    original = scripted(Small())
    unit.add_type(original.type)
    first, second = freeze_module(original, unit=unit), freeze_module(original, unit=unit)
    names = [original.type.qualified_name, first.type.qualified_name, second.type.qualified_name]
    assert len(set(names)) == 3
    assert {ir.demangled(name) for name in names} == {original.type.qualified_name}
    assert unit.find_type(first.type.qualified_name) is first.type
    assert first.type.methods["forward"].schema.arguments[0].type is first.type


def test_training_mode_is_refused() -> None:
    module = flambeau.script(Small().train())._c.script_object
    with pytest.raises(ObjectError, match=r"only implemented for modules in eval mode\. Please call \.eval\(\)"):
        freeze_module(module)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ObjectError, match="Unknown name: nothing"):
        freeze_module(scripted(Small()), ["nothing"])


@pytest.mark.parametrize(
    ("module", "shape", "more"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten()), (1, 1, 8, 8), ()),
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.GELU(), nn.LayerNorm(4)), (2, 4), ()),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8), (None, None, False)),
    ],
    ids=["convolution", "linear", "transformer"],
)
def test_common_modules(module: Any, shape: tuple[int, ...], more: tuple[object, ...]) -> None:
    x = torch.randn(shape)
    frozen = freeze_module(scripted(module))
    ir.verify(frozen.type.methods["forward"].graph)
    assert attributes(frozen) == []
    torch.testing.assert_close(run(frozen, x, *more), module(x))
