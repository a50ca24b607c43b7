"""Sugared values that are called: operators, functions, methods, casts, `print`, exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..formatting.texts import shown
from ..matching.operator_calls import emit_operator_call
from ..matching.schema_matching import match_call
from .attribute_writes import forget_called
from .container_inference import reconsider_literal
from .sugared import Arg, SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter


def values_of(emitter: Emitter, args: Sequence[Arg]) -> list[ir.Value]:
    """The values of positional arguments."""
    return [arg.value(emitter) for arg in args]


def keywords_of(emitter: Emitter, kwargs: Sequence[Arg]) -> dict[str, ir.Value]:
    """The values of keyword arguments by name; ScriptError if a name is given twice."""
    found: dict[str, ir.Value] = {}
    for arg in kwargs:
        if arg.name in found:
            raise ScriptError(f"keyword argument repeated: {arg.name}", arg.range)
        found[arg.name] = arg.value(emitter)
    return found


@final
@dataclass(frozen=True, slots=True, eq=False)
class BuiltinFunction(SugaredValue):
    """An operator or built-in function by name, such as `aten::add`; a method of `self_value` if that is given."""

    name: str
    self_value: ir.Value | None = None

    @property
    def kind(self) -> str:
        return "builtin"

    @property
    def identity(self) -> object:
        return self.name if self.self_value is None else None

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        positional, keywords = values_of(emitter, args), keywords_of(emitter, kwargs)
        if self.name == "aten::tensor" and not emitter.infers and positional and _is_mixed(positional[0].type):
            raise ScriptError("Input must be of ints, floats, or bools, got a list of several types", range)
        try:
            result = emit_operator_call(emitter.graph, range, self.name, positional, keywords, self.self_value)
        except ScriptError as error:
            reconsider_literal(emitter, error, self.name, self.self_value, positional)
            result = self._as_python_takes_it(emitter, range, positional, keywords, error)
        return emitter.sugar(result)

    def _as_python_takes_it(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        positional: Sequence[ir.Value],
        keywords: Mapping[str, ir.Value],
        error: ScriptError,
    ) -> ir.Value:
        """The call with the defaults of PyTorch's method and ints for floats; `error` if that does not do either."""
        if not emitter.infers:
            raise error
        defaults = _PYTHON_DEFAULTS.get(self.name, {}) if self.self_value is not None and not positional else {}
        added = {name: emitter.constant(value, range) for name, value in defaults.items() if name not in keywords}
        try:
            return emit_operator_call(
                emitter.graph, range, self.name, positional, {**keywords, **added}, self.self_value, is_lenient=True
            )
        except ScriptError:
            raise error from None

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        """An overload of the operator, as `ops.aten.add.Tensor` names it."""
        if (
            self.self_value is not None
            or ir.find_operator(f"{self.name}.{name}" if name != "default" else self.name) is None
        ):
            self.refuse(f"attribute lookup is not defined on {self.kind}", range)
        return OperatorOverload(ir.operator(f"{self.name}.{name}" if name != "default" else self.name))


_PYTHON_DEFAULTS: Mapping[str, Mapping[str, object]] = {"aten::norm": {"p": 2}}
"""Arguments that PyTorch's methods have defaults for though the operators do not."""


def _is_mixed(given: ir.Type) -> bool:
    return isinstance(given, ir.ListType) and isinstance(given.element, ir.UnionType)


@final
@dataclass(frozen=True, slots=True, eq=False)
class OperatorOverload(SugaredValue):
    """One overload of an operator, named by the program itself."""

    operator: ir.Operator

    @property
    def kind(self) -> str:
        return "builtin"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        result = emitter.call_operator(range, self.operator, values_of(emitter, args), keywords_of(emitter, kwargs))
        return emitter.sugar(result)


@final
@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue(SugaredValue):
    """A script function; several where it has overloads, tried in order."""

    functions: tuple[ir.Function, ...]

    @classmethod
    def of(cls, *functions: ir.Function) -> FunctionValue:
        return cls(functions)

    @property
    def kind(self) -> str:
        return "function"

    @property
    def identity(self) -> object:
        return self.functions

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        positional, keywords = values_of(emitter, args), keywords_of(emitter, kwargs)
        schemas = [emitter.schema_of(function, range) for function in self.functions]
        matched = match_call(emitter.graph, range, schemas, positional, keywords, is_lenient=emitter.infers)
        function = self.functions[matched.candidate]
        emitter.graph.current_range = range
        if emitter.infers and _gives_constant(function):
            return emitter.sugar(emitter.constant(ir.constant_value(function.graph.outputs[0]), range))
        constant = ir.insert_constant(emitter.graph, function)
        node = emitter.insert("prim::CallFunction", [constant, *matched.inputs], matched.return_types, range)
        forget_called(emitter, function)
        given_back = _given_back(function) if emitter.infers else None
        if given_back is not None:
            emitter.environment.note_origin(node.output, matched.inputs[given_back])
        return emitter.sugar(node.output)


def _gives_constant(function: ir.Function) -> bool:
    """Whether a call does nothing but give a number, a string or None that is known: how a library is configured."""
    nodes = list(function.graph.block)
    return (
        all(node.kind == "prim::Constant" for node in nodes)
        and len(function.graph.outputs) == 1
        and isinstance(ir.constant_value(function.graph.outputs[0]), (bool, int, float, str, type(None)))
    )


def _given_back(function: ir.Function) -> int | None:
    """Which of its arguments a function returns, if it does nothing else."""
    graph = function.graph
    if len(graph.outputs) != 1 or any(node.kind != "prim::Constant" for node in graph.block):
        return None
    return next((index for index, given in enumerate(graph.inputs) if given is graph.outputs[0]), None)


@final
@dataclass(frozen=True, slots=True, eq=False)
class MethodValue(SugaredValue):
    """A method of a class or an interface, bound to an object; several names where it has overloads."""

    self_value: ir.Value
    names: tuple[str, ...]

    @classmethod
    def of(cls, self_value: ir.Value, *names: str) -> MethodValue:
        return cls(self_value, names)

    @property
    def kind(self) -> str:
        return "method"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        positional, keywords = values_of(emitter, args), keywords_of(emitter, kwargs)
        schemas = [self._schema(emitter, range, name) for name in self.names]
        inputs = [self.self_value, *positional]
        matched = match_call(emitter.graph, range, schemas, inputs, keywords, is_lenient=emitter.infers)
        name = self.names[matched.candidate]
        owner = self.self_value.type
        method = owner.methods.get(name) if isinstance(owner, ir.ClassType) else None
        if emitter.infers and method is not None and _gives_constant(method):
            return emitter.sugar(emitter.constant(ir.constant_value(method.graph.outputs[0]), range))
        node = emitter.insert("prim::CallMethod", matched.inputs, matched.return_types, range)
        node.set_attribute("name", "s", name)
        forget_called(emitter, method)
        return emitter.sugar(node.output)

    def _schema(self, emitter: Emitter, range: ir.SourceRange, name: str) -> ir.FunctionSchema:
        owner = self.self_value.type
        if isinstance(owner, ir.ClassType) and name in owner.methods:
            return emitter.schema_of(owner.methods[name], range, f"{owner.name}.{name}")
        if isinstance(owner, ir.InterfaceType) and (schema := owner.method_schema(name)) is not None:
            return schema
        raise ScriptError(f"method '{name}' is not defined on '{owner.annotation()}'", range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class CastValue(SugaredValue):
    """A type used as a function: `int(x)`, `float(x)`, `bool(x)`, `str(x)`."""

    type: ir.Type
    operator_name: str

    @property
    def kind(self) -> str:
        return "cast"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) == 1 and not kwargs:
            value = shown(emitter, args[0]) if self.type is ir.STRING else args[0].value(emitter)
            if ir.is_subtype(value.type, self.type):
                return emitter.sugar(value)
            if self.type is ir.BOOL and _has_length(value.type):
                length = emitter.builtin(range, "aten::len", value)
                return emitter.sugar(emitter.builtin(range, "aten::gt", length, 0))
        if not args and not kwargs and self.type in _EMPTY:
            return emitter.sugar(emitter.constant(_EMPTY[self.type], range))
        return BuiltinFunction(self.operator_name).call(emitter, range, args, kwargs, n_binders)

    @property
    def identity(self) -> object:
        return self


_EMPTY: Mapping[ir.Type, object] = {ir.INT: 0, ir.FLOAT: 0.0, ir.BOOL: False, ir.STRING: "", ir.COMPLEX: 0j}
"""What `int()` and its like are."""


def _has_length(given: ir.Type) -> bool:
    return isinstance(given, (ir.ListType, ir.DictType)) or given is ir.STRING


@final
@dataclass(frozen=True, slots=True, eq=False)
class TensorCast(SugaredValue):
    """A tensor's method that converts its elements: `x.float()`."""

    self_value: ir.Value
    scalar_type: ir.ScalarType

    @property
    def kind(self) -> str:
        return "tensor cast"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        keywords = keywords_of(emitter, kwargs)
        keywords["dtype"] = emitter.constant(int(self.scalar_type), range)
        result = emit_operator_call(
            emitter.graph, range, "aten::to", values_of(emitter, args), keywords, self.self_value
        )
        return emitter.sugar(result)


@final
@dataclass(frozen=True, slots=True, eq=False)
class NormMethod(SugaredValue):
    """`norm` of a tensor. `x.norm(dim=1)` is the 2-norm, for which the operator has no default."""

    tensor: ir.Value

    @property
    def kind(self) -> str:
        return "builtin"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        names = {arg.name for arg in kwargs}
        name = "aten::linalg_vector_norm" if not args and "dim" in names and "p" not in names else "aten::norm"
        return BuiltinFunction(name, self.tensor).call(emitter, range, args, kwargs, n_binders)


@final
@dataclass(frozen=True, slots=True, eq=False)
class MagicMethod(SugaredValue):
    """A built-in function that classes can define by a method: `len` by `__len__`."""

    method: str
    base: SugaredValue

    @property
    def kind(self) -> str:
        return self.base.kind

    @property
    def identity(self) -> object:
        return self.base.identity

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if args and args[0].sugared.is_first_class:
            value = args[0].value(emitter)
            if isinstance(value.type, ir.ClassType) and (
                self.method in value.type.methods or self.method != "__hash__"
            ):
                method = emitter.sugar(value).attribute(emitter, range, self.method)
                return method.call(emitter, range, args[1:], kwargs, n_binders)
        elif args and self.method == "__len__" and len(args) == 1 and not kwargs:
            return emitter.sugar(args[0].sugared.length(emitter, range))
        return self.base.call(emitter, range, args, kwargs, n_binders)


@final
@dataclass(frozen=True, slots=True, eq=False)
class CallableTest(SugaredValue):
    """`callable`: functions, methods, modules and classes are; values of the graph are not, but for some objects."""

    @property
    def kind(self) -> str:
        return "function"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) != 1 or kwargs:
            raise ScriptError(f"callable expected exactly 1 argument but found {len(args) + len(kwargs)}", range)
        given = args[0].sugared
        if given.is_first_class and isinstance(args[0].value(emitter).type, (ir.ClassType, ir.InterfaceType)):
            raise ScriptError("callable is not supported in TorchScript of objects", range)
        return emitter.sugar(emitter.constant(not given.is_first_class and given.kind != "tuple", range))


@final
@dataclass(frozen=True, slots=True, eq=False)
class TensorTest(SugaredValue):
    """`torch.is_tensor`, which the type of its argument decides."""

    @property
    def kind(self) -> str:
        return "function"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        (value,) = values_of(emitter, args) or [emitter.constant(None, range)]
        if isinstance(value.type, (ir.OptionalType, ir.UnionType)) or value.type is ir.ANY:
            test = emitter.insert("prim::isinstance", (value,), (ir.BOOL,), range)
            return emitter.sugar(test.set_attribute("types", "tys", (ir.TENSOR,)).output)
        return emitter.sugar(emitter.constant(isinstance(value.type, ir.TensorType), range))


@final
@dataclass(frozen=True, slots=True, eq=False)
class PrintValue(SugaredValue):
    """`print`."""

    @property
    def kind(self) -> str:
        return "print"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if kwargs:
            raise ScriptError("print doesn't accept any keyword arguments", range)
        emitter.insert("prim::Print", [shown(emitter, arg) for arg in args], (), range)
        return emitter.sugar(emitter.constant(None, range))


@final
@dataclass(frozen=True, slots=True, eq=False)
class ExceptionClass(SugaredValue):
    """An exception class, to be raised. `qualified_name` names it for the handler (`builtins.ValueError`).

    Without one, the class's name becomes part of the message; `assert` does so.
    """

    name: str
    qualified_name: str | None = None

    @property
    def kind(self) -> str:
        return "exception"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        # Keywords are for what the class makes of them in Python: the exception that is raised here has its text only.
        values = values_of(emitter, args)
        if self.qualified_name is None:
            message = emitter.constant(f"{self.name}: ", range)
            for value in values:
                message = emitter.builtin(range, "aten::add", message, emitter.to_string(value, range))
            return ExceptionInstance(message, None)
        if not values:
            message = emitter.constant("", range)
        elif len(values) == 1:
            message = values[0]
        else:
            message = emitter.make_tuple(values, range)
        return ExceptionInstance(message, emitter.constant(self.qualified_name, range))


@final
@dataclass(frozen=True, slots=True, eq=False)
class ExceptionInstance(SugaredValue):
    """An exception with its message, about to be raised."""

    message: ir.Value
    class_name: ir.Value | None

    @property
    def kind(self) -> str:
        return "exception message"
