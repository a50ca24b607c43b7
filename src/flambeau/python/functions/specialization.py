"""Calls of Python functions and methods that do not say what they take.

A callee is compiled under its own name with the types that it declares; un-annotated parameters are Tensors, or what
their default is. A call that gives something else gets a version of its own, one for each combination of types:

    def scale(x, factor): ...       scale(x, 2)            a version for (Tensor, int)
    def forward(self, *xs): ...     self.fuse(a, b, c)     a version for three Tensors

Where that does not do either (an argument is a module or a function, a branch depends on a constant argument), the call
is replaced by the body.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedError
from flambeau.frontend import (
    Arg,
    Definition,
    KeywordsValue,
    Resolver,
    Signature,
    SimpleValue,
    SugaredTuple,
    SugaredValue,
    accepts,
    default_fits,
    inline_call,
    notes,
    type_of_default,
)
from flambeau.ir import Argument, SourceRange
from flambeau.python.functions.signatures import (
    declared_signature,
    default_arguments,
    variadic_arguments,
    with_variadic,
)
from flambeau.python.functions.source_code import definition_of
from flambeau.python.resolver import resolver_of
from flambeau.python.unit import services, unit

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


_TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore\b)")


@final
@dataclass(slots=True)
class Bound:
    """The arguments of a call by parameter."""

    named: dict[str, Arg] = field(default_factory=dict)
    rest: list[Arg] = field(default_factory=list)
    keywords: dict[str, Arg] = field(default_factory=dict)

    def all(self) -> list[Arg]:
        return [*self.named.values(), *self.rest, *self.keywords.values()]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Callee:
    """A Python function that a call means; `this` is what its first parameter is, of a method."""

    function: Callable[..., object]
    name: str
    this: SugaredValue | None
    plain: Callable[[], SugaredValue]
    """Gives the function as it is declared."""
    specialized: Callable[[Signature, str], SugaredValue]
    """Gives the version for a signature, which the key names."""

    @property
    def definition(self) -> Definition:
        return definition_of(self.function)

    @property
    def resolver(self) -> Resolver:
        return resolver_of(self.function, self.definition, services.sugared)

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int
    ) -> SugaredValue:
        """Emit a call of the version that fits the arguments."""
        bound = self._bind(emitter, args, kwargs)
        if bound is None:
            return self.plain().call(emitter, range, args, kwargs, n_binders)
        if not all(arg.sugared.is_first_class for arg in bound.all()) or self._leaves_a_function(bound):
            return self._inline(emitter, range, bound)
        declared, problem = self._declared(bound)
        if declared is not None and self._fits(emitter, declared, bound):
            try:
                return self.plain().call(emitter, range, args, kwargs, n_binders)
            except (ScriptError, UnsupportedError) as error:
                if "is called recursively" in str(error):
                    raise
                problem = error
        signature = self._signature_for(emitter, bound)
        if signature is None:
            if problem is not None:
                raise problem
            return self.plain().call(emitter, range, args, kwargs, n_binders)
        if declared is None or _key(signature) != _key(declared):
            try:
                return self._call_specialized(emitter, range, signature, bound, n_binders)
            except (ScriptError, UnsupportedError) as error:
                problem = problem or error
        try:
            return self._inline(emitter, range, bound)
        except (ScriptError, UnsupportedError) as error:
            raise error from None

    def inline(self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg]) -> SugaredValue:
        """Emit the body in place of a call."""
        bound = self._bind(emitter, args, kwargs)
        return self.plain() if bound is None else self._inline(emitter, range, bound)

    def _leaves_a_function(self, bound: Bound) -> bool:
        """Whether a parameter that gets no argument has a function or class as its default."""
        return any(
            callable(default) for name, default in _raw_defaults(self.function).items() if name not in bound.named
        )

    def _declared(self, bound: Bound) -> tuple[Signature | None, ScriptError | UnsupportedError | None]:
        """The declared signature, if it takes as many arguments; or why there is none."""
        try:
            signature = declared_signature(self.function, is_method=self.this is not None)
        except (ScriptError, UnsupportedError) as error:
            return None, error
        if len(bound.rest) != len(signature.rest) or bound.keywords.keys() != signature.keywords:
            return None, None
        return signature, None

    # --- binding

    def _parameters(self) -> tuple[list[ast.arg], list[ast.arg]]:
        parameters = self.definition.node.args
        positional = [*parameters.posonlyargs, *parameters.args]
        return positional[1 if self.this is not None else 0 :], parameters.kwonlyargs

    def _bind(self, emitter: Emitter, args: Sequence[Arg], kwargs: Sequence[Arg]) -> Bound | None:
        """Which parameter takes which argument; None if they do not fit, for the ordinary call to complain of."""
        args, kwargs = ([_settled(emitter, arg) for arg in given] for given in (args, kwargs))
        positional, keyword_only = self._parameters()
        variadic = self.definition.node.args
        bound = Bound()
        for parameter, arg in zip(positional, args, strict=False):
            bound.named[parameter.arg] = arg
        if len(args) > len(positional):
            if variadic.vararg is None:
                return None
            bound.rest = list(args[len(positional) :])
        names = {p.arg for p in (*positional, *keyword_only)}
        for arg in kwargs:
            if arg.name in bound.named or arg.name in bound.keywords:
                return None
            if arg.name in names:
                bound.named[arg.name] = arg
            elif variadic.kwarg is not None:
                bound.keywords[arg.name] = arg
            else:
                return None
        with_default = {p.arg for p, _ in self.definition.default_expressions()}
        return bound if names <= bound.named.keys() | with_default else None

    # --- types

    def _fits(self, emitter: Emitter, declared: Signature, bound: Bound) -> bool:
        """Whether every argument has the type that its parameter has. Annotated ones are not looked at: a call checks
        and converts them.
        """
        if not bound.named.keys().isdisjoint(unit.fixed.get(self.function, ())):
            return False
        if _has_type_comment(self.definition):
            return True
        annotated = {p.arg for p in self.definition.parameters if p.annotation is not None}
        given = {**bound.named, **bound.keywords}
        given.update(zip([a.name for a in declared.arguments if a.name in declared.rest], bound.rest, strict=True))
        return all(
            accepts(a, given[a.name].value(emitter), allow_conversions=False)
            for a in declared.arguments
            if a.name in given and a.name not in annotated
        )

    def _signature_for(self, emitter: Emitter, bound: Bound) -> Signature | None:
        """The signature that a call asks for; None if no version could take it."""
        definition, resolver = self.definition, self.resolver
        if _has_type_comment(definition):
            return None
        defaults = default_arguments(self.function)
        arguments: list[Argument] = []
        positional, keyword_only = self._parameters()
        for parameter in (*positional, *keyword_only):
            arg = bound.named.get(parameter.arg)
            type = self._annotated(resolver, parameter, defaults.get(parameter.arg, ir.MISSING))
            if arg is not None:
                given = ir.unshaped(arg.value(emitter).type)
                if type is None:
                    type = given
                elif (type, given) != (ir.FLOAT, ir.INT):
                    formal = Argument(parameter.arg, type)
                    if not accepts(formal, arg.value(emitter), allow_conversions=True):
                        return None
            default = defaults.get(parameter.arg, ir.MISSING) if arg is None else ir.MISSING
            type = type or type_of_default(default)
            if type is None or not default_fits(default, type, is_declared=parameter.annotation is not None):
                return None
            arguments.append(Argument(parameter.arg, type, default=default, kwarg_only=parameter in keyword_only))
        arguments.sort(key=lambda a: a.has_default)  # calls give all of them by name
        try:
            returns = definition.node.returns
            result = None if returns is None else resolver.resolve_type(returns, definition.range(returns))
        except ScriptError:
            result = None
        rest, keywords = variadic_arguments(
            definition.node.args,
            [ir.unshaped(arg.value(emitter).type) for arg in bound.rest],
            {name: ir.unshaped(arg.value(emitter).type) for name, arg in bound.keywords.items()},
        )
        return with_variadic(Signature(tuple(arguments), result), rest, keywords)

    def _annotated(self, resolver: Resolver, parameter: ast.arg, default: object) -> ir.Type | None:
        """The annotated type; None where there is no annotation, or none that is a type."""
        if parameter.annotation is None:
            return None
        try:
            type = resolver.resolve_type(parameter.annotation, self.definition.range(parameter.annotation))
        except ScriptError:
            return None
        return ir.optional(type) if default is None and not ir.is_subtype(ir.NONE, type) else type

    # --- calls

    def _call_specialized(
        self, emitter: Emitter, range: SourceRange, signature: Signature, bound: Bound, n_binders: int
    ) -> SugaredValue:
        notes.went_beyond = True
        made = self.specialized(signature, _key(signature))
        named = [Arg(arg.sugared, arg.range, name) for name, arg in bound.named.items()]
        rest_names = [a.name for a in signature.arguments if a.name in signature.rest]
        rest = [Arg(arg.sugared, arg.range, name) for name, arg in zip(rest_names, bound.rest, strict=True)]
        keywords = [Arg(arg.sugared, arg.range, name) for name, arg in bound.keywords.items()]
        return made.call(emitter, range, [], [*named, *rest, *keywords], n_binders)

    def _inline(self, emitter: Emitter, range: SourceRange, bound: Bound) -> SugaredValue:
        definition = self.definition
        values: dict[str, SugaredValue] = {}
        parameters = definition.node.args
        if self.this is not None:
            values[definition.parameters[0].arg] = self.this
        raw = _raw_defaults(self.function)
        positional, keyword_only = self._parameters()
        for parameter in (*positional, *keyword_only):
            arg = bound.named.get(parameter.arg)
            if arg is None:
                values[parameter.arg] = services.sugared(raw.get(parameter.arg), range)
            else:
                values[parameter.arg] = arg.sugared
        if parameters.vararg is not None:
            values[parameters.vararg.arg] = SugaredTuple(tuple(arg.sugared for arg in bound.rest))
        if parameters.kwarg is not None:
            values[parameters.kwarg.arg] = KeywordsValue({name: arg.sugared for name, arg in bound.keywords.items()})
        return inline_call(emitter, range, self.name, definition, self.resolver, values)


def inlined_call(
    emitter: Emitter,
    range: SourceRange,
    function: Callable[..., object],
    name: str,
    this: SugaredValue,
    args: Sequence[Arg],
    kwargs: Sequence[Arg],
) -> SugaredValue:
    """Emit the body of a method in place of a call; ScriptError if it does not take these arguments."""

    def plain() -> SugaredValue:
        raise ScriptError(f"{name}() does not take these arguments", range)

    def specialized(signature: Signature, key: str) -> SugaredValue:
        return plain()

    return Callee(function, name, this, plain, specialized).inline(emitter, range, args, kwargs)


def inlined(
    emitter: Emitter, range: SourceRange, function: Callable[..., object], name: str, this: SugaredValue
) -> SugaredValue:
    """Emit the body of a method that takes nothing else."""
    definition = definition_of(function)
    resolver = resolver_of(function, definition, services.sugared)
    return inline_call(emitter, range, name, definition, resolver, {definition.parameters[0].arg: this})


def _raw_defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _settled(emitter: Emitter, arg: Arg) -> Arg:
    """An argument that is a value of the graph as just that."""
    sugared = arg.sugared
    if sugared.is_first_class and not isinstance(sugared, SimpleValue):
        sugared = emitter.sugar(sugared.as_value(emitter, arg.range))
    return Arg(sugared, arg.range, arg.name)


def _has_type_comment(definition: Definition) -> bool:
    """Whether the types stand in comments, as they did before annotations."""
    if definition.node.type_comment:
        return True
    first, last = definition.node.lineno - 1, definition.node.body[0].lineno - 1
    return any(_TYPE_COMMENT.search(definition.source.line(line)) for line in range(first, last))


def _key(signature: Signature) -> str:
    arguments = ", ".join(f"{a.name}: {a.type}" for a in signature.arguments)
    return f"({arguments}) {sorted(signature.rest)} {sorted(signature.keywords)}"
