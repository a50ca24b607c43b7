"""Modules of PyTorch's own TorchScript to flambeau's and back, through archives in memory.

flambeau never calls PyTorch's TorchScript by itself: a module of it is asked to save itself, and what loads such
modules is handed in. Tensors are copied, both ways; the two modules do not change with one another.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from flambeau.errors import ArchiveArgumentError
from flambeau.python.archives.loading import load, save
from flambeau.python.archives.tensors import MapLocation
from flambeau.python.functions.script_function import ScriptFunction
from flambeau.python.modules.script_module import ScriptModule

__all__ = ["from_torch", "to_torch"]

Loaded = TypeVar("Loaded")


def from_torch(module: Any, map_location: MapLocation = None) -> ScriptModule:
    """flambeau's module of a scripted, traced or frozen module of PyTorch's (`torch.jit.ScriptModule`).

    A function becomes a module with that function as `forward`. ArchiveArgumentError for an object that is none of
    these; what PyTorch cannot save, it says itself.
    """
    save_to_buffer = getattr(module, "save_to_buffer", None)
    if isinstance(module, (ScriptModule, ScriptFunction)) or not callable(save_to_buffer):
        raise ArchiveArgumentError(
            f"from_torch takes a module that PyTorch scripted or traced, not a {type(module).__name__}"
        )
    return load(io.BytesIO(save_to_buffer()), map_location)


def to_torch(module: ScriptModule | ScriptFunction, load: Callable[[BinaryIO], Loaded]) -> Loaded:
    """PyTorch's module of one of flambeau's: what `load` makes of its archive.

        theirs = flambeau.to_torch(module, torch.jit.load)

    Any loader of TorchScript archives will do. ArchiveError if the module cannot be saved.
    """
    file = io.BytesIO()
    save(module, file)
    file.seek(0)
    return load(file)
