"""Mutants by number."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.serialization.fuzzing import containers, pickles, sources

MUTATIONS = (*containers.MUTATIONS, *pickles.MUTATIONS, *sources.MUTATIONS)


@dataclass(frozen=True)
class Mutant:
    data: bytes
    description: str
    """The archive and the mutations that it went through."""


def mutant(seeds: Mapping[str, bytes], seed: int, number: int) -> Mutant:
    """The mutant of that number: always the same. Every sixth went through more than one mutation."""
    chosen = random.Random(f"{seed}:{number}")
    name = chosen.choice(list(seeds))
    data, done = seeds[name], []
    for _ in range(chosen.choice((1, 1, 1, 1, 1, 2))):
        mutation = MUTATIONS[number % len(MUTATIONS)] if not done else chosen.choice(MUTATIONS)
        try:
            data = mutation(data, chosen)
        except Exception:  # what the first mutation left is no archive to the second
            break
        done.append(mutation.__name__)
    return Mutant(data, f"{name}: {', '.join(done)}")
