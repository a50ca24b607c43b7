"""Running scripts: eager Python, `torch.jit`, its `optimize_for_inference` and flambeau, in turns, on 1 and 2 threads.

    python -m benchmarks runtime
    python -m benchmarks.runtime --device cuda      (models only; a sample of calls ends when the GPU is done)

Ratios are to `torch.jit` in the same run: below 1 is faster. The last line of a table is their geometric mean.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

import flambeau
from benchmarks import programs
from benchmarks.harness import Measured, measure, show
from examples.resnet import resnet18
from examples.transformer import Transformer

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, which we are measured against."""

WARM_UP = 4
"""Calls before anything is measured: torch.jit specialises in them, and flambeau."""

Case = tuple[Callable[..., object], tuple[object, ...]]


def cases() -> dict[str, Case]:
    """Each program with its arguments, on the CPU."""
    torch.manual_seed(0)
    corners = torch.rand(200, 2) * 100
    boxes = torch.cat([corners, corners + torch.rand(200, 2) * 30], 1)
    text = "The quick brown fox jumps over the lazy dog, and the dog sleeps. " * 20
    letters = [(7 * i) % 11 for i in range(60)], [(5 * i) % 13 for i in range(60)]
    return {
        "levenshtein, 60 x 60": (programs.levenshtein, letters),
        "collatz below 300": (programs.collatz, (300,)),
        "word count, 260 words": (programs.word_count, (text,)),
        "nms, 200 boxes": (programs.non_maximum_suppression, (boxes, torch.rand(200), 0.5)),
        "viterbi, 50 x 12": (programs.viterbi, (torch.randn(50, 12), torch.randn(12, 12))),
        "lstm cell, 100 steps": (
            programs.CustomLSTM(32, 32),
            (torch.randn(100, 1, 32), torch.zeros(1, 32), torch.zeros(1, 32)),
        ),
        "mlp, 4 layers": (programs.mlp(), (torch.randn(1, 64),)),
        "greedy decoding, 16 tokens": (Transformer(), (torch.randint(0, 512, (4,)), 16)),
        "resnet18": (resnet18(), (torch.randn(1, 3, 224, 224),)),
        "bert, 4 layers, 32 tokens": (programs.Bert(), (torch.randint(0, 1000, (1, 32)),)),
    }


def models_on(device: str) -> dict[str, Case]:
    """The models among the programs that go to any device, moved to one."""
    moved: dict[str, Case] = {}
    for name, (program, arguments) in cases().items():
        if isinstance(program, nn.Module) and not isinstance(program, Transformer):
            given = tuple(a.to(device) if isinstance(a, Tensor) else a for a in arguments)
            moved[name] = program.to(device), given
    return moved


def contenders(program: Callable[..., object], arguments: tuple[object, ...]) -> dict[str, Callable[[], object]]:
    """What is measured of one program; `torch.jit` first, which the others are compared to.

    What flambeau would make in the background is made in the warm-up: measured is how a program runs that is optimised.
    """
    if isinstance(program, nn.Module):
        program.eval()
    theirs, ours = PEER.script(program), flambeau.script(program)
    warm_up(ours, program, arguments)
    calls = {
        "torch.jit": lambda: theirs(*arguments),
        "eager": lambda: program(*arguments),
        "flambeau": lambda: ours(*arguments),
    }
    if isinstance(program, nn.Module):
        frozen = PEER.optimize_for_inference(PEER.script(program))
        calls["torch.jit frozen"] = lambda: frozen(*arguments)
        own = flambeau.optimize_for_inference(flambeau.script(program))
        warm_up(own, program, arguments)
        calls["flambeau frozen"] = lambda: own(*arguments)
    return calls


def warm_up(ours: Callable[..., object], program: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """Make now what would be made in the background, and compare results."""
    with flambeau.settings.override(background=False):
        for _ in range(WARM_UP):
            check(ours(*arguments), program(*arguments))


def check(actual: object, expected: object) -> None:
    """Refuse to measure what is wrong."""
    if isinstance(expected, Tensor):
        torch.testing.assert_close(actual, expected)
    elif isinstance(expected, (tuple, list)):
        for a, e in zip(actual, expected, strict=True):  # type: ignore[call-overload]
            check(a, e)
    elif actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


def geometric_mean(results: dict[str, Measured], name: str) -> float:
    ratios = [measured.ratio(name) for measured in results.values() if name in measured.seconds]
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def report(title: str, results: dict[str, Measured]) -> None:
    show(title, results)
    means = ", ".join(f"{name} {geometric_mean(results, name):.2f}" for name in ("eager", "flambeau"))
    print(f"  geometric mean of the ratios to torch.jit: {means}")


def on_gpu(device: str) -> None:
    """The models on a GPU, by what PyTorch calls it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # results are compared
    with torch.no_grad():
        results = {
            name: measure(contenders(*case), warm_up=WARM_UP, finish=torch.cuda.synchronize)
            for name, case in models_on(device).items()
        }
    report(f"Models, {torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}", results)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime")
    parser.add_argument("--device", default="cpu", help="cpu, or a GPU such as cuda")
    device = parser.parse_args(arguments).device
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
    if device != "cpu":
        on_gpu(device)
        return
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with torch.no_grad():
            results = {name: measure(contenders(*case), warm_up=WARM_UP) for name, case in cases().items()}
        report(f"Programs, {threads} thread{'s' if threads > 1 else ''}", results)


if __name__ == "__main__":
    main(sys.argv[1:])
