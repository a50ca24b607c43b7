"""The code of an archive, as records: source files, each with the debug record that tells where it came from.

A model that is saved again and again, as training does, has the same code each time. From the second time on the
records are remembered, with the class of the root, and used while the program is what it was (`ProgramSnapshot`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import is_
from typing import final

from flambeau.ir import ClassType, Function, NamedType, ProgramSnapshot

from ..container.writer import PreparedRecord, prepared
from ..source_printer import SourceFile, SourcePrinter
from .debug_records import DebugRecordWriter
from .upgraders import needed_version

__all__ = ["CodeRecords", "code_records"]

_SAVED_BEFORE = object()
"""Remembered of most programs, which are saved once."""


@final
@dataclass(frozen=True, slots=True)
class CodeRecords:
    """The records in the order of the archive, by name, and the file format version that a reader must know."""

    records: tuple[tuple[str, PreparedRecord], ...]
    version: int


@final
@dataclass(frozen=True, slots=True)
class _Remembered:
    code: CodeRecords
    referred: tuple[NamedType | Function, ...]
    """The definitions that the pickle had referred to before; their order decides about names and files."""
    program: ProgramSnapshot

    def fits(self, printer: SourcePrinter) -> bool:
        referred = printer.definitions
        return len(referred) == len(self.referred) and all(map(is_, referred, self.referred)) and self.program.holds


def code_records(root: ClassType, printer: SourcePrinter) -> CodeRecords:
    """The code of a class with all that it, and what the printer was asked for before, refer to."""
    remembered = root.printed
    if isinstance(remembered, _Remembered) and remembered.fits(printer):
        return remembered.code
    referred = tuple(printer.definitions)
    printer.print_type(root)
    code = CodeRecords(tuple(_records(printer.files)), needed_version(printer.operators))
    # Which entries constants have in their table depends on the bytes of tensors, which nothing here watches.
    if remembered is not None and not printer.constants.values:
        root.printed = _Remembered(code, referred, ProgramSnapshot(printer.definitions))
    else:
        root.printed = _SAVED_BEFORE
    return code


def _records(files: dict[str, SourceFile]) -> Iterator[tuple[str, PreparedRecord]]:
    debug_records = DebugRecordWriter()
    for qualifier, file in files.items():
        name, code = f"code/{qualifier.replace('.', '/')}.py", str(file.text)
        yield name, prepared(name, code)
        # Code that came from an archive itself is traced back to what it was generated from.
        places = [(o, place.original() or place if place.source.original else place) for o, place in file.text.marks]
        debug_name = f"{name}.debug_pkl"
        yield debug_name, prepared(debug_name, debug_records.write(places, code))
