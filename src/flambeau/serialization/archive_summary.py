"""What `inspect` tells of an archive, as data, and as text to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final

from .container.formats import ArchiveKind

__all__ = ["ArchiveSummary", "ClassSummary", "RecordSummary", "TensorSummary"]

_SHOWN = 12
"""How many lines of each long list the text has."""


@final
@dataclass(frozen=True, slots=True)
class RecordSummary:
    """One file within the archive."""

    name: str
    size: int
    stored_size: int
    """Bytes in the archive; less than `size` if compressed."""
    offset: int


@final
@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A type that the archive's code defines."""

    name: str
    kind: Literal["module", "class", "interface", "enum", "named tuple"]
    attributes: tuple[tuple[str, str], ...]
    """Name and type of each attribute or field; of an enum, name and value of each member."""
    methods: tuple[str, ...]
    """Each as a schema, `forward(__torch__.M self, Tensor x) -> Tensor`."""


@final
@dataclass(frozen=True, slots=True)
class TensorSummary:
    """A tensor that the root object holds, under the first path that leads to it."""

    path: str
    kind: Literal["parameter", "buffer", "attribute"]
    dtype: str
    sizes: tuple[int, ...]
    nbytes: int
    device: str


@final
@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """What an archive holds. `str` of it is a page of text."""

    name: str
    """The folder that all records are in: as a rule the name of the file that was first saved."""
    file_size: int
    kind: ArchiveKind
    version: int
    """The file format version."""
    byteorder: Literal["little", "big"]
    producer: str
    """Who wrote the file, as far as it shows."""
    records: tuple[RecordSummary, ...]
    extra_files: tuple[str, ...] = ()
    root_class: str = ""
    classes: tuple[ClassSummary, ...] = ()
    functions: tuple[str, ...] = ()
    """Functions outside classes, each with its qualified name and schema."""
    operators: Mapping[str, int] = field(default_factory=dict)
    """How often the code calls each operator, most often called first."""
    unknown_operators: tuple[str, ...] = ()
    """Operators that are not PyTorch's own, or not of the PyTorch that this release knows."""
    tensors: tuple[TensorSummary, ...] = ()
    """The largest first."""
    constants: int = 0
    """Number of entries in the table of constants."""
    runs_when_loaded: tuple[str, ...] = ()
    """Classes with a `__setstate__`: a TorchScript method that loading runs for each of their objects."""
    suspicious: tuple[str, ...] = ()
    """What no sound archive has, or what deserves a look before the model is run; each a sentence."""

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all tensors together; those that share memory count each."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {_KINDS[self.kind]}, {_bytes(self.file_size)}, {len(self.records)} records"
        yield f"  format version {self.version}, {self.byteorder}-endian, written by {self.producer}"
        if self.root_class:
            yield f"  root: {self.root_class}"
        if self.extra_files:
            yield f"  extra files: {', '.join(self.extra_files)}"
        if self.suspicious:
            yield f"suspicious ({len(self.suspicious)}):"
            yield from _some(self.suspicious)
        if self.tensors:
            yield f"tensors ({len(self.tensors)}, {_bytes(self.parameter_bytes)}):"
            yield from _some(
                f"{_bytes(t.nbytes):>10}  {t.dtype} {list(t.sizes)}  {t.path} ({t.kind})" for t in self.tensors
            )
        if self.classes:
            yield f"classes ({len(self.classes)}):"
            yield from _some(f"{c.name} ({c.kind}, {_count(c)})" for c in self.classes)
        if self.functions:
            yield f"functions ({len(self.functions)}):"
            yield from _some(self.functions)
        if self.operators:
            yield f"operators ({len(self.operators)}):"
            yield from _some(f"{count:6}  {name}" for name, count in self.operators.items())
        if self.unknown_operators:
            yield f"unknown operators ({len(self.unknown_operators)}):"
            yield from _some(self.unknown_operators)
        if self.runs_when_loaded:
            yield f"classes whose __setstate__ runs when the archive is loaded ({len(self.runs_when_loaded)}):"
            yield from _some(self.runs_when_loaded)


_KINDS: dict[ArchiveKind, str] = {
    "script": "a TorchScript archive",
    "checkpoint": "a checkpoint of torch.save",
    "package": "a torch.package",
    "export": "a program of torch.export",
    "legacy": "a TorchScript archive of PyTorch 1.0 or 1.1",
    "unknown": "a zip file of an unknown kind",
}


def _some(lines: Iterable[str]) -> Iterator[str]:
    shown: Sequence[str] = list(lines)
    yield from (f"  {line}" for line in shown[:_SHOWN])
    if len(shown) > _SHOWN:
        yield f"  ... and {len(shown) - _SHOWN} more"


def _count(summary: ClassSummary) -> str:
    return f"{len(summary.attributes)} attributes, {len(summary.methods)} methods"


def _bytes(count: int) -> str:
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{count} bytes" if units[0] == "bytes" else f"{value:.1f} {units[0]}"
