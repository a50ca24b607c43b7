"""`python -m tests.serialization.fuzzing`: exit status 1 if anything was found."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

from tests.serialization.fuzzing.loading import LOADERS, outcome
from tests.serialization.fuzzing.mutants import mutant
from tests.serialization.fuzzing.running import fuzz
from tests.serialization.fuzzing.seeds import make_seeds


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzzing", description=__doc__)
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no more mutants after that time")
    parser.add_argument("--loader", choices=LOADERS, default="flambeau")
    parser.add_argument("--shown", type=int, default=20, help="how many findings to print")
    parser.add_argument("--write", type=Path, help="write the first mutant to this file, and do nothing else")
    options = parser.parse_args()
    seeds = make_seeds()
    if options.write:
        made = mutant(seeds, options.seed, options.start)
        options.write.write_bytes(made.data)
        print(made.description)
        return 0
    for name, data in seeds.items():
        # Whatever is loaded lazily is loaded before processes are forked and given limits.
        result = outcome(options.loader, data, 0, Path())
        if result != "loaded":
            print(f"the sound archive '{name}' does not load: {result}")
            return 2
    start = time.perf_counter()
    numbers = range(options.start, options.start + options.mutants)
    report = fuzz(options.loader, seeds, options.seed, numbers, options.workers, options.seconds)
    seconds = time.perf_counter() - start
    print(f"{report.outcomes.total()} mutants through {options.loader} in {seconds:.0f} s")
    for kind, count in report.outcomes.most_common():
        print(f"  {count:7}  {kind}")
    print(f"  slowest: mutant {report.slowest[1]} with {report.slowest[0]:.1f} s")
    for number, result in sorted(report.findings)[: options.shown]:
        print(f"  {number} ({mutant(seeds, options.seed, number).description})\n      {result}")
    return int(bool(report.findings))


if __name__ == "__main__":
    sys.exit(main())
