"""Archives of traces: PyTorch loads them, so do we, and both run them on other inputs."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import nn

import flambeau
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
