"""Files <-> programs: reading and writing archives, and what they are made of. Nothing here needs PyTorch.

Importing this package makes `.code` and `.save` of modules and functions work.
"""

from __future__ import annotations

from flambeau.api import register_archive_writer, register_source_printer
from flambeau.serialization.archive_reader import LoadedArchive, read_archive
from flambeau.serialization.archive_summary import ArchiveSummary, ClassSummary, RecordSummary, TensorSummary
from flambeau.serialization.archive_values import PlainValues, ValueFactory
from flambeau.serialization.archive_writer import write_archive
from flambeau.serialization.code.debug_records import DebugRecordWriter, original_ranges
from flambeau.serialization.container.reader import ArchiveReader, ArchiveSource
from flambeau.serialization.container.writer import ArchiveTarget, ArchiveWriter
from flambeau.serialization.inspection import inspect
from flambeau.serialization.limits import DEFAULT_LIMITS, Limits
from flambeau.serialization.pickles.described import ObjectContents, ValueDescriber
from flambeau.serialization.pickles.reader import read_pickle
from flambeau.serialization.pickles.records import (
    read_constants,
    read_pickle_record,
    read_traced_inputs,
    write_constants,
    write_pickle_record,
    write_traced_inputs,
)
from flambeau.serialization.pickles.storages import ArchiveStorages
from flambeau.serialization.pickles.tensor_writer import StorageKeys
from flambeau.serialization.pickles.values import PickledEnum, PickledObject, TypeTags, ValueBuilder
from flambeau.serialization.pickles.writer import WrittenPickle, write_pickle
from flambeau.serialization.source_printer import code_of_function
from flambeau.serialization.validation import validate

__all__ = [
    "DEFAULT_LIMITS",
    "ArchiveReader",
    "ArchiveSource",
    "ArchiveStorages",
    "ArchiveSummary",
    "ArchiveTarget",
    "ArchiveWriter",
    "ClassSummary",
    "DebugRecordWriter",
    "Limits",
    "LoadedArchive",
    "ObjectContents",
    "PickledEnum",
    "PickledObject",
    "PlainValues",
    "RecordSummary",
    "StorageKeys",
    "TensorSummary",
    "TypeTags",
    "ValueBuilder",
    "ValueDescriber",
    "ValueFactory",
    "WrittenPickle",
    "code_of_function",
    "inspect",
    "original_ranges",
    "read_archive",
    "read_constants",
    "read_pickle",
    "read_pickle_record",
    "read_traced_inputs",
    "validate",
    "write_archive",
    "write_constants",
    "write_pickle",
    "write_pickle_record",
    "write_traced_inputs",
]


register_source_printer(code_of_function)
register_archive_writer(lambda root, target, extra_files: write_archive(root, target, extra_files=extra_files))
