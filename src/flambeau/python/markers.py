"""Marks that user code leaves on Python objects for a TorchScript compiler, read as data.

`@torch.jit.export`, `ignore`, `unused` set an attribute on the function; `_overload`, `_overload_method` and
`boolean_dispatch` fill tables in `torch._jit_internal`. None of that code is called here.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import TypeAlias, final

from torch import _jit_internal

from flambeau.python.lost_overloads import declared_overloads
from flambeau.python.names import qualified_name

PythonFunction: TypeAlias = "Callable[..., object]"

_ATTRIBUTE = "_torchscript_modifier"

_SEEN: dict[str, tuple[PythonFunction, ...]] = {k: tuple(v) for k, v in _jit_internal._overloaded_fns.items()}
"""Overloads that PyTorch itself declares, kept because its own compiler empties its table as it goes."""


class Modifier(enum.Enum):
    """What a function is marked as. The values are the texts that PyTorch's decorators store."""

    UNUSED = _jit_internal.FunctionModifiers.UNUSED
    IGNORE = _jit_internal.FunctionModifiers.IGNORE
    EXPORT = _jit_internal.FunctionModifiers.EXPORT
    DEFAULT = _jit_internal.FunctionModifiers.DEFAULT
    COPY_TO_WRAPPER = _jit_internal.FunctionModifiers.COPY_TO_SCRIPT_WRAPPER
    DROP = _jit_internal.FunctionModifiers._DROP


_BY_TEXT = {m.value: m for m in Modifier}


def modifier_of(function: object) -> Modifier | None:
    """The mark of a function or method; None for what cannot carry one, DEFAULT where there is none."""
    if not callable(function):
        return None
    plain = getattr(function, "__func__", function)
    try:
        text = plain.__dict__.get(_ATTRIBUTE)
    except AttributeError:
        return Modifier.DEFAULT
    return _BY_TEXT.get(text, Modifier.DEFAULT) if isinstance(text, str) else Modifier.DEFAULT


def is_ignored(function: object) -> bool:
    """Whether a function is not to be compiled: it stays a Python call, or its call raises, or it is left out."""
    return modifier_of(function) in (Modifier.UNUSED, Modifier.IGNORE, Modifier.DROP)


def is_unused(function: object) -> bool:
    """Whether a call of the function is to raise."""
    return modifier_of(function) in (Modifier.UNUSED, Modifier.DROP)


def ignored_attributes(owner: object) -> frozenset[str]:
    """Names of attributes that a module or class asks the compiler to leave alone."""
    names = getattr(owner, "__jit_ignored_attributes__", ())
    return frozenset(n for n in names if isinstance(n, str)) if isinstance(names, (list, tuple, set)) else frozenset()


def unused_properties(owner: type) -> frozenset[str]:
    """Names of properties that a class asks the compiler to leave alone."""
    names = getattr(owner, "__jit_unused_properties__", ())
    return frozenset(n for n in names if isinstance(n, str)) if isinstance(names, (list, tuple, set)) else frozenset()


def is_attribute_marker(value: object) -> bool:
    """Whether a value is a `torch.jit.Attribute`: a pair of a value and its type."""
    return type(value).__name__ == "Attribute" and hasattr(value, "value") and hasattr(value, "type")


@final
@dataclass(frozen=True, slots=True)
class BooleanDispatch:
    """A pair of functions, of which the value of one boolean argument selects one at compile time."""

    if_true: PythonFunction
    if_false: PythonFunction
    index: int
    argument: str
    default: bool


def original_function(value: object) -> object:
    """The Python function that PyTorch's own compiler made a function object from; any other value as it is.

    Decorators such as `@torch.jit.script` leave such objects in user code. They keep the function for `torch.compile`.
    """
    if type(value).__name__ != "ScriptFunction" or isinstance(value, FunctionType):
        return value
    original = getattr(value, "_torchdynamo_inline", None)
    return original if isinstance(original, FunctionType) else value


def find_boolean_dispatch(function: object) -> BooleanDispatch | None:
    """The pair that a function chooses from, if it was made by `boolean_dispatch`."""
    if not isinstance(function, FunctionType):
        return None
    entry: Mapping[str, object] | None = _jit_internal.boolean_dispatched.get(function)
    if entry is None:
        return None
    if_true, if_false, index = entry["if_true"], entry["if_false"], entry["index"]
    if not (callable(if_true) and callable(if_false) and isinstance(index, int)):
        return None
    return BooleanDispatch(if_true, if_false, index, str(entry["arg_name"]), bool(entry["default"]))


def overloads_of(function: PythonFunction) -> tuple[PythonFunction, ...]:
    """The signatures declared with `@_overload` for a function, in order; empty if it has none."""
    name, module = getattr(function, "__name__", None), getattr(function, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or "." in name:
        return ()
    key = qualified_name(function)
    return tuple(_jit_internal._overloaded_fns.get(key, ())) or _SEEN.get(key, ()) or declared_overloads(module, name)


def method_overloads_of(method: object, owner: type) -> tuple[PythonFunction, ...]:
    """The signatures declared with `@_overload_method` for a method of a class; empty if it has none."""
    function = getattr(method, "__func__", method)
    name, module = getattr(function, "__name__", None), getattr(function, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or "." in name:
        return ()
    by_class = _jit_internal._overloaded_methods.get(qualified_name(function))
    if not by_class:
        return ()
    classes = (owner, *owner.__mro__)
    return next((tuple(by_class[c.__name__]) for c in classes if c.__name__ in by_class), ())


def listed_overloads(owner: type, name: str) -> tuple[str, ...]:
    """The methods of which a call of `name` chooses one, as a module class lists them in `__overloads__`."""
    listed = getattr(owner, "__overloads__", None)
    return tuple(listed.get(name, ())) if isinstance(listed, dict) else ()


def overloaded_method_names() -> set[str]:
    """The names of all methods, of whatever class, that overloads were declared of."""
    return {name.rpartition(".")[2] for name in _jit_internal._overloaded_methods}
