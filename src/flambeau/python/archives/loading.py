"""`flambeau.load` and `flambeau.save`: archives to modules and back."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any, BinaryIO, NoReturn, TypeAlias

from torch import Tensor, nn

from flambeau.api import ArchiveTarget, walk_modules
from flambeau.errors import ArchiveArgumentError, ArchiveError, UnsupportedError
from flambeau.ir import ScriptObject
from flambeau.python.archives.saving import ExtraFiles
from flambeau.python.archives.tensors import MapLocation, TorchValues, checked_device
from flambeau.python.functions.script_function import ScriptFunction
from flambeau.python.modules.script_module import ScriptModule, wrap_module
from flambeau.serialization import DEFAULT_LIMITS, Limits, read_archive

__all__ = ["jit_module_from_flatbuffer", "load", "save", "save_jit_module_to_flatbuffer"]

ArchiveFile: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"


def load(
    f: ArchiveFile,
    map_location: MapLocation = None,
    *,
    mmap: bool = True,
    extra_files: MutableMapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    _extra_files: MutableMapping[str, Any] | None = None,
) -> ScriptModule:
    """Load a TorchScript archive from a path, a binary file, or bytes that hold one.

    Nothing of the file is executed but `__setstate__` methods, which are TorchScript. `map_location` is the device for
    all tensors; by default each goes where it was when saved. With `mmap`, tensors of a file on disk are views of the
    mapped file: nothing is read before it is used, and writing to them does not change the file. (The file must not be
    changed in place while the module is in use; replacing it is fine.) The values of `extra_files` become the contents,
    as bytes, of the extra files of those names; of one that is missing, empty. `limits` bounds what loading may cost.

    ArchiveError if the file is not a sound archive, ArchiveArgumentError if there is no such file, or if another
    argument is of the wrong kind.
    """
    device = checked_device(map_location)
    wanted: object = extra_files if extra_files is not None else _extra_files
    if wanted is not None and not isinstance(wanted, MutableMapping):
        raise ArchiveArgumentError(f"extra_files is a dict to be filled, not a {type(wanted).__name__}")
    for name in wanted or ():
        if not isinstance(name, str):
            raise ArchiveArgumentError(f"extra_files has names as keys, not {type(name).__name__}")
    if not isinstance(limits, Limits):
        raise ArchiveArgumentError(f"limits are of class Limits, not {type(limits).__name__}")
    if not isinstance(f, (bytes, bytearray, memoryview)) and not hasattr(f, "read"):
        f = _existing_file(f)
    archive = read_archive(f, factory=TorchValues(device), extra_files=wanted or (), limits=limits, memory_map=mmap)
    if wanted is not None:
        wanted.update({name: archive.extra_files.get(name, b"") for name in wanted})
    if not archive.root.type.is_module:
        raise ArchiveError(f"the archive holds a {archive.root.type.qualified_name}, which is not a module")
    _make_parameters(archive.root)
    return wrap_module(archive.root, archive.unit)


def _existing_file(f: object) -> str:
    if not isinstance(f, (str, os.PathLike)):
        raise ArchiveArgumentError(
            f"an archive is loaded from a path, a binary file or bytes, not from a {type(f).__name__}"
        )
    path = os.fsdecode(f)
    if not os.path.exists(path):
        raise ArchiveArgumentError(f"The provided filename {path} does not exist")
    if os.path.isdir(path):
        raise ArchiveArgumentError(f"The provided filename {path} is a directory")
    return path


def _make_parameters(root: ScriptObject) -> None:
    """Make the tensors in parameter slots `nn.Parameter`s: what code that trains or moves modules expects there.

    They stay the objects that they are, since others may have them too: recurrent layers keep a list of their weights.
    """
    for _, module in walk_modules(root):
        for slot, attribute in enumerate(module.type.attributes):
            value = module.slots[slot]
            if attribute.kind == "parameter" and value.__class__ is Tensor:
                value.__class__ = nn.Parameter


def save(
    obj: ScriptModule | ScriptFunction,
    f: ArchiveTarget,
    extra_files: ExtraFiles | None = None,
    *,
    _extra_files: ExtraFiles | None = None,
) -> None:
    """Save a scripted module or function as an archive, which `flambeau.load` and `torch.jit.load` read.

    A function becomes a module with that function as `forward`. ArchiveError if it cannot be saved: it calls Python
    code, or holds an object of a class that has no stored form.
    """
    if not isinstance(obj, (ScriptModule, ScriptFunction)):
        raise ArchiveArgumentError(
            f"only scripted modules and functions can be saved, not a {type(obj).__name__}; script it first"
        )
    obj.save(f, extra_files or _extra_files)


def jit_module_from_flatbuffer(f: ArchiveFile) -> NoReturn:
    """UnsupportedError: flatbuffer files are not read."""
    raise UnsupportedError("jit_module_from_flatbuffer: flatbuffer files are not read; load an archive")


def save_jit_module_to_flatbuffer(
    m: ScriptModule, f: ArchiveFile, _extra_files: Mapping[str, str | bytes] | None = None
) -> NoReturn:
    """UnsupportedError: flatbuffer files are not written."""
    raise UnsupportedError("save_jit_module_to_flatbuffer: flatbuffer files are not written; save an archive")
