"""Loading and saving archives, through flambeau and through torch.jit, in turns, on the same files.

Two archives: one of 100 MB in 25 layers, one of 500 small submodules. Loading alone flatters flambeau, which maps
tensors and compiles methods when they are first called; so the first call and the reading of all tensors are timed too,
and memory is what a fresh process needs for either. A file that is replaced is written through to the disk by flambeau,
so that a power failure leaves the old one or the new one; PyTorch leaves that to the operating system. The same module
is saved again and again, but for the last case, where nothing that is remembered helps.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

import flambeau
from benchmarks.harness import measure, show, table

PEER = vars(torch)["jit"]
Loader = Callable[[str], nn.Module]
LOADERS: dict[str, Loader] = {"torch.jit": PEER.load, "flambeau": flambeau.load}
ROUNDS = 7


class Block(nn.Module):
    """One of many."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x)) + x


def small_modules(block: type[Block] = Block) -> nn.Module:
    return nn.Sequential(*(block(4) for _ in range(250)))


def models() -> dict[str, tuple[nn.Module, Tensor]]:
    """Each model with an input."""
    return {
        "100 MB": (nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(25))), torch.ones(1, 1024)),
        "500 submodules": (small_modules(), torch.ones(1, 4)),
    }


def read_all(load: Loader, path: str) -> float:
    """Load, and touch every byte of every tensor."""
    return sum(float(tensor.sum()) for tensor in load(path).state_dict().values())


def run_first(load: Loader, path: str, x: Tensor) -> object:
    """Load, and call once: what a program waits for before its first result."""
    with torch.no_grad():
        return load(path)(x)


def save_to_memory(module: nn.Module) -> int:
    file = io.BytesIO()
    if isinstance(module, flambeau.ScriptModule):
        flambeau.save(module, file)
    else:
        PEER.save(module, file)
    return len(file.getvalue())


def save_to_new_path(module: nn.Module, path: Path) -> None:
    path.unlink(missing_ok=True)
    save_to_path(module, path)


def save_to_path(module: nn.Module, path: Path) -> None:
    if isinstance(module, flambeau.ScriptModule):
        flambeau.save(module, path)
    else:
        PEER.save(module, str(path))


def first_saves() -> dict[str, Callable[[], object]]:
    """Saving modules of which nothing is known yet, each of a class of its own; each is saved once, and kept."""
    script: dict[str, Callable[[nn.Module], nn.Module]] = {"torch.jit": PEER.script, "flambeau": flambeau.script}
    count = ROUNDS + 2  # a round of warming up, and one that tells how long the call takes
    waiting = {who: [script[who](small_modules(type("Block", (Block,), {}))) for _ in range(count)] for who in script}
    upcoming = {who: iter(modules) for who, modules in waiting.items()}
    return {who: lambda who=who: save_to_memory(next(upcoming[who])) for who in script}  # type: ignore[misc]


MEMORY_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, flambeau
import flambeau.python
def status(key):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(key)]
    return int(line.split()[1]) * 1024
load = {"torch.jit": torch.jit.load, "flambeau": flambeau.load}[sys.argv[1]]
load(sys.argv[2])  # what is imported and allocated once for all
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = status("VmRSS")
module = load(sys.argv[3])
if sys.argv[4] == "read":
    for tensor in module.state_dict().values():
        tensor.sum()
print(status("VmHWM") - before)
"""


def peak_memory(loader: str, first: str, path: str, then: str) -> int:
    """Bytes by which a process that has loaded another file before grows at most while it loads (and reads) one."""
    command = [sys.executable, "-c", MEMORY_PROGRAM, loader, first, path, then]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        memory = []
        small = str(Path(folder) / "small.pt")
        PEER.save(PEER.script(Block(2)), small)
        for name, (model, x) in models().items():
            path = str(Path(folder) / "model.pt")
            theirs = PEER.script(model.eval())
            PEER.save(theirs, path)
            ours = flambeau.load(path)
            modules = {"torch.jit": theirs, "flambeau": ours}
            actions: dict[str, Callable[[str], Callable[[], object]]] = {
                "load": lambda who, path=path: partial(LOADERS[who], path),  # type: ignore[misc]
                "load, read all": lambda who, path=path: partial(read_all, LOADERS[who], path),  # type: ignore[misc]
                "load, first call": lambda who, path=path, x=x: partial(run_first, LOADERS[who], path, x),  # type: ignore[misc]
                "save to memory": lambda who, modules=modules: partial(save_to_memory, modules[who]),  # type: ignore[misc]
                "save to a new file": lambda who, modules=modules: partial(  # type: ignore[misc]
                    save_to_new_path, modules[who], Path(folder) / f"{who}.pt"
                ),
                "replace a file": lambda who, modules=modules: partial(  # type: ignore[misc]
                    save_to_path, modules[who], Path(folder) / f"{who}.pt"
                ),
            }
            results = {}
            for action, contender in actions.items():
                contenders = {who: contender(who) for who in modules}
                results[action] = measure(contenders, ROUNDS, seconds_a_sample=0, warm_up=1)
            if name == "500 submodules":
                first = first_saves()
                results["save for the first time"] = measure(first, ROUNDS, seconds_a_sample=0, warm_up=1)
            show(f"an archive of {name}", results)
            for then in ("", "read"):
                growth = {who: peak_memory(who, small, path, then) / 1e6 for who in modules}
                memory.append(
                    [f"{name}, {'load and read all' if then else 'load'}", *(f"{v:.1f}" for v in growth.values())]
                )
        table("peak memory above that of the process before, in MB", ["case", *LOADERS], memory)


if __name__ == "__main__":
    main()
