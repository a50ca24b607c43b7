"""Mutations of the file as such: its bytes, its headers, its records and their names."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable

Records = list[tuple[str, bytes]]
"""The records of an archive with their full names, in order."""

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_LOCAL_FIELDS = ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))
"""Offset and size of the fields of a local header; of a directory entry and of the end records below."""
_ENTRY_FIELDS = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (42, 4))
_END_FIELDS = ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
_END64_FIELDS = ((4, 8), (24, 8), (32, 8), (40, 8), (48, 8))
_HEADERS = ((b"PK\x03\x04", _LOCAL_FIELDS), (b"PK\x01\x02", _ENTRY_FIELDS), (b"PK\x05\x06", _END_FIELDS))

BAD_NAMES = (
    "../../../../tmp/evil",
    "/etc/passwd",
    "archive/../../evil",
    "archive/./data.pkl",
    "archive//data.pkl",
    "archive\\..\\evil",
    "C:\\evil",
    "C:/evil",
    "archive/data.pkl/",
    "archive",
    "",
    "archive/" + "n" * 5000,
    "archive/" + "d/" * 2000 + "x",
    "archive/\udcff",
    "archive/nul\0byte",
    "archive/code/__torch__/../../../x.py",
    "archive/code/..py",
    "archive/code/.py",
    "archive/data/../../0",
    "archive/data/-1",
    "archive/data/18446744073709551616",
    "archive/model.json",
    "archive/bytecode.pkl",
    "archive/\u202egnp.py",
)


def records_of(data: bytes) -> Records:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(records: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip file of records, all checksums right, with whatever names."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in records:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = zipfile.ZIP_DEFLATED if len(content) > 4000 else zipfile.ZIP_STORED
            archive.writestr(info, content)
    return file.getvalue()


def flip_bits(data: bytes, chosen: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chosen.choice((1, 1, 1, 2, 8, 64))):
        changed[chosen.randrange(len(changed))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def truncate(data: bytes, chosen: random.Random) -> bytes:
    """Cut off, cut out, or doubled."""
    start, end = sorted(chosen.randrange(len(data) + 1) for _ in range(2))
    return chosen.choice((data[:end], data[start:], data[:start] + data[end:], data[:end] + data[start:]))


def overwrite(data: bytes, chosen: random.Random) -> bytes:
    """A run of bytes replaced by one of another place, or by noise."""
    length = chosen.choice((1, 4, 16, 200))
    at, source = chosen.randrange(len(data)), chosen.randrange(len(data))
    piece = chosen.choice((data[source : source + length], chosen.randbytes(length), bytes(length)))
    return data[:at] + piece + data[at + len(piece) :]


def lie_in_headers(data: bytes, chosen: random.Random) -> bytes:
    """One to three fields of zip headers with values that tend to matter."""
    changed = bytearray(data)
    for _ in range(chosen.choice((1, 1, 2, 3))):
        signature, fields = chosen.choice(_HEADERS)
        places = _places(data, signature)
        if not places:
            continue
        offset, size = chosen.choice(fields)
        at = chosen.choice(places) + offset
        if at + size > len(changed):
            continue
        here = int.from_bytes(changed[at : at + size], "little")
        value = chosen.choice((*EXTREMES, here + 1, here - 1, here * 2, len(data), chosen.getrandbits(32)))
        changed[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(changed)


def lie_in_wide_headers(data: bytes, chosen: random.Random) -> bytes:
    """An end record for zip64 with impossible numbers."""
    start = data.rfind(b"PK\x05\x06")
    values = [chosen.choice((0, 1, len(data), 1 << 31, 1 << 32, 1 << 62, (1 << 64) - 1)) for _ in range(4)]
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, *values)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start, 1)
    tail = bytearray(data[start:])
    for offset, size in chosen.sample(_END_FIELDS[3:6], chosen.randrange(4)):
        tail[offset : offset + size] = b"\xff" * size
    return data[:start] + end64 + locator + bytes(tail)


def _places(data: bytes, signature: bytes) -> list[int]:
    found, at = [], data.find(signature)
    while at >= 0:
        found.append(at)
        at = data.find(signature, at + 1)
    return found


def swap_records(data: bytes, chosen: random.Random) -> bytes:
    """Records exchanged, left out, doubled, emptied, renamed."""
    records = records_of(data)
    for _ in range(chosen.choice((1, 1, 2))):
        if not records:
            break
        i, j = chosen.randrange(len(records)), chosen.randrange(len(records))
        match chosen.randrange(6):
            case 0:
                records[i], records[j] = (records[i][0], records[j][1]), (records[j][0], records[i][1])
            case 1:
                del records[i]
            case 2:
                records.insert(j, records[i])
            case 3:
                records[i] = (records[i][0], records[i][1][: chosen.randrange(len(records[i][1]) + 1)])
            case 4:
                records[i] = (records[j][0], records[i][1])
            case _:
                records[i] = (records[i][0], records[i][1] + chosen.randbytes(chosen.choice((1, 100))))
    return zipped(records)


def rename_records(data: bytes, chosen: random.Random) -> bytes:
    """Names that point elsewhere, or are no names."""
    records = records_of(data)
    i = chosen.randrange(len(records))
    name = chosen.choice(BAD_NAMES)
    content = records[i][1]
    if chosen.random() < 0.5:
        records[i] = (name, content)
    else:
        records.insert(chosen.choice((0, i, len(records))), (name, chosen.choice((content, b"x", b""))))
    return zipped(records)


def change_facts(data: bytes, chosen: random.Random) -> bytes:
    """Version and byte order."""
    version = chosen.choice(
        (b"0", b"1\n", b"2", b"3", b"9", b"10", b"11", b"-1", b"1" * 19, b"", b"\xff", b"3.0", b"3x")
    )
    order = chosen.choice((b"big", b"little", b"middle", b"", b"\0" * 1000))
    records = []
    for name, content in records_of(data):
        if name.endswith("/version"):
            content = version
        elif name.endswith("/byteorder"):
            content = order
        records.append((name, content))
    return zipped(records)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bits,
    truncate,
    overwrite,
    lie_in_headers,
    lie_in_wide_headers,
    swap_records,
    rename_records,
    change_facts,
)
