"""The container we write: PyTorch's bytes, read by everybody, and never half a file."""

from __future__ import annotations

import io
import itertools
import mmap
import os
import stat
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau.errors import ArchiveError
from flambeau.serialization import ArchiveReader, ArchiveWriter

CLOSING = {"version", ".data/version", "byteorder", ".data/serialization_id"}

NAMES = st.lists(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="/\\\0"), min_size=1, max_size=20).filter(
        lambda part: part not in (".", "..") and not part.endswith(":")
    ),
    min_size=1,
    max_size=3,
).map("/".join)
CONTENTS = st.binary(max_size=300) | st.integers(0, 3000).map(bytes)


def written(records: dict[str, bytes], root: str | None = None, version: int = 3) -> bytes:
    file = io.BytesIO()
    with ArchiveWriter(file, root) as archive:
        archive.require_version(version)
        for name, content in records.items():
            archive.write(name, content)
    return file.getvalue()


@given(st.dictionaries(NAMES.filter(lambda name: name not in CLOSING), CONTENTS, max_size=8))
def test_round_trip(records: dict[str, bytes]) -> None:
    data = written(records)
    reader = ArchiveReader(data)
    assert {name: bytes(reader.read(name)) for name in reader.records() if name not in CLOSING} == records
    assert all(reader.offset(name) % 64 == 0 for name in reader.records())
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert [n.partition("/")[2] for n in file.namelist()] == reader.records()
    assert written(records) == data


def test_same_bytes_as_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    records = {
        "extra/empty": b"",
        "data/0": bytes(range(256)) * 5,
        "data.pkl": b"\x80\x02N.",
        "code/__torch__.py": b"x" * 200,
        **{"n" * length: b"12345" for length in range(1, 70)},
    }
    theirs = torch._C.PyTorchFileWriter(str(tmp_path / "theirs.pt"))
    for name, content in records.items():
        theirs.write_record(name, content, len(content))
    theirs.write_end_of_file()
    expected = (tmp_path / "theirs.pt").read_bytes()
    ours = written(records, "theirs")
    # The last record identifies the contents by hashes that depend on PyTorch's C++ library; all else is equal.
    position = ArchiveReader(expected).offset(".data/serialization_id")
    masked = [data[:position] + bytes(44) + data[position + 44 :] for data in (expected, ours)]
    checksum = masked[0].rfind(b"PK\x01\x02") + 16
    masked = [data[:checksum] + bytes(4) + data[checksum + 4 :] for data in masked]
    # The data descriptor after the record repeats its checksum.
    masked = [data[: position + 44] + bytes(4) + data[position + 48 :] for data in masked]
    assert masked[0] == masked[1]


def test_layout_of_a_saved_module() -> None:
    """An archive that PyTorch wrote, written again. Two compressors may differ in bytes, so no offsets are compared."""
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(3, 4)), file, _extra_files={"note.txt": "hello", "empty": ""})
    reader = ArchiveReader(file.getvalue())
    ours = written({n: bytes(reader.read(n)) for n in reader.records() if n not in CLOSING}, reader.name)

    def facts(data: bytes) -> list[tuple[object, ...]]:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            return [
                (i.filename, i.flag_bits, i.compress_type, i.file_size, i.date_time, i.create_version, i.create_system)
                + (i.extract_version, i.external_attr, i.extra, i.compress_type or i.compress_size)
                for i in opened.infolist()
            ]

    assert facts(ours) == facts(file.getvalue())
    assert torch.jit.load(io.BytesIO(ours))(torch.ones(1, 3)).shape == (1, 4)


def test_pytorch_reads_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    records = {"data/0": bytes(100), "code/a.py": b"print\n" * 100, "empty": b"", "a/b.debug_pkl": b"y" * 201}
    (tmp_path / "m.pt").write_bytes(written(records))
    reader = torch._C.PyTorchFileReader(str(tmp_path / "m.pt"))
    assert {name: reader.get_record(name) for name in records} == records
    assert sorted(reader.get_all_records()) == sorted([*records, "version", "byteorder", ".data/serialization_id"])
    assert reader.serialization_id() == ArchiveReader(tmp_path / "m.pt").read_text(".data/serialization_id")


@pytest.mark.parametrize(
    ("version", "record"), [(1, "version"), (3, "version"), (5, "version"), (6, ".data/version"), (10, ".data/version")]
)
def test_version_record(version: int, record: str) -> None:
    data = written({"a": b""}, version=version)
    assert ArchiveReader(data).read_text(record) == f"{max(version, 3)}\n"
    assert ArchiveReader(data).version == max(version, 3)


def test_version_is_the_highest_required() -> None:
    file = io.BytesIO()
    with ArchiveWriter(file) as archive:
        for version in (4, 8, 5):
            archive.require_version(version)
    assert ArchiveReader(file.getvalue()).version == 8


def test_only_text_is_compressed() -> None:
    text = b"a" * 201
    data = written(
        {"code/a.py": text, "code/a.py.debug_pkl": text, "code/b.py": text[:200], "a.py": text, "data/0": text}
    )
    reader = ArchiveReader(data)
    assert [n for n in reader.records() if reader.is_compressed(n)] == ["code/a.py", "code/a.py.debug_pkl"]


def test_root_is_the_name_of_the_file(tmp_path: Path) -> None:
    for name, root in [("model.pt", "model"), ("a.b.c", "a.b"), ("plain", "plain"), (".hidden", ".hidden")]:
        with ArchiveWriter(tmp_path / name) as archive:
            archive.write("a", b"")
        assert ArchiveReader(tmp_path / name).name == root
    assert ArchiveReader(written({"a": b""})).name == "archive"


@pytest.mark.parametrize("name", ["", "/a", "a/", "../a", "a/../b", "a//b", "./a", "a\0", "a\\..\\b", "\ud800"])
def test_bad_record_name(name: str) -> None:
    with pytest.raises(ArchiveError):
        written({name: b""})


@pytest.mark.parametrize("root", ["", "a/b", ".", "..", "a\0"])
def test_bad_root(root: str) -> None:
    with pytest.raises(ArchiveError, match="folder"):
        written({"a": b""}, root)


def test_a_record_twice() -> None:
    archive = ArchiveWriter(io.BytesIO())
    archive.write("a", b"")
    with pytest.raises(ArchiveError, match="twice"):
        archive.write("a", b"")


def test_target_that_takes_little_at_a_time() -> None:
    class Slow(io.RawIOBase):
        content = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)[:7]
            self.content += piece
            return len(piece)

    slow = Slow()
    with ArchiveWriter(slow) as archive:
        archive.write("a", bytes(range(100)))
    assert slow.content == written({"a": bytes(range(100))})


class Stuck(io.RawIOBase):
    """A file that takes nothing, and says so."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return 0


@pytest.mark.parametrize(("file", "message"), [(Stuck(), "took 0 of"), (io.BytesIO(), "closed file")])
def test_target_that_takes_nothing(file: io.BytesIO, message: str) -> None:
    if isinstance(file, io.BytesIO):
        file.close()
    with pytest.raises(ArchiveError, match=message), ArchiveWriter(file) as archive:
        archive.write("a", b"content")


@pytest.mark.parametrize("content", [1, None, ["a"], "\ud800"])
def test_content_of_the_wrong_kind(content: bytes) -> None:
    with pytest.raises(ArchiveError, match="cannot be encoded"):
        ArchiveWriter(io.BytesIO()).write("a", content)


class TestPaths:
    def test_no_path(self) -> None:
        with pytest.raises(ArchiveError, match=r"null (byte|character)"):
            ArchiveWriter("a\0b")

    def test_failure_leaves_the_old_file(self, tmp_path: Path) -> None:
        target = tmp_path / "m.pt"
        target.write_bytes(b"old")

        def fail() -> None:
            with ArchiveWriter(target) as archive:
                archive.write("a", bytes(1 << 20))
                archive.write("a", b"")

        with pytest.raises(ArchiveError, match="twice"):
            fail()
        assert target.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["m.pt"]

    def test_failing_disk_leaves_the_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tmp_path / "m.pt"
        target.write_bytes(b"old")

        def no_space(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_space)
        with pytest.raises(ArchiveError, match="No space left"), ArchiveWriter(target) as archive:
            archive.write("a", bytes(1 << 20))
        assert target.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["m.pt"]

    @pytest.mark.parametrize("exists", [True, False])
    def test_bytes_reach_the_disk_before_they_replace_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
    ) -> None:
        target = tmp_path / "m.pt"
        if exists:
            target.write_bytes(b"old")
        done: list[str] = []
        for name in ("fsync", "replace"):
            call = getattr(os, name)
            monkeypatch.setattr(os, name, lambda *given, call=call, name=name: (done.append(name), call(*given))[1])
        with ArchiveWriter(target) as archive:
            archive.write("a", b"new")
        assert done == (["fsync", "replace"] if exists else ["replace"])

    def test_nothing_appears_before_the_end(self, tmp_path: Path) -> None:
        target = tmp_path / "m.pt"
        archive = ArchiveWriter(target)
        archive.write("a", bytes(1 << 20))
        assert not target.exists()
        archive.finish()
        assert ArchiveReader(target).has("a")
        assert os.listdir(tmp_path) == ["m.pt"]

    def test_interrupted_anywhere(self, tmp_path: Path) -> None:
        code = ArchiveWriter.__init__.__code__.co_filename
        left = 0

        def trace(frame: FrameType, event: str, argument: object) -> Callable[..., object]:
            nonlocal left
            if event in ("call", "line") and frame.f_code.co_filename == code and frame.f_code.co_name != "_remove":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        def attempt() -> bool:
            before = sys.gettrace()
            sys.settrace(trace)
            try:
                with ArchiveWriter(tmp_path / "m.pt") as archive:
                    archive.write("a", b"new")
            except KeyboardInterrupt:
                return False
            finally:
                sys.settrace(before)
            return True

        for after in itertools.count(1):
            left = after
            if attempt():
                break
            assert os.listdir(tmp_path) in ([], ["m.pt"]), f"after {after} lines"
        assert after > 20

    def test_old_file_stays_readable_while_it_is_replaced(self, tmp_path: Path) -> None:
        target = tmp_path / "m.pt"
        target.write_bytes(written({"a": b"old" * 1000}))
        reader = ArchiveReader(target)
        with ArchiveWriter(target) as archive:
            archive.write("a", b"new")
        assert bytes(reader.read("a")) == b"old" * 1000
        assert bytes(ArchiveReader(target).read("a")) == b"new"

    def test_mode_and_link_are_kept(self, tmp_path: Path) -> None:
        target, link = tmp_path / "m.pt", tmp_path / "link.pt"
        target.write_bytes(b"old")
        target.chmod(0o640)
        link.symlink_to(target)
        with ArchiveWriter(link) as archive:
            archive.write("a", b"new")
        assert link.is_symlink()
        assert bytes(ArchiveReader(target).read("a")) == b"new"
        assert ArchiveReader(target).name == "link"
        assert stat.S_IMODE(target.stat().st_mode) == 0o640

    def test_new_file_follows_the_umask(self, tmp_path: Path) -> None:
        (tmp_path / "plain").write_bytes(b"")
        with ArchiveWriter(tmp_path / "m.pt") as archive:
            archive.write("a", b"")
        assert (tmp_path / "m.pt").stat().st_mode == (tmp_path / "plain").stat().st_mode

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match=r"Parent directory .*nowhere does not exist\."):
            ArchiveWriter(tmp_path / "nowhere" / "m.pt")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="is a directory"):
            ArchiveWriter(tmp_path)

    def test_file_that_is_full_when_it_is_flushed(self) -> None:
        with open("/dev/full", "wb") as file:
            with pytest.raises(ArchiveError, match="No space left"), ArchiveWriter(file) as archive:
                archive.write("a", b"new")
            with pytest.raises(OSError, match="No space left"):
                file.close()

    def test_device(self) -> None:
        with ArchiveWriter("/dev/null") as archive:
            archive.write("a", b"")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    @pytest.mark.parametrize("target", [3, None, io.StringIO()], ids=lambda target: type(target).__name__)
    def test_not_a_file(self, target: object) -> None:
        with pytest.raises(ArchiveError), ArchiveWriter(target) as archive:
            archive.write("a", b"")


@pytest.mark.slow
def test_records_beyond_four_gigabytes() -> None:
    """The zip64 fields that PyTorch's writer makes, taken from one of its files."""
    size = (1 << 32) + 100

    class Headers:
        """Keeps all but the large record."""

        content = b""
        zeros = 0

        def write(self, data: bytes | memoryview) -> int:
            if len(data) > 1 << 20 or (self.zeros and self.zeros < size):
                self.zeros += len(data)
            else:
                self.content += bytes(data)
            return len(data)

    kept = Headers()
    with mmap.mmap(-1, size) as nothing, ArchiveWriter(kept, "big") as archive:
        archive.write("first", b"12345")
        archive.write("big", memoryview(nothing))
        archive.write("after", b"12345")
        archive.write("empty", b"")
    assert kept.zeros == size
    local, descriptor = struct.Struct("<HHQQ"), struct.Struct("<4sIQQ")
    assert kept.content.count(local.pack(1, 16, size, size)) == 2
    assert descriptor.pack(b"PK\x07\x08", 0xA92A4CE5, size, size) in kept.content
    assert kept.content.count(struct.pack("<HHQ", 1, 8, 0x1_0000_013C)) == 2
    assert kept.content.count(struct.pack("<HHQ", 1, 8, 0x1_0000_019D)) == 2
    assert kept.content.endswith(
        struct.pack("<4sIQI", b"PK\x06\x07", 0, 0x1_0000_0566, 1)
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 7, 7, 0x1E6, 0xFFFFFFFF, 0)
    )


def test_byte_order_is_the_machine_s() -> None:
    assert ArchiveReader(written({"a": b""})).byteorder == sys.byteorder
