"""Python objects that are nothing to a script in themselves: their attributes, items and methods may be something.

They are taken as they are when the script is compiled. Methods written in Python become bodies in place of their calls:

    self.processor(self, x)          the body of `__call__` of the processor's class
    self.settings.scaled(x)          a method of a plain object
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, NoReturn, final

import torch
from torch import nn

from flambeau import ir
from flambeau.frontend import Arg, SugaredValue, known_value, similar
from flambeau.ir import SourceRange, Value
from flambeau.python import special_forms
from flambeau.python.functions import early_calls
from flambeau.python.functions.early_calls import early_result
from flambeau.python.functions.python_calls import PythonFunctionValue
from flambeau.python.functions.specialization import inlined_call
from flambeau.python.modules.foreign import is_foreign_module
from flambeau.python.names import type_name
from flambeau.python.namespaces import ABSENT, attribute_of
from flambeau.python.unit import services

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonValue(SugaredValue):
    """A Python object that is nothing to a script in itself; its attributes may be something."""

    obj: object
    why: str = ""
    """What to say if it is used as a value, where more is known than its class."""

    @property
    def kind(self) -> str:
        return f"python value of type '{type(self.obj).__name__}'"

    def as_value(self, emitter: Emitter, range: SourceRange) -> Value:
        self._no_value(range)

    def as_index(self, emitter: Emitter, range: SourceRange) -> Value:
        if type(self.obj).__module__ == "numpy" and emitter.infers:
            # To a tensor, an array of NumPy's is an index as a tensor is.
            return emitter.constant(torch.tensor(self.obj), range)
        return self.as_value(emitter, range)

    def as_tuple(self, emitter: Emitter, range: SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        self._no_value(range)

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return None if isinstance(self.obj, torch.Tensor) else bool(self.obj)

    def iterate(self, emitter: Emitter, range: SourceRange) -> SugaredValue:
        self._no_value(range)

    def length(self, emitter: Emitter, range: SourceRange) -> Value:
        self._no_value(range)

    def item(self, emitter: Emitter, range: SourceRange, index: Value, hint: ir.Type | None = None) -> SugaredValue:
        self._no_value(range)

    def contains(self, emitter: Emitter, range: SourceRange, item: Value) -> Value:
        wanted = known_value(emitter, item)
        if not isinstance(self.obj, (set, frozenset, Mapping)) or wanted is ir.NOT_CONSTANT:
            self._no_value(range)
        return emitter.constant(wanted in self.obj, range)

    def _no_value(self, range: SourceRange) -> NoReturn:
        if self.why:
            self.refuse(self.why, range)
        self.refuse(
            f"{self.kind} cannot be used as a value. Perhaps it is a closed over global variable? If so, please "
            "consider passing it in as an argument or use a local variable instead.",
            range,
        )

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        found = attribute_of(self.obj, name)
        if found is ABSENT:
            self.refuse(
                f"'{type_name(self.obj)}' object has no attribute '{name}'", range, similar(name, lambda: dir(self.obj))
            )
        return services.sugared(found, range)

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        return attribute_of(self.obj, name) is not ABSENT

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        method = inspect.getattr_static(type(self.obj), "__call__", None)
        if isinstance(method, FunctionType) and not isinstance(self.obj, (nn.Module, type)):
            return ObjectMethod(self, method).call(emitter, range, args, kwargs, n_binders)
        made = early_result(emitter, range, self.obj, args, kwargs)
        if made is not None:
            return made
        if special_forms.is_python_builtin(self.obj) or inspect.isbuiltin(self.obj):
            self.refuse(f"Python builtin {self.obj} is currently not supported in Torchscript", range)
        if is_foreign_module(self.obj):
            self.refuse("Cannot call a ScriptModule that is not a submodule of the caller", range)
        if isinstance(self.obj, nn.Module):
            value = PythonFunctionValue(type(self.obj).forward, None, self.obj, type(self.obj).__name__)
            return value.call(emitter, range, args, kwargs, n_binders)
        self.refuse(
            f"`{self.obj}` is not a function. Recursive scripting only supports Python functions or methods "
            f"currently.\nConsider manually annotating `{self.obj}` with @torch.jit.script.",
            range,
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class ObjectMethod(SugaredValue):
    """A method of a Python object: calls become its body."""

    owner: PythonValue
    function: FunctionType

    @classmethod
    def of(cls, method: MethodType) -> ObjectMethod | None:
        """A bound method; None if it is not one of a plain object, or not written in Python."""
        owner, function = method.__self__, method.__func__
        if isinstance(owner, (nn.Module, type)) or not isinstance(function, FunctionType):
            return None
        return cls(PythonValue(owner), function)

    @property
    def kind(self) -> str:
        return "method"

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return True

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        title = f"{type(self.owner.obj).__name__}.{self.function.__name__}"
        return inlined_call(emitter, range, self.function, title, self.owner, args, kwargs)


early_calls.objects[PythonValue] = lambda value: value.obj if isinstance(value, PythonValue) else ABSENT
early_calls.objects[ObjectMethod] = lambda value: (
    MethodType(value.function, value.owner.obj) if isinstance(value, ObjectMethod) else ABSENT
)
