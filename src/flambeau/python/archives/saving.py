"""Writing archives of modules whose tensors are PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from flambeau.api import ArchiveTarget
from flambeau.ir import ScriptObject, collected_later
from flambeau.python.archives.bound_objects import bound_contents
from flambeau.python.archives.tensors import TensorDescriber
from flambeau.serialization import write_archive

__all__ = ["TRACED_INPUTS", "ExtraFiles", "save_archive"]

ExtraFiles = Mapping[str, str | bytes]

TRACED_INPUTS: WeakKeyDictionary[ScriptObject, dict[str, list[object]]] = WeakKeyDictionary()
"""The example inputs of traced modules by method: their archives say what shapes and types these were."""


def save_archive(root: ScriptObject, target: ArchiveTarget, extra_files: ExtraFiles | None = None) -> None:
    """Write a module to a path or a binary file; ArchiveError if it cannot be."""
    with collected_later():  # once the describer is gone again, with thousands of descriptions
        write_archive(
            root,
            target,
            tensors=TensorDescriber(),
            bound_objects=bound_contents,
            extra_files=extra_files or {},
            traced_inputs=TRACED_INPUTS.get(root),
        )
