"""Scripted functions."""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn, final

from flambeau import api, ir
from flambeau.api import ArchiveTarget, placeholder_module
from flambeau.errors import ObjectError
from flambeau.python.archives.saving import ExtraFiles, save_archive
from flambeau.python.functions.opaque import make_opaque

__all__ = ["NotPicklableError", "ScriptFunction"]


class NotPicklableError(ObjectError, pickle.PickleError):
    """Scripted modules and functions are saved as archives; they cannot be pickled."""


@final
class ScriptFunction(api.Function):
    """A function whose code is a TorchScript program. Made by `flambeau.script`.

    Like a Python function it takes further attributes; unlike one it does not become a method as a class attribute.
    """

    __slots__ = ("__dict__",)

    def __init__(self, function: ir.Function) -> None:
        super().__init__(function)
        self.__name__ = function.name
        self.__doc__ = function.doc or None

    def save(
        self, f: ArchiveTarget, extra_files: ExtraFiles | None = None, *, _extra_files: ExtraFiles | None = None
    ) -> None:
        """Write an archive with a module whose `forward` is this function."""
        save_archive(placeholder_module(self.function), f, extra_files or _extra_files)

    def save_to_buffer(self, extra_files: ExtraFiles | None = None, *, _extra_files: ExtraFiles | None = None) -> bytes:
        """The bytes of an archive."""
        buffer = io.BytesIO()
        self.save(buffer, extra_files or _extra_files)
        return buffer.getvalue()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotPicklableError("ScriptFunction cannot be pickled")

    def __repr__(self) -> str:
        return f"<flambeau.ScriptFunction {self.qualified_name}>"


make_opaque(api.Function.__call__)  # which methods have, too
