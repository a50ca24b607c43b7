"""The pickles of an archive with their storages: `data.pkl` and `data/0`, `constants.pkl`, and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flambeau.errors import ArchiveError
from flambeau.ir import ANY, STRING, DictType, ListType, Rename, Storage, TupleType, Type
from flambeau.serialization.container.reader import ArchiveReader
from flambeau.serialization.container.writer import ArchiveWriter
from flambeau.serialization.pickles.described import ValueDescriber
from flambeau.serialization.pickles.reader import read_pickle
from flambeau.serialization.pickles.storages import ArchiveStorages
from flambeau.serialization.pickles.values import ValueBuilder
from flambeau.serialization.pickles.writer import write_pickle

__all__ = [
    "read_constants",
    "read_pickle_record",
    "read_traced_inputs",
    "write_constants",
    "write_pickle_record",
    "write_traced_inputs",
]

_CONSTANTS = "constants"
_TRACED_INPUTS = "traced_inputs"
_INPUTS_TYPE = DictType(STRING, ListType(ANY))


def read_pickle_record(
    archive: ArchiveReader,
    name: str,
    builder: ValueBuilder | None = None,
    *,
    folder: str | None = None,
    without_data: bool = False,
    verify: bool = False,
) -> object:
    """The value in `<name>.pkl`; its tensors are in `folder`, which has the same name unless given."""
    record = f"{name}.pkl"
    storages = ArchiveStorages(archive, folder or name, without_data=without_data, verify=verify)
    return read_pickle(archive.read_pickle(record), builder, storages, archive.limits, record=record)


def write_pickle_record(
    archive: ArchiveWriter,
    name: str,
    value: object,
    type: Type,
    describer: ValueDescriber | None = None,
    *,
    rename: Rename | None = None,
    without_data: bool = False,
) -> None:
    """Write a value to `<name>.pkl`, after the bytes of its tensors to `<name>/0`, `<name>/1`, ..."""
    written = write_pickle(value, type, describer, rename=rename)
    for key, storage in written.storages:
        archive.write(f"{name}/{key}", b"" if without_data else _bytes(storage))
    archive.write(f"{name}.pkl", written.data)


def read_constants(archive: ArchiveReader, builder: ValueBuilder | None = None) -> tuple[object, ...]:
    """The table of constants that the code refers to by number."""
    value = read_pickle_record(archive, _CONSTANTS, builder)
    if not isinstance(value, tuple):
        raise ArchiveError("the constants are not a tuple", f"{_CONSTANTS}.pkl")
    return value


def write_constants(
    archive: ArchiveWriter,
    constants: Sequence[tuple[object, Type]],
    describer: ValueDescriber | None = None,
    *,
    rename: Rename | None = None,
) -> None:
    """Write the table of constants: values with their types. Archives have one even if it is empty."""
    values = tuple(value for value, _ in constants)
    types = TupleType(tuple(type for _, type in constants))
    write_pickle_record(archive, _CONSTANTS, values, types, describer, rename=rename)


def read_traced_inputs(archive: ArchiveReader, builder: ValueBuilder | None = None) -> dict[str, list[object]] | None:
    """By method, the inputs that it was traced with (tensors without data); None if the archive has none."""
    record = f"{_TRACED_INPUTS}.pkl"
    if not archive.has(record):
        return None
    value = read_pickle_record(archive, _TRACED_INPUTS, builder, without_data=True)
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, list) for k, v in value.items()):
        raise ArchiveError("the traced inputs are not lists by method", record)
    return value


def write_traced_inputs(
    archive: ArchiveWriter, inputs: Mapping[str, Sequence[object]], describer: ValueDescriber | None = None
) -> None:
    """Write the inputs that methods were traced with, of tensors their geometry only."""
    value = {method: list(values) for method, values in inputs.items()}
    write_pickle_record(archive, _TRACED_INPUTS, value, _INPUTS_TYPE, describer, without_data=True)


def _bytes(storage: Storage) -> bytes | memoryview:
    data = storage.data
    if data is not None:
        return data
    if storage.device.partition(":")[0] == "meta":
        return b""
    raise ArchiveError("a tensor whose data was left out cannot be written", storage.key or None)
