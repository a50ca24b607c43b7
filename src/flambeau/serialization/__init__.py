"""Files <-> programs: the container, the pickles, the debug records. Nothing here needs PyTorch."""

from __future__ import annotations

from flambeau.serialization.container import ArchiveReader, ArchiveSource
from flambeau.serialization.container_writer import ArchiveTarget, ArchiveWriter
from flambeau.serialization.debug_records import DebugRecordWriter, original_ranges
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits
from flambeau.serialization.pickle_described import ObjectContents, ValueDescriber
from flambeau.serialization.pickle_reader import read_pickle
from flambeau.serialization.pickle_records import (
    read_constants,
    read_pickle_record,
    read_traced_inputs,
    write_constants,
    write_pickle_record,
    write_traced_inputs,
)
from flambeau.serialization.pickle_storages import ArchiveStorages
from flambeau.serialization.pickle_tensor_writer import StorageKeys
from flambeau.serialization.pickle_values import PickledEnum, PickledObject, TypeTags, ValueBuilder
from flambeau.serialization.pickle_writer import WrittenPickle, write_pickle

__all__ = [
    "DEFAULT_LIMITS",
    "ArchiveReader",
    "ArchiveSource",
    "ArchiveStorages",
    "ArchiveTarget",
    "ArchiveWriter",
    "DebugRecordWriter",
    "Limits",
    "ObjectContents",
    "PickledEnum",
    "PickledObject",
    "StorageKeys",
    "TypeTags",
    "ValueBuilder",
    "ValueDescriber",
    "WrittenPickle",
    "original_ranges",
    "read_constants",
    "read_pickle",
    "read_pickle_record",
    "read_traced_inputs",
    "write_constants",
    "write_pickle",
    "write_pickle_record",
    "write_traced_inputs",
]
