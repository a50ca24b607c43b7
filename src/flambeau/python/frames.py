"""The resolver of source text that is given as a string: its names mean what they mean where the call stands."""

from __future__ import annotations

import builtins
from types import FrameType

from flambeau.python.namespaces import Namespace
from flambeau.python.resolver import PythonResolver
from flambeau.python.sugared_values import sugared_value

__all__ = ["resolver_of_frame"]


def resolver_of_frame(frame: FrameType) -> PythonResolver:
    """Resolves the names that code in a frame sees: local ones, those of its module, Python's builtins."""
    return PythonResolver(Namespace(frame.f_locals, frame.f_globals, vars(builtins)), sugared_value)
