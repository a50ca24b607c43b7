"""Mutants by the thousand, in forked processes with limits on time and memory, each of which may die."""

from __future__ import annotations

import math
import os
import resource
import select
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.serialization.fuzzing.loading import outcome
from tests.serialization.fuzzing.mutants import mutant

SECONDS = 10
"""Processor time that one mutant may take."""
PATIENCE = 60
"""Seconds in which one must be done, on a machine that has other things to do."""
MEMORY = 1 << 30
"""Bytes beyond those that the process had when it started."""
BATCH = 250


@dataclass
class Report:
    """What came of the mutants: how many ended how, and those that should not have ended so."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, str]] = field(default_factory=list)
    """Number and description of each."""
    slowest: tuple[float, int] = (0.0, -1)
    """Processor seconds, and the mutant that took them."""

    def add(self, number: int, result: str, seconds: float) -> None:
        kind = result.partition(":")[0] if result.startswith("FOUND") else result
        self.outcomes[kind] += 1
        self.slowest = max(self.slowest, (seconds, number))
        if result.startswith("FOUND"):
            self.findings.append((number, result))


class _Child:
    """A process that works through a range of mutants and says of each when it starts, and how it ended."""

    def __init__(self, loader: str, seeds: Mapping[str, bytes], seed: int, numbers: range) -> None:
        self.left = numbers
        self.current: int | None = None
        self.since = time.monotonic()
        self._text = b""
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reader)
            _work(loader, seeds, seed, numbers, writer)
        os.close(writer)

    def take(self, report: Report) -> bool:
        """Read what there is to read; False at the end."""
        data = os.read(self.reader, 1 << 16)
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            word, number, *rest = line.decode(errors="replace").split(" ", 3)
            self.since = time.monotonic()
            if word == "start":
                self.current = int(number)
            else:
                report.add(int(number), rest[1], float(rest[0]))
                self.current = None
                self.left = range(int(number) + 1, self.left.stop)
        return bool(data)

    def end(self, report: Report) -> None:
        """The process is gone, or is to go."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.reader)
        if self.current is not None:
            report.add(self.current, f"FOUND {_death(status)}", 0.0)
            self.left = range(self.current + 1, self.left.stop)
        elif self.left and os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError("a worker died between two mutants")


def _death(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"the process ended itself with status {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signal.SIGPROF:
        return f"no end within {SECONDS} seconds"
    return f"the process died of {signal.Signals(number).name}"


def _work(loader: str, seeds: Mapping[str, bytes], seed: int, numbers: range, writer: int) -> None:
    """In the child: never returns."""
    with tempfile.TemporaryDirectory(prefix="flambeau-fuzz-") as folder:
        # Neither what native code prints when it dies nor what scripts print is of interest.
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in numbers:
            os.write(writer, b"start %d\n" % number)
            data = mutant(seeds, seed, number).data
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            before = time.process_time()
            result = outcome(loader, data, number, Path(folder))
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = time.process_time() - before
            os.write(writer, f"end {number} {seconds:.3f} {result}\n".encode(errors="replace"))
    os._exit(0)


def fuzz(
    loader: str, seeds: Mapping[str, bytes], seed: int, numbers: range, workers: int = 1, seconds: float = math.inf
) -> Report:
    """Load the mutants of these numbers, `workers` at a time; after so many seconds, no more than were begun."""
    report = Report()
    stop = time.monotonic() + seconds
    pending = [range(start, min(start + BATCH, numbers.stop)) for start in range(numbers.start, numbers.stop, BATCH)]
    children: dict[int, _Child] = {}
    while pending or children:
        if time.monotonic() > stop:
            pending.clear()
        while pending and len(children) < workers:
            child = _Child(loader, seeds, seed, pending.pop(0))
            children[child.reader] = child
        ready, _, _ = select.select(list(children), [], [], 1.0)
        for reader, child in list(children.items()):
            if reader in ready and child.take(report):
                continue
            if reader in ready or time.monotonic() - child.since > PATIENCE:
                del children[reader]
                child.end(report)
                if child.left:
                    pending.insert(0, child.left)
    return report
