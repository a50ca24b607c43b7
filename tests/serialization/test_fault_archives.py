"""Damaged archives: whatever the bytes, reading ends in values or in one `ArchiveError`, and soon."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import time
import zlib

import pytest

from flambeau.errors import ArchiveError
from flambeau.ir import ScalarType, Storage, TensorData
from flambeau.serialization import (
    ArchiveReader,
    ArchiveWriter,
    ValueBuilder,
    original_ranges,
    read_constants,
    read_pickle,
    read_pickle_record,
    read_traced_inputs,
)
from flambeau.serialization.pickles.opcodes import Opcode

SECONDS = 10.0
"""Far more than any of these takes, and the least that would be called a hang."""


class Touching(ValueBuilder):
    """Reads the data of every tensor, as somebody who uses it would."""

    def tensor(self, data: TensorData) -> object:
        if data.storage is not None and data.storage.has_data:
            assert data.storage.data is not None
            assert len(data.storage.data) == data.storage.nbytes
        return data


def read_all(data: bytes) -> None:
    archive = ArchiveReader(data)
    archive.require_script()
    read_pickle_record(archive, "data", Touching())
    read_constants(archive, Touching())
    read_traced_inputs(archive, Touching())
    for name in archive.records():
        if name.endswith(".py"):
            archive.read_text(name)
        elif name.endswith(".debug_pkl"):
            original_ranges(archive.read_pickle(name), record=name)


def survives(data: bytes) -> bool:
    """Whether the archive can be read; anything but that and an `ArchiveError` escapes."""
    start = time.perf_counter()
    try:
        read_all(data)
    except ArchiveError:
        return False
    finally:
        assert time.perf_counter() - start < SECONDS
    return True


@pytest.fixture(scope="module")
def sample() -> bytes:
    """An archive with tensors, objects, enums, containers and debug records; without PyTorch a smaller one."""
    try:
        import torch
    except ImportError:
        file = io.BytesIO()
        with ArchiveWriter(file) as writer:
            writer.write("data.pkl", b"\x80\x02(K\1t.")
            writer.write("constants.pkl", b"\x80\x02).")
            writer.write("code/a.py", "x = 1\n" * 100)
        return file.getvalue()
    from tests.serialization.script_modules import Attributes

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attributes = Attributes()
            self.linear = torch.nn.Linear(2, 3)
            self.register_buffer("quantized", torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 3, torch.quint8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x) + torch.ones(3)

    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Model()), file)
    return file.getvalue()


def test_the_sample_is_sound(sample: bytes) -> None:
    assert survives(sample)


def test_truncated(sample: bytes) -> None:
    for length in range(0, len(sample), 97):
        assert not survives(sample[:length])


def test_truncated_at_the_front(sample: bytes) -> None:
    for start in range(1, len(sample), 97):
        assert not survives(sample[start:])


def test_bits_flipped(sample: bytes) -> None:
    """Checksums catch nearly all; those in padding and tensors do no harm."""
    chosen = random.Random(1)
    outcomes = []
    for _ in range(300):
        data = bytearray(sample)
        for _ in range(chosen.choice([1, 1, 1, 8])):
            data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        outcomes.append(survives(bytes(data)))
    assert set(outcomes) == {True, False}


def test_headers_damaged(sample: bytes) -> None:
    """Bytes of the local headers and of the directory, with all values that tend to matter."""
    chosen = random.Random(2)
    start = struct.unpack("<I", sample[-6:-2])[0]
    headers = [i for i in range(len(sample)) if sample[i : i + 4] == b"PK\x03\x04"]
    places = [*range(start, len(sample)), *(h + i for h in headers for i in range(30))]
    for _ in range(600):
        data = bytearray(sample)
        place = chosen.choice(places)
        size = chosen.choice([1, 2, 4, 8])
        value = chosen.choice([0, 1, 0x7F, 0x80, 0xFF])
        data[place : place + size] = bytes([value]) * min(size, len(data) - place)
        survives(bytes(data))


def with_record(sample: bytes, name: str, content: bytes) -> bytes:
    """The archive with one record replaced, all checksums right."""
    archive, file = ArchiveReader(sample), io.BytesIO()
    with ArchiveWriter(file) as writer:
        for record in archive.records():
            if record not in ("version", "byteorder", ".data/serialization_id"):
                writer.write(record, content if record == name else bytes(archive.read(record)))
    return file.getvalue()


def mutated(content: bytes, chosen: random.Random) -> bytes:
    """A pickle with some of its bytes replaced, left out or repeated."""
    data = bytearray(content)
    for _ in range(chosen.choice([1, 1, 2, 5])):
        at, length = chosen.randrange(len(data) + 1), chosen.choice([0, 1, 1, 4, 30])
        cut = bytes(data[at : at + length])
        replacements = [
            bytes(chosen.choice(list(Opcode)) for _ in range(chosen.choice([0, 1, 2]))),
            cut * chosen.choice([0, 2, 3]),
            chosen.randbytes(length),
        ]
        data[at : at + length] = chosen.choice(replacements)
    return bytes(data)


def no_storage(key: str, dtype: ScalarType, numel: int, device: str) -> Storage:
    return Storage(min(numel, 1 << 20) * dtype.itemsize, device=device)


@pytest.mark.parametrize("suffix", ["data.pkl", ".debug_pkl", "constants.pkl"])
def test_pickles_damaged(sample: bytes, suffix: str) -> None:
    """Behind the checksums."""
    chosen = random.Random(suffix)
    archive = ArchiveReader(sample)
    name = next(n for n in archive.records() if n.endswith(suffix))
    content = bytes(archive.read(name))
    outcomes = []
    for number in range(1000):
        data = mutated(content, chosen)
        if number % 50 == 0:
            survives(with_record(sample, name, data))
        try:
            read_pickle(data, Touching(), no_storage)
        except ArchiveError:
            outcomes.append(False)
        else:
            outcomes.append(True)
    assert False in outcomes


def test_records_swapped(sample: bytes) -> None:
    archive = ArchiveReader(sample)
    names = [n for n in archive.records() if n.endswith(("pkl", ".py")) or n.startswith("data/")]
    for name in names:
        for other in names:
            if name != other and name.endswith("pkl"):
                survives(with_record(sample, name, bytes(archive.read(other))))


def test_record_missing(sample: bytes) -> None:
    archive = ArchiveReader(sample)
    for missing in archive.records():
        file = io.BytesIO()
        with ArchiveWriter(file) as writer:
            for name in archive.records():
                if name not in (missing, "version", "byteorder", ".data/serialization_id"):
                    writer.write(name, bytes(archive.read(name)))
        needed = missing in ("data.pkl", "constants.pkl") or missing.startswith("data/")
        assert survives(file.getvalue()) is not needed


def test_bomb(sample: bytes) -> None:
    """Four records of 600 MB each in an archive of a few: refused from the directory alone."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    stored = b"".join(stream.compress(zeros) for _ in range(600)) + stream.flush()
    size, parts, entries = 600 << 20, [], []
    position = 0
    for name in (b"r/version", b"r/a", b"r/b", b"r/constants.pkl"):
        fields = (20, 0, 8, 0, 0, 0, len(stored), size, len(name), 0)
        local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", *fields) + name + stored
        entries.append(struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, position) + name)
        parts.append(local)
        position += len(local)
    directory = b"".join(entries)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 4, 4, len(directory), position, 0)
    start = time.perf_counter()
    with pytest.raises(ArchiveError, match="compressed records claim to have 2516582400 bytes"):
        ArchiveReader(b"".join(parts) + directory + end)
    assert time.perf_counter() - start < 1


def test_memory_of_a_hostile_pickle() -> None:
    """As many objects as the limits allow, in a process that may not have more than 2 GB in all."""
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from flambeau.errors import ArchiveError
from flambeau.serialization import read_pickle
try:
    read_pickle(b"\\x80\\x02" + b"}" * (1 << 26))
except ArchiveError as error:
    print(error, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "more than the allowed 10000000 instructions" in done.stderr) == (0, True)
