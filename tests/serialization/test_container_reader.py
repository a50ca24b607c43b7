"""Reading the container: every source, every wrong file, every lie in a header."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from flambeau.errors import ArchiveError
from flambeau.serialization import ArchiveReader, ArchiveWriter, Limits

RECORDS = {
    "data/0": bytes(range(256)),
    "data/1": b"",
    "data.pkl": b"\x80\x02N.",
    "code/__torch__.py": b"text\n" * 100,
    "constants.pkl": b"\x80\x02).",
}


def archive(records: dict[str, bytes] = RECORDS, root: str | None = None) -> bytes:
    file = io.BytesIO()
    with ArchiveWriter(file, root) as writer:
        for name, content in records.items():
            writer.write(name, content)
    return file.getvalue()


def zipped(names: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive as a zip tool would make it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name, content in names.items():
            opened.writestr(name, content)
    return file.getvalue()


GOOD = archive()


class TestSources:
    def check(self, reader: ArchiveReader) -> None:
        assert {name: bytes(reader.read(name)) for name in RECORDS} == RECORDS
        assert reader.version == 3
        assert reader.byteorder == "little"
        assert reader.kind == "script"
        reader.require_script()
        data = reader.storage_bytes("data/0")
        data[0] = 77
        assert bytes(reader.storage_bytes("code/__torch__.py")) == RECORDS["code/__torch__.py"]

    def test_bytes(self) -> None:
        self.check(ArchiveReader(GOOD))
        self.check(ArchiveReader(bytearray(GOOD)))
        self.check(ArchiveReader(memoryview(GOOD)))
        self.check(ArchiveReader(memoryview(bytes(b for c in GOOD for b in (c, 0)))[::2]))

    @pytest.mark.parametrize("memory_map", [True, False])
    def test_path(self, tmp_path: Path, memory_map: bool) -> None:
        (tmp_path / "m.pt").write_bytes(GOOD)
        self.check(ArchiveReader(tmp_path / "m.pt", memory_map=memory_map))
        self.check(ArchiveReader(str(tmp_path / "m.pt"), memory_map=memory_map))
        assert (tmp_path / "m.pt").read_bytes() == GOOD

    def test_files(self, tmp_path: Path) -> None:
        (tmp_path / "m.pt").write_bytes(GOOD)
        with open(tmp_path / "m.pt", "rb") as file:
            self.check(ArchiveReader(file))
        with open(tmp_path / "m.pt", "rb", buffering=0) as raw:
            self.check(ArchiveReader(raw))
        self.check(ArchiveReader(io.BytesIO(GOOD)))

    def test_file_is_read_from_where_it_stands(self, tmp_path: Path) -> None:
        file = io.BytesIO(b"before" + GOOD)
        file.seek(6)
        self.check(ArchiveReader(file))
        (tmp_path / "m.pt").write_bytes(b"before" + GOOD)
        with open(tmp_path / "m.pt", "rb") as real:
            real.seek(6)
            self.check(ArchiveReader(real))

    @pytest.mark.parametrize("before", [b"#", b"\x80\x02", bytes(64), b"MZ" + bytes(998)], ids=len)
    def test_zip_in_a_program(self, before: bytes) -> None:
        packed = io.BytesIO()
        packed.write(before)
        with zipfile.ZipFile(packed, "a") as file:
            for name, data in {**RECORDS, "version": b"3\n"}.items():
                file.writestr(f"m/{name}", data)
        self.check(ArchiveReader(packed.getvalue()))
        with pytest.raises(ArchiveError, match="not"):
            ArchiveReader(before + GOOD)  # its positions do not count what stands before it

    def test_pipe(self) -> None:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as end:
            end.write(GOOD)
        with os.fdopen(reading, "rb") as start:
            self.check(ArchiveReader(start))

    @pytest.mark.parametrize("module", [bz2, gzip, lzma], ids=lambda module: module.__name__)
    def test_files_that_decompress(self, tmp_path: Path, module: Any) -> None:
        (tmp_path / "m.pt.packed").write_bytes(module.compress(GOOD))
        with module.open(tmp_path / "m.pt.packed") as file:
            self.check(ArchiveReader(file))
        with module.open(tmp_path / "m.pt.packed") as file, io.BufferedReader(file) as buffered:
            self.check(ArchiveReader(buffered))

    def test_named_like_the_folder_of_a_mac(self) -> None:
        reader = ArchiveReader(archive(root="__MACOSX"))
        assert reader.name == "__MACOSX"
        self.check(reader)

    def test_data_outlives_the_reader(self, tmp_path: Path) -> None:
        (tmp_path / "m.pt").write_bytes(GOOD)
        reader = ArchiveReader(tmp_path / "m.pt")
        data = reader.storage_bytes("data/0")
        del reader
        (tmp_path / "m.pt").unlink()
        assert bytes(data) == RECORDS["data/0"]

    def test_two_readers_do_not_see_each_other_s_changes(self, tmp_path: Path) -> None:
        (tmp_path / "m.pt").write_bytes(GOOD)
        first, second = ArchiveReader(tmp_path / "m.pt"), ArchiveReader(tmp_path / "m.pt")
        first.storage_bytes("data/0")[0] = 99
        assert second.storage_bytes("data/0")[0] == 0
        assert first.read("data/0")[0] == 0

    def test_bytes_given_are_never_changed(self) -> None:
        given = bytearray(GOOD)
        ArchiveReader(given).storage_bytes("data/0")[0] = 99
        assert given == GOOD

    def test_records_are_read_only(self) -> None:
        assert ArchiveReader(GOOD).read("data/0").readonly
        assert ArchiveReader(GOOD).read("code/__torch__.py").readonly


class TestOtherTools:
    """Archives that somebody unpacked and packed again."""

    NAMES = {f"any root/{name}": content for name, content in RECORDS.items()} | {"any root/version": b"3\n"}

    @pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_plain_zip(self, compression: int) -> None:
        reader = ArchiveReader(zipped(self.NAMES, compression))
        assert reader.name == "any root"
        assert {n: bytes(reader.storage_bytes(n, verify=True)) for n in RECORDS} == RECORDS

    def test_folders_and_comment(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as opened:
            opened.comment = b"PK\x05\x06 is not the end"
            opened.mkdir("any root") if hasattr(opened, "mkdir") else opened.writestr("any root/", b"")
            for name, content in self.NAMES.items():
                opened.writestr(name, content)
        reader = ArchiveReader(file.getvalue())
        assert reader.records() == [*RECORDS, "version"]

    def test_zip64_where_it_is_not_needed(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as opened:
            for name, content in self.NAMES.items():
                with opened.open(name, "w", force_zip64=True) as record:
                    record.write(content)
        assert bytes(ArchiveReader(file.getvalue()).read("data/0")) == RECORDS["data/0"]

    def test_sizes_and_offsets_in_the_zip64_field(self) -> None:
        reader = ArchiveReader(with_wide_entry(zipped(self.NAMES)))
        assert bytes(reader.read("data/0")) == RECORDS["data/0"]


def with_wide_entry(data: bytes) -> bytes:
    """The same file with all numbers of the first directory entry moved to a zip64 field."""
    *_, count, size, start, _ = struct.unpack("<4sHHHHIIH", data[-22:])
    entry = bytearray(data[start:-22])
    stored, full, name_length = struct.unpack_from("<IIH", entry, 20)
    offset = struct.unpack_from("<I", entry, 42)[0]
    struct.pack_into("<IIHH", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF, name_length, 28)
    struct.pack_into("<I", entry, 42, 0xFFFFFFFF)
    entry[46 + name_length : 46 + name_length] = struct.pack("<HHQQQ", 1, 24, full, stored, offset)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size + 28, start, 0)
    return data[:start] + bytes(entry) + end


class TestWrongFiles:
    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        for source in (b"", tmp_path / "empty", io.BytesIO()):
            with pytest.raises(ArchiveError, match="the file is empty"):
                ArchiveReader(source)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"hello world", r"not a zip archive: the file starts with b'hello wo'"),
            (bytes(1000), r"starts with zeros"),
            (b"\x18\0\0\0PTMF" + bytes(100), r"flatbuffer"),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", r"torch.save before PyTorch 1.6"),
            (b"PK\x05\x06" + bytes(18), r"no records"),
            (GOOD[:-1], r"failed finding central directory"),
            (GOOD[:1000], r"failed finding central directory"),
            (GOOD[:4], r"failed finding central directory"),
            (b"PK\x03\x04", r"failed finding central directory"),
        ],
    )
    def test_not_an_archive(self, data: bytes, message: str) -> None:
        with pytest.raises(ArchiveError, match=message):
            ArchiveReader(data)

    def test_files_of_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        new, old = io.BytesIO(), io.BytesIO()
        torch.save({"a": torch.ones(2)}, new)
        torch.save({"a": torch.ones(2)}, old, _use_new_zipfile_serialization=False)
        with pytest.raises(ArchiveError, match=r"a checkpoint written by torch\.save; read it with torch\.load"):
            ArchiveReader(new.getvalue()).require_script()
        with pytest.raises(ArchiveError, match=r"in the format of torch\.save before PyTorch 1\.6"):
            ArchiveReader(old.getvalue())

    def test_export(self) -> None:
        torch = pytest.importorskip("torch")
        file = io.BytesIO()
        torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.ones(2),)), file)
        with pytest.raises(ArchiveError, match=r"written by torch\.export"):
            ArchiveReader(file.getvalue()).require_script()

    @pytest.mark.parametrize(
        ("names", "kind", "message"),
        [
            (["model.json", "version"], "legacy", r"PyTorch 1\.0 or 1\.1"),
            ([".data/extern_modules", ".data/version"], "package", r"torch\.package"),
            (["other", "version"], "unknown", r"no record 'constants\.pkl'"),
        ],
    )
    def test_other_kinds(self, names: list[str], kind: str, message: str) -> None:
        reader = ArchiveReader(zipped({f"r/{name}": b"3\n" for name in names}))
        assert reader.kind == kind
        with pytest.raises(ArchiveError, match=message):
            reader.require_script()

    @pytest.mark.parametrize(
        ("version", "message"),
        [
            (b"0\n", r"version 0, but the minimum supported version for reading is 1"),
            (b"11\n", r"version 11, but the maximum supported version for reading is 10"),
            (b"99999999999999999999999999\n", r"maximum supported"),
            (b"-3\n", r"not a number"),
            (b"three", r"not a number"),
            (b"", r"not a number"),
            ("\u00b3".encode(), r"not a number"),
        ],
    )
    def test_versions(self, version: bytes, message: str) -> None:
        with pytest.raises(ArchiveError, match=message):
            ArchiveReader(zipped({"r/constants.pkl": b"", "r/version": version}))

    def test_no_version(self) -> None:
        with pytest.raises(ArchiveError, match="no record 'version'"):
            ArchiveReader(zipped({"r/constants.pkl": b""}))

    def test_unknown_byte_order(self) -> None:
        with pytest.raises(ArchiveError, match="unknown byte order b'middle'"):
            ArchiveReader(zipped({"r/version": b"3", "r/byteorder": b"middle"}))

    def test_paths(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match=r"The provided filename .*missing does not exist"):
            ArchiveReader(tmp_path / "missing")
        with pytest.raises(ArchiveError, match="is a directory"):
            ArchiveReader(tmp_path)
        with pytest.raises(ArchiveError, match="is not a file"):
            ArchiveReader("/dev/zero")
        with pytest.raises(ArchiveError, match="cannot read"):
            ArchiveReader("a\0b")

    def test_not_files(self) -> None:
        with pytest.raises(ArchiveError, match="not from int"):
            ArchiveReader(3)
        with pytest.raises(ArchiveError, match="mode 'rb'"):
            ArchiveReader(io.StringIO("text"))


class TestRecords:
    def test_missing(self) -> None:
        with pytest.raises(ArchiveError, match=r"no such record \(record 'data/7'\)"):
            ArchiveReader(GOOD).read("data/7")

    def test_damaged(self) -> None:
        reader = ArchiveReader(GOOD)
        data = bytearray(GOOD)
        data[reader.offset("data/0") + 5] ^= 1
        damaged = ArchiveReader(data)
        with pytest.raises(ArchiveError, match=r"checksum does not match \(record 'data/0'\)"):
            damaged.read("data/0")
        # Checking large tensors is left to those who ask for it.
        assert len(damaged.read("data/0", verify=False)) == 256
        assert len(damaged.storage_bytes("data/0")) == 256
        with pytest.raises(ArchiveError, match="checksum"):
            damaged.storage_bytes("data/0", verify=True)

    def test_damaged_compression(self) -> None:
        reader = ArchiveReader(GOOD)
        for delta in range(12):
            data = bytearray(GOOD)
            data[reader.offset("code/__torch__.py") + delta] ^= 0xFF
            with pytest.raises(ArchiveError, match=r"damaged.*code/__torch__\.py"):
                ArchiveReader(data).read("code/__torch__.py")

    def test_text_that_is_none(self) -> None:
        reader = ArchiveReader(archive({"code/a.py": b"\xff"}))
        with pytest.raises(ArchiveError, match="not UTF-8"):
            reader.read_text("code/a.py")

    def test_storages_are_aligned(self) -> None:
        names = {f"r/{'n' * i}": bytes(range(64)) for i in range(1, 20)} | {"r/version": b"3"}
        reader = ArchiveReader(io.BytesIO(zipped(names)))
        numpy = pytest.importorskip("numpy")
        for i in range(1, 20):
            data = reader.storage_bytes("n" * i)
            assert numpy.frombuffer(data, numpy.uint8).ctypes.data % 16 == 0
            assert bytes(data) == bytes(range(64))


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            (Limits(archive_size=100), "at most 100 are allowed"),
            (Limits(records=3), r"8 records; at most 3"),
            (Limits(name_length=10), r"a record's name has \d+ bytes"),
            (Limits(inflated_size=100), r"compressed records claim to have 500 bytes"),
        ],
    )
    def test_opening(self, limits: Limits, message: str, tmp_path: Path) -> None:
        (tmp_path / "m.pt").write_bytes(GOOD)
        for source in (GOOD, tmp_path / "m.pt"):
            with pytest.raises(ArchiveError, match=message):
                ArchiveReader(source, limits)

    def test_stream(self) -> None:
        with pytest.raises(ArchiveError, match="allowed 100 bytes"):
            ArchiveReader(io.BytesIO(GOOD), Limits(archive_size=100))

    def test_reading(self) -> None:
        reader = ArchiveReader(GOOD, Limits(text_size=100, pickle_size=3))
        with pytest.raises(ArchiveError, match="at most 100"):
            reader.read_text("code/__torch__.py")
        with pytest.raises(ArchiveError, match="at most 3"):
            reader.read_pickle("data.pkl")

    def test_bomb(self) -> None:
        """A gigabyte of zeros in a megabyte."""
        names = {"r/version": b"3\n", "r/code/a.py": bytes(1 << 20)}
        data = zipped(names, zipfile.ZIP_DEFLATED)
        with pytest.raises(ArchiveError, match="compressed records claim"):
            ArchiveReader(data, Limits(inflated_size=1 << 19))

    def test_bomb_that_lies(self) -> None:
        """More comes out than the header says, or less; neither is read."""
        names = {"r/version": b"3\n", "r/code/a.py": bytes(1 << 20)}
        data = zipped(names, zipfile.ZIP_DEFLATED)
        for size in (10, (1 << 20) - 1, (1 << 20) + 1):
            lying = data.replace(struct.pack("<I", 1 << 20), struct.pack("<I", size))
            with pytest.raises(ArchiveError, match=r"damaged|claims to grow"):
                ArchiveReader(lying).read("code/a.py")

    def test_impossible_growth(self) -> None:
        data = zipped({"r/version": b"3\n", "r/a": b"0" * 1000}, zipfile.ZIP_DEFLATED)
        lying = data.replace(struct.pack("<I", 1000), struct.pack("<I", 500_000_000))
        with pytest.raises(ArchiveError, match="claims to grow"):
            ArchiveReader(lying)


def read_all(data: bytes) -> None:
    reader = ArchiveReader(data)
    for name in reader.records():
        reader.read(name)


class TestLies:
    """Each test changes one thing in a small zip file."""

    DATA = zipped({"r/version": b"3\n", "r/a": b"0123456789", "r/b": b"abcdefghij"})
    START = struct.unpack("<I", DATA[-6:-2])[0]

    def entry(self, name: str) -> int:
        return self.DATA.index(name.encode(), self.START) - 46

    def changed(self, *changes: tuple[int, bytes]) -> bytes:
        data = bytearray(self.DATA)
        for position, content in changes:
            data[position : position + len(content)] = content
        return bytes(data)

    def refuse(self, data: bytes, message: str) -> None:
        with pytest.raises(ArchiveError, match=message):
            read_all(data)

    def test_it_is_sound(self) -> None:
        assert bytes(ArchiveReader(self.DATA).read("b")) == b"abcdefghij"

    def test_duplicate_names(self) -> None:
        local = self.DATA.index(b"r/b")
        self.refuse(self.changed((self.entry("r/b") + 46, b"r/a"), (local, b"r/a")), "two records of this name")

    @pytest.mark.parametrize("name", [b"/ab", b"../", b"r//", b"r/.", b"a\0b", b"\xff/a", b"r\\.", b"C:/"])
    def test_bad_names(self, name: bytes) -> None:
        local = self.DATA.index(b"r/b")
        self.refuse(self.changed((self.entry("r/b") + 46, name), (local, name)), "name")

    def test_another_root(self) -> None:
        local = self.DATA.index(b"r/b")
        data = self.changed((self.entry("r/b") + 46, b"s/b"), (local, b"s/b"))
        self.refuse(data, "not in a subdirectory r/")

    def test_no_root(self) -> None:
        self.refuse(zipped({"version": b"3"}), "not in a subdirectory")

    def test_name_differs_in_the_local_header(self) -> None:
        self.refuse(self.changed((self.DATA.index(b"r/b"), b"r/c")), "does not match the central directory")

    def test_local_header_is_elsewhere(self) -> None:
        self.refuse(self.changed((self.entry("r/b") + 42, struct.pack("<I", 3))), "does not match")
        self.refuse(self.changed((self.entry("r/b") + 42, struct.pack("<I", 1 << 30))), "beyond the end")
        self.refuse(self.changed((self.entry("r/b") + 42, b"\xff\xff\xff\xff")), "beyond the end")

    def test_overlap(self) -> None:
        """Two entries for one local header."""
        offset = self.DATA[self.entry("r/a") + 42 : self.entry("r/a") + 46]
        data = self.changed((self.entry("r/b") + 42, offset), (self.entry("r/b") + 46, b"r/a"))
        self.refuse(data, "two records of this name|does not match")

    def test_size_reaches_into_the_next(self) -> None:
        sizes, crc = struct.pack("<II", 30, 30), struct.pack("<I", zlib.crc32(self.DATA))
        local = self.DATA.index(b"r/a") - 30
        data = self.changed((self.entry("r/a") + 20, sizes), (local + 18, sizes), (local + 14, crc))
        self.refuse(data, "overlaps|does not match")

    def test_size_reaches_beyond_the_end(self) -> None:
        sizes = struct.pack("<II", 1 << 30, 1 << 30)
        local = self.DATA.index(b"r/b") - 30
        self.refuse(self.changed((self.entry("r/b") + 20, sizes), (local + 18, sizes)), "beyond the end")

    def test_sizes_that_differ(self) -> None:
        self.refuse(self.changed((self.entry("r/b") + 24, struct.pack("<I", 11))), "impossible compression")

    @pytest.mark.parametrize("method", [1, 9, 12, 14, 99])
    def test_unknown_compression(self, method: int) -> None:
        self.refuse(self.changed((self.entry("r/b") + 10, struct.pack("<H", method))), f"method {method}")

    def test_encrypted(self) -> None:
        self.refuse(self.changed((self.entry("r/b") + 8, b"\x01\0")), "encrypted")

    def test_number_of_records(self) -> None:
        for count in (0, 2, 4, 60000):
            ends = (len(self.DATA) - 14, struct.pack("<HH", count, count))
            self.refuse(self.changed(ends), "central directory|no records")

    def test_parts(self) -> None:
        self.refuse(self.changed((len(self.DATA) - 18, b"\x01\0")), "several parts")
        self.refuse(self.changed((self.entry("r/b") + 34, b"\x01\0")), "several parts")

    def test_directory_is_elsewhere(self) -> None:
        for offset in (0, self.START - 1, self.START + 1, 0xFFFFFFFF):
            self.refuse(self.changed((len(self.DATA) - 6, struct.pack("<I", offset))), "central directory")

    def test_two_ends_that_disagree(self) -> None:
        data = bytearray(GOOD)
        struct.pack_into("<H", data, len(data) - 12, 7)
        self.refuse(bytes(data), "two end records disagree")

    def test_zip64_end_is_elsewhere(self) -> None:
        position = len(GOOD) - 42
        for offset in (0, position, 1 << 62, 0xFFFFFFFFFFFFFFFF):
            data = bytearray(GOOD)
            struct.pack_into("<Q", data, position + 8, offset)
            self.refuse(bytes(data), "central directory")

    def test_zip64_counts(self) -> None:
        data = bytearray(GOOD)
        position = len(GOOD) - 42 - 56
        struct.pack_into("<QQ", data, position + 24, 1 << 60, 1 << 60)
        struct.pack_into("<HH", data, len(data) - 14, 0xFFFF, 0xFFFF)
        self.refuse(bytes(data), "at most")

    def test_short_zip64_field(self) -> None:
        data = bytearray(with_wide_entry(self.DATA))
        position = data.index(struct.pack("<HHQ", 1, 24, 2))
        struct.pack_into("<H", data, position + 2, 16)
        self.refuse(bytes(data), "zip64 field is too short")
        struct.pack_into("<H", data, position + 2, 60000)
        self.refuse(bytes(data), "cut off")
