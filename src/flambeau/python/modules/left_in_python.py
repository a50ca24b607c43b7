"""What a scripted module keeps of the Python module that it was made from: ignored methods and attributes, and methods
with overloads, of which a call chooses one.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import final
from weakref import WeakKeyDictionary

from torch import nn

from flambeau.api import Method, Module
from flambeau.errors import ExecutionError
from flambeau.ir import ClassType, ScriptObject
from flambeau.python import markers
from flambeau.python.namespaces import ABSENT
from flambeau.runtime import bind


@final
@dataclass(frozen=True, slots=True)
class _Original:
    python_class: type
    attributes: dict[str, object]


_ORIGINALS: WeakKeyDictionary[ScriptObject, _Original] = WeakKeyDictionary()


def remember_original(made: ScriptObject, module: nn.Module) -> None:
    """Keep what scripts ignore of the module that an object was made from."""
    names = markers.ignored_attributes(module)
    attributes = {name: getattr(module, name) for name in names if hasattr(module, name)}
    _ORIGINALS[made] = _Original(type(module), attributes)


def original_class(made: ScriptObject) -> type | None:
    """The Python class of the module that an object was made from; None if it was loaded or traced."""
    original = _ORIGINALS.get(made)
    return None if original is None else original.python_class


def find_member(wrapper: nn.Module, module: Module, name: str) -> object:
    """The ignored method or attribute, or the overloaded method, of that name; `ABSENT` if there is none.

    `wrapper` is what users hold, `module` what it stands for.
    """
    overloads = _overloads(module.type, name)
    if overloads:
        return OverloadedMethod(name, [module.get_method(overload) for overload in overloads])
    original = _ORIGINALS.get(module.script_object)
    if original is None:
        return ABSENT
    if name in original.attributes:
        return original.attributes[name]
    member = inspect.getattr_static(original.python_class, name, None)
    if inspect.isfunction(member) and markers.is_ignored(member):
        return MethodType(member, wrapper)
    return ABSENT


def _overloads(type: ClassType, name: str) -> list[str]:
    found: list[str] = []
    while f"{name}__{len(found)}" in type.methods:
        found.append(f"{name}__{len(found)}")
    return found


@final
class OverloadedMethod:
    """A method with several signatures: a call takes the first that accepts its arguments."""

    def __init__(self, name: str, methods: Sequence[Method]) -> None:
        self.__name__ = name
        self.methods = tuple(methods)

    def __call__(self, *args: object, **kwargs: object) -> object:
        reasons: list[str] = []
        for method in self.methods:
            try:
                bind(method.function.schema, args, kwargs, method.owner.script_object)
            except (TypeError, ExecutionError) as error:
                reasons.append(str(error))
            else:
                return method(*args, **kwargs)
        raise TypeError(f"no overload of '{self.__name__}' accepts these arguments:\n" + "\n".join(reasons))
