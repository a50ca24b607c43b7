"""Writing pickles: PyTorch's bytes for PyTorch's values, and whatever is written can be read, here and there."""

from __future__ import annotations

import io
import os
import pickletools
import warnings
from pathlib import Path
from random import Random
from types import NoneType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flambeau import ir
from flambeau.errors import ArchiveError, UnsupportedError
from flambeau.serialization import (
    ArchiveReader,
    ArchiveStorages,
    ArchiveWriter,
    Limits,
    StorageKeys,
    ValueBuilder,
    read_pickle,
    write_constants,
    write_pickle,
    write_pickle_record,
    write_traced_inputs,
)
from flambeau.serialization.pickles import heights as pickle_heights
from tests.serialization.archive_values import ArchiveTypes, TypedBuilder, TypedDescriber, plain

ARCHIVES = Path(os.environ.get("FLAMBEAU_ARCHIVES", Path(__file__).parents[2].parent / "shared" / "archives"))


def rewritten(archive: ArchiveReader) -> bytes:
    """`data.pkl` of an archive, read and written again."""
    builder = TypedBuilder(ArchiveTypes(archive))
    root = read_pickle(archive.read_pickle("data.pkl"), builder, ArchiveStorages(archive, "data"))
    assert isinstance(root, ir.ScriptObject)
    return write_pickle(root, root.type, TypedDescriber(builder)).data


def instructions(data: bytes) -> list[tuple[str, object]]:
    """A pickle without its memo: what is stored and fetched depends on reference counts in the writing process."""
    stored: dict[int, int] = {}
    listed: list[tuple[str, object]] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("BINPUT", "LONG_BINPUT"):
            stored[argument] = len(listed)
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            position = stored[argument]
            empty = listed[position - 1] == ("EMPTY_TUPLE", None)
            listed.append(listed[position - 1] if empty else ("GET", position))
        else:
            listed.append((opcode.name, argument))
    return listed


class TestRealArchives:
    @pytest.mark.skipif(not ARCHIVES.is_dir(), reason=f"there are no archives at {ARCHIVES}")
    @pytest.mark.parametrize("path", sorted(ARCHIVES.glob("*/model.pt")), ids=lambda p: p.parent.name)
    def test_written_again(self, path: Path) -> None:
        archive = ArchiveReader(path)
        assert instructions(rewritten(archive)) == instructions(bytes(archive.read_pickle("data.pkl")))


class TestPyTorch:
    """Byte for byte what PyTorch wrote a moment ago."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        self.torch = pytest.importorskip("torch")

    def check(self, module: object) -> None:
        file = io.BytesIO()
        self.torch.jit.save(self.torch.jit.script(module), file)
        archive = ArchiveReader(file.getvalue())
        assert rewritten(archive) == archive.read_pickle("data.pkl")

    @pytest.mark.parametrize(
        "make",
        [
            lambda nn: nn.Linear(3, 4),
            lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
            lambda nn: nn.LSTM(3, 4, num_layers=2),
            lambda nn: nn.TransformerEncoderLayer(8, 2, 16),
            lambda nn: nn.Sequential(*[nn.Linear(1, 1) for _ in range(100)]),
        ],
        ids=["linear", "convolution", "lstm", "transformer", "hundred layers"],
    )
    def test_layers(self, make: Any) -> None:
        self.check(make(self.torch.nn))

    def test_attributes(self) -> None:
        from tests.serialization.script_modules import Attributes

        self.check(Attributes())

    def test_tensors(self) -> None:
        from tests.serialization.script_modules import Tensors

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.check(Tensors())

    def test_state_of_its_own(self) -> None:
        from tests.serialization.script_modules import Stateful

        self.check(self.torch.nn.Sequential(Stateful(), Stateful()))


# Typed values


def typed(value: st.SearchStrategy[object], type: ir.Type) -> st.SearchStrategy[tuple[ir.Type, object]]:
    return st.tuples(st.just(type), value)


TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
LEAVES: dict[ir.Type, st.SearchStrategy[object]] = {
    ir.INT: INTEGERS,
    ir.FLOAT: st.floats(),
    ir.BOOL: st.booleans(),
    ir.STRING: TEXTS,
    ir.COMPLEX: st.complex_numbers(allow_nan=False),
    ir.DEVICE: st.sampled_from(["cpu", "cuda:1", "meta"]).map(ir.Device.parse),
}
TYPES = st.recursive(
    st.sampled_from(list(LEAVES)),
    lambda inner: st.one_of(
        inner.map(ir.ListType),
        st.builds(ir.DictType, st.sampled_from([ir.STRING, ir.INT, ir.FLOAT, ir.BOOL]), inner),
        st.lists(inner, max_size=4).map(lambda ts: ir.TupleType(tuple(ts))),
        inner.map(ir.optional),
    ),
    max_leaves=6,
)


def values(type: ir.Type) -> st.SearchStrategy[object]:
    match type:
        case ir.ListType(element):
            return st.lists(values(element), max_size=3)
        case ir.DictType(key, value):
            keys = values(key).filter(lambda k: k == k)
            return st.dictionaries(keys, values(value), max_size=3)
        case ir.TupleType():
            return st.tuples(*map(values, type.elements))
        case ir.OptionalType(element):
            return st.none() | values(element)
        case _:
            return LEAVES[type]


TYPED = TYPES.flatmap(lambda t: st.tuples(st.just(t), values(t)))


def exact(value: object) -> object:
    """A value that is equal only to one of the same types and bits."""
    if isinstance(value, dict):
        return [(exact(k), exact(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [exact(v) for v in value]
    return type(value).__name__, repr(value)


def tags(value: object, type: ir.Type, builder: ValueBuilder) -> None:
    """Each list and dict carries the text of its type."""
    if isinstance(type, ir.OptionalType) and value is not None:
        type = type.element
    match value, type:
        case list(), ir.ListType(element):
            assert builder.tags.find(value) == type.annotation()
            for item in value:
                tags(item, element, builder)
        case dict(), ir.DictType(_, element):
            assert builder.tags.find(value) == type.annotation()
            for item in value.values():
                tags(item, element, builder)
        case tuple(), ir.TupleType():
            for item, element in zip(value, type.elements):
                tags(item, element, builder)


@given(TYPED)
def test_round_trip(pair: tuple[ir.Type, object]) -> None:
    type, value = pair
    written = write_pickle(value, type)
    builder = ValueBuilder()
    found = read_pickle(written.data, builder)
    assert exact(found) == exact(value)
    tags(found, type, builder)
    assert write_pickle(found, type).data == written.data
    pickletools.dis(written.data, io.StringIO())


def script_archive(types: dict[str, ir.Type], values: dict[str, object], describer: Any = None) -> bytes:
    """An archive whose module has these attributes."""
    cls = ir.ClassType("__torch__.M", is_module=True)
    for name, type in types.items():
        cls.add_attribute(name, type)
    lines = [f"  {name} : {type.annotation()}\n" for name, type in types.items()]
    code = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n" + "".join(lines)
    code += "  def forward(self: __torch__.M) -> int:\n    return 1\n"
    file = io.BytesIO()
    with ArchiveWriter(file) as archive:
        write_pickle_record(archive, "data", ir.ScriptObject(cls, list(values.values())), cls, describer)
        archive.write("code/__torch__.py", code)
        write_constants(archive, [])
    return file.getvalue()


@given(st.lists(TYPED, min_size=1, max_size=4))
@settings(max_examples=50)
def test_pytorch_reads_it(pairs: list[tuple[ir.Type, object]]) -> None:
    torch = pytest.importorskip("torch")
    names = [f"a{i}" for i in range(len(pairs))]
    types = {name: type for name, (type, _) in zip(names, pairs)}
    data = script_archive(types, {name: value for name, (_, value) in zip(names, pairs)})
    module = torch.jit.load(io.BytesIO(data))
    for name, (_, value) in zip(names, pairs):
        assert exact(without_torch(module._c.getattr(name))) == exact(value)
    again = io.BytesIO()
    torch.jit.save(module, again)
    pickles = [bytes(ArchiveReader(d).read_pickle("data.pkl")) for d in (data, again.getvalue())]
    assert repr(instructions(pickles[0])) == repr(instructions(pickles[1]))  # as text, since nan is not equal to itself


def without_torch(value: object) -> object:
    import torch

    if isinstance(value, torch.device):
        return ir.Device.parse(str(value))
    if isinstance(value, list):
        return [without_torch(v) for v in value]
    if isinstance(value, tuple):
        return tuple(without_torch(v) for v in value)
    if isinstance(value, dict):
        return {without_torch(k): without_torch(v) for k, v in value.items()}
    return value


class TestTensors:
    def test_pytorch_reads_them(self) -> None:
        torch = pytest.importorskip("torch")
        from flambeau.serialization import ValueDescriber
        from tests.serialization.script_modules import Tensors
        from tests.serialization.torch_side import Describer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = Tensors()
        describe = Describer()

        class TorchDescriber(ValueDescriber):
            def tensor(self, value: object) -> ir.TensorData | None:
                return describe(value) if isinstance(value, torch.Tensor) else None

        given = {name: value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
        data = script_archive(dict.fromkeys(given, ir.TENSOR), given, TorchDescriber())
        loaded = torch.jit.load(io.BytesIO(data))
        for name, value in given.items():
            found = loaded._c.getattr(name)
            assert (found.dtype, found.layout, found.shape) == (value.dtype, value.layout, value.shape)
            if value.layout is torch.strided:
                assert (found.stride(), found.storage_offset()) == (value.stride(), value.storage_offset())
                assert (found.is_conj(), found.is_neg()) == (value.is_conj(), value.is_neg())
            if value.device.type == "meta":
                assert found.device.type == "meta"
                continue
            same = found.dequantize() if value.is_quantized else found.to_dense() if value.is_sparse else found
            wanted = value.dequantize() if value.is_quantized else value.to_dense() if value.is_sparse else value
            if value.layout is not torch.sparse_csr:
                assert (
                    same.tolist() == wanted.tolist()
                    if same.is_complex()
                    else torch.equal(same.to(torch.float64), wanted.to(torch.float64))
                )
        first, second = loaded._c.getattr("first"), loaded._c.getattr("second")
        assert first.untyped_storage()._cdata == second.untyped_storage()._cdata

    def test_storages_are_numbered_and_shared(self) -> None:
        one, two = ir.Storage(16, bytes(16)), ir.Storage(8, bytes(8))
        data = [
            ir.TensorData(ir.ScalarType.Float, (2,), (1,), one, 2),
            ir.TensorData(ir.ScalarType.Float, (2,), (1,), two),
            ir.TensorData(ir.ScalarType.Long, (2,), (1,), one),
        ]
        written = write_pickle(data, ir.ListType(ir.TENSOR))
        assert list(written.storages) == [("0", one), ("1", two)]
        named = {key: storage for key, storage in written.storages}
        found = read_pickle(written.data, storages=lambda key, *_: named[key])
        assert [t.storage for t in found] == [one, two, one]  # type: ignore[attr-defined]

    def test_pickles_can_share_storages(self) -> None:
        storage = ir.Storage(4, bytes(4))
        keys = StorageKeys(".storage")
        tensor = ir.TensorData(ir.ScalarType.Float, (1,), (1,), storage)
        for _ in range(2):
            write_pickle(tensor, ir.TENSOR, storages=keys)
        assert list(keys) == [("0.storage", storage)]

    def test_nothing_is_left_out_silently(self) -> None:
        lost = ir.TensorData(ir.ScalarType.Float, (1,), (1,), ir.Storage(4))
        with pytest.raises(ArchiveError, match="data was left out"):
            script_archive({"a": ir.TENSOR}, {"a": lost})
        with pytest.raises(ArchiveError, match="cannot save 'a': an undefined tensor"):
            script_archive({"a": ir.TENSOR}, {"a": ir.TensorData(ir.ScalarType.Float, ())})

    @pytest.mark.parametrize("layout", [ir.Layout.SparseCsc, ir.Layout.Mkldnn, ir.Layout.Jagged])
    def test_layouts_that_pytorch_does_not_read(self, layout: ir.Layout) -> None:
        part = ir.TensorData(ir.ScalarType.Float, (1,), (1,), ir.Storage(4, bytes(4)))
        tensor = ir.TensorData(ir.ScalarType.Float, (1,), layout=layout, parts=(part, part, part))
        with pytest.raises(ArchiveError, match=layout.name):
            write_pickle(tensor, ir.TENSOR)

    def test_traced_inputs(self) -> None:
        from flambeau.serialization import read_traced_inputs

        tensor = ir.TensorData(ir.ScalarType.Float, (2, 2), (2, 1), ir.Storage(16, bytes(16)))
        file = io.BytesIO()
        with ArchiveWriter(file) as writer:
            write_traced_inputs(writer, {"forward": [tensor, {"a": tensor}, 3]})
        archive = ArchiveReader(file.getvalue())
        assert archive.record_size("traced_inputs/0") == 0
        found = read_traced_inputs(archive)
        assert found is not None
        first, second, third = found["forward"]
        assert isinstance(first, ir.TensorData)
        assert (first.sizes, first.storage.data if first.storage else 0, third) == ((2, 2), None, 3)
        assert second == {"a": first}
        assert read_traced_inputs(ArchiveReader(script_archive({}, {}))) is None

    def test_traced_inputs_of_pytorch(self) -> None:
        from flambeau.serialization import read_traced_inputs

        torch = pytest.importorskip("torch")
        traced = torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(5, 2))
        file = io.BytesIO()
        torch.jit.save(traced, file)
        found = read_traced_inputs(ArchiveReader(file.getvalue()))
        assert found is not None
        (tensor,) = found["forward"]
        assert isinstance(tensor, ir.TensorData)
        assert (tensor.sizes, tensor.strides, tensor.dtype) == ((5, 2), (2, 1), ir.ScalarType.Float)


class TestSharing:
    def test_shared_values_stay_shared(self) -> None:
        shared, text = [1, 2], ["x"]
        value = (shared, text, shared, (shared,), text)
        ints, strings = ir.ListType(ir.INT), ir.ListType(ir.STRING)
        type = ir.TupleType((ints, strings, ints, ir.TupleType((ints,)), strings))
        found = read_pickle(write_pickle(value, type).data)
        assert found == value
        assert found[0] is found[2] is found[3][0]  # type: ignore[index]
        assert found[1] is found[4]  # type: ignore[index]

    def test_equal_values_stay_apart(self) -> None:
        type = ir.ListType(ir.ListType(ir.INT))
        found = read_pickle(write_pickle([[1], [1]], type).data)
        assert found[0] is not found[1]  # type: ignore[index]

    def test_objects(self) -> None:
        inner, outer = ir.ClassType("__torch__.I"), ir.ClassType("__torch__.O", is_module=True)
        inner.add_attribute("x", ir.INT)
        outer.add_attribute("a", inner)
        outer.add_attribute("b", inner)
        one = ir.ScriptObject(inner, [1])
        found = read_pickle(write_pickle(ir.ScriptObject(outer, [one, one]), outer).data)
        assert found.state["a"] is found.state["b"]  # type: ignore[attr-defined]
        assert plain(found) == (
            "object",
            "__torch__.O",
            {"a": ("object", "__torch__.I", {"x": 1}), "b": ("object", "__torch__.I", {"x": 1})},
        )

    def test_renamed_classes(self) -> None:
        cls = ir.ClassType("__torch__.C")
        cls.add_attribute("x", ir.ListType(cls))
        value = ir.ScriptObject(cls, [[]])
        data = write_pickle(value, cls, rename=lambda t: t.qualified_name.replace("C", "D")).data
        assert b"c__torch__\nD\n" in data
        assert b"List[__torch__.D]" in data

    def test_what_contains_itself(self) -> None:
        value: list[object] = []
        value.append(value)
        with pytest.raises(ArchiveError, match="contains itself"):
            write_pickle(value, ir.ANY)
        cls = ir.ClassType("__torch__.N")
        cls.add_attribute("next", ir.optional(cls))
        node = ir.ScriptObject(cls)
        node.slots[0] = node
        with pytest.raises(ArchiveError, match="cannot save 'next': the value contains itself"):
            write_pickle(node, cls)


class TestRefusals:
    @pytest.mark.parametrize(
        ("type", "value"),
        [
            (ir.INT, "a"),
            (ir.INT, 1.5),
            (ir.INT, 2**63),
            (ir.INT, None),
            (ir.BOOL, 1),
            (ir.FLOAT, "a"),
            (ir.FLOAT, 10**400),
            (ir.STRING, 1),
            (ir.STRING, "\ud800"),
            (ir.NONE, 1),
            (ir.TENSOR, 1),
            (ir.ListType(ir.INT), ["a"]),
            (ir.ListType(ir.INT), [[]]),
            (ir.ListType(ir.INT), (1,)),
            (ir.ListType(ir.STRING), {}),
            (ir.DictType(ir.STRING, ir.INT), {1: 1}),
            (ir.TupleType((ir.INT,)), (1, 2)),
            (ir.ANY, object()),
            (ir.ANY, b"bytes"),
            (ir.ANY, {1, 2}),
            (ir.TENSOR, ir.UNSET),
        ],
        ids=lambda given: "object" if type(given) is object else repr(given),
    )
    def test_value_of_another_type(self, type: ir.Type, value: object) -> None:
        with pytest.raises(ArchiveError):
            write_pickle(value, type)

    def test_place_is_named(self) -> None:
        inner, outer = ir.ClassType("__torch__.I"), ir.ClassType("__torch__.O")
        inner.add_attribute("x", ir.ListType(ir.INT))
        outer.add_attribute("layer", inner)
        value = ir.ScriptObject(outer, [ir.ScriptObject(inner, [[1, "a"]])])
        with pytest.raises(ArchiveError, match=r"cannot save 'layer\.x': a value of type str was given where int"):
            write_pickle(value, outer)

    def test_attribute_without_value(self) -> None:
        cls = ir.ClassType("__torch__.C")
        cls.add_attribute("x", ir.INT)
        with pytest.raises(ArchiveError, match=r"cannot save 'x': an attribute that was never assigned"):
            write_pickle(ir.ScriptObject(cls), cls)

    def test_state_that_somebody_else_has_to_make(self) -> None:
        cls = ir.ClassType("__torch__.C")
        cls.methods["__getstate__"] = cls.methods["__setstate__"] = object()  # type: ignore[assignment]
        with pytest.raises(UnsupportedError, match="__getstate__"):
            write_pickle(ir.ScriptObject(cls), cls)

    def test_depth(self) -> None:
        value: object = ()
        type: ir.Type = ir.TupleType(())
        cls = ir.ClassType("__torch__.N")
        cls.add_attribute("next", ir.ANY)
        for _ in range(100_000):
            value = ir.ScriptObject(cls, [value])
        with pytest.raises(ArchiveError, match=r"'next\.next\.next\.next\.\.\.\..*nests more than 9992 deep") as raised:
            write_pickle(value, cls)
        assert len(str(raised.value)) < 200
        for _ in range(300):
            type = ir.TupleType((type,))
        nested: object = ()
        for _ in range(300):
            nested = (nested,)
        assert repr(read_pickle(write_pickle(nested, type).data)) == repr(nested)
        with pytest.raises(ArchiveError, match="nests more than 92 deep"):
            write_pickle(nested, type, limits=Limits(nesting=100))

    def test_what_is_written_is_not_too_deep_to_read(self) -> None:
        cls = ir.ClassType("__torch__.N")
        cls.add_attribute("next", ir.ANY)

        def chain(length: int) -> object:
            value: object = [1]
            for i in range(length):
                value = ir.ScriptObject(cls, [value]) if i % 2 else [value]
            return value

        length = 1
        limits = Limits(nesting=60)
        while True:
            try:
                data = write_pickle(chain(length), ir.ANY, limits=limits).data
            except ArchiveError:
                break
            read_pickle(data, limits=limits)
            length += 1
        assert length > 20


# --- objects of which little can be inside


def made_of_classes(random: Random) -> tuple[object, ir.Type]:
    """An object of classes that hold each other, with values that are shared, missing or of other types."""
    kinds: list[ir.Type] = [
        ir.INT,
        ir.BOOL,
        ir.STRING,
        ir.TENSOR,
        ir.optional(ir.FLOAT),
        ir.optional(ir.TENSOR),
        ir.NONE,
    ]
    storage = ir.Storage(16, bytes(16))
    plain: list[object] = [3, True, "text", ir.TensorData(ir.ScalarType.Float, (2,), (1,), storage), 1.5, None]
    classes: list[ir.ClassType] = []
    made: list[list[ir.ScriptObject]] = []
    for number in range(14):
        cls = ir.ClassType(f"__torch__.C{number}", random.random() < 0.5)
        slots: list[object] = []
        for name in range(random.randrange(5)):
            type: ir.Type = random.choice(kinds)
            value = random.choice([v for v in plain if fits(v, type)])
            if classes and random.random() < 0.7:
                inner = random.choice((-1, random.randrange(len(classes))))
                type = random.choice(
                    (classes[inner], classes[inner], ir.optional(classes[inner]), ir.ListType(classes[inner]))
                )
                held = random.choice(made[inner])
                value = [held, held] if isinstance(type, ir.ListType) else held
            if random.random() < 0.03:
                value = random.choice((ir.UNSET, [1], random.choice(made)[0] if made else 2.5))
            cls.add_attribute(f"a{name}", type)
            slots.append(value)
        classes.append(cls)
        made.append([ir.ScriptObject(cls, list(slots)) for _ in range(random.choice((1, 2)))])
    return made[-1][0], classes[-1]


def fits(value: object, type: ir.Type) -> bool:
    if isinstance(type, ir.OptionalType):
        return value is None or fits(value, type.element)
    python = {ir.INT: int, ir.BOOL: bool, ir.STRING: str, ir.FLOAT: float, ir.NONE: NoneType}.get(type, ir.TensorData)
    return value.__class__ is python


def outcome_of(value: object, type: ir.Type) -> bytes | str:
    try:
        return write_pickle(value, type).data
    except ArchiveError as error:
        return str(error)


def test_small_objects_are_written_like_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [made_of_classes(Random(seed)) for seed in range(300)]
    quick = [outcome_of(*case) for case in cases]
    monkeypatch.setattr(pickle_heights, "_MOST", 0)
    assert quick == [outcome_of(*case) for case in cases]
    assert 20 < sum(isinstance(outcome, str) for outcome in quick) < 250


def test_classes_in_circles() -> None:
    outer, inner = ir.ClassType("__torch__.Outer"), ir.ClassType("__torch__.Inner")
    outer.add_attribute("inner", inner)
    inner.add_attribute("outer", ir.optional(outer))
    inner.add_attribute("again", outer)
    value = ir.ScriptObject(outer)
    value.slots = [ir.ScriptObject(inner, [None, value])]
    with pytest.raises(ArchiveError, match=r"cannot save 'inner\.again': the value contains itself"):
        write_pickle(value, outer)
