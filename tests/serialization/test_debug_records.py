"""Debug records: both encodings read, one written, offsets right in texts that are not ASCII."""

from __future__ import annotations

import io
import os
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau.errors import ArchiveError
from flambeau.ir import ANY, OriginalRanges, Source, SourceRange
from flambeau.serialization import (
    ArchiveReader,
    DebugRecordWriter,
    original_ranges,
    write_pickle,
)
from flambeau.serialization.code.debug_records import Utf8Offsets

ARCHIVES = Path(os.environ.get("FLAMBEAU_ARCHIVES", Path(__file__).parents[2].parent / "shared" / "archives"))
TEXT = "def forward(self, x):\n    # é comment 🦕\n    return x + 1\n"
SOURCE = Source(TEXT, "/home/é/model.py", 6)


def place(text: str, source: Source = SOURCE) -> SourceRange:
    start = source.text.index(text)
    return source.range(start, start + len(text))


def facts(ranges: OriginalRanges) -> list[tuple[object, ...]]:
    return [
        (start, r and (r.filename, r.source.text, r.line, r.start, r.text))
        for start, r in zip(ranges.starts, ranges.ranges)
    ]


class TestPyTorch:
    @pytest.fixture(params=[True, False], ids=["table", "inline"])
    def archive(self, request: pytest.FixtureRequest) -> ArchiveReader:
        torch = pytest.importorskip("torch")
        torch._C._set_should_use_format_with_string_table(request.param)
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Transformer(8, 2, 1, 1, 8)), file)
        torch._C._set_should_use_format_with_string_table(True)
        return ArchiveReader(file.getvalue())

    def test_read(self, archive: ArchiveReader) -> None:
        # PyTorch mangles the name if this process has scripted such a module before.
        sources = [n for n in archive.records() if n.startswith("code/__torch__/torch/nn/modules/linear")]
        texts = {n: archive.read_text(n) for n in sources if n.endswith(".py")}
        name, code = next((n, text) for n, text in texts.items() if "torch.linear(" in text)
        ranges = original_ranges(archive.read_pickle(f"{name}.debug_pkl"), code=code)
        found = ranges.find(code.index("torch.linear("))
        assert found is not None
        assert found.text == "F.linear(input, self.weight, self.bias)" or found.text == "F.linear"
        assert found.filename.endswith("torch/nn/modules/linear.py")
        with open(found.filename) as file:
            assert found.text.partition("(")[0] in file.read().splitlines()[found.line - 1]
        assert ranges.find(0) is None

    def test_written_again(self, archive: ArchiveReader) -> None:
        for name in archive.records():
            if name.endswith(".debug_pkl"):
                ranges = original_ranges(archive.read_pickle(name))
                again = DebugRecordWriter().write(zip(ranges.starts, ranges.ranges))
                assert facts(original_ranges(again)) == facts(ranges)

    def test_same_bytes(self) -> None:
        torch = pytest.importorskip("torch")
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(3, 4)), file)
        archive, writer = ArchiveReader(file.getvalue()), DebugRecordWriter()
        names = [name for name in archive.records() if name.endswith(".debug_pkl")]
        assert names
        for name in names:
            theirs = bytes(archive.read_pickle(name))
            ranges = original_ranges(theirs)
            assert writer.write(zip(ranges.starts, ranges.ranges)) == theirs


@pytest.mark.skipif(not ARCHIVES.is_dir(), reason=f"there are no archives at {ARCHIVES}")
@pytest.mark.parametrize("path", sorted(ARCHIVES.glob("*/model.pt")), ids=lambda p: p.parent.name)
def test_real_archives(path: Path) -> None:
    archive, count = ArchiveReader(path), 0
    for name in archive.records():
        if name.endswith(".py.debug_pkl"):
            code = archive.read_text(name.removesuffix(".debug_pkl"))
            ranges = original_ranges(archive.read_pickle(name), code=code)
            assert list(ranges.starts) == sorted(ranges.starts)
            assert all(start <= len(code) for start in ranges.starts)
            again = DebugRecordWriter().write(zip(ranges.starts, ranges.ranges), code)
            assert facts(original_ranges(again, code=code)) == facts(ranges)
            count += sum(r is not None for r in ranges.ranges)
    assert count


def test_texts_that_are_not_ascii() -> None:
    code = "# ü\nreturn x"
    entries = [(0, None), (4, place("return x + 1")), (11, place("x + 1")), (12, place("🦕")), (13, None)]
    record = DebugRecordWriter().write(entries, code)
    ranges = original_ranges(record, code=code)
    assert list(zip(ranges.starts, [r and r.text for r in ranges.ranges])) == [
        (0, None),
        (4, "return x + 1"),
        (11, "x + 1"),
        (12, "🦕"),
        (13, None),
    ]
    found = ranges.find(11)
    assert found is not None
    assert (found.line, found.filename, found.source.first_line) == (8, "/home/é/model.py", 6)
    # In the file, offsets count bytes.
    assert original_ranges(record).starts == (0, 5, 12, 13, 14)


def test_places_are_numbered_through_the_archive() -> None:
    writer, other = DebugRecordWriter(), Source("other", "b.py")
    first = writer.write([(0, None), (1, place("x + 1")), (2, place("return")), (3, place("x + 1"))])
    second = writer.write([(0, place("ther", other)), (1, place("return"))])
    assert tags(first) == [0, 1, 2, 1]
    assert tags(second) == [3, 2]


def tags(record: bytes) -> list[object]:
    from flambeau.serialization import read_pickle

    value = read_pickle(record)
    assert isinstance(value, tuple)
    return [entry[2] for entry in value[2]]


@given(st.text(max_size=30), st.data())
def test_offsets(text: str, data: st.DataObject) -> None:
    offsets = Utf8Offsets(text)
    encoded = text.encode(errors="surrogatepass")
    position = data.draw(st.integers(0, len(text)))
    as_bytes = len(text[:position].encode(errors="surrogatepass"))
    assert offsets.bytes(position) == as_bytes
    assert offsets.characters(as_bytes) == position
    anywhere = data.draw(st.integers(0, len(encoded)))
    assert offsets.bytes(offsets.characters(anywhere)) <= anywhere


@given(
    st.lists(st.text("ab\n é🦕", max_size=12), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 12)) | st.none(), max_size=6),
)
def test_round_trip(texts: list[str], places: list[tuple[int, int, int] | None]) -> None:
    sources = [Source(text, f"file{i}.py", i + 1) for i, text in enumerate(texts)]
    entries: list[tuple[int, SourceRange | None]] = []
    for offset, given_place in enumerate(places):
        if given_place is None:
            entries.append((offset, None))
            continue
        source = sources[given_place[0] % len(sources)]
        start, end = sorted(min(p, len(source.text)) for p in given_place[1:])
        entries.append((offset, source.range(start, end)))
    found = original_ranges(DebugRecordWriter().write(entries))
    assert facts(found) == facts(OriginalRanges(tuple(o for o, _ in entries), tuple(r for _, r in entries)))


def record(value: object) -> bytes:
    return write_pickle(value, ANY).data


SHARED = ("text", "f.py", 1)
TABLE = "FORMAT_WITH_STRING_TABLE"


class TestBad:
    @pytest.mark.parametrize(
        "value",
        [
            1,
            "text",
            [],
            (1,),
            ((0,),),
            ((-1, (SHARED, 0, 1)),),
            ((0, (SHARED, 0)),),
            ((0, (SHARED, 0, 99)),),
            ((0, (SHARED, 3, 2)),),
            ((0, (SHARED, -1, 2)),),
            ((0, (("text", "f.py"), 0, 1)),),
            ((0, ((1, "f.py", 1), 0, 1)),),
            ((0, (("text", "f.py", -1), 0, 1)),),
            ((0, (("text", "f.py", 1 << 40), 0, 1)),),
            ((0, (([0], "f.py", 1), 0, 1)),),
            ((0, (("text", 3, 1), 0, 1)),),
            ((0, (("text", (), 1), 0, 1)),),
            (TABLE,),
            (TABLE, (), 3),
            (TABLE, [""], ()),
            (TABLE, ("",), ((0, (([1], 0, 1), 0, 0)),)),
            (TABLE, ("",), ((0, (([-1], 0, 1), 0, 0)),)),
            (TABLE, ("",), ((0, (([0], 7, 1), 0, 0)),)),
            (TABLE, (1,), ((0, (([0], 0, 1), 0, 0)),)),
            (TABLE, ("",), ((0, (([[0]], 0, 1), 0, 0)),)),
        ],
        ids=repr,
    )
    def test_is_refused(self, value: object) -> None:
        with pytest.raises(ArchiveError, match=r"not a debug record: .*\(record 'x.debug_pkl'\)"):
            original_ranges(record(value), record="x.debug_pkl")

    def test_empty(self) -> None:
        assert original_ranges(record(())).find(0) is None
        assert original_ranges(record((TABLE, ("",), ()))).find(0) is None

    @pytest.mark.parametrize("line", ["x" * 1000, ""], ids=["long", "empty"])
    def test_texts_that_multiply(self, line: str) -> None:
        """A small record whose sources have many gigabytes, or no text but many lines."""
        text = b"".join(b"X" + struct.pack("<I", len(t)) + t for t in (TABLE.encode(), line.encode()))
        shared = b"](" + b"K\0" * 30_000 + b"eq\0"
        # Each entry has a source of its own: the same lines, another number of the first one.
        entries = b"".join(b"K\0h\0K\0" + b"J" + struct.pack("<i", i) + b"\x87K\0K\0\x87\x86" for i in range(3000))
        first = b"K\0" + shared + b"K\0K\0\x87K\0K\0\x87\x86"
        start = time.perf_counter()
        with pytest.raises(ArchiveError, match="too large"):
            original_ranges(b"\x80\x02" + text + b"\x85(" + first + entries + b"t\x87.")
        assert time.perf_counter() - start < 30
