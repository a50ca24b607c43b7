"""The values of a real archive as typed values, the short way: classes are read from the text of its code.

Good enough to write a pickle that PyTorch wrote once more and compare the bytes; not a compiler.
"""

from __future__ import annotations

import ast
import re

from flambeau import ir
from flambeau.serialization.container.reader import ArchiveReader
from flambeau.serialization.pickles.described import ObjectContents, ValueDescriber
from flambeau.serialization.pickles.values import PickledEnum, PickledObject, ValueBuilder

_SIMPLE = {
    "int": ir.INT,
    "float": ir.FLOAT,
    "bool": ir.BOOL,
    "str": ir.STRING,
    "complex": ir.COMPLEX,
    "number": ir.NUMBER,
    "NoneType": ir.NONE,
    "None": ir.NONE,
    "Any": ir.ANY,
    "Tensor": ir.TENSOR,
    "Device": ir.DEVICE,
    "Layout": ir.LAYOUT,
}
_CLASS = re.compile(r"^class (\w+)\((\w*)\):|^class (\w+):")
_ATTRIBUTE = re.compile(r"^  (?!def |return)(\w+) : (.+)$")
_ODD_ATTRIBUTE = re.compile(r'^  __annotations__\["(.+)"\] = (.+)$')
_MEMBER = re.compile(r"^  (\w+) = (.+)$")


class ArchiveTypes:
    """The classes and enums that an archive's code declares, with their attributes."""

    def __init__(self, archive: ArchiveReader) -> None:
        self.types: dict[str, ir.NamedType] = {}
        self.texts: dict[str, list[tuple[str, str]]] = {}
        self.stateful: set[str] = set()
        for name in archive.records():
            if name.startswith("code/") and name.endswith(".py"):
                self.read(name[len("code/") : -len(".py")].replace("/", "."), archive.read_text(name))
        for name, texts in self.texts.items():
            cls = self.types[name]
            assert isinstance(cls, ir.ClassType)
            for attribute, text in texts:
                if not text.startswith("Final["):
                    cls.add_attribute(attribute, self.type(text))

    def read(self, qualifier: str, text: str) -> None:
        current = ""
        members: dict[str, list[tuple[str, object]]] = {}
        for line in text.splitlines():
            found = _CLASS.match(line)
            if found:
                current, base = f"{qualifier}.{found[1] or found[3]}", found[2]
                if base == "Enum":
                    members[current] = []
                elif base != "NamedTuple":
                    self.types[current] = ir.ClassType(current, is_module=base == "Module")
                    self.texts[current] = []
                continue
            attribute = _ATTRIBUTE.match(line) or _ODD_ATTRIBUTE.match(line)
            member = _MEMBER.match(line)
            if attribute and current in self.texts:
                self.texts[current].append((attribute[1], attribute[2]))
            elif member and current in members:
                members[current].append((member[1], ast.literal_eval(member[2])))
            elif line.startswith("  def __getstate__"):
                self.stateful.add(current)
        for name, values in members.items():
            kind = {int: ir.INT, float: ir.FLOAT, str: ir.STRING}[type(values[0][1])]
            self.types[name] = ir.EnumType(name, kind, tuple(values))

    def type(self, text: str) -> ir.Type:
        """The type that an annotation stands for."""
        return self.of(ast.parse(text, mode="eval").body)

    def of(self, node: ast.expr) -> ir.Type:
        text = ast.unparse(node)
        if text in _SIMPLE:
            return _SIMPLE[text]
        if isinstance(node, ast.Subscript):
            arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            inner = tuple(map(self.of, arguments))
            match ast.unparse(node.value):
                case "List":
                    return ir.ListType(*inner)
                case "Dict":
                    return ir.DictType(*inner)
                case "Optional":
                    return ir.optional(inner[0])
                case "Union":
                    return ir.UnionType(inner)
                case "Tuple":
                    return ir.TupleType(inner)
        # Classes that no file declares are those bound from C++.
        return self.types.setdefault(text, ir.ClassType(text))


class TypedBuilder(ValueBuilder):
    """Makes objects of the archive's classes; those with a `__getstate__` keep what it once returned."""

    def __init__(self, types: ArchiveTypes) -> None:
        super().__init__()
        self.types = types
        self.states: dict[int, object] = {}
        self.keep: list[object] = []

    def find_class(self, qualified_name: str) -> object:
        return self.types.types.setdefault(qualified_name, ir.ClassType(qualified_name))

    def new_object(self, cls: object) -> object:
        assert isinstance(cls, ir.ClassType)
        return ir.ScriptObject(cls)

    def set_state(self, instance: object, state: object) -> object:
        assert isinstance(instance, ir.ScriptObject)
        self.keep.append(instance)
        if isinstance(state, dict) and instance.type.qualified_name not in self.types.stateful:
            assert list(state) == [a.name for a in instance.type.attributes]
            instance.slots = list(state.values())
        else:
            self.states[id(instance)] = state
        return instance

    def enum_member(self, cls: object, value: object) -> object:
        assert isinstance(cls, ir.EnumType)
        return ir.EnumValue(cls, next(n for n, v in cls.members if v == value), value)


class TypedDescriber(ValueDescriber):
    """The other direction."""

    def __init__(self, builder: TypedBuilder) -> None:
        self.builder = builder

    def is_stored_by_slots(self, cls: ir.ClassType) -> bool:
        return False

    def contents(self, value: object) -> ObjectContents | None:
        if not isinstance(value, ir.ScriptObject) or id(value) not in self.builder.states:
            return super().contents(value)
        state = self.builder.states[id(value)]
        return ObjectContents(value.type, state=(state, ir.ANY), always_shared=value.type.is_module)

    def type_of(self, value: object) -> ir.Type | None:
        tag = self.builder.tags.find(value)
        return None if tag is None else self.builder.types.type(tag)


def plain(value: object) -> object:
    """Placeholders as tuples, so that values can be compared."""
    if isinstance(value, PickledObject):
        return ("object", value.class_name, plain(value.state))
    if isinstance(value, PickledEnum):
        return ("enum", value.class_name, value.value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, ir.TensorData):
        return tensor_facts(value)
    return value


def tensor_facts(data: ir.TensorData) -> tuple[object, ...]:
    """All of a tensor but the identity of its storage."""
    quantizer = data.quantizer
    return (
        data.dtype,
        data.sizes,
        data.strides,
        data.storage_offset,
        data.requires_grad,
        data.is_conj,
        data.is_neg,
        data.layout,
        data.device,
        None if data.storage is None or data.storage.data is None else bytes(data.storage.data),
        tuple(map(tensor_facts, data.parts)),
        quantizer
        and (
            quantizer.scheme,
            quantizer.scale,
            quantizer.zero_point,
            quantizer.axis,
            quantizer.scales and tensor_facts(quantizer.scales),
            quantizer.zero_points and tensor_facts(quantizer.zero_points),
        ),
    )
