"""Pickles as TorchScript writes them: values with their static types in, bytes and the storages they refer to out.

Types matter because Python's lists and dicts do not know their elements: a `List[str]` is written with that text, a
`List[int]` through a function that makes one. Where a type says `Any`, or one of several, the value decides. Objects
are written in the order of their attributes. Shared values stay shared; a value that contains itself is an error.
"""

from __future__ import annotations

from collections.abc import Generator, Set
from dataclasses import dataclass
from types import NoneType
from typing import TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.ir import (
    ANY,
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    NONE,
    UNSET,
    ClassType,
    DictType,
    EnumValue,
    ListType,
    NamedType,
    OptionalType,
    Rename,
    ScriptObject,
    TensorType,
    TupleType,
    Type,
    UnionType,
)
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits
from flambeau.serialization.pickles.described import ObjectContents, ValueDescriber, dynamic_type
from flambeau.serialization.pickles.emitter import MemoEntry, PickleEmitter, fetching
from flambeau.serialization.pickles.heights import ClassHeights
from flambeau.serialization.pickles.opcodes import Opcode
from flambeau.serialization.pickles.tensor_writer import StorageKeys, TensorWriter

__all__ = ["WrittenPickle", "write_pickle"]

_Child: TypeAlias = "tuple[object, Type, str]"
"""A value within another: itself, its static type, and a word about where it is."""
_Steps: TypeAlias = "Generator[_Child, None, None]"
"""Writes a value, stopping at each of its parts for somebody to write it."""

_JIT_PICKLE = "torch.jit._pickle"
_LIST_FUNCTIONS = {
    "TensorType": "build_tensorlist",
    "IntType": "build_intlist",
    "FloatType": "build_doublelist",
    "BoolType": "build_boollist",
}
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "NoneType": (NoneType,),
    "BoolType": (bool,),
    "IntType": (int,),
    "FloatType": (int, float),
    "ComplexType": (int, float, complex),
    "NumberType": (int, float, complex),
    "StringType": (str,),
    **dict.fromkeys(("TensorType", "ListType", "DictType", "TupleType", "ClassType", "EnumType", "DeviceObjType"), ()),
}
"""By kind of type: the Python types of plain values that it has; no entry means any."""
_CONTAINERS: tuple[tuple[type, type[Type]], ...] = ((list, ListType), (dict, DictType), (tuple, TupleType))
_NEW_OBJECT = bytes((Opcode.EMPTY_TUPLE, Opcode.NEWOBJ, Opcode.EMPTY_DICT, Opcode.MARK))
_OBJECT_DONE = bytes((Opcode.SETITEMS, Opcode.BUILD))
_TRUE, _FALSE, _NONE = int(Opcode.NEWTRUE), int(Opcode.NEWFALSE), int(Opcode.NONE)
_NESTING_MARGIN = 8
"""Reading needs a few more levels than the values have."""
_SHOWN_OF_PATH = 12


@final
@dataclass(frozen=True, slots=True)
class WrittenPickle:
    """A pickle and the storages that it refers to, each with its key."""

    data: bytes
    storages: StorageKeys


def write_pickle(
    value: object,
    type: Type,
    describer: ValueDescriber | None = None,
    *,
    rename: Rename | None = None,
    storages: StorageKeys | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> WrittenPickle:
    """The pickle of a value of a static type.

    `describer` says what values are that this package does not know itself (PyTorch's tensors); `rename` gives classes
    the names that they have in the archive; pickles that are given the same `storages` share them.
    """
    keys = StorageKeys() if storages is None else storages
    known = _Known(describer or ValueDescriber(), rename, keys, limits)
    writer = _Writer(known, frozenset())
    data = writer.write(value, type)
    if writer.missed:
        data = _Writer(known, writer.missed).write(value, type)
    return WrittenPickle(data, keys)


@final
@dataclass(frozen=True, slots=True)
class _Layout:
    """What is to be written of each object of a class."""

    height: int | None
    """What `ClassHeights` says."""
    attributes: tuple[tuple[str, Type, bool, bool], ...]
    """By attribute its name, its type, whether None is a value of it, and whether tensors are."""


@final
class _Known:
    """What does not change if a pickle has to be written twice; `__getstate__` runs once, whatever happens."""

    def __init__(self, describer: ValueDescriber, rename: Rename | None, storages: StorageKeys, limits: Limits) -> None:
        self.describer = describer
        self.rename = rename
        self.storages = storages
        self.depth_limit = limits.nesting - _NESTING_MARGIN
        self._contents: dict[int, tuple[object, ObjectContents]] = {}

    def contents(self, value: object) -> ObjectContents | None:
        found = self._contents.get(id(value))
        if found is not None:
            return found[1]
        contents = self.describer.contents(value)
        if contents is not None and contents.state is not None:
            self._contents[id(value)] = (value, contents)
        return contents


@final
class _Writer:
    def __init__(self, known: _Known, wanted: Set[int]) -> None:
        self._known = known
        self._describer = known.describer
        self._rename = known.rename
        self._out = PickleEmitter(wanted)
        self._tensors = TensorWriter(self._out, known.storages)
        self._depth = 0
        self._written: dict[int, tuple[object, MemoEntry]] = {}
        """By identity: values that can be referred to. The value is kept, so that its id is not used again."""
        self._open: set[int] = set()
        """Values whose parts are being written."""
        self._devices: dict[str, MemoEntry] = {}
        self._classes: dict[NamedType, bytes] = {}
        """The instruction that fetches each class that was written."""
        self._heights = ClassHeights(known.describer)
        self._layouts: dict[ClassType, _Layout] = {}
        self._path: list[str] = []
        self._part = ""
        """The part of the innermost value that is being written."""

    @property
    def missed(self) -> Set[int]:
        return self._out.missed

    def write(self, value: object, type: Type) -> bytes:
        try:
            if not self._leaf(value, type):
                self._composite(value, type)
        except ArchiveError as error:
            where = _shown_path([word for word in (*self._path, self._part) if word])
            raise ArchiveError(f"cannot save '{where}': {error}" if where else error.message) from error
        return self._out.finish()

    def _composite(self, value: object, type: Type) -> None:
        """Write a value with its parts, whatever their depth."""
        writers = [(value, self._begin(value, type))]
        while writers:
            value, steps = writers[-1]
            part = next(steps, None)
            if part is not None:
                inner, type, where = part
                self._path.append(where)
                writers.append((inner, self._begin(inner, type)))
                continue
            self._end(value)
            writers.pop()
            if writers:
                self._path.pop()

    def _leaf(self, value: object, type: Type) -> bool:
        """Write a value that has no parts of its own, or was written before; False for any other."""
        if value is None or isinstance(value, (bool, int, float, complex, str)):
            self._plain(value, type.element if isinstance(type, OptionalType) and value is not None else type)
            return True
        known = self._written.get(id(value))
        if known is not None:
            self._out.fetch(known[1])
            return True
        if isinstance(value, ScriptObject):
            return self._flat_object(value)
        if isinstance(value, (list, dict, tuple)):
            return False
        if self._tensor(value):
            return True
        device = self._describer.device(value)
        if device is not None:
            self._device(device)
        return device is not None

    def _tensor(self, value: object) -> bool:
        """Write a tensor, if the value is one."""
        known = self._written.get(id(value))
        if known is not None:
            self._out.fetch(known[1])
            return True
        tensor = self._describer.tensor(value)
        if tensor is None:
            return False
        if self._depth >= self._known.depth_limit:
            self._deeper(1)
        self._tensors.tensor(tensor)
        self._written[id(value)] = (value, self._out.store())
        return True

    def _begin(self, value: object, type: Type) -> _Steps:
        if id(value) in self._open:
            raise ArchiveError("the value contains itself")
        self._open.add(id(value))
        self._deeper(1)
        if not isinstance(value, (list, dict, tuple)):
            return self._other(value)
        if isinstance(type, OptionalType):
            type = type.element
        if type is ANY:
            type = dynamic_type(value, self._describer)
        elif isinstance(type, UnionType):
            type = self._alternative(value, type)
        if isinstance(value, list):
            return self._list(value, type)
        return self._dict(value, type) if isinstance(value, dict) else self._tuple(value, type)

    def _end(self, value: object) -> None:
        self._deeper(-1)
        self._open.remove(id(value))
        if id(value) not in self._written and not (isinstance(value, tuple) and not value):
            self._written[id(value)] = (value, self._out.store_on_demand())

    def _deeper(self, levels: int) -> None:
        self._depth += levels
        if self._depth > self._known.depth_limit:
            raise ArchiveError(f"a value nests more than {self._known.depth_limit} deep")

    def _alternative(self, value: object, type: UnionType) -> Type:
        """Which of several types a list, dict or tuple has; for other values it makes no difference."""
        kinds = [kind for python_type, kind in _CONTAINERS if isinstance(value, python_type)]
        fitting = [t for t in type.elements if isinstance(t, tuple(kinds))]
        return fitting[0] if len(fitting) == 1 else dynamic_type(value, self._describer)

    def _plain(self, value: bool | int | float | complex | str | None, type: Type) -> None:
        accepted = _ACCEPTED.get(type.kind)
        if accepted is not None and not isinstance(value, accepted):
            raise ArchiveError(
                f"a value of type {value.__class__.__name__} was given where {type.annotation()} was declared"
            )
        out = self._out
        if value is None:
            out.none()
        elif isinstance(value, str):
            out.text(value)
        elif isinstance(value, bool) and type is not INT:
            out.boolean(value)
        elif isinstance(value, int) and type is not FLOAT and type is not COMPLEX:
            out.integer(value)
        elif isinstance(value, (int, float)) and type is not COMPLEX:
            out.real(_float(value))
        else:
            number = complex(value)
            out.name("builtins", "complex")
            out.real(number.real)
            out.real(number.imag)
            out.op(Opcode.TUPLE2, Opcode.REDUCE)

    def _list(self, value: list[object], type: Type) -> _Steps:
        if not isinstance(type, ListType):
            raise ArchiveError(f"a list was given where {type.annotation()} was declared")
        element = type.element
        function = _list_function(element)
        out = self._out
        out.name(_JIT_PICKLE, function or "restore_type_tag")
        out.op(*([Opcode.MARK] if function else []), Opcode.EMPTY_LIST, Opcode.MARK)
        if element is INT or element is FLOAT or element is BOOL:
            for item in value:
                self._plain(item, element)  # type: ignore[arg-type]  # what is not plain is refused there
        else:
            for item in value:
                if not self._leaf(item, element):
                    yield item, element, ""
        out.op(Opcode.APPENDS)
        if function:
            out.op(Opcode.TUPLE, Opcode.REDUCE)
        else:
            self._type_tag(type)

    def _dict(self, value: dict[object, object], type: Type) -> _Steps:
        if not isinstance(type, DictType):
            raise ArchiveError(f"a dict was given where {type.annotation()} was declared")
        out = self._out
        out.name(_JIT_PICKLE, "restore_type_tag")
        out.op(Opcode.EMPTY_DICT, Opcode.MARK)
        for key, item in value.items():
            if not self._leaf(key, type.key):
                yield key, type.key, ""
            if not self._leaf(item, type.value):
                yield item, type.value, ""
        out.op(Opcode.SETITEMS)
        self._type_tag(type)

    def _type_tag(self, type: Type) -> None:
        self._out.text(type.annotation(self._rename))
        self._out.op(Opcode.TUPLE2, Opcode.REDUCE)

    def _tuple(self, value: tuple[object, ...], type: Type) -> _Steps:
        if not isinstance(type, TupleType) or len(type.elements) != len(value):
            raise ArchiveError(f"a tuple of {len(value)} was given where {type.annotation()} was declared")
        if len(value) > 3:
            self._out.op(Opcode.MARK)
        for item, element in zip(value, type.elements, strict=True):
            if not self._leaf(item, element):
                yield item, element, ""
        by_length = {0: Opcode.EMPTY_TUPLE, 1: Opcode.TUPLE1, 2: Opcode.TUPLE2, 3: Opcode.TUPLE3}
        self._out.op(by_length.get(len(value), Opcode.TUPLE))

    def _other(self, value: object) -> _Steps:
        member = self._describer.enum_member(value)
        if member is not None:
            return self._enum_member(member)
        contents = self._known.contents(value)
        if contents is None:
            unset = "an attribute that was never assigned"
            what = unset if value is UNSET else f"a value of type {type(value).__name__}"
            raise ArchiveError(f"{what} cannot be written to an archive")
        if contents.state is None:
            return self._object(value, contents)
        return self._object_with_state(value, contents, *contents.state)

    def _enum_member(self, member: EnumValue) -> _Steps:
        self._class(member.type)
        if not self._leaf(member.value, member.type.value_type):
            yield member.value, member.type.value_type, ""
        self._out.op(Opcode.REDUCE)

    def _device(self, text: str) -> None:
        known = self._devices.get(text)
        if known is not None:
            self._out.fetch(known)
            return
        self._out.name("torch", "device")
        self._out.text(text)
        self._out.op(Opcode.TUPLE1, Opcode.REDUCE)
        self._devices[text] = self._out.store()

    def _class(self, type: NamedType) -> None:
        known = self._classes.get(type)
        if known is not None:
            self._out.buffer += known
            return
        qualified = self._rename(type) if self._rename else type.qualified_name
        module, dot, name = qualified.rpartition(".")
        if not dot:
            raise ArchiveError(f"a class needs a qualified name, unlike {qualified!r}")
        self._classes[type] = fetching(self._out.name(module, name))

    def _object(self, value: object, contents: ObjectContents) -> _Steps:
        out = self._out
        self._class(contents.type)
        out.buffer += _NEW_OBJECT
        self._deeper(1)
        for attribute, part in zip(contents.attributes, contents.values, strict=True):
            self._part = name = attribute.name
            out.text(name)
            if not self._leaf(part, attribute.type):
                self._part = ""
                yield part, attribute.type, name
        self._part = ""
        out.buffer += _OBJECT_DONE
        self._deeper(-1)
        if contents.always_shared:
            self._written[id(value)] = (value, out.store())

    def _flat_object(self, value: ScriptObject) -> bool:
        """Write an object whose class says that little can be in it (`ClassHeights`); False for any other.

        Most modules are such, and this takes less than stopping at each attribute.
        """
        cls = value.type
        layout = self._layouts.get(cls)
        if layout is None:
            layout = self._layouts[cls] = self._layout(cls)
        if layout.height is None or self._depth + 2 * layout.height + 1 > self._known.depth_limit:
            return False
        self._class(cls)
        self._path.append(self._part)
        self._depth += 2
        out = self._out
        buffer, texts = out.buffer, out.texts
        buffer += _NEW_OBJECT
        for (name, type, takes_none, is_tensor), part in zip(layout.attributes, value.slots, strict=True):
            self._part = name
            if name in texts:
                buffer += texts[name]
            else:
                out.text(name)
            if part is None and takes_none:
                buffer.append(_NONE)
            elif part.__class__ is bool and type is BOOL:
                buffer.append(_TRUE if part else _FALSE)
            elif is_tensor and self._tensor(part):
                continue
            elif isinstance(part, ScriptObject) and part.type is type and id(part) not in self._written:
                if not self._flat_object(part):
                    self._inner(part, type, name)
            elif self._is_misplaced(part, type) or not self._leaf(part, type):
                self._inner(part, type, name)
        buffer += _OBJECT_DONE
        self._depth -= 2
        self._part = self._path.pop()
        entry = out.store() if cls.is_module else out.store_on_demand()
        self._written[id(value)] = (value, entry)
        return True

    def _layout(self, cls: ClassType) -> _Layout:
        attributes = tuple(
            (a.name, a.type, a.type is NONE or isinstance(a.type, OptionalType), isinstance(a.type, TensorType))
            for a in cls.attributes
        )
        return _Layout(self._heights.of(cls), attributes)

    def _inner(self, value: object, type: Type, name: str) -> None:
        """Write an attribute that may have parts of any depth."""
        self._part = ""
        self._path.append(name)
        self._composite(value, type)
        self._path.pop()

    def _is_misplaced(self, value: object, type: Type) -> bool:
        """Whether a value is an object of another class than declared, of which the height says nothing."""
        return isinstance(value, ScriptObject) and value.type is not type and id(value) not in self._written

    def _object_with_state(self, value: object, contents: ObjectContents, state: object, type: Type) -> _Steps:
        self._class(contents.type)
        self._out.op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ)
        self._deeper(1)
        if not self._leaf(state, type):
            yield state, type, "__getstate__()"
        entry = self._written.get(id(state))
        if entry is not None and isinstance(state, (tuple, list, dict)):
            # PyTorch's writer holds the state while it is written, so it counts as shared.
            self._out.demand(entry[1])
        self._out.op(Opcode.BUILD)
        self._deeper(-1)
        if contents.always_shared:
            self._written[id(value)] = (value, self._out.store())


def _list_function(element: Type) -> str | None:
    """The function that makes lists of this element type, for the few that have one."""
    return _LIST_FUNCTIONS.get(element.kind)


def _shown_path(words: list[str]) -> str:
    """A path of attributes; of a long one both ends."""
    return ".".join(words if len(words) <= _SHOWN_OF_PATH else [*words[:4], "...", *words[-4:]])


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ArchiveError("an integer is too large for a float") from None
