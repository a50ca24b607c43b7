"""Writing an archive: the root object, the code of all types it needs, and the constants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeAlias, final

from flambeau.errors import ArchiveArgumentError, ArchiveError
from flambeau.ir import (
    ClassType,
    ScriptObject,
    TensorData,
    Type,
    bound_class_of,
    collected_later,
    infer_constant_type,
    is_bound,
    is_device,
    is_tensor,
)
from flambeau.runtime import call

from .code.records import code_records
from .container.writer import ArchiveTarget, ArchiveWriter
from .pickles.described import ObjectContents, ValueDescriber, has_stored_state
from .pickles.records import write_constants, write_pickle_record, write_traced_inputs
from .source_printer import ConstantTable, SourcePrinter

DescribeTensor: TypeAlias = "Callable[[object], TensorData]"
"""What a tensor of PyTorch's holds; tensors that share memory must come with the same storage."""
DescribeObject: TypeAlias = "Callable[[object], ObjectContents | None]"
"""The class and the state of an object that C++ code binds; None for any other value."""


def write_archive(
    root: ScriptObject,
    target: ArchiveTarget,
    *,
    tensors: DescribeTensor | None = None,
    bound_objects: DescribeObject | None = None,
    extra_files: Mapping[str, str | bytes] | None = None,
    traced_inputs: Mapping[str, Sequence[object]] | None = None,
) -> None:
    """Write an object, usually a module, as a TorchScript archive to a path or a binary file.

    A path is replaced only when everything is written. `tensors` and `bound_objects` read what PyTorch holds
    (`flambeau.python` has both). Of `traced_inputs`, by method, only the shapes and types are kept. ArchiveError or
    UnsupportedError, naming the attribute or the function, if something cannot be saved.
    """
    given: object = extra_files or {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ArchiveArgumentError("extra files are given as a mapping of names to their contents")
    with collected_later():
        _write(root, target, _Describer(tensors, bound_objects), extra_files or {}, traced_inputs)


def _write(
    root: ScriptObject,
    target: ArchiveTarget,
    describer: _Describer,
    extra_files: Mapping[str, str | bytes],
    traced_inputs: Mapping[str, Sequence[object]] | None,
) -> None:
    printer = SourcePrinter(ConstantTable(describer))
    printer.names.reference(root.type)  # the first to be named keeps its name
    with ArchiveWriter(target) as archive:
        for name, content in extra_files.items():
            archive.write(f"extra/{name}", content)
        write_pickle_record(archive, "data", root, root.type, describer, rename=printer.names.reference)
        code = code_records(root.type, printer)
        for name, record in code.records:
            archive.write(name, record)
        archive.require_version(code.version)
        write_constants(archive, _typed(printer.constants), describer, rename=printer.names.reference)
        if traced_inputs:
            write_traced_inputs(archive, traced_inputs, describer)


def _typed(constants: ConstantTable) -> list[tuple[object, Type]]:
    typed: list[tuple[object, Type]] = []
    for value, told in zip(constants.values, constants.types, strict=True):
        type = told or bound_class_of(value) or infer_constant_type(value)
        if type is None:
            raise ArchiveError(f"a constant of type {value.__class__.__name__} cannot be saved")
        typed.append((value, type))
    return typed


@final
class _Describer(ValueDescriber):
    """Tells the pickle writer what PyTorch's values are, and runs `__getstate__`."""

    def __init__(self, describe: DescribeTensor | None, describe_bound: DescribeObject | None) -> None:
        self._describe = describe
        self._describe_bound = describe_bound
        self._is_tensor: dict[type, bool] = {}
        self._stored_plainly: set[ClassType] = set()

    def tensor(self, value: object) -> TensorData | None:
        known = self._is_tensor.get(value.__class__)
        if known is None:
            known = self._is_tensor[value.__class__] = self._describe is not None and is_tensor(value)
        if known and self._describe is not None:
            return self._describe(value)
        return super().tensor(value)

    def device(self, value: object) -> str | None:
        return str(value) if is_device(value) else super().device(value)

    def is_stored_by_slots(self, cls: ClassType) -> bool:
        return super().is_stored_by_slots(cls) and not is_bound(cls)

    def contents(self, value: object) -> ObjectContents | None:
        if not isinstance(value, ScriptObject):
            return None if self._describe_bound is None else self._describe_bound(value)
        cls = value.type
        if cls in self._stored_plainly:
            return ObjectContents(cls, cls.attributes, value.slots, always_shared=cls.is_module)
        if is_bound(cls):
            raise ArchiveError(f"an object of the C++ class '{cls}' cannot be saved without PyTorch")
        if not has_stored_state(cls):
            self._stored_plainly.add(cls)
            return super().contents(value)
        getstate = cls.methods["__getstate__"]
        return ObjectContents(cls, state=(call(getstate, (value,)), getstate.schema.return_type))

    def options(self, tensor: object) -> Hashable:
        data = self.tensor(tensor)
        return id(tensor) if data is None else _options(data)

    def contents_key(self, tensor: object) -> Hashable:
        data = self.tensor(tensor)
        if data is None or data.storage is None or data.storage.data is None:
            return id(tensor)  # sparse, or without data: equal to itself only
        start = data.storage_offset * data.dtype.itemsize
        piece = data.storage.data[start : start + data.extent * data.dtype.itemsize]
        return hashlib.blake2b(piece, digest_size=16).digest()


def _options(data: TensorData) -> Hashable:
    device = "" if data.storage is None else data.storage.device
    bits = data.is_conj, data.is_neg
    return (data.dtype, data.sizes, data.strides, data.layout, data.requires_grad, data.quantizer, bits, device)
