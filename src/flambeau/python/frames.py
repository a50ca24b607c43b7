"""Source text that is given as a string: its names mean what they mean where the call stands, its `self` what the
module was scripted from.
"""

from __future__ import annotations

import builtins
from types import FrameType

from flambeau.frontend import SugaredFactory
from flambeau.ir import ScriptObject
from flambeau.python.modules.module_types import description_of
from flambeau.python.namespaces import Namespace
from flambeau.python.resolver import PythonResolver
from flambeau.python.unit import services
from flambeau.python.values.sugared_values import sugared_value

__all__ = ["resolver_of_frame", "self_value_of"]


def resolver_of_frame(frame: FrameType) -> PythonResolver:
    """Resolves the names that code in a frame sees: local ones, those of its module, Python's builtins."""
    return PythonResolver(Namespace(frame.f_locals, frame.f_globals, vars(builtins)), sugared_value)


def self_value_of(module: ScriptObject) -> SugaredFactory | None:
    """What `self` is to further methods of a module that was scripted here: containers can be iterated over, for one.

    None for modules that were loaded or traced, which are no more than their type says.
    """
    description = description_of(module)
    return None if description is None else lambda value: services.module_value(value, description)
