"""`flambeau.freeze` as users call it; what becomes of graphs is tested with the pass."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ObjectError
from flambeau.python import ScriptModule


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
        self.register_buffer("seen", torch.zeros(1))
        self.version = 2

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    @torch.jit.export
    def count(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.seen + x * self.version


X = torch.randn(4, 3)


def test_a_frozen_module_computes_the_same_without_parameters() -> None:
    module = flambeau.script(Net().eval())
    frozen = flambeau.freeze(module)
    assert isinstance(frozen, ScriptModule)
    assert torch.equal(frozen(X), module(X))
    assert list(frozen.parameters()) == []
    assert list(frozen.buffers()) == []
    assert frozen.training is False
    assert not hasattr(frozen, "count")
    assert "prim::GetAttr" not in str(frozen.graph)
    assert "aten::dropout" not in str(frozen.graph)
    assert frozen.original_name == module.original_name
    assert len(list(module.parameters())) == 4


def test_what_is_preserved() -> None:
    module = flambeau.script(Net().eval())
    frozen = flambeau.freeze(module, ["count", "version"])
    assert frozen.version == 2
    assert frozen.count(torch.zeros(1)).item() == 1
    assert frozen.count(torch.ones(1)).item() == 4
    frozen.version = 5
    assert frozen.count(torch.ones(1)).item() == 8
    assert [name for name, _ in frozen.named_buffers()] == ["seen"]


def test_a_frozen_module_is_saved_and_loaded() -> None:
    module = flambeau.script(Net().eval())
    data = flambeau.freeze(module).save_to_buffer()
    expected = module(X)
    assert torch.equal(flambeau.load(io.BytesIO(data))(X), expected)
    assert torch.equal(torch.jit.load(io.BytesIO(data))(X), expected)
    loaded = flambeau.load(io.BytesIO(module.save_to_buffer()))
    assert torch.equal(flambeau.freeze(loaded)(X), expected)


def test_what_cannot_be_frozen() -> None:
    with pytest.raises(ObjectError, match="Freezing expects a ScriptModule as input"):
        flambeau.freeze(nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(ObjectError, match="only implemented for modules in eval mode") as raised:
        flambeau.freeze(flambeau.script(Net()))
    assert isinstance(raised.value, RuntimeError)
    with pytest.raises(ObjectError, match="Unknown name: missing"):
        flambeau.freeze(flambeau.script(Net().eval()), ["missing"])


class Layouts(nn.Module):
    sparse: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sparse", torch.eye(3).to_sparse())
        self.register_buffer("rows", torch.eye(3).to_sparse_csr())
        self.both = (torch.ones(3), torch.eye(3).to_sparse())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return torch.mv(self.sparse, x), torch.mv(self.rows, x), torch.mv(self.both[1], x)


def test_sparse_tensors_stay_attributes_as_pytorch_reads_no_such_constants() -> None:
    frozen = flambeau.freeze(flambeau.script(Layouts().eval()))
    file = io.BytesIO()
    frozen.save(file)
    x = torch.randn(3)
    for loaded in (flambeau.load(file.getvalue()), torch.jit.load(io.BytesIO(file.getvalue()))):
        for found, expected in zip(loaded(x), Layouts()(x), strict=True):
            torch.testing.assert_close(found, expected)
