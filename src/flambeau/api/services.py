"""What this package asks of packages above it: source text of functions, and writing archives.

Both are services of `flambeau.serialization`, which enters them here when it is imported. Without it everything else
works; asking for `.code` or `.save` then says what to import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO, Protocol, TypeAlias

from flambeau.errors import UnsupportedError
from flambeau.ir import ClassType, Function, ScriptObject

__all__ = [
    "ArchiveTarget",
    "ArchiveWriter",
    "SourcePrinter",
    "register_archive_writer",
    "register_source_printer",
    "source_of",
    "write",
]

ArchiveTarget: TypeAlias = "str | os.PathLike[str] | BinaryIO"


class SourcePrinter(Protocol):
    """Prints a function as TorchScript source; `owner` is the class of a method. The second result are the constants
    that the text refers to as `CONSTANTS.c0`, `CONSTANTS.c1`, ...
    """

    def __call__(self, function: Function, owner: ClassType | None = None) -> tuple[str, list[object]]: ...


class ArchiveWriter(Protocol):
    """Writes a module to an archive."""

    def __call__(
        self, root: ScriptObject, target: ArchiveTarget, extra_files: Mapping[str, str | bytes] | None
    ) -> None: ...


class _Services:
    printer: SourcePrinter | None = None
    writer: ArchiveWriter | None = None


_services = _Services()


def register_source_printer(printer: SourcePrinter) -> None:
    """Make `.code` work; the last one registered counts."""
    _services.printer = printer


def register_archive_writer(writer: ArchiveWriter) -> None:
    """Make `.save` work; the last one registered counts."""
    _services.writer = writer


def source_of(function: Function, owner: ClassType | None) -> tuple[str, list[object]]:
    """The source of a function and the constants in it."""
    if _services.printer is None:
        raise UnsupportedError("source text is printed by flambeau.serialization, which is not imported")
    return _services.printer(function, owner)


def write(root: ScriptObject, target: ArchiveTarget, extra_files: Mapping[str, str | bytes] | None) -> None:
    """Write a module to an archive."""
    if _services.writer is None:
        raise UnsupportedError("archives are written by flambeau.serialization, which is not imported")
    _services.writer(root, target, extra_files)
