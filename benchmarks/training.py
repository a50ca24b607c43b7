"""Training scripts: forward pass, backward pass, whole step; in eager Python, `torch.jit` and flambeau, on one thread.

    python -m benchmarks training

Of each model the parameters require gradients; the loss is the sum of all results. A step is a forward and a backward
pass, and forgetting the gradients. A backward pass alone keeps its graph and is repeated. Gradients are compared with
eager's before anything is measured.

Ratios are to `torch.jit` in the same run: below 1 is faster. The last line of a table is their geometric mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

import flambeau
from benchmarks import programs
from benchmarks.harness import Measured, measure
from benchmarks.runtime import PEER, WARM_UP, check, report
from examples.resnet import resnet18
from examples.transformer import Transformer

Case = tuple[nn.Module, tuple[object, ...]]
Model = Callable[..., object]


def cases() -> dict[str, Case]:
    """Each model with its arguments."""
    torch.manual_seed(0)
    return {
        "lstm cell, 100 steps": (
            programs.CustomLSTM(32, 32),
            (torch.randn(100, 1, 32), torch.zeros(1, 32), torch.zeros(1, 32)),
        ),
        "gru cell, 100 steps": (programs.GRU(32, 32), (torch.randn(100, 1, 32), torch.zeros(1, 32))),
        "gelu and norm written out": (programs.WrittenOut(), (torch.randn(8, 64),)),
        "mlp, 4 layers": (programs.mlp(), (torch.randn(1, 64),)),
        "greedy decoding, 16 tokens": (Transformer(), (torch.randint(0, 512, (4,)), 16)),
        "resnet18, 64 x 64": (resnet18(), (torch.randn(1, 3, 64, 64),)),
        "bert, 4 layers, 32 tokens": (programs.Bert(), (torch.randint(0, 1000, (1, 32)),)),
    }


def loss(model: Model, arguments: tuple[object, ...]) -> Tensor:
    """The sum of all that a model gives and that has gradients."""
    result = model(*arguments)
    given = result if isinstance(result, (tuple, list)) else [result]
    total = [g.sum() for g in given if isinstance(g, Tensor) and g.requires_grad]
    return torch.stack(total).sum()


def gradients(model: Model, module: nn.Module, arguments: tuple[object, ...]) -> list[Tensor | None]:
    """The gradients of the parameters of a module, which is what a model calls."""
    loss(model, arguments).backward()
    found = [p.grad for p in module.parameters()]
    module.zero_grad()
    return found


def contenders(module: nn.Module, arguments: tuple[object, ...]) -> dict[str, Model]:
    """The model in its forms, which share their parameters; `torch.jit` first, which the others are compared to.

    Batch norm uses the statistics that there are: gradients could not be compared if each pass changed them.
    """
    module.eval()
    models = {"torch.jit": PEER.script(module), "eager": module, "flambeau": flambeau.script(module)}
    expected = gradients(module, module, arguments)
    with flambeau.settings.override(background=False):
        for model in models.values():
            for _ in range(WARM_UP):
                for found, wanted in zip(gradients(model, module, arguments), expected, strict=True):
                    check(found, wanted)
    return models


def passes(module: nn.Module, models: dict[str, Model], arguments: tuple[object, ...]) -> dict[str, dict[str, Model]]:
    """What is measured of each model, by kind of pass."""

    def forward(model: Model) -> Model:
        return lambda: model(*arguments)

    def backward(model: Model) -> Model:
        total = loss(model, arguments)

        def run() -> None:
            total.backward(retain_graph=True)
            module.zero_grad()

        return run

    def step(model: Model) -> Model:
        def run() -> None:
            loss(model, arguments).backward()
            module.zero_grad()

        return run

    kinds = {"forward pass": forward, "backward pass": backward, "step": step}
    return {kind: {name: make(model) for name, model in models.items()} for kind, make in kinds.items()}


def main() -> None:
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
    torch.set_num_threads(1)
    results: dict[str, dict[str, Measured]] = {}
    for name, (module, arguments) in cases().items():
        for kind, calls in passes(module, contenders(module, arguments), arguments).items():
            results.setdefault(kind, {})[name] = measure(calls)
    for kind, measured in results.items():
        report(f"Training, 1 thread: {kind}", measured)


if __name__ == "__main__":
    main()
