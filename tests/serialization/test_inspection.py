"""What `inspect` tells of archives, sound and otherwise."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ArchiveError
from flambeau.serialization import ArchiveReader, ArchiveSummary
from tests.serialization.fuzzing.containers import records_of, zipped
from tests.serialization.fuzzing.seeds import make_seeds
from tests.serialization.old_archives import module_of
from tests.serialization.script_modules import Attributes
from tests.serialization.zoo.everything import ZOO
from tests.serialization.zoo.specimen import seeded

CODE = "code/__torch__/tests/serialization/test_inspection.py"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2)
        self.second.weight = nn.Parameter(torch.zeros(2, 4))
        self.register_buffer("steps", torch.zeros(5, dtype=torch.int64))
        self.extra = {"scale": torch.ones(2)}

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(torch.relu(self.first(x))) + torch.tensor([1.0, 2.0, 3.0, 4.0])


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (eval, ("1 + 1",))


def saved(module: nn.Module, **files: str) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(module), file, _extra_files=files)
    return file.getvalue()


def with_records(data: bytes, replaced: dict[str, bytes]) -> bytes:
    """The archive with records replaced or added."""
    records = dict(records_of(data))
    folder = next(iter(records)).partition("/")[0]
    for name, content in replaced.items():
        records[f"{folder}/{name}"] = content
    return zipped(records.items())


@pytest.fixture(scope="module")
def net() -> bytes:
    return saved(Net(), note="hello")


class TestSoundArchives:
    def test_facts(self, net: bytes) -> None:
        told = flambeau.inspect(net)
        assert (told.name, told.kind, told.version, told.byteorder) == ("archive", "script", 3, "little")
        assert told.file_size == len(net)
        assert told.producer == "PyTorch 2.1 or newer"
        assert told.extra_files == ("note",)
        assert told.suspicious == told.unknown_operators == told.runs_when_loaded == ()
        assert told.root_class == "__torch__.tests.serialization.test_inspection.Net"
        assert [record.name for record in told.records] == [name[8:] for name, _ in records_of(net)]
        assert all(record.offset % 64 == 0 for record in told.records)

    def test_tensors(self, net: bytes) -> None:
        found = {t.path: (t.kind, t.dtype, t.sizes, t.nbytes, t.device) for t in flambeau.inspect(net).tensors}
        assert found == {
            "first.weight": ("parameter", "float32", (4, 3), 48, "cpu"),
            "steps": ("buffer", "int64", (5,), 40, "cpu"),
            "second.weight": ("parameter", "float32", (2, 4), 32, "cpu"),
            "first.bias": ("parameter", "float32", (4,), 16, "cpu"),
            "extra['scale']": ("attribute", "float32", (2,), 8, "cpu"),
            "second.bias": ("parameter", "float32", (2,), 8, "cpu"),
        }
        assert list(found)[:3] == ["first.weight", "steps", "second.weight"]
        assert flambeau.inspect(net).parameter_bytes == 152

    def test_code(self, net: bytes) -> None:
        told = flambeau.inspect(net)
        assert told.operators["aten::relu"] == 2
        by_name = {c.name.rpartition(".")[2]: c for c in told.classes}
        assert by_name["Linear"].kind == "module"
        assert ("weight", "Tensor") in by_name["Linear"].attributes
        assert by_name["Net"].methods[0].endswith("Net self, Tensor x) -> Tensor")

    def test_kinds_of_classes(self) -> None:
        for name, kinds in {
            "language Enums": {"module", "enum"},
            "language NamedTuples": {"module", "named tuple"},
            "language Interfaces": {"module", "interface"},
            "language ScriptClasses": {"module", "class"},
        }.items():
            assert {c.kind for c in flambeau.inspect(saved(seeded(ZOO[name]))).classes} == kinds

    def test_what_runs_when_loaded(self) -> None:
        told = flambeau.inspect(saved(seeded(ZOO["language OwnState"])))
        assert told.runs_when_loaded == ("__torch__.tests.serialization.zoo.language.OwnState",)
        assert "__setstate__ runs when the archive is loaded" in str(told)

    def test_producers(self, net: bytes) -> None:
        ours = flambeau.load(io.BytesIO(net)).save_to_buffer()
        assert flambeau.inspect(ours).producer == "flambeau"
        assert flambeau.inspect(module_of(3, "x: Tensor", "return x")).producer == "PyTorch before 2.1"

    def test_everything_is_sound(self) -> None:
        for name, data in make_seeds().items():
            told = flambeau.inspect(data)
            assert (name, told.suspicious, told.unknown_operators) == (name, (), ())
            assert (name, flambeau.validate(data)) == (name, ())
            assert str(told).startswith("archive: a TorchScript archive")

    def test_text(self) -> None:
        text = str(flambeau.inspect(saved(Attributes())))
        for part in ("format version 3, little-endian", "classes (", "operators (", "(module, "):
            assert part in text

    def test_sources(self, net: bytes, tmp_path: Path) -> None:
        file = tmp_path / "m.pt"
        file.write_bytes(net)
        expected = flambeau.inspect(net)
        assert flambeau.inspect(file) == flambeau.inspect(str(file)) == flambeau.inspect(io.BytesIO(net)) == expected

    def test_without_pytorch(self, net: bytes, tmp_path: Path) -> None:
        file = tmp_path / "m.pt"
        file.write_bytes(net)
        program = (
            "import sys; sys.modules['torch'] = None; import flambeau\n"
            "print(flambeau.inspect(sys.argv[1])); print(flambeau.validate(sys.argv[1]))"
        )
        command = [sys.executable, "-c", program, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"{flambeau.inspect(file)}\n()\n"


class TestOddArchives:
    def suspicions(self, data: bytes) -> tuple[str, ...]:
        told = flambeau.inspect(data)
        assert isinstance(told, ArchiveSummary)
        return told.suspicious

    def test_hostile_pickle(self, net: bytes) -> None:
        for protocol in (0, 2, 4):
            evil = with_records(net, {"data.pkl": pickle.dumps(Evil(), protocol)})
            name = "__builtin__.eval" if protocol < 3 else "builtins.eval"
            told = flambeau.inspect(evil)
            sentence = f"the pickle 'data.pkl' names {name}, which Python's own unpickler would call"
            assert sentence in told.suspicious
            assert told.root_class == ""
            assert len(told.classes) == 3
            assert flambeau.validate(evil)

    def test_record_of_no_use(self, net: bytes) -> None:
        assert self.suspicions(with_records(net, {"data/99": b"hidden", "payload.exe": b"MZ"})) == (
            "the 6 bytes of 'data/99' belong to no tensor",
            "the record 'payload.exe' is not part of the format",
        )

    def test_extra_files(self, net: bytes) -> None:
        (found,) = self.suspicions(with_records(net, {"extra/run": b"\x7fELF..."}))
        assert found == "the extra file 'run' looks like a program"

    def test_bytes_between_records(self, net: bytes) -> None:
        plain = zipped(records_of(net))
        end = plain.rfind(b"PK\x05\x06")
        directory = int.from_bytes(plain[end + 16 : end + 20], "little")
        entry = plain.find(b"PK\x01\x02", directory)
        hidden = bytearray(b"\x7f" * 100 + plain)
        at = entry + 100
        while hidden[at : at + 4] == b"PK\x01\x02":
            hidden[at + 42 : at + 46] = (int.from_bytes(hidden[at + 42 : at + 46], "little") + 100).to_bytes(
                4, "little"
            )
            lengths = [int.from_bytes(hidden[at + i : at + i + 2], "little") for i in (28, 30, 32)]
            at += 46 + sum(lengths)
        hidden[end + 116 : end + 120] = (directory + 100).to_bytes(4, "little")
        hidden[:4] = b"PK\x03\x04"
        assert self.suspicions(bytes(hidden)) == ("bytes 0 to 100 of the file belong to no record",)

    def test_harmful_operators(self) -> None:
        (found,) = self.suspicions(module_of(3, "x: Tensor", "torch.save(x, '/tmp/evil')\nreturn x"))
        assert found == "the code calls aten::save (1 times), which writes a file"

    def test_unknown_operators(self) -> None:
        told = flambeau.inspect(module_of(3, "x: Tensor", "y = torch.nonsense(x)\nreturn ops.nowhere.nothing(y)"))
        assert told.unknown_operators == ("aten::nonsense", "nowhere::nothing")

    def test_broken_code(self, net: bytes) -> None:
        told = flambeau.inspect(with_records(net, {CODE: b"x ("}))
        assert any("cannot be loaded" in sentence for sentence in told.suspicious)
        assert any(c.name.endswith("Linear") for c in told.classes)

    def test_hooks_before_their_class(self) -> None:
        """The file of a class's hooks stands before that of the class, which is found through them."""
        records = dict(records_of(module_of(3, "x: Tensor", "return x")))
        hook = {"archive/code/__torch__/a/C.py": b"def f(self: __torch__.a.C, x: int) -> int:\n  return x\n"}
        cls = {"archive/code/__torch__/a.py": b"class C(Module):\n  pass\n"}
        for order in ({**hook, **cls}, {**cls, **hook}):
            data = zipped({**order, **records}.items())
            told = flambeau.inspect(data)
            assert (told.suspicious, flambeau.validate(data)) == ((), ())
            assert told.functions == ("__torch__.a.C.f(__torch__.a.C self, int x) -> int",)

    @pytest.mark.parametrize("kind", ["checkpoint", "zip"])
    def test_other_files(self, kind: str) -> None:
        file = io.BytesIO()
        torch.save({"w": torch.ones(2)}, file)
        data = file.getvalue() if kind == "checkpoint" else zipped([("a/version", b"3"), ("a/b", b"")])
        told = flambeau.inspect(data)
        assert told.kind == ("checkpoint" if kind == "checkpoint" else "unknown")
        assert "not a TorchScript archive" in told.suspicious[0]
        with pytest.raises(ArchiveError, match="not a zip archive"):
            flambeau.inspect(b"hello, world")


class TestValidation:
    def test_every_problem(self, net: bytes) -> None:
        code = dict(records_of(net))[f"archive/{CODE}"].decode()
        broken = code.replace("def forward", "def other(self) -> int:\n    return mystery\n  def forward").encode()
        data = with_records(net, {CODE: broken, "constants.pkl": b"\x80\x02]."})
        problems = flambeau.validate(data)
        assert [p.record for p in problems] == ["constants.pkl", CODE]
        assert "undefined value mystery" in str(problems[1])
        assert all(isinstance(problem, ArchiveError) for problem in problems)

    def test_damaged_tensor(self, net: bytes) -> None:
        """Loading maps the bytes of tensors without looking at them; this looks."""
        start = ArchiveReader(net).offset("data/0")
        damaged = net[:start] + bytes([net[start] ^ 1]) + net[start + 1 :]
        flambeau.load(io.BytesIO(damaged))
        (problem,) = flambeau.validate(damaged)
        assert problem.record == "data/0"
        assert "checksum" in str(problem)

    def test_no_archive(self) -> None:
        (problem,) = flambeau.validate(b"hello, world")
        assert "not a zip archive" in str(problem)
