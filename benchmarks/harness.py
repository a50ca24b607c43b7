"""Measuring in turns: each round runs every contender once, so that a change in the machine's load meets all alike.

A ratio is the median of the ratios within rounds, not the ratio of medians, for the same reason. The spread shown with
it is the middle half of those ratios.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Seconds a call of each contender, round by round; the first contender is what the others are compared to."""

    seconds: Mapping[str, Sequence[float]]

    @property
    def baseline(self) -> str:
        return next(iter(self.seconds))

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratios(self, name: str) -> list[float]:
        return [mine / base for mine, base in zip(self.seconds[name], self.seconds[self.baseline], strict=True)]

    def ratio(self, name: str) -> float:
        """How much longer than the baseline; below 1 is faster."""
        return statistics.median(self.ratios(name))

    def spread(self, name: str) -> tuple[float, float]:
        """The middle half of the ratios."""
        ratios = sorted(self.ratios(name))
        return ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]


def _nothing() -> None:
    """What is waited for where calls do all their work before they return."""


def measure(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int = 7,
    seconds_a_sample: float = 0.02,
    warm_up: int = 2,
    finish: Callable[[], object] = _nothing,
) -> Measured:
    """Time the contenders in turns. Short calls are repeated within a sample, to drown the clock's grain.

    `finish` waits until what calls have begun is done: before a sample, and at its end, where it counts.
    """
    repeats: dict[str, int] = {}
    for name, call in contenders.items():
        for _ in range(warm_up):
            call()
        repeats[name] = max(1, round(seconds_a_sample / max(_time(call, 1, finish), 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            seconds[name].append(_time(call, repeats[name], finish))
    return Measured(seconds)


def _time(call: Callable[[], object], repeats: int, finish: Callable[[], object]) -> float:
    """Seconds a call, with the garbage collector off: it would charge one contender for another's garbage."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        finish()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        finish()
        return (time.perf_counter() - start) / repeats
    finally:
        if enabled:
            gc.enable()


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: first column to the left, figures to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    print(f"\n{title}")
    for row in (header, *rows):
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells))


def show(title: str, results: Mapping[str, Measured]) -> None:
    """One line a case: the medians of all contenders in milliseconds and the others' ratios to the first."""
    names = list(dict.fromkeys(name for measured in results.values() for name in measured.seconds))
    header = ["case", *(f"{name} ms" for name in names), *(f"{name} / {names[0]}" for name in names[1:])]
    rows = []
    for case, measured in results.items():
        there = measured.seconds
        times = [f"{measured.median(name) * 1e3:.3f}" if name in there else "-" for name in names]
        rows.append([case, *times, *(_ratio(measured, name) if name in there else "-" for name in names[1:])])
    table(title, header, rows)


def _ratio(measured: Measured, name: str) -> str:
    low, high = measured.spread(name)
    return f"{measured.ratio(name):.2f} ({low:.2f} to {high:.2f})"
