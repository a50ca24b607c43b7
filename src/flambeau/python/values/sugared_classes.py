"""Classes in scripts: script classes, which are called to make objects, and classes of which only the members count."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, final

import torch
from torch import nn
from torch.autograd import Function

from flambeau.errors import ScriptError
from flambeau.frontend import Arg, BuiltinFunction, ClassValue, SugaredValue
from flambeau.ir import BOUND_CLASSES, ClassType, SourceRange, custom_class
from flambeau.python import markers
from flambeau.python.classes.classes import class_type
from flambeau.python.functions.early_calls import early_result
from flambeau.python.functions.python_calls import PythonFunctionValue
from flambeau.python.names import type_name
from flambeau.python.places import at
from flambeau.python.types import constants
from flambeau.python.unit import services
from flambeau.python.values.substitutes import SetGradEnabled

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


def class_value_attribute(cls: type, name: str, range: SourceRange) -> SugaredValue | None:
    """What `Class.name` means: a static method, a constant, a class; None for anything else."""
    member = inspect.getattr_static(cls, name, None)
    if name == "apply" and issubclass(cls, Function):
        return PythonFunctionValue.of_autograd_function(cls)
    if isinstance(member, staticmethod):
        function = member.__func__
        if markers.is_ignored(function):
            return PythonFunctionValue(function)
        return services.sugared(function, range)
    if inspect.isfunction(member) and issubclass(cls, nn.Module):
        return services.unbound_method(cls, name)
    is_data = isinstance(member, (dict, list, set, frozenset))
    if member is not None and (constants.is_constant_value(member) or isinstance(member, type) or is_data):
        return services.sugared(member, range)
    return None


def bound_class_value(module: ModuleType, name: str) -> ClassValue | None:
    """What `torch.classes.ns.Name` means; None if the module is no such namespace."""
    if not isinstance(module, torch._classes._ClassNamespace):
        return None
    return ClassValue(custom_class(f"{BOUND_CLASSES}{module.name}.{name}"))


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonClass(SugaredValue):
    """A class whose objects scripts cannot make."""

    cls: type

    @property
    def kind(self) -> str:
        return "class"

    @property
    def identity(self) -> object:
        return self.cls

    @property
    def meant_class(self) -> type | None:
        return self.cls if issubclass(self.cls, nn.Module) else None

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        found = class_value_attribute(self.cls, name, range)
        if found is None:
            self.refuse(f"class '{type_name(self.cls)}' has no attribute '{name}' that a script can use", range)
        return found

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        return hasattr(self.cls, name)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        made = early_result(emitter, range, self.cls, args, kwargs)
        if made is None:
            self.refuse(f"Cannot instantiate class '{self.cls.__name__}' in a script function", range)
        return made


@final
@dataclass(frozen=True, slots=True, eq=False)
class SetGradEnabledValue(SugaredValue):
    """`torch.set_grad_enabled`: an operator, or where `with` calls it, a context."""

    @property
    def kind(self) -> str:
        return "builtin"

    @property
    def as_context(self) -> SugaredValue:
        return ScriptClass(SetGradEnabled)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return BuiltinFunction("aten::set_grad_enabled").call(emitter, range, args, kwargs, n_binders)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ScriptClass(SugaredValue):
    """A class that is compiled when its objects are made."""

    cls: type

    @property
    def kind(self) -> str:
        return "class"

    @property
    def identity(self) -> object:
        return self.cls

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        found = class_value_attribute(self.cls, name, range)
        return self._compiled(emitter, range).attribute(emitter, range, name) if found is None else found

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        return hasattr(self.cls, name)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return self._compiled(emitter, range).call(emitter, range, args, kwargs, n_binders)

    def _compiled(self, emitter: Emitter, range: SourceRange) -> ClassValue:
        with at(range), emitter.calling(self.cls.__name__, range):
            made = class_type(self.cls, range)
        if not isinstance(made, ClassType):
            raise ScriptError(f"Cannot instantiate class '{self.cls.__name__}' in a script function", range)
        return ClassValue(made)
