"""Reading an archive: container, code, constants and the root object, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import CompilationUnit, OriginalRanges, ScriptObject, Source
from flambeau.passes import after_compilation

from .archive_values import ObjectBuilder, PlainValues, ValueFactory
from .code.debug_records import LazyOriginals, original_ranges
from .code.importer import Importer, blamed_on_archive
from .code.operator_scan import check_operators, qualifiers_named
from .code.token_count import token_count
from .container.reader import ArchiveReader, ArchiveSource
from .limits import DEFAULT_LIMITS, Limits
from .pickles.records import read_constants, read_pickle_record


@final
@dataclass(frozen=True, slots=True)
class LoadedArchive:
    """What `read_archive` gives: the root object, and the unit that its types and functions live in."""

    root: ScriptObject
    unit: CompilationUnit
    version: int
    extra_files: dict[str, bytes]


@final
class ArchiveCode:
    """The code and the constants of an open archive. Types are defined as they are asked for; nothing runs."""

    def __init__(self, reader: ArchiveReader, factory: ValueFactory, limits: Limits, *, run_setstate: bool) -> None:
        self._reader = reader
        self._limits = limits
        self._exists = factory.find_operators
        self._sources: dict[str, Source | None] = {}
        self._tokens = 0
        self.unit = CompilationUnit()
        self.importer = Importer(self.source, lambda: self.constants, self.unit, after_compilation, reader.version)
        self.builder = ObjectBuilder(
            self.importer, factory, limits, run_setstate=run_setstate, archive_size=reader.size
        )

    def source(self, qualifier: str) -> Source | None:
        """The file of a qualifier, or None; ArchiveError if it calls an operator that does not exist."""
        if qualifier not in self._sources:
            name = f"code/{qualifier.replace('.', '/')}.py"
            self._sources[qualifier] = self._read_source(name) if self._reader.has(name) else None
        return self._sources[qualifier]

    def _read_source(self, name: str) -> Source:
        source = Source(self._reader.read_text(name), name)
        self._tokens += token_count(source.text)
        if self._tokens > self._limits.code_tokens:
            raise ArchiveError(
                f"the code has more than {self._limits.code_tokens} tokens; `limits` may allow more", name
            )
        debug = f"{name}.debug_pkl"
        if self._reader.has(debug):
            source.original = LazyOriginals(lambda: self._originals(debug, source.text))
        check_operators(source, self._exists)
        return source

    def _originals(self, record: str, code: str) -> OriginalRanges:
        return original_ranges(self._reader.read_pickle(record), self._limits, record=record, code=code)

    def check_operators(self) -> None:
        """ArchiveError if any code that the archive's types may reach calls an operator that does not exist."""
        pending = list(self._sources)
        done: set[str] = set()
        while pending:
            qualifier = pending.pop()
            if qualifier in done:
                continue
            done.add(qualifier)
            source = self.source(qualifier)
            if source is not None:
                pending += qualifiers_named(source.text)

    @cached_property
    def constants(self) -> Sequence[object]:
        """The table that code refers to as `CONSTANTS.c0`, ..."""
        return read_constants(self._reader, self.builder) if self._reader.has("constants.pkl") else ()

    def root(self) -> ScriptObject:
        """The module that the archive holds."""
        value = read_pickle_record(self._reader, "data", self.builder)
        if not isinstance(value, ScriptObject):
            raise ArchiveError(f"a module was expected, not a value of type {type(value).__name__}", "data.pkl")
        return value


def read_archive(
    source: ArchiveSource,
    *,
    factory: ValueFactory | None = None,
    extra_files: Iterable[str] = (),
    limits: Limits = DEFAULT_LIMITS,
    memory_map: bool = True,
) -> LoadedArchive:
    """Read a TorchScript archive from a path, bytes, or a binary file.

    `factory` makes tensors and devices (PyTorch's, from `flambeau.python`); without it tensors are `TensorData`, and
    objects that set their state by a method of their own stay empty. `extra_files` are the names of extra files to
    read; those that are missing are left out. ArchiveError if the file is not a sound archive.
    """
    reader = ArchiveReader(source, limits, memory_map=memory_map)
    reader.require_script()
    code = ArchiveCode(reader, factory or PlainValues(), limits, run_setstate=factory is not None)
    try:
        root = code.root()
        code.check_operators()
    except ArchiveError:
        raise
    except FlambeauError as error:
        raise blamed_on_archive(error) from error
    except RecursionError:
        raise ArchiveError("the archive's types or values are nested too deeply") from None
    extra = {name: bytes(reader.read(f"extra/{name}")) for name in extra_files if reader.has(f"extra/{name}")}
    return LoadedArchive(root, code.unit, reader.version, extra)
