"""What Python objects mean in a script: `sugared_value(obj, range)` is asked for every free name.

Modules (of files) mean the names in them, functions the script functions they compile to, PyTorch's own functions
operators, classes types and constructors. Values that cannot change (numbers, strings, tuples of such, dtypes, members
of Enum classes) are constants: the script keeps the value that the name had when it was compiled. PyTorch's own
compiler takes only those that are attributes of modules (`math.pi`). A list is no constant: it could change, and has to
come in as an argument or attribute.
"""

from __future__ import annotations

import ast
import enum
import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, final

import torch
from torch import nn

from flambeau import ir
from flambeau.errors import FlambeauError, ScriptError, UnsupportedError
from flambeau.frontend import (
    Arg,
    BuiltinFunction,
    ClassValue,
    ConstantValue,
    EnumClass,
    ExceptionClass,
    FunctionValue,
    KeywordsValue,
    NamedTupleConstructor,
    OperatorOverload,
    Signature,
    SpecialForm,
    SugaredTuple,
    SugaredValue,
    TensorTest,
    similar,
)
from flambeau.ir import EnumType, Function, ScriptObject, SourceRange, TupleType
from flambeau.python import markers, special_forms
from flambeau.python.builtin_functions import find_builtin
from flambeau.python.classes.classes import class_type
from flambeau.python.functions import early_calls
from flambeau.python.functions.early_calls import early_result
from flambeau.python.functions.functions import function_of, overloads_of, specialized_function
from flambeau.python.functions.python_calls import PythonFunctionValue
from flambeau.python.functions.source_code import definition_of
from flambeau.python.functions.specialization import Callee
from flambeau.python.modules.foreign import native_function
from flambeau.python.names import type_name
from flambeau.python.namespaces import ABSENT, FAILURES
from flambeau.python.places import at
from flambeau.python.resolver import resolver_of
from flambeau.python.types import constants
from flambeau.python.types.annotations import is_compilable, is_named_tuple
from flambeau.python.types.named_types import enum_value
from flambeau.python.unit import services
from flambeau.python.values.class_objects import TypeFunction
from flambeau.python.values.einops_calls import einops_value
from flambeau.python.values.legacy import legacy_value
from flambeau.python.values.library import library_function, log_function
from flambeau.python.values.python_objects import ObjectMethod, PythonValue
from flambeau.python.values.substitutes import class_substitute_for, substitute_for, with_optional_sizes
from flambeau.python.values.sugared_classes import (
    PythonClass,
    ScriptClass,
    SetGradEnabledValue,
    bound_class_value,
    class_value_attribute,
)
from flambeau.python.values.type_limits import limits_function
from flambeau.python.wrappers import script_value_of
from flambeau.runtime.aten import register_custom_operators

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


def sugared_value(obj: object, range: SourceRange) -> SugaredValue:
    """What a Python object means."""
    try:
        return _meaning(obj, range)
    except FAILURES as error:
        if isinstance(error, FlambeauError) or not hasattr(type(obj), "__getattr__"):
            raise
        return PythonValue(obj)  # one of a class that answers no questions


def _meaning(obj: object, range: SourceRange) -> SugaredValue:
    if constants.is_constant_value(obj) and constants.is_unchangeable(obj):
        return ConstantValue(constants.script_constant(obj))
    if isinstance(obj, ModuleType):
        return PythonModule(obj)
    legacy = legacy_value(obj)
    if legacy is not None:
        return legacy
    if isinstance(obj, type):
        return _class(obj, range)
    obj = markers.original_function(obj)
    scripted = script_value_of(obj) or native_function(obj)
    if isinstance(scripted, Function):
        return FunctionValue.of(scripted)
    if isinstance(scripted, ScriptObject):
        if scripted.type.is_module:
            raise ScriptError("Cannot call a ScriptModule that is not a submodule of the caller", range)
        return ConstantValue(scripted)
    if callable(obj) and not isinstance(obj, nn.Module):
        return _callable(obj, range)
    if isinstance(obj, enum.Enum):
        return ConstantValue(enum_value(obj))
    if isinstance(obj, (list, tuple, dict)):
        return _container(obj, range)
    return _operator_of_namespace(obj) or PythonValue(obj)


def _container(obj: list[object] | tuple[object, ...] | dict[object, object], range: SourceRange) -> SugaredValue:
    """A Python container as it is now: a script cannot change it."""
    if isinstance(obj, dict):
        if not all(isinstance(key, (str, int, float, bool)) for key in obj):
            return PythonValue(obj)
        return KeywordsValue({key: sugared_value(value, range) for key, value in obj.items()})
    return SugaredTuple(tuple(sugared_value(value, range) for value in obj))


def _callable(obj: Callable[..., object], range: SourceRange) -> SugaredValue:
    if isinstance(obj, functools.partial):
        return PartialValue.of(obj, range)
    if isinstance(obj, functools._lru_cache_wrapper):
        obj = obj.__wrapped__  # what a cache may remember is the same each time
    library = library_function(obj)
    if library is not None:
        return PythonFunction(library)
    if obj is torch.is_tensor:
        return TensorTest()
    place = special_forms.origin(obj)
    form = special_forms.SPECIAL_FORMS.get(place)
    if form is not None:
        return SpecialForm(form)
    of_einops = einops_value(*place)
    if of_einops is not None:
        return of_einops
    if place in special_forms.CONSTANT_CALLS:
        return ConstantCall(special_forms.CONSTANT_CALLS[place])
    builtin = special_forms.OPERATORS.get(place) or find_builtin(obj)
    if builtin is not None:
        return BuiltinFunction(builtin)
    if isinstance(obj, MethodType):
        return _bound_method(obj, range)
    if isinstance(obj, FunctionType):
        return _function(obj, range)
    return _operator_of_namespace(obj) or PythonValue(obj)


def _function(obj: Callable[..., object], range: SourceRange) -> SugaredValue:
    dispatch = markers.find_boolean_dispatch(obj)
    if dispatch is not None:
        return BooleanDispatchValue(dispatch)
    wrapped = getattr(obj, "__original_fn", None) if hasattr(obj, "__script_if_tracing_wrapper") else None
    function = substitute_for(wrapped if isinstance(wrapped, FunctionType) else obj)
    if markers.is_ignored(function):
        return PythonFunctionValue(function)
    with at(range):
        overloads = overloads_of(function)
        value: SugaredValue = FunctionValue.of(*overloads) if overloads else PythonFunction(function)
    other = with_optional_sizes(function)
    return value if other is None else ByOptionalSizes(value, other)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonFunction(SugaredValue):
    """A Python function: it is compiled when it is called, for the types that the call gives it."""

    function: Callable[..., object]

    @property
    def kind(self) -> str:
        return "function"

    @property
    def identity(self) -> object:
        return self.function

    @property
    def none_test(self) -> bool | None:
        try:
            definition = definition_of(self.function)
        except ScriptError:
            return None
        match [part for part in definition.node.body if not _is_text(part)]:
            case [ast.Return(value=ast.Compare(ast.Name(id=name), [op], [ast.Constant(value=None)]))]:
                if [p.arg for p in definition.parameters] == [name] and isinstance(op, (ast.Is, ast.IsNot)):
                    return isinstance(op, ast.Is)
        return None

    @property
    def tested_types(self) -> tuple[ir.Type, ...] | None:
        try:
            definition = definition_of(self.function)
            match [part for part in definition.node.body if not _is_text(part)]:
                case [ast.Return(value=ast.Call(ast.Name(id="isinstance"), [ast.Name(id=name), tested], []))]:
                    nodes = tested.elts if isinstance(tested, ast.Tuple) else [tested]
                    if [p.arg for p in definition.parameters] == [name]:
                        resolver = resolver_of(self.function, definition, sugared_value)
                        return tuple(resolver.resolve_type(node, definition.range(node)) for node in nodes)
        except ScriptError:
            return None
        return None

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return True

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        found = getattr(self.function, name, ABSENT)
        if found is ABSENT:
            self.refuse(f"function '{self.function.__name__}' has no attribute '{name}'", range)
        return sugared_value(found, range)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        function = self.function

        def plain() -> SugaredValue:
            with at(range):
                return FunctionValue.of(function_of(function))

        def specialized(signature: Signature, key: str) -> SugaredValue:
            with at(range):
                return FunctionValue.of(specialized_function(function, signature, key))

        callee = Callee(function, function.__name__, None, plain, specialized)
        try:
            return callee.call(emitter, range, args, kwargs, n_binders)
        except (ScriptError, UnsupportedError):
            made = early_result(emitter, range, function, args, kwargs)
            if made is None:
                raise
            return made


def _bound_method(obj: MethodType, range: SourceRange) -> SugaredValue:
    owner = obj.__self__
    if isinstance(owner, nn.Module):
        raise ScriptError(
            f"method '{obj.__name__}' of a '{type_name(owner)}' cannot be called: the module is not a submodule of the "
            "caller",
            range,
        )
    if isinstance(owner, type):
        found = class_value_attribute(owner, obj.__name__, range)
        if found is not None:
            return found
    if isinstance(owner, logging.Logger):
        logs = log_function(owner, obj.__name__)
        if logs is not None:
            return PythonFunction(logs)
    return ObjectMethod.of(obj) or PythonValue(obj)


def _class(cls: type, range: SourceRange) -> SugaredValue:
    if cls is type:
        return TypeFunction()
    if cls is super:
        return services.super_value()
    if cls is functools.partial:
        return PartialClass()
    if cls is torch.set_grad_enabled:
        return SetGradEnabledValue()
    limits = limits_function(cls)
    if limits is not None:
        return PythonFunction(limits)
    bound = special_forms.BOUND_AS.get(special_forms.origin(cls))
    if bound is not None:
        return ClassValue(ir.custom_class(bound))
    builtin = find_builtin(cls)
    if builtin is not None:
        return BuiltinFunction(builtin)
    if issubclass(cls, BaseException):
        return ExceptionClass(cls.__name__, f"{cls.__module__}.{cls.__name__}")
    if issubclass(cls, enum.Enum) or is_named_tuple(cls):
        with at(range):
            made = class_type(cls, range)
        if isinstance(made, EnumType):
            return EnumClass(made)
        if isinstance(made, TupleType):
            return NamedTupleConstructor(made)
    if issubclass(cls, (torch.Tensor, nn.Module, torch.autograd.Function)) or not is_compilable(cls):
        return PythonClass(cls)
    return ScriptClass(class_substitute_for(cls))


def _operator_of_namespace(obj: object) -> SugaredValue | None:
    """What `torch.ops.namespace.name`, its overloads, and functions made by `torch.library.custom_op` mean."""
    declared = getattr(obj, "_opoverload", None)
    if isinstance(declared, torch._ops.OpOverload):
        obj = declared
    packet = getattr(obj, "_qualified_op_name", None)
    if isinstance(packet, str):
        register_custom_operators(packet)
        return BuiltinFunction(packet)
    overloaded = getattr(obj, "overloadpacket", None)
    packet = getattr(overloaded, "_qualified_op_name", None)
    if not isinstance(packet, str):
        return None
    register_custom_operators(packet)
    name = getattr(obj, "_overloadname", "default")
    found = ir.find_operator(packet if name == "default" else f"{packet}.{name}")
    return None if found is None else OperatorOverload(found)


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonModule(SugaredValue):
    """An imported module, `torch` among them: its attributes are what they are to a script."""

    module: ModuleType

    @property
    def kind(self) -> str:
        return "module"

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        try:
            found: object = getattr(self.module, name, ABSENT)
        except RuntimeError as error:  # how `torch.classes` and `torch.ops` say that there is no such name
            raise ScriptError(str(error), range) from None
        if found is ABSENT:
            known = similar(name, self._names)
            self.refuse(f"module '{self.module.__name__}' has no attribute '{name}'", range, known)
        return bound_class_value(self.module, name) or sugared_value(found, range)

    def _names(self) -> list[str]:
        """What a person may have meant: not the modules that this one happens to import."""
        head, _, namespace = self.module.__name__.rpartition(".")
        operators = (name.split("::") for name in ir.all_operator_names() if head == "torch.ops")
        own = (name for name in dir(self.module) if not self._is_imported(vars(self.module).get(name)))
        return [*own, *(name for owner, name in operators if owner == namespace)]

    def _is_imported(self, found: object) -> bool:
        package = self.module.__name__.partition(".")[0]
        return isinstance(found, ModuleType) and found.__name__.partition(".")[0] != package

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool:
        return hasattr(self.module, name)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ConstantCall(SugaredValue):
    """A function that gives the same constant whatever the arguments, which are not even looked at."""

    result: object

    @property
    def kind(self) -> str:
        return "function"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return ConstantValue(self.result)


@final
@dataclass(frozen=True, slots=True, eq=False)
class PartialValue(SugaredValue):
    """A partially applied function, and the arguments that it holds."""

    function: SugaredValue
    args: tuple[Arg, ...]
    keywords: tuple[Arg, ...]

    @classmethod
    def of(cls, partial: functools.partial[object], range: SourceRange) -> PartialValue:
        """What an object of Python's means; what it holds must be constants or mean something by itself."""
        return cls(
            sugared_value(partial.func, range),
            tuple(Arg(sugared_value(value, range), range) for value in partial.args),
            tuple(Arg(sugared_value(value, range), range, name) for name, value in partial.keywords.items()),
        )

    @property
    def kind(self) -> str:
        return "function"

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return True

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        given = {arg.name for arg in kwargs}
        defaults = [arg for arg in self.keywords if arg.name not in given]
        return self.function.call(emitter, range, [*self.args, *args], [*defaults, *kwargs], n_binders)


@final
@dataclass(frozen=True, slots=True, eq=False)
class PartialClass(SugaredValue):
    """`functools.partial`."""

    @property
    def kind(self) -> str:
        return "class"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if not args:
            raise ScriptError("partial takes a function", range)
        function, *held = args
        return PartialValue(function.sugared, tuple(held), tuple(kwargs))


@final
@dataclass(frozen=True, slots=True, eq=False)
class BooleanDispatchValue(SugaredValue):
    """A pair of functions, of which a constant argument selects one."""

    dispatch: markers.BooleanDispatch

    @property
    def kind(self) -> str:
        return "boolean dispatch"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        chosen = self.dispatch.if_true if self._flag(emitter, range, args, kwargs) else self.dispatch.if_false
        return sugared_value(chosen, range).call(emitter, range, args, kwargs, n_binders)

    def _flag(self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg]) -> bool:
        dispatch = self.dispatch
        if dispatch.index < len(args):
            given: Arg | None = args[dispatch.index]
            complaint = f"Argument for boolean dispatch at position {dispatch.index} was not constant"
        else:
            given = next((arg for arg in kwargs if arg.name == dispatch.argument), None)
            complaint = f"Keyword argument '{dispatch.argument}' for boolean dispatch at position was not constant"
        if given is None:
            return dispatch.default
        value = ir.constant_value(given.value(emitter))
        if not isinstance(value, bool):
            self.refuse(complaint, range)
        return value


@final
@dataclass(frozen=True, slots=True, eq=False)
class ByOptionalSizes(SugaredValue):
    """A function that takes a tuple of ints, and the one to call if some of them are None."""

    usual: SugaredValue
    other: Callable[..., object]

    @property
    def kind(self) -> str:
        return self.usual.kind

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        chosen: SugaredValue = self.usual
        if any(_has_none(arg.value(emitter).type) for arg in (*args, *kwargs) if arg.sugared.is_first_class):
            chosen = FunctionValue.of(function_of(self.other))
        return chosen.call(emitter, range, args, kwargs, n_binders)


def _has_none(given: ir.Type) -> bool:
    return isinstance(given, ir.TupleType) and ir.NONE in given.elements


early_calls.objects[PythonFunction] = lambda value: value.function if isinstance(value, PythonFunction) else ABSENT
early_calls.objects[PythonModule] = lambda value: value.module if isinstance(value, PythonModule) else ABSENT
early_calls.objects[PythonClass] = lambda value: value.cls if isinstance(value, PythonClass) else ABSENT
early_calls.objects[ScriptClass] = lambda value: value.cls if isinstance(value, ScriptClass) else ABSENT
