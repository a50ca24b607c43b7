"""The whole way: modules are scripted, run, saved, loaded by flambeau and by PyTorch, and do the same everywhere.

The other way about, from PyTorch's archives, `tests/serialization/test_two_way.py` goes with more modules yet. Every
graph met here is printed, parsed and printed again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import flambeau
from flambeau import ir
from flambeau.api import walk_modules
from flambeau.ir import print_graph
from flambeau.python import ScriptModule
from tests.serialization.zoo import equal, outcomes, seeded
from tests.serialization.zoo.everything import NN, REFUSED_BY_PYTORCH, ZOO

pytestmark = pytest.mark.filterwarnings("ignore")

_LAYERS = (
    "Linear",
    "Bilinear",
    "Conv1d",
    "Conv2d padding same",
    "ConvTranspose2d",
    "Fold",
    "BatchNorm1d training",
    "BatchNorm2d cumulative",
    "LayerNorm",
    "GroupNorm",
    "InstanceNorm2d",
    "MaxPool2d with indices",
    "AdaptiveAvgPool2d",
    "LPPool2d",
    "ReflectionPad2d",
    "GELU",
    "GLU",
    "Softmax",
    "PReLU",
    "Dropout",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "PixelShuffle",
    "Upsample bilinear",
    "CosineSimilarity",
    "MarginRankingLoss",
    "CrossEntropyLoss",
    "CTCLoss",
    "LSTMCell",
    "LSTM",
    "MultiheadAttention",
    "Sequential",
)
_OTHERS = {
    "dynamic lstm": "methods chosen by a class attribute `__overloads__`",
    "dynamic gru": "methods chosen by a class attribute `__overloads__`",
    "scripted with traced part": "PyTorch's own scripted modules as parts",
}
"""What cannot be scripted yet."""

CASES = [
    *(name for name in ZOO if name not in NN and not ZOO[name].prepared and name not in _OTHERS),
    *(f"nn {name}" for name in _LAYERS),
]


def graphs_of(module: ScriptModule) -> Iterator[ir.Graph]:
    classes = {m.type for _, m in walk_modules(module._c.script_object)}
    functions = [f for cls in classes for f in cls.methods.values()]
    seen: set[ir.Function] = set()
    while functions:
        function = functions.pop()
        if function in seen:
            continue
        seen.add(function)
        yield function.graph
        for node in function.graph.walk():
            if node.kind == "prim::Constant" and isinstance(ir.constant_of(node), ir.Function):
                functions.append(ir.constant_of(node))


def check_identity(module: ScriptModule) -> int:
    count = 0
    for graph in graphs_of(module):
        text = print_graph(graph)
        assert print_graph(ir.parse(text)) == text
        count += 1
    return count


def from_both_loaders(data: bytes) -> dict[str, nn.Module]:
    return {"flambeau": flambeau.load(io.BytesIO(data)), "PyTorch": torch.jit.load(io.BytesIO(data))}


@pytest.mark.parametrize("name", CASES)
def test_script_run_save_load(name: str) -> None:
    specimen = ZOO[name]
    scripted = flambeau.script(seeded(specimen))
    assert check_identity(scripted) > 0
    data = scripted.save_to_buffer()
    expected = outcomes(scripted, specimen)
    for loader, module in from_both_loaders(data).items():
        assert equal(outcomes(module, specimen), expected), f"differs when loaded by {loader}"
    again = flambeau.load(io.BytesIO(data)).save_to_buffer()
    for loader, module in from_both_loaders(again).items():
        assert equal(outcomes(module, specimen), expected), f"differs when saved again and loaded by {loader}"


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSED_BY_PYTORCH])
def test_from_pytorch(name: str) -> None:
    specimen = ZOO[name]
    theirs = torch.jit.script(seeded(specimen))
    file = io.BytesIO()
    torch.jit.save(theirs, file)
    mine = flambeau.load(io.BytesIO(file.getvalue()))
    assert check_identity(mine) > 0
    assert equal(outcomes(mine, specimen), outcomes(torch.jit.load(io.BytesIO(file.getvalue())), specimen))


def test_functions() -> None:
    def f(x: torch.Tensor, n: int, name: str = "a") -> torch.Tensor:
        for i in range(n):
            x = x * i + len(name)
        return x

    scripted = flambeau.script(f)
    file = io.BytesIO()
    flambeau.save(scripted, file)
    x = torch.randn(3)
    for module in from_both_loaders(file.getvalue()).values():
        assert torch.equal(module(x, 3, "abc"), f(x, 3, "abc"))
        assert module.original_name == "PlaceholderModule"
