"""A reader of pickles that trusts nothing: the few instructions and names that archives use, and bounds on everything.

It is a stack machine of its own; Python's `pickle` is not involved, and no name in a pickle is looked up in Python.
What a file can make it do is to create plain values and to call the methods of a `ValueBuilder`. Values cannot contain
themselves, nest deeper than the limits say, or refer to an object before its state is set; every violation is an
`ArchiveError` with the position in the pickle.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import repeat
from typing import NoReturn, TypeAlias, final

from flambeau.errors import ArchiveError
from flambeau.ir import QScheme, ScalarType, Storage
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits
from flambeau.serialization.pickles.opcodes import PROTOCOL, Opcode
from flambeau.serialization.pickles.tensors import REBUILD_FUNCTIONS, BuiltTensors, TypedStorage
from flambeau.serialization.pickles.values import StorageReader, ValueBuilder

__all__ = ["is_archive_name", "read_pickle"]

_Function: TypeAlias = Callable[[tuple[object, ...]], object]

_SCALARS = frozenset({int, float, bool, str, complex, type(None)})
_CONTAINERS = frozenset({list, dict, tuple})
_BINGET, _BININT1, _BINPUT = int(Opcode.BINGET), int(Opcode.BININT1), int(Opcode.BINPUT)
_MARK, _TUPLE, _STOP = int(Opcode.MARK), int(Opcode.TUPLE), int(Opcode.STOP)

_SHORT_INDICES = 256
"""Of the memo: those that `BINPUT` can name."""

_TYPE_MARKERS = frozenset({"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter"})
_LISTS = {
    "torch.jit._pickle.build_intlist": ("List[int]", int),
    "torch.jit._pickle.build_doublelist": ("List[float]", float),
    "torch.jit._pickle.build_boollist": ("List[bool]", bool),
    "torch.jit._pickle.build_tensorlist": ("List[Tensor]", None),
    "__main__.IntList": ("List[int]", int),
}
_REMOTE = {
    "torch.jit._pickle.build_tensor_from_id": "tensors by number, which only remote calls use",
    "__main__.TensorID": "tensors by number, as PyTorch 1.0 did",
    "torch.distributed.rpc.rref": "a reference to a value on another process",
}


@final
class _Global:
    """A name in a pickle: a function of ours to call, or a class of the archive. Never part of a value."""

    __slots__ = ("call", "cls", "name")

    def __init__(self, name: str, call: _Function | None = None, cls: object = None) -> None:
        self.name = name
        self.call = call
        self.cls = cls


@final
class _Arguments(tuple[object, ...]):
    """A tuple that holds something which is no value: the arguments of a rebuild function. Never part of a value."""

    __slots__ = ()


_INTERNAL = frozenset({_Global, _Arguments, TypedStorage, ScalarType, QScheme})
_NO_HOOKS = _Global("collections.OrderedDict()")


def read_pickle(
    data: bytes | bytearray | memoryview,
    builder: ValueBuilder | None = None,
    storages: StorageReader | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    record: str | None = None,
) -> object:
    """The value that a pickle describes, made by `builder` (by default of plain values and placeholders).

    `storages` supplies the bytes that tensors refer to; without it, tensors are errors. `record` is named in errors.
    """
    if len(data) > limits.pickle_size:
        raise ArchiveError(f"the pickle has {len(data)} bytes; at most {limits.pickle_size} are allowed", record)
    machine = _Machine(bytes(data), builder or ValueBuilder(), storages, limits)
    try:
        return machine.run()
    except ArchiveError as error:
        if error.record is not None:
            raise
        where = f"{error.message} (at byte {machine.start} of the pickle)"
        raise ArchiveError(where, record) from error.__cause__


@final
class _Machine:
    """The state of one run: the stack, the memo, and what is known of the values on them."""

    def __init__(self, data: bytes, builder: ValueBuilder, storages: StorageReader | None, limits: Limits) -> None:
        self._data = data
        self._builder = builder
        self._storages = storages
        self._limits = limits
        self._tensors = BuiltTensors(builder)
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._depths: dict[int, int] = {}
        """How deep values nest in a container, by its identity."""
        self._sealed: set[int] = set()
        """Containers that something refers to already; changing them now could close a circle."""
        self._checked: set[tuple[int, str]] = set()
        """Sealed lists whose elements were found to have the type of a function."""
        self._unfinished: dict[int, object] = {}
        """Objects without state."""
        self._exposed: set[int] = set()
        """Those of them that are in the memo, under indices of four bytes."""
        self._globals: dict[str, _Global | ScalarType | QScheme] = {}
        self._devices: dict[str, object] = {}
        self._position = 0
        """The operands of an instruction that has a handler of its own."""
        self.start = 0
        """Where the present instruction starts."""

    def run(self) -> object:
        handlers = self._handlers()
        data, last = self._data, len(self._data) - 1
        stack, marks, memo = self._stack, self._marks, self._memo
        if data[:1] != bytes([Opcode.PROTO]):
            self._fail("a pickle was expected here, and this is none")
        position = 0
        for _ in range(self._limits.pickle_operations):
            self.start = position
            if position > last:
                self._fail("the pickle is cut off")
            code = data[position]
            position += 1
            # Nine instructions of ten are one of the first five, each with a byte behind it or nothing.
            if code == _BINGET and position <= last:
                self._get(data[position])
                position += 1
            elif code == _BININT1 and position <= last:
                stack.append(data[position])
                position += 1
            elif code == _BINPUT and position <= last and stack:
                memo[data[position]] = stack[-1]
                position += 1
            elif code == _MARK:
                marks.append(len(stack))
            elif code == _TUPLE and marks:
                mark = marks.pop()
                items = stack[mark:]
                del stack[mark:]
                self._tuple(items)
            elif code == _STOP:
                return self._result()
            else:
                handler = handlers.get(code)
                if handler is None:
                    self._fail(f"Unknown opcode for unpickling: {code:#04x}")
                self._position = position
                handler()
                position = self._position
        self._fail(f"the pickle has more than the allowed {self._limits.pickle_operations} instructions")

    def _result(self) -> object:
        if len(self._stack) != 1 or self._marks:
            self._fail(f"the pickle leaves {len(self._stack)} values instead of one")
        if self._unfinished:
            self._fail("the pickle creates an object without giving it a state")
        self._refuse_internal(set(map(type, self._stack)))
        return self._stack[0]

    def _fail(self, message: str) -> NoReturn:
        raise ArchiveError(message)

    # Operands and stack

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            self._fail("the pickle is cut off")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def _pop(self) -> object:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            self._fail("the pickle takes a value where there is none")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[object]:
        if not self._marks:
            self._fail("the pickle takes values up to a mark where there is none")
        mark = self._marks.pop()
        taken = self._stack[mark:]
        del self._stack[mark:]
        return taken

    def _nesting(self, items: list[object]) -> int:
        """How deep a container of `items` nests; an error if that is too deep or if one of them is no value."""
        kinds = set(map(type, items))
        if kinds <= _SCALARS:
            return 1
        self._refuse_internal(kinds)
        return self._bounded(items)

    def _refuse_internal(self, kinds: set[type]) -> None:
        if not kinds.isdisjoint(_INTERNAL):
            self._fail("the pickle uses a function, a class or a storage as a value")

    def _bounded(self, items: list[object]) -> int:
        depth = 1 + max(map(self._depths.get, map(id, items), repeat(0)), default=0)
        if depth > self._limits.nesting:
            self._fail(f"the pickle nests values more than the allowed {self._limits.nesting} deep")
        return depth

    # Values

    def _handlers(self) -> dict[int, Callable[[], None]]:
        push = self._stack.append
        return {
            Opcode.PROTO: self._proto,
            Opcode.MARK: lambda: self._marks.append(len(self._stack)),
            Opcode.NONE: lambda: push(None),
            Opcode.NEWTRUE: lambda: push(True),
            Opcode.NEWFALSE: lambda: push(False),
            Opcode.BININT: lambda: push(int.from_bytes(self._take(4), "little", signed=True)),
            Opcode.BININT1: lambda: push(self._take(1)[0]),
            Opcode.BININT2: lambda: push(int.from_bytes(self._take(2), "little")),
            Opcode.LONG1: self._long,
            Opcode.BINFLOAT: lambda: push(struct.unpack(">d", self._take(8))[0]),
            Opcode.BINUNICODE: self._text,
            Opcode.EMPTY_LIST: lambda: push([]),
            Opcode.EMPTY_DICT: lambda: push({}),
            Opcode.EMPTY_TUPLE: lambda: push(()),
            Opcode.APPEND: lambda: self._extend([self._pop()]),
            Opcode.APPENDS: lambda: self._extend(self._pop_to_mark()),
            Opcode.LIST: self._list,
            Opcode.TUPLE: lambda: self._tuple(self._pop_to_mark()),
            Opcode.TUPLE1: lambda: self._small_tuple(1),
            Opcode.TUPLE2: lambda: self._small_tuple(2),
            Opcode.TUPLE3: lambda: self._small_tuple(3),
            Opcode.SETITEM: lambda: self._update([self._pop(), self._pop()][::-1]),
            Opcode.SETITEMS: lambda: self._update(self._pop_to_mark()),
            Opcode.DICT: self._dict,
            Opcode.BINGET: lambda: self._get(self._take(1)[0]),
            Opcode.LONG_BINGET: lambda: self._get(int.from_bytes(self._take(4), "little")),
            Opcode.BINPUT: lambda: self._put(self._take(1)[0]),
            Opcode.LONG_BINPUT: lambda: self._put(int.from_bytes(self._take(4), "little")),
            Opcode.GLOBAL: self._global,
            Opcode.NEWOBJ: self._new_object,
            Opcode.BUILD: self._build,
            Opcode.REDUCE: self._reduce,
            Opcode.BINPERSID: self._storage,
        }

    def _proto(self) -> None:
        version = self._take(1)[0]
        if version != PROTOCOL or self.start:
            self._fail(f"a pickle of protocol {PROTOCOL} was expected, not of protocol {version}")

    def _long(self) -> None:
        length = self._take(1)[0]
        if not 0 < length <= 8:
            self._fail(f"an integer of {length} bytes does not fit into 64 bits")
        self._stack.append(int.from_bytes(self._take(length), "little", signed=True))

    def _text(self) -> None:
        length = int.from_bytes(self._take(4), "little")
        # Scripts can cut strings in the middle of a character; such bytes are kept, as lone surrogates.
        self._stack.append(self._take(length).decode(errors="surrogateescape"))

    def _list(self) -> None:
        items = self._pop_to_mark()
        self._stack.append([])
        self._extend(items)

    def _dict(self) -> None:
        items = self._pop_to_mark()
        self._stack.append({})
        self._update(items)

    def _small_tuple(self, size: int) -> None:
        items = [self._pop() for _ in range(size)]
        self._tuple(items[::-1])

    def _tuple(self, items: list[object]) -> None:
        kinds = set(map(type, items))
        made = tuple(items) if kinds.isdisjoint(_INTERNAL) else _Arguments(items)
        if made:
            self._depths[id(made)] = 1 if kinds <= _SCALARS else self._bounded(items)
        self._stack.append(made)

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1] if self._stack else None
        if type(target) is not list:
            self._fail("the pickle appends to something that is not a list")
        self._change(target, items)
        target.extend(items)

    def _update(self, items: list[object]) -> None:
        target = self._stack[-1] if self._stack else None
        if type(target) is not dict:
            self._fail("the pickle adds entries to something that is not a dict")
        if len(items) % 2:
            self._fail("the pickle gives a dict a key without a value")
        self._change(target, items)
        keys = items[::2]
        if not _CONTAINERS.isdisjoint(map(type, keys)):
            self._fail("the pickle uses a list, dict or tuple as the key of a dict")
        try:
            target.update(zip(keys, items[1::2], strict=True))
        except TypeError as error:
            self._fail(f"the pickle uses an impossible key for a dict: {error}")

    def _change(self, target: list[object] | dict[object, object], items: list[object]) -> None:
        if id(target) in self._sealed:
            self._fail("the pickle changes a container that something refers to already")
        self._depths[id(target)] = max(self._depths.get(id(target), 1), self._nesting(items))

    # Memo

    def _put(self, index: int) -> None:
        if not self._stack:
            self._fail("the pickle takes a value where there is none")
        value = self._memo[index] = self._stack[-1]
        if id(value) in self._unfinished:
            self._exposed.add(id(value))

    def _get(self, index: int) -> None:
        try:
            value = self._memo[index]
        except KeyError:
            self._fail(f"the pickle refers to value {index}, which it never stored")
        kind = type(value)
        if kind is not str and kind is not _Global:
            if kind in _CONTAINERS:
                self._sealed.add(id(value))
            elif id(value) in self._unfinished:
                self._fail("the pickle refers to an object before its state is set")
        self._stack.append(value)

    # Names, objects, calls

    def _global(self) -> None:
        ends: list[int] = []
        for _ in range(2):
            start = ends[-1] + 1 if ends else self._position
            end = self._data.find(b"\n", start, start + self._limits.name_length)
            if end < 0:
                self._fail("the pickle has a name that does not end")
            ends.append(end)
        try:
            module = self._data[self._position : ends[0]].decode()
            name = self._data[ends[0] + 1 : ends[1]].decode()
        except UnicodeDecodeError:
            self._fail("the pickle has a name that is not UTF-8")
        self._position = ends[1] + 1
        qualified = f"{module}.{name}"
        if qualified not in self._globals:
            self._globals[qualified] = self._resolved(qualified, module, name)
        self._stack.append(self._globals[qualified])

    def _resolved(self, qualified: str, module: str, name: str) -> _Global | ScalarType | QScheme:
        if qualified in self._tensors.functions:
            return _Global(qualified, self._tensors.functions[qualified])
        if qualified in _LISTS:
            return _Global(qualified, lambda args: self._typed_list(qualified, args))
        if qualified in _FUNCTIONS:
            function = _FUNCTIONS[qualified]
            return _Global(qualified, lambda args: function(self, args))
        if qualified in _REMOTE:
            self._fail(f"the pickle contains {_REMOTE[qualified]}")
        if qualified in _TYPE_MARKERS:
            return _Global(qualified)
        if module == "torch":
            dtype, scheme = ScalarType.from_storage_name(name), QScheme.from_scheme_name(name)
            if dtype is not None:
                return dtype
            if scheme is not None:
                return scheme
        if module == "__torch__" or module.startswith("__torch__."):
            return _Global(qualified, cls=self._builder.find_class(qualified))
        self._fail(f"the pickle names {qualified[:200]!r}, which no TorchScript archive may use")

    def _new_object(self) -> None:
        args, cls = self._pop(), self._pop()
        if args != () or not isinstance(cls, _Global) or cls.cls is None:
            self._fail("the pickle creates an object of something that is not a class of the archive")
        instance = self._builder.new_object(cls.cls)
        self._unfinished[id(instance)] = instance
        self._stack.append(instance)

    def _build(self) -> None:
        state = self._pop()
        instance = self._stack[-1] if self._stack else None
        if self._unfinished.pop(id(instance), None) is None:
            self._fail("the pickle sets the state of something that is not a new object")
        depth = self._nesting([state])
        self._builder.shared = self._sealed
        finished = self._builder.set_state(instance, state)
        if finished is not instance:
            if id(instance) in self._exposed or any(self._memo.get(i) is instance for i in range(_SHORT_INDICES)):
                self._fail("the pickle refers to an object before its state is set")
            self._stack[-1] = finished
        self._depths[id(finished)] = depth

    def _reduce(self) -> None:
        args, function = self._pop(), self._pop()
        if not isinstance(function, _Global):
            self._fail("the pickle calls something that is not a function")
        if function.cls is not None:
            # Enum members are written with their bare value where a tuple of arguments belongs.
            self._nesting([args])
            self._stack.append(self._builder.enum_member(function.cls, args))
            return
        if function.call is None:
            self._fail(f"the pickle calls {function.name}, which is not a function")
        if type(args) is list and function.name.startswith("__main__."):
            args = (args,)
        if not isinstance(args, tuple):
            self._fail(f"the pickle calls {function.name} without a tuple of arguments")
        self._depths.pop(id(args), None)
        self._stack.append(function.call(args))

    def _storage(self) -> None:
        args = self._pop()
        if not isinstance(args, tuple) or len(args) != 5 or args[0] != "storage":
            self._fail("the pickle refers to something outside itself that is not a storage")
        _, dtype, key, device, numel = args
        if not isinstance(dtype, ScalarType):
            self._fail("the pickle gives a storage no element type")
        if type(key) is not str or type(device) is not str or type(numel) is not int or numel < 0:
            self._fail("the pickle describes a storage wrongly")
        if self._storages is None:
            self._fail("the pickle refers to a storage, and there are none here")
        self._depths.pop(id(args), None)
        storage: Storage = self._storages(key, dtype, numel, device)
        self._stack.append(TypedStorage(dtype, storage))

    def _typed_list(self, function: str, args: tuple[object, ...]) -> object:
        type_text, item_type = _LISTS[function]
        items = args[0] if len(args) == 1 else None
        if type(items) is not list:
            self._fail(f"{function} takes one list")
        if (id(items), function) in self._checked:
            return items
        if item_type is None:
            correct = all(map(self._tensors.is_tensor, items))
        else:
            correct = {item_type}.issuperset(map(type, items))
        if not correct:
            self._fail(f"a {type_text} has items of another type")
        self._builder.tag(items, type_text)
        if id(items) in self._sealed:
            self._checked.add((id(items), function))
        return items

    def _restore_type_tag(self, args: tuple[object, ...]) -> object:
        if len(args) != 2 or type(args[1]) is not str:
            self._fail("restore_type_tag takes a container and the name of its type")
        container = args[0]
        if type(container) is list or type(container) is dict:
            self._builder.tag(container, args[1])
        return container

    def _complex(self, args: tuple[object, ...]) -> object:
        if len(args) != 2 or type(args[0]) is not float or type(args[1]) is not float:
            self._fail("a complex number is made of two floats")
        return complex(args[0], args[1])

    def _device(self, args: tuple[object, ...]) -> object:
        if len(args) != 1 or type(args[0]) is not str:
            self._fail("a device is made of one string")
        text = args[0]
        if text not in self._devices:
            self._devices[text] = self._builder.device(text)
        return self._devices[text]

    def _ordered_dict(self, args: tuple[object, ...]) -> object:
        if args:
            self._fail("the hooks of a tensor must be empty")
        return _NO_HOOKS

    def _rebuild_subclass(self, args: tuple[object, ...]) -> object:
        """`(rebuild function, class, its arguments, state)`: a tensor of a Python subclass becomes a plain one."""
        function = args[0] if len(args) == 4 else None
        if not isinstance(function, _Global) or function.name not in self._tensors.functions:
            self._fail("a tensor subclass needs the function that rebuilds the tensor")
        if not isinstance(args[2], tuple):
            self._fail("a tensor subclass needs the arguments that rebuild the tensor")
        return self._tensors.functions[function.name](args[2])


_FUNCTIONS: dict[str, Callable[[_Machine, tuple[object, ...]], object]] = {
    "torch.jit._pickle.restore_type_tag": _Machine._restore_type_tag,
    "builtins.complex": _Machine._complex,
    "collections.OrderedDict": _Machine._ordered_dict,
    "torch.device": _Machine._device,
    "torch._tensor._rebuild_from_type_v2": _Machine._rebuild_subclass,
}


def is_archive_name(module: str, name: str) -> bool:
    """Whether a pickle in an archive may name this: a class of the archive, or one of the few functions known here."""
    qualified = f"{module}.{name}"
    if qualified in REBUILD_FUNCTIONS or qualified in _LISTS or qualified in _FUNCTIONS or qualified in _TYPE_MARKERS:
        return True
    if module == "torch":
        return ScalarType.from_storage_name(name) is not None or QScheme.from_scheme_name(name) is not None
    return module == "__torch__" or module.startswith("__torch__.")
