"""The models of the quickstart: eager PyTorch, flambeau and, where torch has it, `torch.jit`, in turns."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn

import flambeau
from benchmarks.harness import measure, show
from examples.lstm import LSTM
from examples.resnet import resnet18
from examples.transformer import Transformer


def contenders(module: nn.Module, arguments: tuple[object, ...]) -> dict[str, Callable[[], object]]:
    scripted = flambeau.script(module)
    scripted.forward.execution_plan()  # nothing is left to be optimised meanwhile
    calls: dict[str, Callable[[], object]] = {
        "eager": lambda: module(*arguments),
        "flambeau": lambda: scripted(*arguments),
    }
    peer = getattr(torch, "jit", None)
    if peer is not None:
        theirs = peer.script(module)
        calls["torch.jit"] = lambda: theirs(*arguments)
    return calls


def main() -> None:
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
    torch.manual_seed(0)
    cases: dict[str, tuple[nn.Module, tuple[object, ...]]] = {
        "resnet18, 1 image": (resnet18(), (torch.randn(1, 3, 224, 224),)),
        "transformer, 32 tokens": (Transformer(), (torch.randint(0, 512, (12,)), 32)),
        "lstm, 50 steps": (LSTM(), (torch.randn(50, 4, 64),)),
    }
    with torch.no_grad():
        results = {
            name: measure(contenders(module.eval(), arguments), warm_up=4)
            for name, (module, arguments) in cases.items()
        }
    show("Models of the quickstart", results)


if __name__ == "__main__":
    main()
