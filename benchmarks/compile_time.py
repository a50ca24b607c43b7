"""Time to compile: scripting a live module, and the first call of what that gives, against `torch.jit`.

    python -m benchmarks compile_time

Both keep what they compiled for as long as the process lives, so every sample is a process of its own: it scripts and
calls one small module, which pays for imports and the like, and then measures the module in question. The processes of
the contenders take turns. Ratios are to `torch.jit`: below 1 is faster. The second table shows how the costs grow with
the number of submodules: ten times the modules should take about ten times as long.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

import flambeau
from benchmarks.harness import table
from benchmarks.programs import CustomLSTM
from examples.resnet import ResNet, resnet18

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, which we are measured against."""
ROUNDS = 3
LAYERS = (50, 500)

Sample = tuple[float, float]
Case = tuple[Callable[[], nn.Module], tuple[Tensor, ...]]


class WrappedLSTM(nn.Module):
    """PyTorch's LSTM, whose forward is one of the longest that modules have."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 16, num_layers=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)


def deep_mlp(layers: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(8, 8) if i % 2 == 0 else nn.ReLU() for i in range(layers)))


def resnet50_like() -> nn.Module:
    """As many blocks as resnet50 has, 16."""
    return ResNet((3, 4, 6, 3), 10)


def cases() -> dict[str, Case]:
    """How each module is made, and what it is called with."""
    image = torch.randn(1, 3, 32, 32)
    state = torch.zeros(1, 32)
    return {
        "resnet18": (resnet18, (image,)),
        "resnet, 16 blocks": (resnet50_like, (image,)),
        "transformer encoder, 12 layers": (encoder, (torch.randn(1, 8, 32),)),
        "nn.LSTM": (WrappedLSTM, (torch.randn(3, 1, 16),)),
        "custom lstm": (lambda: CustomLSTM(32, 32), (torch.randn(3, 1, 32), state, state)),
        **{f"{n} submodules": (partial(deep_mlp, n), (torch.randn(1, 8),)) for n in LAYERS},
    }


def once(script: Callable[[nn.Module], Callable[..., object]], case: Case) -> Sample:
    """Seconds to script a new module, and to call the result for the first time."""
    make, arguments = case
    module = make().eval()
    start = time.perf_counter()
    scripted = script(module)
    middle = time.perf_counter()
    with torch.no_grad():
        scripted(*arguments)
    return middle - start, time.perf_counter() - middle


def measure_here(contender: str, name: str) -> None:
    """What one process does: print the sample of one contender and case."""
    torch.set_num_threads(1)
    script = PEER.script if contender == "torch.jit" else flambeau.script
    once(script, (lambda: nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()), (torch.randn(1, 4),)))
    gc.collect()  # what the imports left would else be looked at in the middle, by chance
    print(json.dumps(once(script, cases()[name])))


def sample(contender: str, name: str) -> Sample:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.compile_time", contender, name]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    scripting, calling = json.loads(answer.splitlines()[-1])
    return scripting, calling


def compare(name: str, rounds: int = ROUNDS) -> list[str]:
    """A row of the table."""
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(sample("torch.jit", name))
        ours.append(sample("flambeau", name))
    cells = [name]
    for step in (0, 1):
        cells += [f"{statistics.median(s[step] for s in samples) * 1e3:.0f}" for samples in (theirs, ours)]
        cells.append(f"{statistics.median(o[step] / t[step] for o, t in zip(ours, theirs, strict=True)):.2f}")
    total = statistics.median(sum(o) / sum(t) for o, t in zip(ours, theirs, strict=True))
    return [*cells, f"{total:.2f}"]


def main() -> None:
    header = ["case", "jit script ms", "script ms", "ratio", "jit call ms", "first call ms", "ratio", "both"]
    growing = [name for name in cases() if name.endswith("submodules")]
    table("Compile time", header, [compare(name) for name in cases() if name not in growing])
    table("Growth with the number of submodules", header, [compare(name) for name in growing])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_here(sys.argv[1], sys.argv[2])
    else:
        main()
