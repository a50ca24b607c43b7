"""The container of an archive, for writing: byte for byte the layout of PyTorch's own writer.

Every record's bytes start at a multiple of 64, padded with an `FB` extra field; times are zero; sizes and checksum
follow the bytes in a data descriptor (empty records have none) and stand in the directory; zip64 fields appear where a
size or an offset needs them. Source text and debug records are compressed. Equal input gives equal bytes.

A path is written through a temporary file beside it that replaces it at the very end, so whatever happens before, the
old file stays whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import struct
import sys
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache, partial
from types import TracebackType
from typing import BinaryIO, NamedTuple, TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.serialization.container.zip_records import (
    DEFLATED,
    DIRECTORY_ENTRY,
    END,
    END64,
    END64_LOCATOR,
    END64_LOCATOR_SIGNATURE,
    END64_SIGNATURE,
    END_SIGNATURE,
    ENTRY_SIGNATURE,
    LOCAL_HEADER,
    LOCAL_SIGNATURE,
    MAX16,
    MAX32,
    STORED,
    ZIP64_EXTRA,
)

__all__ = ["ArchiveTarget", "ArchiveWriter", "PreparedRecord", "identity_of", "prepared"]

ArchiveTarget: TypeAlias = "str | os.PathLike[str] | BinaryIO"

RecordData: TypeAlias = "bytes | bytearray | memoryview | str"

RECORD_ALIGNMENT = 64
COMPRESSION_THRESHOLD = 200
"""Text of at most this many bytes is stored as it is."""
LOWEST_WRITTEN_VERSION = 3
DATA_FOLDER_VERSION = 6
"""From this version on, the version record is `.data/version` instead of `version`."""

_FLAGS = 0x0808
"""Names are UTF-8; a data descriptor follows the bytes."""
_FLAGS_EMPTY = 0x0800
_DEFLATE_NEEDS = 20
"""The zip version (times ten) that compressed records need; stored ones say 0."""
_ZIP64_MADE_BY, _ZIP64_NEEDS = 0x031E, 45
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_DESCRIPTOR = partial(struct.Struct("<4sIII").pack, _DESCRIPTOR_SIGNATURE)
_WIDE_DESCRIPTOR = partial(struct.Struct("<4sIQQ").pack, _DESCRIPTOR_SIGNATURE)
_PADDINGS = tuple(struct.pack("<2sH", b"FB", padding) + b"Z" * padding for padding in range(RECORD_ALIGNMENT))
"""By the number of bytes that are missing to the next multiple: an extra field of as many more."""
_SMALL_HEADER = LOCAL_HEADER.pack(LOCAL_SIGNATURE, 0, _FLAGS, STORED, 0, 0, 0, 0, 0, 0, 0)[:-4]
_LENGTHS = struct.Struct("<HH").pack
_BEFORE_PADDING = LOCAL_HEADER.size + 4
_SMALL_ENTRY = DIRECTORY_ENTRY.pack(ENTRY_SIGNATURE, 0, 0, _FLAGS, STORED, *[0] * 12)[:16]
_ENTRY_SIZES = struct.Struct("<IIIH12xI").pack
"""The rest of a directory entry: checksum, sizes, length of the name, position of the header."""
_FILE_BUFFER = 1 << 18
_DEFLATE_LEVEL = 6
"""The best level, 9, takes three times as long on generated code and saves less than a thousandth of it."""
_REMEMBERED = 1 << 18
"""Up to this size the compressed forms of the latest texts are kept."""
_CHUNK = 1 << 24
_SMALL = 1 << 12
"""Up to this size a record is written at once, with what stands around it."""
_HARMLESS_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)


@final
class PreparedRecord(NamedTuple):
    """A record's bytes as they stand in the file; they may be written any number of times."""

    stored: bytes | memoryview
    method: int
    crc: int
    """The checksum of the bytes as they were given."""
    size: int
    """Their number."""


def prepared(name: str, data: RecordData) -> PreparedRecord:
    """The record of that name (which decides whether it is compressed) with these bytes, or this text as UTF-8."""
    try:
        content = memoryview(data.encode() if isinstance(data, str) else data)
    except (UnicodeEncodeError, TypeError) as error:
        raise ArchiveError(f"a record cannot be encoded: {error}", repr(name)) from None
    if content.format != "B" or content.ndim != 1:
        content = content.cast("B")
    size, crc = len(content), zlib.crc32(content)
    if size > COMPRESSION_THRESHOLD and _is_text(name):
        return PreparedRecord(_deflated(content), DEFLATED, crc, size)
    return PreparedRecord(content, STORED, crc, size)


@final
class ArchiveWriter:
    """An archive being written, record by record, to a path or a binary file.

        with ArchiveWriter("model.pt") as archive:
            archive.write("data.pkl", pickle)

    Leaving the block normally completes the archive; leaving it with an exception leaves no trace at a path.
    """

    def __init__(self, target: ArchiveTarget, root: str | None = None) -> None:
        self._output = _PathOutput(target) if isinstance(target, (str, os.PathLike)) else _FileOutput(target)
        self.root = self._output.root if root is None else root
        try:
            self._folder = _encoded(self.root) + b"/"
        except ArchiveError:
            self._folder = b""
        if not self._folder or "/" in self.root:
            self._output.discard()
            raise ArchiveError(f"not a name for an archive's folder: {self.root!r}")
        self.version = LOWEST_WRITTEN_VERSION
        self._position = 0
        self._directory: list[bytes] = []
        """Its entries, in pieces."""
        self._entries = 0
        self._pending: list[bytes] = []
        """Small records and what else comes before the next write to the output."""
        self._flushed = 0
        """The position up to which all is written."""
        self._names: dict[str, int] = {}
        """Name of each written record, with its checksum."""

    def require_version(self, version: int) -> None:
        """Something in the archive needs a reader of at least this file format version."""
        self.version = max(self.version, version)

    def written(self) -> list[str]:
        """The names of the records so far, in order."""
        return list(self._names)

    def write(self, name: str, data: RecordData | PreparedRecord) -> None:
        """Add a record; the name is relative to the archive's folder. Text is encoded as UTF-8."""
        if name in self._names:
            raise ArchiveError("Tried to serialize file twice", name)
        full_name = self._folder + _encoded(name)
        if data.__class__ is memoryview and data.c_contiguous and 0 < data.nbytes <= COMPRESSION_THRESHOLD:
            # The storage of a small tensor, of which large models have thousands.
            self._names[name] = crc = zlib.crc32(data)
            self._write_small(full_name, data, crc, data.nbytes)
            return
        record = data if isinstance(data, PreparedRecord) else prepared(name, data)
        self._names[name] = record.crc
        self._write_record(full_name, *record)

    def finish(self) -> None:
        """Write the closing records and the directory; at a path, the archive appears now."""
        self.write(".data/version" if self.version >= DATA_FOLDER_VERSION else "version", f"{self.version}\n")
        self.write("byteorder", sys.byteorder)
        self.write(".data/serialization_id", identity_of(self._names))
        start = self._position
        self._put(b"".join(self._directory))
        size, count = self._position - start, self._entries
        end64 = self._position
        self._put(
            END64.pack(END64_SIGNATURE, END64.size - 12, _ZIP64_MADE_BY, _ZIP64_NEEDS, 0, 0, count, count, size, start)
        )
        self._put(END64_LOCATOR.pack(END64_LOCATOR_SIGNATURE, 0, end64, 1))
        few = min(count, MAX16)
        self._put(END.pack(END_SIGNATURE, 0, 0, few, few, min(size, MAX32), min(start, MAX32), 0))
        self._flush()
        self._output.complete()

    def discard(self) -> None:
        """Give up; at a path, remove what was written."""
        self._output.discard()

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.finish()
        except BaseException:
            self.discard()
            raise

    def _write_record(self, name: bytes, stored: bytes | memoryview, method: int, crc: int, size: int) -> None:
        start, stored_size = self._position, len(stored)
        if method == STORED and 0 < size <= _SMALL and start < MAX32:
            self._write_small(name, stored, crc, size)
            return
        sizes_wide, offset_wide = size >= MAX32 or stored_size >= MAX32, start >= MAX32
        wide, extra = sizes_wide or offset_wide, b""
        if wide:
            fields = [size, stored_size] * sizes_wide + [start] * offset_wide
            extra = struct.pack(f"<HH{len(fields)}Q", ZIP64_EXTRA, 8 * len(fields), *fields)
        padding = -(start + LOCAL_HEADER.size + len(name) + len(extra) + 4) % RECORD_ALIGNMENT
        flags = _FLAGS if size else _FLAGS_EMPTY
        needs = _DEFLATE_NEEDS if method == DEFLATED else 0
        extra_size = len(extra) + 4 + padding
        header = LOCAL_HEADER.pack(LOCAL_SIGNATURE, needs, flags, method, 0, 0, 0, 0, 0, len(name), extra_size)
        pad = _PADDINGS[padding]
        descriptor = b"" if not size else (_WIDE_DESCRIPTOR if wide else _DESCRIPTOR)(crc, stored_size, size)
        if stored_size <= _SMALL:
            self._put(b"".join((header, name, extra, pad, stored, descriptor)))
        else:
            self._put(b"".join((header, name, extra, pad)))
            self._flush()
            for chunk in range(0, stored_size, _CHUNK):
                self._output.write(stored[chunk : chunk + _CHUNK])
            self._position += stored_size
            self._flushed = self._position
            self._put(descriptor)
        shown_stored, shown_size = (MAX32, MAX32) if sizes_wide else (stored_size, size)
        shown_start = MAX32 if offset_wide else start
        entry = DIRECTORY_ENTRY.pack(
            *(ENTRY_SIGNATURE, 0, needs, flags, method, 0, 0, crc, shown_stored, shown_size, len(name), len(extra)),
            *(0, 0, 0, 0, shown_start),
        )
        self._directory.append(entry + name + extra)
        self._entries += 1

    def _write_small(self, name: bytes, content: bytes | memoryview, crc: int, size: int) -> None:
        """Write a record as most are by far: all have the same bytes around theirs, but for a few."""
        start, length = self._position, len(name)
        if start >= MAX32:
            self._write_record(name, content, STORED, crc, size)
            return
        padding = -(start + _BEFORE_PADDING + length) % RECORD_ALIGNMENT
        lengths, pad, descriptor = _LENGTHS(length, 4 + padding), _PADDINGS[padding], _DESCRIPTOR(crc, size, size)
        self._put(b"".join((_SMALL_HEADER, lengths, name, pad, content, descriptor)))
        self._directory += (_SMALL_ENTRY, _ENTRY_SIZES(crc, size, size, length, start), name)
        self._entries += 1

    def _put(self, data: bytes) -> None:
        self._pending.append(data)
        self._position += len(data)
        if self._position - self._flushed > _FILE_BUFFER:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._output.write(b"".join(self._pending))
            self._pending.clear()
        self._flushed = self._position


def identity_of(checksums: Mapping[str, int]) -> str:
    """A number for names and one for contents, by the checksums of records; equal archives have equal ones."""
    names = hashlib.blake2b("\0".join(checksums).encode(), digest_size=8).digest()
    contents = struct.pack(f"<{len(checksums)}I", *checksums.values())
    checksum = hashlib.blake2b(contents, digest_size=8).digest()
    return "".join(f"{int.from_bytes(digest, 'little'):020}" for digest in (names, checksum))


class _FileOutput:
    """Writes to a file that the caller opened, and leaves it open."""

    root = "archive"

    def __init__(self, file: BinaryIO) -> None:
        if not callable(getattr(file, "write", None)):
            raise ArchiveError(f"an archive is written to a path or a binary file, not to {type(file).__name__}")
        self._file = file

    def write(self, data: bytes | memoryview) -> None:
        try:
            while len(data):
                written: int | None = self._file.write(data)
                # Raw files may take less than they are given, and say so.
                if written is not None and written <= 0:
                    raise ArchiveError(f"cannot write the archive: the file took {written} of {len(data)} bytes")
                data = data[len(data) if written is None else written :]
        except ArchiveError:
            raise
        except (OSError, TypeError, ValueError) as error:  # ValueError: it is closed
            raise ArchiveError(f"cannot write the archive: {error}") from error

    def complete(self) -> None:
        flush = getattr(self._file, "flush", None)
        if callable(flush):
            try:
                flush()
            except (OSError, ValueError) as error:
                raise ArchiveError(f"cannot write the archive: {error}") from error

    def discard(self) -> None:
        pass


class _PathOutput:
    """Writes to a temporary file beside a path, which at the end takes the path's place."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given = os.fspath(path)
        try:
            # A link stays a link: what it points to is replaced.
            self._path = os.path.realpath(given)
        except (OSError, ValueError) as error:
            raise ArchiveError(f"cannot write {given!r}: {error}") from error
        self.root = os.path.splitext(os.path.basename(given))[0] or "archive"
        folder = os.path.dirname(self._path)
        if not os.path.isdir(folder):
            raise ArchiveError(f"Parent directory {os.path.dirname(given) or folder} does not exist.")
        self._temporary: str | None = None
        self._replaces = False
        try:
            mode = os.stat(self._path).st_mode if os.path.exists(self._path) else None
            if mode is not None and stat.S_ISDIR(mode):
                raise ArchiveError(f"cannot write {given}: it is a directory")
            if mode is not None and not stat.S_ISREG(mode):
                self._file: BinaryIO = open(self._path, "wb")  # noqa: SIM115  # closed by complete or discard
                return
            self._temporary = os.path.join(folder, f".flambeau-{secrets.token_hex(8)}.tmp")
            # Before there is such a file: an interrupt may come at any moment, also where nobody can catch it yet.
            self._removal = weakref.finalize(self, _remove, self._temporary, os.getpid())
            self._file = open(self._temporary, "xb", _FILE_BUFFER)  # noqa: SIM115  # closed by complete or discard
            if mode is not None:
                self._replaces = True
                os.chmod(self._temporary, stat.S_IMODE(mode))
        except OSError as error:
            raise ArchiveError(f"cannot write {given}: {error}") from error

    def write(self, data: bytes | memoryview) -> None:
        try:
            self._file.write(data)
            if self._replaces and len(data) >= _FILE_BUFFER:
                _start_writing_back(self._file, len(data))
        except OSError as error:
            raise ArchiveError(f"cannot write {self._path}: {error}") from error

    def complete(self) -> None:
        try:
            self._file.flush()
            if self._temporary is not None and os.path.exists(self._path):
                # There is a file to lose: the bytes must reach the disk before their name does, or a power failure in
                # between leaves neither file. If only the name comes too late, the old file is there, whole.
                os.fsync(self._file.fileno())
            self._file.close()
            if self._temporary is not None:
                os.replace(self._temporary, self._path)
                self._removal.detach()
        except OSError as error:
            self.discard()
            raise ArchiveError(f"cannot write {self._path}: {error}") from error

    def discard(self) -> None:
        try:
            with suppress(OSError):  # what cannot be flushed is not wanted
                self._file.close()
        finally:
            if self._temporary is not None:
                self._removal()


def _remove(path: str, process: int) -> None:
    """Remove the temporary file of a writer that is gone; in a forked process it belongs to the parent's."""
    if os.getpid() == process:
        with suppress(OSError):  # what is gone need not be removed
            os.unlink(path)


def _start_writing_back(file: BinaryIO, size: int) -> None:
    """Let the system bring the latest bytes to the disk while more are written, as it is waited for at the end."""
    if sys.platform == "linux":
        # Linux starts at once when it is told so; pages that are not on the disk yet stay in memory.
        os.posix_fadvise(file.fileno(), file.tell() - size, size, os.POSIX_FADV_DONTNEED)


@lru_cache(1 << 12)
def _encoded(name: str) -> bytes:
    """The bytes of a name, which must not lead out of the folder that it is in. (Most are the same in all archives.)"""
    if not _HARMLESS_NAME.fullmatch(name):
        parts = name.replace("\\", "/").split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or "\0" in name:
            raise ArchiveError(f"not a name for a record: {name!r}")
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise ArchiveError(f"a record cannot be encoded: {error}", repr(name)) from None


def _is_text(name: str) -> bool:
    return name.endswith(".debug_pkl") or (name.startswith("code/") and name.endswith(".py"))


def _deflated(content: memoryview) -> bytes:
    # A model that is saved again and again, as training does, has the same code every time.
    return _deflate(bytes(content)) if len(content) <= _REMEMBERED else _deflate.__wrapped__(bytes(content))


@lru_cache(16)
def _deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()
