"""`script(obj)`: the way in from live Python.

    script(function)     a ScriptFunction
    script(module)       a ScriptModule with the module's own parameters and buffers
    script(cls)          the class itself, compiled: its objects may be used in scripts from then on
    script([1, 2])       a list (or dict) that scripts change in place, where they get copies of plain ones

Here also the files of this package are tied together where they need each other in a circle (`unit.services`).
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FunctionType, MethodType
from typing import Any, TypeVar, overload

from torch import nn

from flambeau import api, settings
from flambeau.errors import ScriptError
from flambeau.ir import ClassType, Function, ScriptObject, collected_later
from flambeau.python import markers
from flambeau.python.archives.loading import load
from flambeau.python.builtin_functions import find_builtin
from flambeau.python.classes import boundary
from flambeau.python.classes.classes import class_type
from flambeau.python.functions.functions import function_of, overloads_of
from flambeau.python.functions.script_function import ScriptFunction
from flambeau.python.modules.modules import ModuleTree
from flambeau.python.modules.script_module import ScriptModule, wrap_module
from flambeau.python.names import qualified_name, type_name
from flambeau.python.script_containers import script_container
from flambeau.python.types import evidence
from flambeau.python.types.annotations import is_compilable, is_named_tuple
from flambeau.python.types.conversion import script_object
from flambeau.python.unit import services, unit
from flambeau.python.values.inheritance import SuperValue, UnboundMethod, own_forward
from flambeau.python.values.sugared_modules import ModuleValue
from flambeau.python.values.sugared_values import sugared_value
from flambeau.python.wrappers import script_value_of
from flambeau.runtime import ScriptDict, ScriptList

__all__ = ["script"]

C = TypeVar("C", bound=type)


def _wrap(value: ScriptObject) -> object:
    return wrap_module(value, unit.compilation_unit) if value.type.is_module else api.Instance(value)


services.class_type = class_type
services.sugared = sugared_value
services.module_value = ModuleValue
services.super_value = SuperValue
services.unbound_method = UnboundMethod
services.own_forward = own_forward
services.load = load
services.script_object = lambda module: ModuleTree(module).root
boundary.install()


@overload
def script(obj: nn.Module, example_inputs: object = None) -> ScriptModule: ...
@overload
def script(obj: C, example_inputs: object = None) -> C: ...
@overload
def script(obj: FunctionType, example_inputs: object = None) -> ScriptFunction: ...
@overload
def script(obj: object, example_inputs: object = None) -> Any: ...
def script(obj: object, example_inputs: object = None) -> object:
    """Compile a function, module or class to TorchScript.

    A module's `forward` and exported methods are compiled, and whatever they reach; its parameters and buffers stay the
    same tensors. ScriptError, with the place in the source, if something is not TorchScript.

    `example_inputs` is a list of tuples of arguments (or a dict of such lists by module or function). The object is
    called with them in Python, and parameters without annotation get the types that they had in these calls.
    """
    if not settings.JIT.value or script_value_of(obj) is not None or isinstance(obj, (ScriptList, ScriptDict)):
        return obj
    try:
        with unit.lock, _outermost(), _watching(obj, example_inputs), collected_later():
            return _script(obj)
    except RecursionError:
        raise ScriptError(f"{type_name(obj)} is nested too deeply to be compiled") from None


@contextmanager
def _outermost() -> Iterator[None]:
    """What failed to compile is remembered until the outermost `script` ends."""
    unit.depth += 1
    try:
        yield
    finally:
        unit.depth -= 1
        if not unit.depth:
            unit.failures.clear()


def _watching(obj: object, example_inputs: object) -> AbstractContextManager[None]:
    return nullcontext() if example_inputs is None else evidence.watched(obj, example_inputs)


def _script(obj: object) -> object:
    if isinstance(obj, nn.Module):
        return wrap_module(ModuleTree(obj).root, unit.compilation_unit)
    if isinstance(obj, type):
        return _script_class(obj)
    obj = markers.original_function(obj)
    if isinstance(obj, (FunctionType, MethodType)):
        return _script_function(obj)
    if isinstance(obj, (list, dict)):
        return script_container(obj)
    if find_builtin(obj) is not None or inspect.isbuiltin(obj):
        raise ScriptError(f"{obj!r} is a built-in function; it needs no scripting")
    cls = type(obj)
    if cls.__module__ != "builtins" and is_compilable(cls):
        made = class_type(cls)
        if isinstance(made, ClassType):
            return _wrap(script_object(obj, made))
    raise ScriptError(f"{obj!r} cannot be scripted: {cls} is a built-in class")


def _script_class(cls: type) -> type:
    if issubclass(cls, nn.Module):
        raise ScriptError(f"Type '{cls}' cannot be compiled since it inherits from nn.Module, pass an instance instead")
    if issubclass(cls, enum.Enum):
        return cls
    if cls.__module__ == "builtins":
        raise ScriptError(f"{cls} is a built-in class")
    if not is_named_tuple(cls) and len(cls.__mro__) > 2 and not issubclass(cls, BaseException):
        raise ScriptError(
            "TorchScript classes does not support inheritance yet. Please directly inherit from 'object'."
        )
    class_type(cls)
    return cls


def _script_function(function: FunctionType | MethodType) -> ScriptFunction:
    if isinstance(function, MethodType) and isinstance(function.__self__, nn.Module):
        raise ScriptError(f"method '{function.__name__}' cannot be scripted by itself; script the module")
    original = getattr(function, "__original_fn", function)
    if overloads_of(original):
        raise ScriptError(
            f"Function {qualified_name(original)} cannot be directly compiled because it is overloaded. It must be "
            "used in a context of a function where its inputs can determine which overload to call."
        )
    made: Function = function_of(original)
    unit.fixes_defaults = unit.depth == 1
    try:
        made.ensure_defined()
    finally:
        unit.fixes_defaults = False
    return ScriptFunction(made)
