"""The whole way: script three models, look at them, save, load elsewhere, compare; then run an archive from the wild.

    python examples/quickstart.py

For each model the outputs of eager PyTorch, of the scripted model, of its archive loaded in a process that has no
source of it, and of the same archive under PyTorch's own loader (where the installed torch still has one) must agree.
The last part runs the speech detector that the `silero-vad` wheel ships over generated audio. Any disagreement ends in
a non-zero exit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from lstm import LSTM
from resnet import resnet18
from speech import RATE, silence_voice_silence
from torch import Tensor, nn
from transformer import Transformer

import flambeau

HERE = Path(__file__).parent
CHUNK = 512
"""Samples that the speech detector takes at a time."""
RELATIVE, ABSOLUTE = 1e-4, 1e-5
"""How far two results may be apart. They come from the same kernels here, so usually not at all."""


class Disagreement(Exception):
    """Two results that should be equal are not."""


@dataclass(frozen=True)
class Case:
    """A model, the calls to compare, and the method whose code and graph to show."""

    name: str
    module: nn.Module
    calls: list[tuple[object, ...]]
    method: str = "forward"
    timed_runs: int = 10


@dataclass(frozen=True)
class Row:
    """A line of the table at the end; times are medians in milliseconds."""

    name: str
    difference: float
    eager_ms: float | None
    flambeau_ms: float
    archive_bytes: int


_STARTED = time.perf_counter()


def say(text: str) -> None:
    print(f"[{time.perf_counter() - _STARTED:5.1f} s] {text}", flush=True)


def difference(expected: object, found: object, what: str) -> float:
    """The greatest absolute difference between two results of the same structure; raises if that is too much."""
    if isinstance(expected, Tensor) and isinstance(found, Tensor):
        try:
            torch.testing.assert_close(found, expected, rtol=RELATIVE, atol=ABSOLUTE)
        except AssertionError as error:
            raise Disagreement(f"{what}: {error}") from None
        return (found - expected).abs().max().item() if expected.numel() else 0.0
    if isinstance(expected, list | tuple) and type(expected) is type(found) and len(expected) == len(found):
        return max((difference(e, f, what) for e, f in zip(expected, found, strict=True)), default=0.0)
    if type(expected) is type(found) and expected == found:
        return 0.0
    raise Disagreement(f"{what}: expected {expected!r}, found {found!r}")


def alternating_medians(first: Callable[[], object], second: Callable[[], object], runs: int) -> tuple[float, float]:
    """Milliseconds of each, run in turns so that both see the same weather; two runs each to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 2):
        for function, into in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            if run >= 2:
                into.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1])


def show_excerpt(title: str, text: str, lines: int) -> None:
    kept = text.rstrip().splitlines()
    print(f"\n    {title}")
    for line in kept[:lines]:
        print(f"    | {line if len(line) <= 112 else line[:109] + '...'}")
    if len(kept) > lines:
        print(f"    | ... {len(kept) - lines} more lines")


def pytorch_loader() -> Callable[[str], Callable[..., object]] | None:
    """PyTorch's own loader of archives, in versions that have one."""
    load: Callable[[str], Callable[..., object]] | None = getattr(getattr(torch, "jit", None), "load", None)
    return load


def run_in_new_process(archive: Path, calls: list[tuple[object, ...]], folder: Path) -> object:
    inputs, outputs = folder / "inputs.pt", folder / "outputs.pt"
    torch.save(calls, inputs)
    command = [sys.executable, "-I", str(HERE / "_run_archive.py"), str(archive), str(inputs), str(outputs)]
    subprocess.run([*command, "resnet", "transformer", "lstm"], cwd=folder, check=True, timeout=60)
    return torch.load(outputs, weights_only=True)


def run_case(case: Case, folder: Path) -> Row:
    print()
    say(f"{case.name}: scripting")
    scripted = flambeau.script(case.module)
    method = getattr(scripted, case.method)
    show_excerpt(f"{case.name}.{case.method}.code", method.code, 14)
    show_excerpt(f"{case.name}.{case.method}.graph", str(method.graph), 14)
    print()

    expected = [case.module(*arguments) for arguments in case.calls]
    worst = difference(expected, [scripted(*arguments) for arguments in case.calls], f"{case.name} scripted")
    say(f"{case.name}: scripted equals eager on {len(case.calls)} calls")

    archive = folder / f"{case.name}.pt"
    flambeau.save(scripted, archive)
    elsewhere = run_in_new_process(archive, case.calls, folder)
    worst = max(worst, difference(expected, elsewhere, f"{case.name} in a new process"))
    say(f"{case.name}: the archive, loaded in a process without the source, agrees")

    loader = pytorch_loader()
    if loader is not None:
        theirs = loader(str(archive))
        found = [theirs(*arguments) for arguments in case.calls]
        worst = max(worst, difference(expected, found, f"{case.name} under PyTorch's loader"))
        say(f"{case.name}: the archive under PyTorch's own loader agrees")

    arguments = case.calls[0]
    eager_ms, flambeau_ms = alternating_medians(
        lambda: case.module(*arguments), lambda: scripted(*arguments), case.timed_runs
    )
    return Row(case.name, worst, eager_ms, flambeau_ms, archive.stat().st_size)


def models() -> list[Case]:
    transformer = Transformer().eval()
    prompt = torch.randint(0, 512, (12,))
    tokens, _ = transformer(prompt, 32)
    end = int(tokens[20])
    return [
        Case("resnet18", resnet18().eval(), [(torch.randn(1, 3, 224, 224),), (torch.randn(2, 3, 96, 96),)]),
        # The second call ends early, at the first token that counts as the end.
        Case("transformer", transformer, [(prompt, 32, -1), (prompt, 32, end)], method="generate"),
        Case("lstm", LSTM().eval(), [(torch.randn(50, 4, 64),), (torch.randn(7, 1, 64),)]),
    ]


def bars(probabilities: list[float]) -> str:
    return "".join(" ▁▂▃▄▅▆▇█"[round(8 * probability)] for probability in probabilities)


def detect(model: Callable[[Tensor, int], Tensor], audio: Tensor) -> tuple[list[float], float]:
    """Speech probability of each chunk, and the median milliseconds a chunk took. The model keeps state."""
    probabilities, times = [], []
    for chunk in audio[: len(audio) // CHUNK * CHUNK].view(-1, CHUNK):
        start = time.perf_counter()
        probabilities.append(float(model(chunk.unsqueeze(0), RATE)))
        times.append((time.perf_counter() - start) * 1e3)
    return probabilities, statistics.median(times)


def run_speech_detector() -> Row | None:
    """The archive in the `silero-vad` wheel. The package is located, not imported, which would need more wheels."""
    print()
    spec = find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        say("silero-vad is not installed (`make demo` installs it); leaving the speech detector out")
        return None
    archive = Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.jit"
    say(f"silero-vad: loading {archive.name}, {archive.stat().st_size / 1e6:.1f} MB, written by PyTorch")
    audio = silence_voice_silence()
    probabilities, milliseconds = detect(flambeau.load(archive), audio)
    seconds = len(audio) / RATE
    say(f"silero-vad: {len(probabilities)} chunks of {CHUNK} samples, {seconds:.0f} s: silence, a voice, silence")
    print(f"\n    |{bars(probabilities)}|  speech probability, 0 to 1")
    print("     " + "".join(f"{second} s".ljust(RATE // CHUNK) for second in range(int(seconds))).rstrip())
    print("    ", " ".join(f"{probability:.2f}" for probability in probabilities[::6]), " (every sixth)\n")
    if max(probabilities[:20]) > 0.5 or max(probabilities[30:45]) < 0.5:
        raise Disagreement("silero-vad: speech was found in silence, or not found in the voice")

    worst = 0.0
    loader = pytorch_loader()
    if loader is not None:
        theirs, _ = detect(loader(str(archive)), audio)
        worst = difference(torch.tensor(theirs), torch.tensor(probabilities), "silero-vad under PyTorch's loader")
        say("silero-vad: PyTorch's own loader gives the same probabilities")
    return Row("silero-vad", worst, None, milliseconds, archive.stat().st_size)


def print_table(rows: list[Row]) -> None:
    print(f"\n{'model':<14}{'max difference':>16}{'eager ms':>12}{'flambeau ms':>14}{'archive MB':>12}")
    for row in rows:
        eager = "-" if row.eager_ms is None else f"{row.eager_ms:.2f}"
        size = row.archive_bytes / 1e6
        print(f"{row.name:<14}{row.difference:>16.1e}{eager:>12}{row.flambeau_ms:>14.2f}{size:>12.1f}")
    print()


def main() -> int:
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
    torch.manual_seed(0)
    try:
        with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
            rows: list[Row | None] = [run_case(case, Path(folder)) for case in models()]
            rows.append(run_speech_detector())
    except (Disagreement, subprocess.SubprocessError) as error:
        say(f"FAILED: {error}")
        return 1
    print_table([row for row in rows if row is not None])
    say("all agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
