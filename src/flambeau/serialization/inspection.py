"""`inspect`: what an archive holds, and what is odd about it. Needs no PyTorch, runs nothing, keeps no tensor.

Only a file whose container cannot be read is an error. Whatever is wrong inside is told in the summary, along with all
that could be found out in spite of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, final

from flambeau.api import named_slots
from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import (
    ClassType,
    EnumType,
    Function,
    InterfaceType,
    NamedType,
    ScriptObject,
    TensorData,
    TupleType,
)

from .archive_reader import ArchiveCode
from .archive_summary import ArchiveSummary, ClassSummary, RecordSummary, TensorSummary
from .archive_values import PlainValues
from .code.operator_scan import is_operator, operators_called
from .container.formats import refusal
from .container.reader import ArchiveReader, ArchiveSource
from .container.writer import identity_of
from .limits import DEFAULT_LIMITS, Limits
from .load_guard import HARMFUL_OPERATORS
from .pickles.described import has_stored_state
from .pickles.names import foreign_names

__all__ = ["inspect"]

_EXPECTED = re.compile(
    r"(\.data/)?version|byteorder|\.data/serialization_id|(data|constants|traced_inputs)(\.pkl|/[^/]+)|code/.+\.py"
    r"|.+\.debug_pkl|extra/.+|bytecode\.pkl|mobile_debug_handles\.pkl"
)
_MAGIC = {
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a program",
    b"\x80": "a pickle",
    b"PK\x03\x04": "an archive",
}


def inspect(source: ArchiveSource, *, limits: Limits = DEFAULT_LIMITS) -> ArchiveSummary:
    """What an archive holds: records, classes, operators, tensors, and everything that looks suspicious.

    `source` is a path, the bytes of an archive, or a binary file. Nothing in it is executed, PyTorch is not needed, and
    the bytes of tensors are not read. ArchiveError if the file is not a zip archive of one folder.
    """
    reader = ArchiveReader(source, limits)
    search = _Search(reader, limits)
    if reader.kind == "script":
        search.look_at_code()
        search.look_at_values()
    else:
        search.suspicious.append(refusal(reader.kind) or "this is not a TorchScript archive")
    search.look_at_records()
    return search.summary()


@final
@dataclass(slots=True)
class _Found:
    classes: dict[str, ClassSummary] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    operators: Counter[str] = field(default_factory=Counter)
    tensors: list[TensorSummary] = field(default_factory=list)
    root_class: str = ""
    constants: int = 0
    runs_when_loaded: list[str] = field(default_factory=list)


@final
class _Tensors(PlainValues):
    """Accepts every operator, and remembers which records the tensors lie in."""

    def __init__(self) -> None:
        self.records: set[str] = set()

    def tensor(self, data: TensorData) -> object:
        if data.storage is not None:
            self.records.add(data.storage.key)
        return data

    def find_operators(self, name: str) -> bool:
        return True


@final
class _Search:
    def __init__(self, reader: ArchiveReader, limits: Limits) -> None:
        self.suspicious: list[str] = []
        self._reader = reader
        self._factory = _Tensors()
        self._code = ArchiveCode(reader, self._factory, limits, run_setstate=False)
        self._found = _Found()
        self._complete = True
        """Whether all values could be read, so that what no tensor refers to is known."""

    def _try(self, action: Callable[[], object]) -> None:
        """Do something that fails if the archive is not sound."""
        try:
            action()
        except (FlambeauError, RecursionError) as error:
            self._complete = False
            text = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
            if text not in self.suspicious:
                self.suspicious.append(f"it cannot be loaded: {text}")

    # --- code

    def look_at_code(self) -> None:
        for record in self._reader.records():
            if record.startswith("code/") and record.endswith(".py"):
                self._try(lambda record=record: self._file(record))  # type: ignore[misc]  # mypy sees no default

    def _file(self, record: str) -> None:
        qualifier = record[len("code/") : -len(".py")].replace("/", ".")
        source = self._code.source(qualifier)
        if source is None:
            raise ArchiveError("the file's name is not that of a module", record)
        self._found.operators += operators_called(source)
        for name in self._code.importer.names_in(qualifier):
            self._try(lambda name=name: self._member(f"{qualifier}.{name}"))  # type: ignore[misc]

    def _member(self, qualified_name: str) -> None:
        found = self._code.importer.find(qualified_name)
        if isinstance(found, Function):
            self._found.functions.append(f"{qualified_name}{str(found.schema)[len(found.schema.name) :]}")
        elif found is not None:
            self._found.classes[qualified_name] = _summary_of(found)
            if isinstance(found, ClassType) and has_stored_state(found):
                self._found.runs_when_loaded.append(qualified_name)

    # --- values

    def look_at_values(self) -> None:
        self._try(self._root)
        self._try(self._constants)

    def _constants(self) -> None:
        self._found.constants = len(self._code.constants)

    def _root(self) -> None:
        root = self._code.root()
        self._found.root_class = root.type.qualified_name
        self._found.tensors = sorted(_tensors_in(root, self._code.builder.states), key=lambda t: (-t.nbytes, t.path))

    # --- records

    def look_at_records(self) -> None:
        for start, end in self._reader.gaps():
            self.suspicious.append(f"bytes {start} to {end} of the file belong to no record")
        for record in self._reader.records():
            self._record(record)
        for name, count in self._found.operators.items():
            if name in HARMFUL_OPERATORS:
                self.suspicious.append(f"the code calls {name} ({count} times), which {HARMFUL_OPERATORS[name]}")

    def _record(self, record: str) -> None:
        if self._reader.kind == "script":
            if not _EXPECTED.fullmatch(record):
                self.suspicious.append(f"the record '{record}' is not part of the format")
            elif self._complete and record.startswith(("data/", "constants/")) and record not in self._factory.records:
                size = self._reader.record_size(record)
                self.suspicious.append(f"the {size} bytes of '{record}' belong to no tensor")
        if record.endswith("pkl"):
            self._try(lambda: self._pickle(record))
        elif record.startswith("extra/"):
            self._try(lambda: self._extra(record))

    def _pickle(self, record: str) -> None:
        for name in foreign_names(self._reader.read_pickle(record)):
            self.suspicious.append(f"the pickle '{record}' names {name}, which Python's own unpickler would call")

    def _extra(self, record: str) -> None:
        head = bytes(self._reader.read(record, verify=False)[:4])
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                self.suspicious.append(f"the extra file '{record[len('extra/') :]}' looks like {what}")

    def summary(self) -> ArchiveSummary:
        reader, found = self._reader, self._found
        return ArchiveSummary(
            name=reader.name,
            file_size=reader.size,
            kind=reader.kind,
            version=reader.version,
            byteorder=reader.byteorder,
            producer=_producer(reader),
            records=tuple(
                RecordSummary(n, reader.record_size(n), reader.stored_size(n), reader.offset(n))
                for n in reader.records()
            ),
            extra_files=tuple(n[len("extra/") :] for n in reader.records() if n.startswith("extra/")),
            root_class=found.root_class,
            classes=tuple(found.classes.values()),
            functions=tuple(found.functions),
            operators=dict(found.operators.most_common()),
            unknown_operators=tuple(sorted(name for name in found.operators if not is_operator(name))),
            tensors=tuple(found.tensors),
            constants=found.constants,
            runs_when_loaded=tuple(found.runs_when_loaded),
            suspicious=tuple(self.suspicious),
        )


def _summary_of(type: NamedType) -> ClassSummary:
    match type:
        case ClassType():
            attributes = [(a.name, a.type.annotation()) for a in type.attributes]
            attributes += [(name, f"Final, {value!r}"[:200]) for name, value in type.constants.items()]
            methods = [str(method.schema) for method in type.methods.values()]
            kind = "module" if type.is_module else "class"
            return ClassSummary(type.qualified_name, kind, tuple(attributes), tuple(methods))  # type: ignore[arg-type]
        case InterfaceType():
            return ClassSummary(type.qualified_name, "interface", (), tuple(map(str, type.methods)))
        case EnumType():
            members = tuple((name, repr(value)[:200]) for name, value in type.members)
            return ClassSummary(type.qualified_name, "enum", members, ())
        case TupleType():
            names = type.field_names or ()
            fields = tuple((n, t.annotation()) for n, t in zip(names, type.elements, strict=True))
            return ClassSummary(type.qualified_name, "named tuple", fields, ())
    raise ArchiveError(f"'{type.qualified_name}' is a type of an unknown kind")


def _tensors_in(root: ScriptObject, states: dict[ScriptObject, object]) -> Iterator[TensorSummary]:
    """All tensors that an object leads to, each once. States are what `__setstate__` would be given."""
    seen: set[int] = set()
    pending: list[tuple[str, object, str]] = [("", root, "attribute")]
    while pending:
        path, value, kind = pending.pop()
        if not isinstance(value, (TensorData, ScriptObject, list, tuple, dict)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, TensorData):
            yield _tensor(path, kind, value)
        elif isinstance(value, ScriptObject):
            dot = f"{path}." if path else ""
            pending += [(f"{dot}{a.name}", v, a.kind) for a, v in reversed(list(named_slots(value)))]
            pending.append((f"{dot}__getstate__()", states.get(value), "attribute"))
        else:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            pending += [(f"{path}[{key!r}]", item, kind) for key, item in items]


def _tensor(path: str, kind: str, data: TensorData) -> TensorSummary:
    parts = data.parts or (data,)
    nbytes = sum(part.numel * part.dtype.itemsize for part in parts)
    known: Literal["parameter", "buffer", "attribute"] = (
        "parameter" if kind == "parameter" else "buffer" if kind == "buffer" else "attribute"
    )
    return TensorSummary(path, known, data.dtype.dtype_name, tuple(data.sizes), nbytes, data.device)


def _producer(reader: ArchiveReader) -> str:
    """flambeau's identity of the contents is not PyTorch's, and can be computed again."""
    record = ".data/serialization_id"
    if not reader.has(record):
        return "PyTorch 2.1 or newer" if reader.has("byteorder") else "PyTorch before 2.1"
    checksums = {name: crc for name, crc in reader.checksums().items() if name != record}
    written = bytes(reader.read(record, verify=False)[:100])
    return "flambeau" if written == identity_of(checksums).encode() else "PyTorch 2.1 or newer"
