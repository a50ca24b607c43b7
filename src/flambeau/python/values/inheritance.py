"""Methods of base classes called by name: `super().forward(x)`, `Base.forward(self, x)`.

Such a method is compiled as one more method of the module's type, under a name of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, final

from torch import nn

from flambeau.errors import ScriptError
from flambeau.frontend import Arg, MethodValue, Signature, SugaredValue
from flambeau.ir import SourceRange
from flambeau.python.functions.specialization import Callee
from flambeau.python.modules.methods import inherited_method, specialized_method
from flambeau.python.places import at
from flambeau.python.values.sugared_classes import PythonClass
from flambeau.python.values.sugared_modules import ModuleValue

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class SuperValue(SugaredValue):
    """`super`, to be called."""

    @property
    def kind(self) -> str:
        return "class"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) == 2:
            owner, this = args[0].sugared, args[1].sugared
        else:
            found = emitter.resolver.resolve_value("__class__", range)
            parameters = emitter.definition.parameters
            bound = emitter.environment.find(parameters[0].arg) if parameters else None
            if args or found is None or bound is None:
                raise ScriptError("super() is called in methods of modules only", range)
            owner, this = found, bound
        if not isinstance(owner, PythonClass) or not isinstance(this, ModuleValue):
            raise ScriptError("super() is called in methods of modules only", range)
        return BaseOf(this, owner.cls)


@final
@dataclass(frozen=True, slots=True, eq=False)
class BaseOf(SugaredValue):
    """A module seen as one of the classes that come after `cls` in its class's order of bases."""

    module: ModuleValue
    cls: type

    @property
    def kind(self) -> str:
        return "module"

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        order = self.module.description.python_class.__mro__
        bases = order[order.index(self.cls) + 1 :] if self.cls in order else ()
        for base in bases:
            if name in vars(base):
                return inherited(self.module, base, name, range)
        self.refuse(f"'super' object has no attribute '{name}'", range)

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        order = self.module.description.python_class.__mro__
        return self.cls in order and any(name in vars(base) for base in order[order.index(self.cls) + 1 :])


def inherited(module: ModuleValue, base: type, name: str, range: SourceRange) -> SugaredValue:
    """The method of a base class, bound to a module."""
    member = inspect.getattr_static(base, name, None)
    if name == "__call__" and base is nn.Module and module.description.has_call:
        return own_forward(module, range)
    if isinstance(member, property) and isinstance(member.fget, FunctionType):
        raise ScriptError(f"property '{name}' of a base class cannot be read through super() in a script", range)
    if not isinstance(member, FunctionType) or base is nn.Module:
        raise ScriptError(f"'super' object has no attribute '{name}' that a script can use", range)
    return InheritedMethod(module, base, name, member)


def own_forward(module: SugaredValue, range: SourceRange) -> SugaredValue:
    """The `forward` of a module whose class has a `__call__` of its own, under which name that one is compiled."""
    if not isinstance(module, ModuleValue):
        raise ScriptError("only modules have a forward of their own", range)
    for base in module.description.python_class.__mro__:
        if "forward" in vars(base):
            return inherited(module, base, "forward", range)
    raise ScriptError("the module has no forward", range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class InheritedMethod(SugaredValue):
    """A method of a base class, bound to a module."""

    module: ModuleValue
    base: type
    name: str
    function: FunctionType

    @property
    def kind(self) -> str:
        return "method"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        description, own = self.module.description, f"{self.base.__name__}_{self.name}"

        def plain() -> SugaredValue:
            with at(range):
                made = inherited_method(description, own, self.function)
            return MethodValue.of(self.module.value, made.name)

        def specialized(signature: Signature, key: str) -> SugaredValue:
            with at(range):
                made = specialized_method(description, own, self.function, signature, key)
            return MethodValue.of(self.module.value, made.name)

        title = f"{self.base.__name__}.{self.name}"
        callee = Callee(self.function, title, self.module, plain, specialized)
        return callee.call(emitter, range, args, kwargs, n_binders)


@final
@dataclass(frozen=True, slots=True, eq=False)
class UnboundMethod(SugaredValue):
    """A method looked up on a class of modules: its first argument is the module."""

    base: type
    name: str

    @property
    def kind(self) -> str:
        return "method"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if not args or not isinstance(args[0].sugared, ModuleValue):
            raise ScriptError(f"the first argument of '{self.base.__name__}.{self.name}' must be the module", range)
        module = args[0].sugared
        if not issubclass(module.description.python_class, self.base):
            raise ScriptError(f"the first argument of '{self.base.__name__}.{self.name}' must be such a module", range)
        return inherited(module, self.base, self.name, range).call(emitter, range, args[1:], kwargs, n_binders)
