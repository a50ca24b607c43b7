"""Archives of traces: PyTorch loads them, so do we, and both run them on other inputs."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import UnsupportedError
from flambeau.ir import ScalarType
from flambeau.serialization import ArchiveReader, read_traced_inputs
from tests.python.tracing.oracle import assert_same, run, trace
from tests.python.tracing.test_functions import CASES
from tests.python.tracing.test_modules import LAYERS
from tests.python.tracing.test_sizes import GENERIC, INDEXING

R = torch.randn


def check(program: Any, inputs: tuple[Any, ...], others: list[tuple[Any, ...]]) -> None:
    traced, buffer = trace(program, *inputs), io.BytesIO()
    traced.save(buffer)
    for load in (torch.jit.load, flambeau.load):
        buffer.seek(0)
        loaded = load(buffer)
        for given in (inputs, *others):
            assert_same(run(loaded, given), run(program, given))


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    check(*CASES[name])


@pytest.mark.parametrize("name", GENERIC)
def test_sizes(name: str) -> None:
    check(GENERIC[name], (R(4, 6),), [(R(2, 2),), (R(8, 4),)])


@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name: str) -> None:
    check(INDEXING[name], (R(5, 3),), [(R(7, 3),)])


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, inputs, others = LAYERS[name]
    torch.manual_seed(0)
    module = make()
    module.train(isinstance(module, nn.Dropout))  # state that each run changes would differ between the programs
    check(module, inputs, others)


def records(data: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.partition("/")[2] for name in archive.namelist()}


def test_example_inputs_are_told_by_their_shapes() -> None:
    inputs = (R(3, 4), {"a": R(2).double()})

    class Net(nn.Module):
        def forward(self, x: Tensor, named: dict[str, Tensor]) -> Tensor:
            return x.sum() + named["a"]

    mine = flambeau.trace(Net(), inputs).save_to_buffer()
    theirs = torch.jit.trace(Net(), inputs).save_to_buffer()
    assert "traced_inputs.pkl" in records(mine) & records(theirs)
    for data in (mine, theirs):
        told = read_traced_inputs(ArchiveReader(io.BytesIO(data)))
        assert told is not None
        (x, named) = told["forward"]
        assert (x.sizes, x.dtype, named["a"].sizes, named["a"].dtype) == (
            (3, 4),
            ScalarType.Float,
            (2,),
            ScalarType.Double,
        )
    assert torch.equal(torch.jit.load(io.BytesIO(mine))(*inputs), Net()(*inputs))
    assert torch.equal(flambeau.load(io.BytesIO(mine))(*inputs), Net()(*inputs))


def test_example_inputs_are_left_out_on_request() -> None:
    traced = flambeau.trace(nn.Linear(2, 2), R(1, 2), _store_inputs=False)
    assert "traced_inputs.pkl" not in records(traced.save_to_buffer())


def test_a_generator_cannot_be_saved() -> None:
    generator = torch.Generator().manual_seed(1)
    traced = flambeau.trace(lambda x: x + torch.rand(2, generator=generator), R(2), check_trace=False)
    state = generator.get_state()
    first = traced(torch.zeros(2))
    generator.set_state(state)
    assert torch.equal(first, torch.rand(2, generator=generator))
    with pytest.raises(UnsupportedError, match="Generator"):
        traced.save_to_buffer()
