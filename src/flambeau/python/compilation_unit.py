"""Compilation units whose source text means what it would mean where it stands."""

from __future__ import annotations

import sys

from flambeau import api
from flambeau.errors import UnsupportedError
from flambeau.python.frames import resolver_of_frame

__all__ = ["CompilationUnit"]


class CompilationUnit(api.CompilationUnit):
    """Functions made of source text: free names in it mean what they mean in the code that makes the call."""

    def __init__(self, lang: str = "", _frames_up: int = 0) -> None:
        super().__init__()
        if lang:
            super().define(lang, resolver_of_frame(sys._getframe(_frames_up + 1)))

    def define(self, src: str, rcb: object = None, _frames_up: int = 0) -> None:
        if rcb is not None:
            raise UnsupportedError("CompilationUnit.define with a resolution callback")
        super().define(src, resolver_of_frame(sys._getframe(_frames_up + 1)))

    def set_optimized(self, optimized: bool) -> None:
        """Without effect, as in PyTorch."""
