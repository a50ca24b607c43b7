"""The directory of a zip file, read without trusting it.

Knows what PyTorch's archives use: stored and deflated records, zip64, data descriptors. Whatever is inconsistent
(records that overlap or reach beyond the file, local headers that disagree with the directory, sizes no deflate stream
can have, names that point outside) is an `ArchiveError`. No record is read here, only headers.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from typing import final

from flambeau.errors import ArchiveError
from flambeau.serialization.limits import Limits

__all__ = ["DEFLATED", "STORED", "ZipRecord", "end_of_zip", "read_directory"]

STORED, DEFLATED = 0, 8

LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
"""signature, version, flags, method, time, date, crc, compressed size, size, name length, extra length"""
DIRECTORY_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
"""signature, made by, version, flags, method, time, date, crc, compressed size, size, name length, extra length,
comment length, disk, internal attributes, external attributes, offset of the local header"""
END = struct.Struct("<4sHHHHIIH")
"""signature, disk, disk of the directory, entries on the disk, entries, directory size, directory offset,
comment length"""
END64_LOCATOR = struct.Struct("<4sIQI")
"""signature, disk, offset of END64, disks"""
END64 = struct.Struct("<4sQHHIIQQQQ")
"""signature, size of the rest, made by, version, disk, disk of the directory, entries on the disk, entries,
directory size, directory offset"""

LOCAL_SIGNATURE = b"PK\x03\x04"
ENTRY_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"
END64_LOCATOR_SIGNATURE = b"PK\x06\x07"
END64_SIGNATURE = b"PK\x06\x06"
ZIP64_EXTRA = 0x0001

MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_HAS_DESCRIPTOR = 0x0008
_MAX_COMMENT = 0xFFFF
_MAX_INFLATION = 1032
"""No deflate stream grows by more than this factor."""

_NO_DIRECTORY = "failed reading zip archive: failed finding central directory (the file is truncated or damaged)"


@final
@dataclass(frozen=True, slots=True)
class ZipRecord:
    """One record: where its bytes lie and what they must be."""

    name: str
    """The full name, root folder included."""
    method: int
    crc: int
    stored_size: int
    size: int
    header_offset: int
    offset: int
    """Where the (possibly compressed) bytes start in the file."""


@final
@dataclass(frozen=True, slots=True)
class _End:
    entries: int
    size: int
    offset: int


def read_directory(data: memoryview, limits: Limits) -> list[ZipRecord]:
    """All records of a zip file, in the order of the directory; entries that only name a folder are left out."""
    end = _find_end(data)
    if end.entries > limits.records:
        raise ArchiveError(f"the archive has {end.entries} records; at most {limits.records} are allowed")
    if end.entries * DIRECTORY_ENTRY.size > end.size:
        raise ArchiveError("failed reading zip archive: the central directory is too short for its number of records")
    records: list[ZipRecord] = []
    position = end.offset
    for _ in range(end.entries):
        record, position = _read_entry(data, position, end, limits)
        if record is not None:
            records.append(record)
    if position != end.offset + end.size:
        raise ArchiveError("failed reading zip archive: the central directory has more bytes than its records")
    _check_together(records, limits)
    return records


def _find_end(data: memoryview) -> _End:
    position = _end_position(data)
    _, disk, start_disk, here, entries, size, offset, _ = END.unpack_from(data, position)
    end = _End(entries, size, offset)
    end64 = _find_end64(data, position)
    if end64 is not None:
        position, wide = end64
        narrow = (entries, MAX16, wide.entries), (size, MAX32, wide.size), (offset, MAX32, wide.offset)
        if any(value not in (top, exact) for value, top, exact in narrow):
            raise ArchiveError("failed reading zip archive: its two end records disagree")
        end = wide
    elif disk or start_disk or here != entries:
        raise ArchiveError("failed reading zip archive: archives in several parts are not supported")
    if end.offset + end.size != position:
        raise ArchiveError(_NO_DIRECTORY)
    return end


def end_of_zip(data: memoryview) -> int:
    """Where a zip file ends; what follows is no part of it."""
    position = _end_position(data)
    return position + END.size + int(END.unpack_from(data, position)[-1])


def _end_position(data: memoryview) -> int:
    """Where the last end record is whose comment reaches exactly to the end of the file.

    Some ways of storing and sending files put bytes behind them. So if there is no such record, it is the last one
    whose comment fits.
    """
    tail_start = max(0, len(data) - END.size - _MAX_COMMENT)
    tail = bytes(data[tail_start:])
    fitting = None
    found = len(tail) - END.size + 1
    while found > 0:
        found = tail.rfind(END_SIGNATURE, 0, found + len(END_SIGNATURE) - 1)
        if found < 0:
            break
        stop = found + END.size + END.unpack_from(tail, found)[-1]
        if stop == len(tail):
            return tail_start + found
        if fitting is None and stop < len(tail):
            fitting = tail_start + found
    if fitting is None:
        raise ArchiveError(_NO_DIRECTORY)
    return fitting


def _find_end64(data: memoryview, end_position: int) -> tuple[int, _End] | None:
    """The zip64 end record and its position, if the file has one."""
    locator_position = end_position - END64_LOCATOR.size
    if locator_position < 0 or data[locator_position : locator_position + 4] != END64_LOCATOR_SIGNATURE:
        return None
    _, _, position, _ = END64_LOCATOR.unpack_from(data, locator_position)
    if position + END64.size > locator_position:
        raise ArchiveError(_NO_DIRECTORY)
    signature, rest, _, _, disk, start_disk, here, entries, size, offset = END64.unpack_from(data, position)
    if signature != END64_SIGNATURE or position + 12 + rest != locator_position:
        raise ArchiveError(_NO_DIRECTORY)
    if disk or start_disk or here != entries:
        raise ArchiveError("failed reading zip archive: archives in several parts are not supported")
    return position, _End(entries, size, offset)


def _read_entry(data: memoryview, position: int, end: _End, limits: Limits) -> tuple[ZipRecord | None, int]:
    """The record that the directory entry at `position` describes, and the position of the next entry."""
    stop = end.offset + end.size
    if position + DIRECTORY_ENTRY.size > stop:
        raise ArchiveError("failed reading zip archive: the central directory is cut off")
    fields = DIRECTORY_ENTRY.unpack_from(data, position)
    signature, _, _, flags, method, _, _, crc, stored_size, size = fields[:10]
    name_length, extra_length, comment_length, disk, _, _, header_offset = fields[10:]
    next_position = position + DIRECTORY_ENTRY.size + name_length + extra_length + comment_length
    if signature != ENTRY_SIGNATURE or next_position > stop:
        raise ArchiveError("failed reading zip archive: the central directory is damaged")
    if name_length > limits.name_length:
        raise ArchiveError(f"a record's name has {name_length} bytes; at most {limits.name_length} are allowed")
    name_start = position + DIRECTORY_ENTRY.size
    raw_name = bytes(data[name_start : name_start + name_length])
    name = _checked_name(raw_name)
    extra = data[name_start + name_length : name_start + name_length + extra_length]
    size, stored_size, header_offset = _widened(extra, size, stored_size, header_offset, name)
    if flags & _ENCRYPTED:
        raise ArchiveError("the record is encrypted", name)
    if disk not in (0, MAX16):
        raise ArchiveError("failed reading zip archive: archives in several parts are not supported", name)
    if method not in (STORED, DEFLATED) or (method == STORED and size != stored_size):
        raise ArchiveError(f"the record has an impossible compression (method {method})", name)
    if size > stored_size * _MAX_INFLATION + 64:
        raise ArchiveError(f"the record claims to grow from {stored_size} to {size} bytes", name)
    offset = _data_offset(data, header_offset, end.offset, raw_name, (method, crc, stored_size, size), name)
    if name.endswith("/"):
        if size:
            raise ArchiveError("the record is a folder with content", name)
        return None, next_position
    return ZipRecord(name, method, crc, stored_size, size, header_offset, offset), next_position


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise ArchiveError(f"a record's name is not UTF-8: {raw!r}") from None
    parts = name.removesuffix("/").replace("\\", "/").split("/")
    if not name or "\0" in name or not {"", ".", ".."}.isdisjoint(parts) or parts[0].endswith(":"):
        raise ArchiveError(f"a record's name is not a relative path: {name!r}")
    return name


def _widened(extra: memoryview, size: int, stored_size: int, header_offset: int, name: str) -> tuple[int, int, int]:
    """Sizes and offset with those that did not fit into 32 bits taken from the zip64 field."""
    values = [size, stored_size, header_offset]
    wanted = [i for i, value in enumerate(values) if value == MAX32]
    position = 0
    while wanted and position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        position += 4
        if position + length > len(extra):
            raise ArchiveError("failed reading zip archive: an extra field is cut off", name)
        if kind == ZIP64_EXTRA:
            if length < 8 * len(wanted):
                raise ArchiveError("failed reading zip archive: a zip64 field is too short", name)
            for i, value in zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", extra, position), strict=True):
                values[i] = value
            break
        position += length
    return values[0], values[1], values[2]


def _data_offset(
    data: memoryview,
    header_offset: int,
    limit: int,
    raw_name: bytes,
    expected: tuple[int, int, int, int],
    name: str,
) -> int:
    """Where the record's bytes start; checks that the local header tells the same as the directory."""
    if header_offset + LOCAL_HEADER.size > limit:
        raise ArchiveError("the record lies beyond the end of the archive", name)
    header = LOCAL_HEADER.unpack_from(data, header_offset)
    signature, _, flags, method, _, _, crc, stored_size, size, name_length, extra_length = header
    name_start = header_offset + LOCAL_HEADER.size
    offset = int(name_start + name_length + extra_length)
    wanted_method, wanted_crc, wanted_stored_size, wanted_size = expected
    if (
        signature != LOCAL_SIGNATURE
        or data[name_start : name_start + name_length] != raw_name
        or method != wanted_method
    ):
        raise ArchiveError("the record's header does not match the central directory", name)
    if not flags & _HAS_DESCRIPTOR and (
        crc != wanted_crc or stored_size not in (wanted_stored_size, MAX32) or size not in (wanted_size, MAX32)
    ):
        raise ArchiveError("the record's header does not match the central directory", name)
    if offset + wanted_stored_size > limit:
        raise ArchiveError("the record reaches beyond the end of the archive", name)
    return offset


def _check_together(records: list[ZipRecord], limits: Limits) -> None:
    names: set[str] = set()
    for record in records:
        if record.name in names:
            raise ArchiveError("the archive has two records of this name", record.name)
        names.add(record.name)
    in_order = sorted(records, key=lambda r: r.header_offset)
    for before, after in itertools.pairwise(in_order):
        if before.offset + before.stored_size > after.header_offset:
            raise ArchiveError(f"the record overlaps '{before.name}'", after.name)
    inflated = sum(r.size for r in records if r.method == DEFLATED)
    if inflated > limits.inflated_size:
        raise ArchiveError(
            f"the compressed records claim to have {inflated} bytes; at most {limits.inflated_size} are allowed"
        )
