"""The sound archives that mutants are made of: small, and together with something of everything that archives hold."""

from __future__ import annotations

import io
import warnings

import torch

import flambeau
from tests.serialization.old_archives import module_of
from tests.serialization.script_modules import Attributes, Lists, Stateful, Tensors
from tests.serialization.zoo.everything import ZOO
from tests.serialization.zoo.specimen import seeded

FROM_THE_ZOO = (
    "language Forks",
    "language Loops",
    "language Containers",
    "language Interfaces",
    "language Enums",
    "language NamedTuples",
    "language ScriptClasses",
    "language OwnState",
    "language Hooks",
    "language Properties",
    "language ConstantTensors",
    "language WithNoGrad",
    "nn LSTM",
    "nn BatchNorm2d",
    "quantized conv2d",
    "dynamic linear",
    "traced mutation",
    "frozen control flow",
)


def _saved_by_pytorch(module: torch.nn.Module, prepared: bool = False) -> bytes:
    file = io.BytesIO()
    torch.jit.save(module if prepared else torch.jit.script(module), file, _extra_files={"note.txt": "hello"})
    return file.getvalue()


def make_seeds() -> dict[str, bytes]:
    """Archives by name; each loads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        seeds = {cls.__name__: _saved_by_pytorch(cls()) for cls in (Attributes, Tensors, Stateful, Lists)}
        for name in FROM_THE_ZOO:
            specimen = ZOO[name]
            seeds[name] = _saved_by_pytorch(seeded(specimen), specimen.prepared)
        seeds["of version 1"] = module_of(1, "x: Tensor", "return torch.div(x, 2)")
        seeds["of version 7"] = module_of(7, "x: Tensor", "return torch.linspace(0, 1)")
        for name in ("language ScriptClasses", "language OwnState", "dynamic linear"):
            module = flambeau.load(io.BytesIO(seeds[name]))
            seeds[f"{name}, by flambeau"] = module.save_to_buffer()
    return seeds
