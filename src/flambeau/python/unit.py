"""What has been scripted in this process: one compilation unit, and what each Python object became in it.

All live scripting shares one unit, as in TorchScript, so that a function or class is compiled once however many
modules use it. The caches hold Python objects weakly where they can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from importlib import import_module
from typing import TYPE_CHECKING, final
from weakref import WeakKeyDictionary

from flambeau.errors import ScriptError
from flambeau.frontend import SugaredValue
from flambeau.ir import CompilationUnit, Function, NamedType, ScriptObject, SourceRange, Value

if TYPE_CHECKING:
    from torch import nn

    from flambeau.python.modules.module_types import ModuleDescription


class Services:
    """What the files of this package ask of each other in a circle; `scripting` fills it in, when it is first asked."""

    class_type: Callable[[type, SourceRange | None], NamedType]
    sugared: Callable[[object, SourceRange], SugaredValue]
    super_value: Callable[[], SugaredValue]
    unbound_method: Callable[[type, str], SugaredValue]
    own_forward: Callable[[SugaredValue, SourceRange], SugaredValue]
    module_value: Callable[[Value, ModuleDescription], SugaredValue]
    script_object: Callable[[nn.Module], ScriptObject]
    load: Callable[[bytes], nn.Module]

    def __getattr__(self, name: str) -> object:
        import_module("flambeau.python.scripting")
        return object.__getattribute__(self, name)


services = Services()


@final
class PythonUnit:
    """A compilation unit with the maps from Python objects to what they were compiled to.

    `lock` is held while anything is compiled: scripting is serial. Every function of the unit shares it.
    """

    def __init__(self) -> None:
        self.compilation_unit = CompilationUnit(weak=True)
        self.lock = threading.RLock()
        self.functions: WeakKeyDictionary[Callable[..., object], Function] = WeakKeyDictionary()
        self.inferred: WeakKeyDictionary[Callable[..., object], Function] = WeakKeyDictionary()
        """Functions that were compiled by wider rules at once (`infers_at_once`)."""
        self.overloads: WeakKeyDictionary[Callable[..., object], tuple[Function, ...]] = WeakKeyDictionary()
        self.specialized: WeakKeyDictionary[Callable[..., object], dict[str, Function]] = WeakKeyDictionary()
        """The versions of functions for argument types that they do not declare."""
        self.depth = 0
        """How many calls of `script` are under way, one inside another."""
        self.infers_at_once = False
        """Whether what is being compiled is known not to be TorchScript by its own rules, so that wider ones hold."""
        self.fixes_defaults = False
        """Whether what is compiled next may be for the defaults of its flags only: nothing calls it but users."""
        self.fixed: WeakKeyDictionary[Callable[..., object], frozenset[str]] = WeakKeyDictionary()
        """The flags of functions that may have been compiled for their defaults only."""
        self.none_is_tensor = False
        """Whether a default None stands for an undefined Tensor, as TorchScript takes it: the last resort."""
        self.failures: dict[Hashable, ScriptError] = {}
        """What failed to compile since the outermost `script` began, and why: it is not tried again meanwhile."""
        self.named_types: WeakKeyDictionary[type, NamedType] = WeakKeyDictionary()
        """NamedTuple, Enum, script and interface classes."""
        self.python_classes: dict[NamedType, type] = {}
        """The other way: which Python class a named type was made from."""
        self.module_types: WeakKeyDictionary[type, dict[Hashable, ModuleDescription]] = WeakKeyDictionary()

    def add_named_type(self, python_class: type, type: NamedType) -> NamedType:
        """Enter the type that a Python class was compiled to."""
        self.compilation_unit.add_type(type)
        self.named_types[python_class] = type
        self.python_classes[type] = python_class
        return type

    def remove_named_type(self, python_class: type, type: NamedType) -> None:
        """Make a class that did not compile as if it had never been tried."""
        self.named_types.pop(python_class, None)
        self.python_classes.pop(type, None)
        self.compilation_unit.types.pop(type.qualified_name, None)


unit = PythonUnit()
