"""What reading an archive may cost at most; checked against what the file declares, before memory is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

__all__ = ["DEFAULT_LIMITS", "Limits"]


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on an archive. The defaults are far above any real one; pass other `Limits` where they are not."""

    archive_size: int = 1 << 40
    """Bytes of the file."""
    records: int = 1 << 20
    name_length: int = 4096
    """Bytes of a record's name."""
    inflated_size: int = 1 << 30
    """Bytes that all compressed records have together once decompressed; others are mapped and take no memory."""
    text_size: int = 1 << 25
    """Bytes of one source file."""
    code_tokens: int = 1 << 20
    """Names, numbers, signs and lines of all source files together. Parsed, these take up to a gigabyte and three
    seconds; they are some four megabytes of code as PyTorch writes it."""
    pickle_size: int = 1 << 28
    """Bytes of one pickle."""
    pickle_operations: int = 10_000_000
    """Instructions of one pickle, each of which makes at most one object."""
    nesting: int = 10_000
    """How deep values may lie in one another. Nothing here recurses over them; PyTorch does, and its process dies of
    values that lie some 50,000 deep."""
    setstate_steps: int = 1_000_000
    """Operations of all `__setstate__` methods together: they run while an archive is loaded."""
    setstate_seconds: float = 8.0
    """Processor time that they may take together, looked at between operations."""
    setstate_bytes: int = 1 << 28
    """What their operations may make together, besides sixteen times the bytes of the file."""


DEFAULT_LIMITS = Limits()
