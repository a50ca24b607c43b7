"""Calls that stay Python: functions marked `@ignore`, and the raise that a call of an `@unused` one is.

An ignored function becomes a `prim::PythonOp` whose `callable` takes and gives values as scripts hold them. Its
arguments have the types of its annotations (Tensor without one, optional if None is the default), its result likewise.
Archives cannot hold such calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from torch.autograd import Function

from flambeau import ir
from flambeau.errors import ExecutionError, ScriptError
from flambeau.frontend import Arg, SimpleValue, SugaredValue, forget_written, match_call
from flambeau.ir import Argument, FunctionSchema, SourceRange, Type, Value
from flambeau.python import markers
from flambeau.python.namespaces import namespace_of
from flambeau.python.places import at
from flambeau.python.types.annotations import AnnotationReader
from flambeau.python.types.conversion import ConversionError, default_value, to_script
from flambeau.runtime import to_python

if TYPE_CHECKING:
    from flambeau.frontend import Emitter

_UNUSED = "This Python function is annotated to be ignored and cannot be run"


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonCallable:
    """What runs a `prim::PythonOp`: values in and out are those of scripts."""

    function: Callable[..., object]
    argument_types: tuple[Type, ...]
    result_type: Type

    def __call__(self, *args: object) -> object:
        result = self.function(*map(to_python, args, self.argument_types))
        if self.result_type is ir.NONE:
            return None
        try:
            return to_script(result, self.result_type)
        except ConversionError as error:
            raise ExecutionError(
                f"the Python function '{self.function.__name__}' returned a value that its annotation does not allow: "
                f"{error.message}"
            ) from None


@final
@dataclass(frozen=True, slots=True, eq=False)
class PythonFunctionValue(SugaredValue):
    """A function that is not compiled; `self_value` is what it is a method of.

    `called` is what to call instead of it, while its own annotations (those of the first parameter left out) say the
    types.
    """

    function: Callable[..., object]
    self_value: Value | None = None
    called: Callable[..., object] | None = None
    name: str = ""

    @classmethod
    def of_autograd_function(cls, function: type[Function]) -> PythonFunctionValue:
        """`apply` of an autograd function: with the types of `forward`, whose first parameter is the context."""
        return cls(function.forward, None, function.apply, function.__name__)

    @property
    def kind(self) -> str:
        return f"python value of type '{type(self.function).__name__}'"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        positional = [arg.value(emitter) for arg in args]
        keywords = {arg.name: arg.value(emitter) for arg in kwargs}
        if markers.is_unused(self.function):
            return SimpleValue(self._emit_raise(emitter, range))
        with at(range):
            schema = _schema(self.function, is_method=self.self_value is not None or self.called is not None)
        if self.called is not None:
            schema = _undeclared_are_any(schema)
        matched = match_call(emitter.graph, range, [schema], positional, keywords)
        inputs = matched.inputs if self.self_value is None else [self.self_value, *matched.inputs]
        result_type, types = matched.return_types[0], tuple(value.type for value in inputs)
        node = emitter.insert("prim::PythonOp", inputs, (result_type,), range)
        forget_written(emitter, None)
        node.set_attribute("name", "s", self.name or self.function.__name__)
        node.set_attribute("callable", "ival", PythonCallable(self.called or self.function, types, result_type))
        return SimpleValue(node.output)

    def _emit_raise(self, emitter: Emitter, range: SourceRange) -> Value:
        message, no_class = emitter.constant(_UNUSED, range), emitter.constant(None, range)
        emitter.insert("prim::RaiseException", (message, no_class), (), range)
        return emitter.insert("prim::Uninitialized", (), (_result_type(self.function),), range).output


def _undeclared_are_any(schema: FunctionSchema) -> FunctionSchema:
    """The parameters of an autograd function that are not annotated take values of every type."""
    arguments = tuple(
        replace(a, type=ir.ANY) if isinstance(a.type, ir.TensorType) and a.type.inferred else a
        for a in schema.arguments
    )
    return replace(schema, arguments=arguments)


def _result_type(function: Callable[..., object]) -> Type:
    """The annotated type of the result; Tensor where there is no annotation, or none that is a type."""
    annotation = getattr(function, "__annotations__", {}).get("return", inspect.Signature.empty)
    try:
        return ir.unshaped(AnnotationReader(namespace_of(function)).of_object(annotation))
    except ScriptError:
        return ir.TENSOR


def _schema(function: Callable[..., object], *, is_method: bool) -> FunctionSchema:
    """The types that a Python function declares; `self` of a method is left out."""
    reader = AnnotationReader(namespace_of(function))
    parameters = list(inspect.signature(function).parameters.values())[1 if is_method else 0 :]
    is_vararg = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    arguments = tuple(
        Argument(
            p.name,
            ir.optional(ir.TENSOR) if p.annotation is p.empty and p.default is None else reader.of_object(p.annotation),
            default=ir.MISSING if p.default is p.empty else default_value(p.default),
            kwarg_only=p.kind is p.KEYWORD_ONLY,
        )
        for p in parameters
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    )
    result = Argument("", _result_type(function))
    return FunctionSchema(function.__name__, "", arguments, (result,), is_vararg=is_vararg)
