"""Reading pickles: what PyTorch writes, and what somebody with bad intentions may write."""

from __future__ import annotations

import pickle
import struct
import sys
import time

import pytest

from flambeau.errors import ArchiveError
from flambeau.ir import Layout, QScheme, ScalarType, Storage, TensorData
from flambeau.serialization import (
    ArchiveReader,
    ArchiveStorages,
    Limits,
    PickledEnum,
    PickledObject,
    ValueBuilder,
    read_pickle,
)
from flambeau.serialization.pickles.opcodes import Opcode
from tests.serialization.archive_values import plain
from tests.serialization.test_container_reader import archive

START = b"\x80\x02"


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def name(module: str, member: str) -> bytes:
    return f"c{module}\n{member}\n".encode()


def storage(key: str = "0", dtype: str = "Float", numel: int = 4, device: str = "cpu") -> bytes:
    numbers = b"K" + bytes([numel]) if numel < 256 else b"\x8a\x08" + struct.pack("<q", numel)
    return b"(" + text("storage") + name("torch", f"{dtype}Storage") + text(key) + text(device) + numbers + b"tQ"


HOOKS = name("collections", "OrderedDict") + b")R"
TENSOR = (
    name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + b"K\0(K\x02K\x02t(K\x02K\x01t\x89" + HOOKS + b"tR"
)
LONGS = (
    name("torch._utils", "_rebuild_tensor_v2")
    + b"("
    + storage(dtype="Long", numel=2)
    + b"K\0(K\x02t(K\x01t\x89"
    + HOOKS
    + b"tR"
)


def one_storage(key: str, dtype: ScalarType, numel: int, device: str) -> Storage:
    assert key == "0"
    return Storage(16, bytearray(16), device=device, key=key)


def read(body: bytes, limits: Limits | None = None) -> object:
    return read_pickle(START + body + b".", storages=one_storage, limits=limits or Limits())


class TestValues:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b"N", None),
            (b"\x88", True),
            (b"\x89", False),
            (b"K\xff", 255),
            (b"M\xff\xff", 65535),
            (b"J\xff\xff\xff\xff", -1),
            (b"\x8a\x08\0\0\0\0\0\0\0\x80", -(2**63)),
            (b"\x8a\x01\xff", -1),
            (b"G" + struct.pack(">d", 1.5), 1.5),
            (text("é"), "é"),
            (b")", ()),
            (b"K\x01\x85", (1,)),
            (b"K\x01K\x02\x86", (1, 2)),
            (b"K\x01K\x02K\x03\x87", (1, 2, 3)),
            (b"(K\x01K\x02K\x03K\x04t", (1, 2, 3, 4)),
            (b"]", []),
            (b"](K\x01K\x02e", [1, 2]),
            (b"]K\x01aK\x02a", [1, 2]),
            (b"(K\x01K\x02l", [1, 2]),
            (b"}", {}),
            (b"}(K\x01K\x02u", {1: 2}),
            (b"}K\x01K\x02s", {1: 2}),
            (b"(K\x01K\x02d", {1: 2}),
            (text("a") + b"q\x07h\x07\x86", ("a", "a")),
            (text("a") + b"r\0\0\x01\0j\0\0\x01\0\x86", ("a", "a")),
            (
                name("builtins", "complex") + b"G" + struct.pack(">d", 1) + b"G" + struct.pack(">d", -2) + b"\x86R",
                1 - 2j,
            ),
            (name("__torch__.a", "E") + b"K\x02R", ("enum", "__torch__.a.E", 2)),
            (name("__torch__.a", "C") + b")\x81}(" + text("x") + b"K\x01ub", ("object", "__torch__.a.C", {"x": 1})),
            (name("__torch__.a", "C") + b")\x81K\x07b", ("object", "__torch__.a.C", 7)),
            (name("torch.jit._pickle", "build_intlist") + b"(](K\x01etR", [1]),
            (name("torch.jit._pickle", "build_doublelist") + b"(](etR", []),
            (name("torch.jit._pickle", "build_boollist") + b"(](\x88etR", [True]),
            (name("torch.jit._pickle", "restore_type_tag") + b"](e" + text("List[str]") + b"\x86R", []),
            (name("__main__", "IntList") + b"](K\x01eR", [1]),
        ],
    )
    def test_one(self, body: bytes, value: object) -> None:
        found = plain(read(body))
        assert found == value
        assert type(found) is type(value)

    def test_what_follows_the_end_is_ignored(self) -> None:
        assert read_pickle(START + b"N.garbage") is None

    def test_device(self) -> None:
        device = read(name("torch", "device") + text("cuda:1") + b"\x85R")
        assert str(device) == "cuda:1"

    def test_bytes_that_are_no_text_survive(self) -> None:
        value = read(b"X\x02\0\0\0a\xff")
        assert isinstance(value, str)
        assert value.encode(errors="surrogateescape") == b"a\xff"

    def test_python_s_own_pickles_agree(self) -> None:
        value = [(1, -1, 70000, 2**40, 1.5, "x", None, True), {"a": [1, 2], "b": ()}, ["x", "x"]]
        assert read_pickle(pickle.dumps(value, protocol=2)) == value

    def test_tags(self) -> None:
        builder = ValueBuilder()
        body = name("torch.jit._pickle", "restore_type_tag") + b"](e" + text("List[str]") + b"\x86R" + b"]\x86"
        value = read_pickle(START + body + b".", builder)
        assert isinstance(value, tuple)
        assert builder.tags.find(value[0]) == "List[str]"
        assert builder.tags.find(value[1]) is None

    def test_sharing(self) -> None:
        value = read(b"](K\x01eq\0h\0\x86")
        assert isinstance(value, tuple)
        assert value[0] is value[1]

    def test_placeholders(self) -> None:
        assert isinstance(read(name("__torch__", "C") + b")\x81}b"), PickledObject)
        assert read(name("__torch__", "E") + b"K\x01R") == PickledEnum("__torch__.E", 1)


class TestTensors:
    def test_dense(self) -> None:
        data = read(TENSOR)
        assert isinstance(data, TensorData)
        assert (data.dtype, data.sizes, data.strides) == (ScalarType.Float, (2, 2), (2, 1))

    def test_views_share(self) -> None:
        storages = ArchiveStorages(ArchiveReader(archive({"data/0": bytes(16)})), "data")
        first, second = read_pickle(START + TENSOR + LONGS + b"\x86.", None, storages)
        assert first.storage is second.storage
        assert (first.dtype, second.dtype) == (ScalarType.Float, ScalarType.Long)

    def test_subclass_becomes_plain(self) -> None:
        body = name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("torch._utils", "_rebuild_tensor_v2")
        body += name("torch.nn.parameter", "Parameter") + TENSOR[TENSOR.index(b"(") : -1] + b"}tR"
        assert plain(read(body)) == plain(read(TENSOR))

    def test_sparse(self) -> None:
        body = name("torch._utils", "_rebuild_sparse_tensor") + b"(K\x01(K\x09t\x89" + LONGS + TENSOR + HOOKS + b"tR"
        data = read(body)
        assert isinstance(data, TensorData)
        assert (data.layout, data.sizes, len(data.parts)) == (Layout.Sparse, (9,), 2)

    def test_quantized(self) -> None:
        body = name("torch._utils", "_rebuild_qtensor") + b"(" + storage(dtype="QInt8") + b"K\0(K\x04t(K\x01t("
        body += name("torch", "per_tensor_affine") + b"G" + struct.pack(">d", 0.5) + b"K\x03t\x89" + HOOKS + b"tR"
        data = read(body)
        assert isinstance(data, TensorData)
        assert data.quantizer is not None
        assert (data.quantizer.scheme, data.quantizer.scale, data.quantizer.zero_point) == (
            QScheme.PerTensorAffine,
            0.5,
            3,
        )

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (TENSOR.replace(b"K\x02K\x02t", b"K\x02K\x03t"), r"needs 20 bytes, but its storage '0' has 16"),
            (TENSOR.replace(b"K\0(", b"K\x01("), r"needs 20 bytes"),
            (TENSOR.replace(b"K\x02K\x01t", b"K\xffK\x01t"), r"needs 1028 bytes"),
            (TENSOR.replace(b"K\x02K\x01t", b"K\x01t"), r"2 sizes but 1 strides"),
            (TENSOR.replace(b"K\x02K\x02t", b"J\xff\xff\xff\xffK\x02t"), r"not the sizes"),
            (TENSOR.replace(b"K\x02K\x01t", b"J\xff\xff\xff\xffK\x01t"), r"not the sizes or strides"),
            (TENSOR.replace(b"K\x02K\x01t", b"\x88K\x01t"), r"not the sizes or strides"),
            (TENSOR.replace(b"K\0(", b"J\xff\xff\xff\xff("), r"cannot start at element -1"),
            (TENSOR.replace(b"K\0(", b"N("), r"cannot start at element a NoneType"),
            (TENSOR.replace(b"t\x89", b"tN"), r"requires_grad"),
            (LONGS.replace(b"t\x89", b"t\x88"), r"a tensor of int64 cannot have requires_grad True"),
            (TENSOR.replace(HOOKS, HOOKS + b"K\x01"), r"unknown properties"),
            (TENSOR.replace(HOOKS, HOOKS + b"}" + text("conj") + b"\x88s"), r"cannot be conjugated"),
            (TENSOR.replace(HOOKS, HOOKS + b"}" + text("evil") + b"\x88s"), r"unknown properties"),
            (TENSOR.replace(HOOKS, b""), r"6 or 7 values, not 5"),
            (TENSOR.replace(storage(), b"N"), r"expected to have a storage"),
            (TENSOR.replace(storage(), storage(dtype="Nonsense")), r"NonsenseStorage"),
            (
                TENSOR.replace(b"K\x02K\x02t", b"(" * 0 + b"\x8a\x08" + b"\xff" * 7 + b"\x7fK\x02t"),
                r"too many elements",
            ),
        ],
    )
    def test_impossible(self, body: bytes, message: str) -> None:
        with pytest.raises(ArchiveError, match=message):
            read(body)

    @pytest.mark.parametrize(
        "body",
        [
            b"(K\x01(K\x09t\x89" + LONGS + HOOKS + b"tR",
            b"(K\x09(K\x09t\x89" + LONGS + TENSOR + HOOKS + b"tR",
            b"(K\x02(K\x09t\x89" + LONGS + TENSOR + HOOKS + b"tR",
            b"(K\x01(K\x09t\x89" + TENSOR + TENSOR + HOOKS + b"tR",
            b"(K\x01(K\x09t\x89NN" + HOOKS + b"tR",
            b"(K\x01N\x89" + LONGS + TENSOR + HOOKS + b"tR",
            b")R",
        ],
    )
    def test_impossible_sparse(self, body: bytes) -> None:
        with pytest.raises(ArchiveError, match=r"sparse|sizes|tensor was expected"):
            read(name("torch._utils", "_rebuild_sparse_tensor") + body)

    @pytest.mark.parametrize("numel", [5, 1 << 40, (1 << 63) - 1])
    def test_storage_that_is_not_there(self, numel: int) -> None:
        reader = ArchiveReader(archive({"data/0": bytes(16)}))
        with pytest.raises(ArchiveError, match=r"are expected here, but the record has 16 \(record 'data/0'\)"):
            read_pickle(
                START + TENSOR.replace(storage(), storage(numel=numel)) + b".", None, ArchiveStorages(reader, "data")
            )

    def test_keys_are_no_paths(self) -> None:
        storages = ArchiveStorages(ArchiveReader(archive({"data/0": bytes(16)})), "data")
        body = TENSOR.replace(storage(), storage(key="../../x"))
        with pytest.raises(ArchiveError, match=r"no such record \(record 'data/../../x'\)"):
            read_pickle(START + body + b".", None, storages)

    def test_storages_of_the_other_byte_order(self) -> None:
        other = "big" if sys.byteorder == "little" else "little"
        reader = ArchiveReader(archive({"data/0": struct.pack("=4f", 1, 2, 3, 4)}))
        reader.byteorder = other
        value = read_pickle(START + TENSOR + b".", None, ArchiveStorages(reader, "data"))
        assert isinstance(value, TensorData)
        assert value.storage is not None
        assert bytes(value.storage.data or b"") == struct.pack(f"{'>' if other == 'big' else '<'}4f", 1, 2, 3, 4)


LISTS = b"]" * 300_000
BAD = {
    "os.system": name("os", "system") + text("true") + b"\x85R",
    "posix.system": name("posix", "system") + text("true") + b"\x85R",
    "builtins.eval": name("builtins", "eval") + text("1") + b"\x85R",
    "builtins.getattr": name("builtins", "getattr") + text("1") + b"\x85R",
    "another function of torch": name("torch", "load") + text("x") + b"\x85R",
    "torch.hub": name("torch.hub", "load") + b")R",
    "a look-alike": name("__torch__x", "C") + b")\x81}b",
    "an empty name": name("", "") + b")R",
    "a name without end": b"c" + b"a" * 10_000,
    "half a name": b"ctorch\n" + b"a" * 10_000,
    "a name that is no text": b"c\xff\n\xff\n",
    "a class as a value": name("__torch__", "C"),
    "a function as a value": name("builtins", "complex"),
    "a storage type as a value": name("torch", "FloatStorage"),
    "a scheme as a value": name("torch", "per_tensor_affine"),
    "a class in a list": b"]" + name("__torch__", "C") + b"a",
    "a storage in a dict": b"}K\x01" + storage() + b"s",
    "a storage in a tuple": storage() + b"\x85",
    "a storage in a tuple in a list": b"]" + storage() + b"\x85a",
    "the hooks as a value": HOOKS,
    "a class as a state": name("__torch__", "C") + b")\x81" + name("__torch__", "D") + b"b",
    "a class as an enum value": name("__torch__", "E") + name("__torch__", "D") + b"R",
    "a call of a number": b"K\x01)R",
    "a call without arguments": name("builtins", "complex") + b"NR",
    "a call of a type": name("torch", "Tensor") + b")R",
    "a complex of texts": name("builtins", "complex") + text("1") + text("2") + b"\x86R",
    "a device of a number": name("torch", "device") + b"K\x01\x85R",
    "an impossible device": name("torch", "device") + text("cuda:x") + b"\x85R",
    "hooks": name("collections", "OrderedDict") + b"]\x85R",
    "an int list of texts": name("torch.jit._pickle", "build_intlist") + b"(](" + text("a") + b"etR",
    "an int list of bools": name("torch.jit._pickle", "build_intlist") + b"(](\x88etR",
    "a tensor list of ints": name("torch.jit._pickle", "build_tensorlist") + b"(](K\x01etR",
    "an int list of a tuple": name("torch.jit._pickle", "build_intlist") + b"()tR",
    "a tag without type": name("torch.jit._pickle", "restore_type_tag") + b"]\x85R",
    "a tag that is a number": name("torch.jit._pickle", "restore_type_tag") + b"]K\x01\x86R",
    "a tensor by number": name("torch.jit._pickle", "build_tensor_from_id") + b"K\x01\x85R",
    "a remote reference": name("torch.distributed.rpc", "rref") + b")R",
    "a list in itself": b"]q\0h\0a",
    "a list in its list": b"]q\0]q\1h\0ah\1\x86",
    "a list in its own tuple": b"]q\0h\0\x85a",
    "a dict in itself": b"}q\0(K\x01h\0u",
    "a list changed after use": b"]q\0h\0\x86K\x01h\0K\x02a\x87",
    "an object in its own state": name("__torch__", "C") + b")\x81q\0}K\x01h\0sb",
    "an object in its own list": name("__torch__", "C") + b")\x81q\0]h\0ab",
    "an object that is its state": name("__torch__", "C") + b")\x81q\0h\0b",
    "an object built twice": name("__torch__", "C") + b")\x81}b}b",
    "an object never built": name("__torch__", "C") + b")\x81",
    "an object with arguments": name("__torch__", "C") + b"K\x01\x85\x81}b",
    "an object of a function": name("builtins", "complex") + b")\x81}b",
    "the state of a list": b"]}b",
    "an unknown reference": b"h\7",
    "a huge reference": b"j\xff\xff\xff\xff",
    "a list as a key": b"}]K\x01s",
    "a tuple as a key": b"}K\x01\x85K\x01s",
    "a key without value": b"}(K\x01u",
    "an item for a number": b"K\x01K\x01a",
    "entries for a list": b"](K\x01K\x01u",
    "nothing": b"",
    "two values": b"NN",
    "a mark left": b"N(",
    "a mark missing": b"t",
    "values below the mark": b"K\x01(\x85",
    "items for nothing": b"(K\x01e",
    "a memo of nothing": b"q\0",
    "protocol in the middle": b"\x80\x02N",
    "a text longer than the file": b"X\xff\xff\xff\xffabc",
    "a long of nine bytes": b"\x8a\x09" + bytes(9),
    "a long of no bytes": b"\x8a\x00",
    "persistent id of a text": text("storage") + b"Q",
    "a storage with too few fields": b"(" + text("storage") + b"tQ",
    "a storage of a negative size": b"("
    + text("storage")
    + name("torch", "FloatStorage")
    + text("0")
    + text("cpu")
    + b"J\xff\xff\xff\xfftQ",
    "a storage without type": b"(" + text("storage") + text("Float") + text("0") + text("cpu") + b"K\1tQ",
    "many values": LISTS,
    "deep tuples": b")" + b"\x85" * 300_000,
    "deep lists": LISTS + b"a" * (len(LISTS) - 1),
    "deep marks": b"(" * 300_000,
    "deep dicts": b"}K\1" * 300_000 + b"N" + b"s" * 300_000,
    "deep tags": b"]" + b"q\0" + b"\x85" * 20_000,
    "deep objects": (name("__torch__", "C") + b")\x81") * 20_000 + b"N" + b"b" * 20_000,
    "deep enums": (name("__torch__", "E")) * 5000 + b")" + b"\x85" * 5000,
}


class TestBad:
    @pytest.mark.parametrize("what", BAD)
    def test_is_refused(self, what: str) -> None:
        start = time.perf_counter()
        with pytest.raises(ArchiveError, match=r"\(at byte \d+ of the pickle\)"):
            read(BAD[what])
        assert time.perf_counter() - start < 30

    @pytest.mark.parametrize("code", sorted(set(range(256)) - set(Opcode)))
    def test_other_instructions(self, code: int) -> None:
        with pytest.raises(ArchiveError, match=f"Unknown opcode for unpickling: {code:#04x} .at byte 2 "):
            read(bytes([code]) + b"\0" * 20)

    @pytest.mark.parametrize(
        "data", [b"", b".", b"N.", b"\x80", b"\x80\x03N.", b"\x80\x00N.", b"(lp0\n.", b"\x80\x05]."]
    )
    def test_other_protocols(self, data: bytes) -> None:
        with pytest.raises(ArchiveError):
            read_pickle(data)

    def test_every_prefix(self) -> None:
        whole = START + b"](" + TENSOR + text("a") + b"q\0h\0" + name("__torch__", "C") + b")\x81}K\1K\2sbe."
        assert read_pickle(whole, storages=one_storage) is not None
        for length in range(len(whole)):
            with pytest.raises(ArchiveError):
                read_pickle(whole[:length], storages=one_storage)

    def test_record_is_named_once(self) -> None:
        with pytest.raises(ArchiveError, match=r"\(at byte 2 of the pickle\) \(record 'data.pkl'\)$") as caught:
            read_pickle(START + b"x.", record="data.pkl")
        assert caught.value.record == "data.pkl"

    def test_limits(self) -> None:
        assert read(b"K\1" * 9 + b"\x87\x87\x87\x87", Limits(pickle_operations=15))
        with pytest.raises(ArchiveError, match="more than the allowed 14 instructions"):
            read(b"K\1" * 9 + b"\x87\x87\x87\x87", Limits(pickle_operations=14))
        with pytest.raises(ArchiveError, match="at most 4 are allowed"):
            read(b"NN", Limits(pickle_size=4))
        assert read(b")\x85\x85\x85", Limits(nesting=3))
        with pytest.raises(ArchiveError, match="nests values more than the allowed 2 deep"):
            read(b")\x85\x85\x85", Limits(nesting=2))

    def test_shared_lists_do_not_multiply(self) -> None:
        """Thirty lists, each with the one before twice: a billion leaves for whoever walks them, few objects here."""
        body = b"]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(30))
        value = read(b"(" + body + b"h\x1el")
        assert isinstance(value, list)

    def test_nothing_is_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object) -> None:
            raise AssertionError("an import was tried")

        monkeypatch.setattr("builtins.__import__", refuse)
        with pytest.raises(ArchiveError):
            read(BAD["os.system"])
        read(name("__torch__.os", "system") + b")\x81}b")
