"""The container of an archive, for reading: records by name, straight from the mapped file.

A path is memory-mapped, so opening costs nothing that depends on the size of the tensors, and `read` gives views, not
copies. `storage_bytes` gives writable memory that is private to the caller: pages are copied by the operating system
when first written, the file never changes.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import zlib
from collections.abc import Callable
from typing import BinaryIO, Literal, TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.serialization.container.formats import (
    MAX_VERSION,
    MIN_VERSION,
    ArchiveKind,
    kind_of_records,
    refusal,
    why_not_zip,
)
from flambeau.serialization.container.zip_records import DEFLATED, ZipRecord, end_of_zip, read_directory
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits

__all__ = ["ArchiveReader", "ArchiveSource"]

ArchiveSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"

ALIGNMENT = 16
"""What the start of a storage in memory must be a multiple of; PyTorch's own archives align to 64."""
_MAC_FOLDER = "__MACOSX/"
"""What macOS adds when it packs a folder again: attributes of files, which are nobody's records."""
_READ_CHUNK = 1 << 24
_DESCRIPTOR = 24
"""Bytes that a data descriptor, which may follow a record, has at most."""


@final
class ArchiveReader:
    """An archive open for reading. Record names are relative to the archive's root folder.

    `source` is a path, the bytes of an archive, or a binary file, read from its present position. Opening reads the
    directory and the version only; a file that is not an archive, or damaged, is an `ArchiveError`. Nothing needs
    closing: the mapping lives as long as something refers to it.
    """

    def __init__(self, source: ArchiveSource, limits: Limits = DEFAULT_LIMITS, *, memory_map: bool = True) -> None:
        self.limits = limits
        self._data, self._open_private = _opened(source, limits, memory_map)
        self._private: memoryview | None = None
        self._verified: set[str] = set()
        self._directory = _directory(self._data, limits)
        found = [r for r in self._directory if not r.name.startswith(_MAC_FOLDER)] or self._directory
        self.name = _root(found)
        """The root folder: as a rule the name that the file was first saved under."""
        self._records = {r.name[len(self.name) + 1 :]: r for r in found}
        self.version = self._read_version()
        self.byteorder = self._read_byteorder()

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self._data)

    @property
    def kind(self) -> ArchiveKind:
        """What the archive holds; `script` is TorchScript's, mobile ones included."""
        return kind_of_records(self.has)

    def require_script(self) -> None:
        """Raise an `ArchiveError` that says what this is, unless it is a TorchScript archive."""
        reason = refusal(self.kind)
        if reason is not None:
            raise ArchiveError(reason)

    def records(self) -> list[str]:
        """The names of all records, in the order of the file."""
        return list(self._records)

    def has(self, name: str) -> bool:
        return name in self._records

    def record_size(self, name: str) -> int:
        """Bytes of a record, decompressed."""
        return self._record(name).size

    def stored_size(self, name: str) -> int:
        """Bytes of a record as they lie in the file."""
        return self._record(name).stored_size

    def checksums(self) -> dict[str, int]:
        """The CRC-32 of each record, as the directory gives it, in the order of the file."""
        return {name: record.crc for name, record in self._records.items()}

    def gaps(self) -> list[tuple[int, int]]:
        """Runs of bytes before, between and behind records that neither a record nor its headers need."""
        found, end = [], 0
        for record in sorted(self._directory, key=lambda r: r.header_offset):
            if record.header_offset > end + (_DESCRIPTOR if end else 0):
                found.append((end, record.header_offset))
            end = record.offset + record.stored_size
        whole = end_of_zip(self._data)
        return [*found, (whole, self.size)] if whole < self.size else found

    def is_compressed(self, name: str) -> bool:
        return self._record(name).method == DEFLATED

    def offset(self, name: str) -> int:
        """Where the bytes of a record start in the file."""
        return self._record(name).offset

    def read(self, name: str, *, verify: bool = True) -> memoryview:
        """The bytes of a record, read-only; with `verify`, its checksum is compared (once)."""
        record = self._record(name)
        stored = self._data[record.offset : record.offset + record.stored_size]
        data = _inflated(stored, record.size, name) if record.method == DEFLATED else stored
        if verify and name not in self._verified:
            if zlib.crc32(data) != record.crc:
                raise ArchiveError("the record is damaged: its checksum does not match", name)
            self._verified.add(name)
        return data.toreadonly()

    def read_text(self, name: str) -> str:
        """The text of a source file."""
        size = self.record_size(name)
        if size > self.limits.text_size:
            raise ArchiveError(f"the text has {size} bytes; at most {self.limits.text_size} are allowed", name)
        try:
            return str(self.read(name), "utf-8")
        except UnicodeDecodeError as error:
            raise ArchiveError(f"the text is not UTF-8 ({error.reason} at byte {error.start})", name) from None

    def read_pickle(self, name: str) -> memoryview:
        """The bytes of a pickle."""
        size = self.record_size(name)
        if size > self.limits.pickle_size:
            raise ArchiveError(f"the pickle has {size} bytes; at most {self.limits.pickle_size} are allowed", name)
        return self.read(name)

    def storage_bytes(self, name: str, *, verify: bool = False) -> memoryview:
        """The bytes of a record as aligned, writable memory whose changes nobody else sees.

        Two calls may give the same memory: keep one view per record. Checksums of large records cost more than loading
        them, so they are compared only if asked for.
        """
        record = self._record(name)
        if verify or record.method == DEFLATED:
            data = self.read(name)
            if record.method == DEFLATED:
                return memoryview(bytearray(data))
        if record.offset % ALIGNMENT == 0 and self._open_private is not None:
            if self._private is None:
                self._private = self._open_private()
            return self._private[record.offset : record.offset + record.size]
        return memoryview(bytearray(self._data[record.offset : record.offset + record.size]))

    def _record(self, name: str) -> ZipRecord:
        record = self._records.get(name)
        if record is None:
            raise ArchiveError("the archive has no such record", name)
        return record

    def _read_version(self) -> int:
        name = ".data/version" if self.has(".data/version") else "version"
        if not self.has(name):
            reason = refusal(self.kind)
            raise ArchiveError(reason if reason is not None else "the archive has no record 'version'")
        digits = bytes(self.read(name)[:20]).strip()
        if not digits.isdigit():
            raise ArchiveError(f"the version is not a number: {digits!r}", name)
        version = int(digits)
        if version < MIN_VERSION:
            raise ArchiveError(
                f"Attempted to read a PyTorch file with version {version}, but the minimum supported version for "
                f"reading is {MIN_VERSION}. The file is too old; load and save it with the PyTorch that wrote it",
                name,
            )
        if version > MAX_VERSION:
            raise ArchiveError(
                f"Attempted to read a PyTorch file with version {version}, but the maximum supported version for "
                f"reading is {MAX_VERSION}. A newer flambeau may be able to read it",
                name,
            )
        return version

    def _read_byteorder(self) -> Literal["little", "big"]:
        if not self.has("byteorder"):
            return "little"
        text = bytes(self.read("byteorder")[:20]).strip()
        if text == b"little":
            return "little"
        if text == b"big":
            return "big"
        raise ArchiveError(f"unknown byte order {text!r}", "byteorder")


def _directory(data: memoryview, limits: Limits) -> list[ZipRecord]:
    """The records. A file need not start with one: a zip file is found from its end, and may be part of a program that
    unpacks itself, if its positions count the bytes before it.
    """
    reason = why_not_zip(bytes(data[:300]))
    try:
        records = read_directory(data, limits)
    except ArchiveError:
        if reason is None:
            raise
    else:
        if records or reason is None:
            return records
    raise ArchiveError(reason)


def _opened(
    source: ArchiveSource, limits: Limits, memory_map: bool
) -> tuple[memoryview, Callable[[], memoryview] | None]:
    """The bytes of a source, and how to get them as memory that may be written to without anybody seeing."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source)
        return _within(view.cast("B") if view.c_contiguous else memoryview(view.tobytes()), limits), None
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        try:
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
                what = "a directory" if stat.S_ISDIR(mode) else "not a file"
                raise ArchiveError(f"The provided filename {path} is {what}")
            with open(path, "rb") as file:
                return _file_bytes(file, limits, memory_map)
        except FileNotFoundError:
            raise ArchiveError(f"The provided filename {path} does not exist") from None
        except (OSError, ValueError) as error:
            raise ArchiveError(f"cannot read {path!r}: {error}") from error
    if not callable(getattr(source, "read", None)):
        raise ArchiveError(f"an archive is read from a path, bytes or a binary file, not from {type(source).__name__}")
    try:
        return _file_bytes(source, limits, memory_map)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"cannot read the file: {error}") from error


def _file_bytes(file: BinaryIO, limits: Limits, memory_map: bool) -> tuple[memoryview, Callable[[], memoryview] | None]:
    descriptor = _mappable(file) if memory_map else None
    if descriptor is not None:
        size = os.fstat(descriptor).st_size
        if size > limits.archive_size:
            raise ArchiveError(f"the archive has {size} bytes; at most {limits.archive_size} are allowed")
        shared = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        try:
            private = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
        except OSError:
            # Systems that promise no more memory than they have refuse this for large files; then storages are copied.
            return memoryview(shared), None
        return memoryview(shared), lambda: memoryview(private)
    buffer = bytearray()
    while chunk := file.read(_READ_CHUNK):
        if not isinstance(chunk, bytes):
            raise ArchiveError("an archive is binary: open its file with mode 'rb'")
        buffer += chunk
        if len(buffer) > limits.archive_size:
            raise ArchiveError(f"the archive has more than the allowed {limits.archive_size} bytes")
    return memoryview(buffer), lambda: memoryview(buffer)


def _mappable(file: BinaryIO) -> int | None:
    """The descriptor of a regular, non-empty file at its start; None for anything else, such as a file that
    decompresses what it reads from the one whose descriptor it gives.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    if not isinstance(raw, io.FileIO):
        return None
    try:
        descriptor = file.fileno()
        status = os.fstat(descriptor)
        at_start = file.tell() == 0
    except (OSError, AttributeError, ValueError):
        return None
    return descriptor if at_start and stat.S_ISREG(status.st_mode) and status.st_size else None


def _within(data: memoryview, limits: Limits) -> memoryview:
    if len(data) > limits.archive_size:
        raise ArchiveError(f"the archive has {len(data)} bytes; at most {limits.archive_size} are allowed")
    return data


def _inflated(stored: memoryview, size: int, name: str) -> memoryview:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(stored, size + 1)
    except zlib.error as error:
        raise ArchiveError(f"the record is damaged: {error}", name) from None
    if len(data) != size or not stream.eof:
        raise ArchiveError("the record is damaged: it does not decompress to the size it declares", name)
    return memoryview(data)


def _root(records: list[ZipRecord]) -> str:
    """The folder that all records are in."""
    if not records:
        raise ArchiveError("the zip archive has no records")
    root, slash, _ = records[0].name.partition("/")
    for record in records:
        if not slash or not record.name.startswith(f"{root}/"):
            raise ArchiveError(f"file in archive is not in a subdirectory {root}/", record.name)
    return root
