"""From a definition to a function's graph and schema.

    compile_definition(function, definition, resolver)

emits naive code (`emitter`, and a file for each family of syntax), turns variables into values (`ssa`), early exits and
loops into structured control flow (`exits`, `loops`), forks into graphs (`closures`), and hands the graph to `finish`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from flambeau import ir
from flambeau.errors import ScriptError

from .annotations import parse_annotation
from .assumptions import ATTEMPTS, Assumptions, Reconsider, Subject, notes
from .definition import Definition
from .diagnostics.remedies import add_remedies
from .emitter import Emitter, Results

# What these files register is all that is wanted of them.
from .expressions import (  # noqa: F401
    arithmetic,
    attributes,
    comprehensions,
    literals,
    mapped,
    names,
    special_forms,
    sums,
)
from .expressions.closures import lift_forks
from .formatting import f_strings  # noqa: F401
from .formatting.formats import services as text_function_services
from .formatting.formats import text_function
from .lowering.exits import transform_exits
from .lowering.loops import canonicalize_loops
from .lowering.ssa import convert_to_ssa
from .matching.builtin_functions import services as builtin_function_services
from .resolver import Resolver
from .results import finish_body
from .signatures import Signature, signature_of
from .statements import (  # noqa: F401
    augmented,
    loop_statements,
    match_statements,
    simple_statements,
    try_statements,
)
from .survey import Survey
from .values import class_values  # noqa: F401
from .values.callables import ExceptionClass, FunctionValue
from .values.keywords import KeywordsValue
from .values.namespaces import SERIALIZED_NAMES, MathModule
from .values.simple_values import SugaredTuple
from .values.sugared import SugaredFactory, SugaredValue

_in_progress: set[ir.Function] = set()
"""The functions that are being compiled. One that is reached again meanwhile is recursive: a function is compiled by
one thread only, which holds its lock."""


def compile_definition(
    function: ir.Function,
    definition: Definition,
    resolver: Resolver,
    *,
    self_value: SugaredFactory | None = None,
    self_type: ir.Type | None = None,
    signature: Signature | None = None,
    defaults: Mapping[str, object] | None = None,
    finish: Callable[[ir.Graph], None] | None = None,
    infers_at_once: bool = False,
    unwraps: bool = False,
) -> None:
    """Compile a definition: assigns `function.graph` and `function.schema`. ScriptError if it is no TorchScript.

    A method has a `self_type`, the type of its first parameter, and a `self_value`, which says what that parameter
    means (default: an object of that type). `signature` overrides annotations. `finish` transforms the graph when it
    is complete: the passes that follow every compilation. `infers_at_once`: what this is part of is known not to be
    TorchScript by its own rules. `unwraps`: optional values that nobody declared to be so may be used as values.
    """
    try:
        if signature is None:
            signature = signature_of(definition, resolver, is_method=self_type is not None, defaults=defaults)
        graph, arguments, result = _attempts(
            function,
            definition,
            resolver,
            self_value,
            self_type,
            signature,
            infers_at_once=infers_at_once,
            unwraps=unwraps,
        )
    except ScriptError as error:
        add_remedies(error)
        raise
    if finish is not None:
        finish(graph)
    function.graph = graph
    function.schema = ir.FunctionSchema(function.name, "", arguments, (ir.Argument("", result),))


_Compiled: TypeAlias = "tuple[ir.Graph, tuple[ir.Argument, ...], ir.Type]"


def _attempts(
    function: ir.Function,
    definition: Definition,
    resolver: Resolver,
    self_value: SugaredFactory | None,
    self_type: ir.Type | None,
    signature: Signature,
    *,
    infers_at_once: bool,
    unwraps: bool,
) -> _Compiled:
    """Compile by TorchScript's own rules, or else by wider ones, with as many assumptions as that needs."""

    def attempt(assumptions: Assumptions) -> _Compiled:
        return _compile_once(function, definition, resolver, self_value, self_type, signature, assumptions)

    try:
        if not infers_at_once and not unwraps:
            return attempt(Assumptions())
    except ScriptError:
        if definition.serialized or function in _in_progress:
            raise
    assumptions = Assumptions(inferring=True, unwraps=unwraps, trusts_annotations=not infers_at_once)
    last = ScriptError("the types of variables could not be inferred", definition.header_range())
    reads: list[Subject] = []
    for _ in range(ATTEMPTS):
        try:
            compiled = attempt(assumptions)
            notes.went_beyond = True
            return _with_fewest_reads(compiled, assumptions, reads, attempt)
        except Reconsider as error:
            last = error.as_error()
            if not assumptions.add(error.subject, error.type):
                break
            for subject, type in error.along.items():
                assumptions.add(subject, type)
            if error.subject[0] == "read":
                reads += [error.subject, *error.along]
        except ScriptError as error:
            last = error
            break
    survey = Survey()
    try:
        _compile_once(function, definition, resolver, self_value, self_type, signature, assumptions, survey)
    except ScriptError as error:
        survey.errors.append(error)
    raise last.along_with(survey.errors) from None


def _with_fewest_reads(
    compiled: _Compiled,
    assumptions: Assumptions,
    reads: Sequence[Subject],
    attempt: Callable[[Assumptions], _Compiled],
) -> _Compiled:
    """What was compiled, without those assumptions about what is read that turned out not to be needed."""
    for subject in reads:
        fewer = assumptions.without(subject)
        try:
            compiled, assumptions = attempt(fewer), fewer
        except ScriptError:
            continue
    return compiled


def _compile_once(
    function: ir.Function,
    definition: Definition,
    resolver: Resolver,
    self_value: SugaredFactory | None,
    self_type: ir.Type | None,
    signature: Signature,
    assumptions: Assumptions,
    survey: Survey | None = None,
) -> _Compiled:
    graph = ir.Graph()
    emitter = Emitter(function, definition, resolver, graph, Results(signature.return_type), assumptions)
    emitter.survey = survey
    if isinstance(self_type, ir.ClassType):
        emitter.owner = self_type
        emitter.caller_name = f"{self_type.name}.{function.name}"
    with _compiling(function, definition):
        arguments = _emit_parameters(emitter, signature, self_value, self_type)
        emitter.statements(definition.node.body)
        if survey is not None:
            survey.raise_if_any()
        result = finish_body(emitter, graph.block, definition.header_range())
        _lower(graph)
    return graph, arguments, result


@contextmanager
def _compiling(function: ir.Function, definition: Definition) -> Iterator[None]:
    """Refuse recursion, and code that is nested so deeply that the compiler would run out of stack."""
    if function in _in_progress:
        raise ScriptError(
            f"function '{function.name}' is called recursively. Recursive calls are not supported",
            definition.header_range(),
        )
    _in_progress.add(function)
    try:
        yield
    except RecursionError:
        raise ScriptError("the code is nested too deeply", definition.header_range()) from None
    finally:
        _in_progress.discard(function)


def _emit_parameters(
    emitter: Emitter, signature: Signature, self_value: SugaredFactory | None, self_type: ir.Type | None
) -> tuple[ir.Argument, ...]:
    definition, arguments = emitter.definition, signature.arguments
    parameters = definition.parameters
    if self_type is not None:
        if not parameters:
            raise ScriptError("methods must have a self argument", definition.header_range())
        this, *parameters = parameters
        value = emitter.graph.add_input(this.arg, self_type)
        sugared: SugaredValue = emitter.sugar(value) if self_value is None else self_value(value)
        emitter.environment.assign(this.arg, sugared, emitter.range(this))
        arguments = (ir.Argument(this.arg, self_type), *arguments)
    variadic = definition.node.args
    by_name = {parameter.arg: parameter for parameter in parameters}
    rest: list[SugaredValue] = []
    keywords: dict[object, SugaredValue] = {}
    for argument, kind in zip(signature.arguments, signature.kinds(), strict=True):
        given = emitter.graph.add_input("", argument.type)
        if kind == "named":
            parameter = by_name[argument.name]
            emitter.environment.assign(parameter.arg, emitter.sugar(given), emitter.range(parameter))
            if argument.name in signature.fixed:
                _fix(emitter, parameter, argument, given)
            continue
        given.set_debug_name(argument.name)
        if kind == "rest":
            rest.append(emitter.sugar(given))
        else:
            keywords[argument.name] = emitter.sugar(given)
    if variadic.vararg is not None:
        emitter.environment.assign(variadic.vararg.arg, SugaredTuple(tuple(rest)), emitter.range(variadic.vararg))
    if variadic.kwarg is not None:
        emitter.environment.assign(variadic.kwarg.arg, KeywordsValue(keywords), emitter.range(variadic.kwarg))
    return arguments


def _fix(emitter: Emitter, parameter: ast.arg, argument: ir.Argument, given: ir.Value) -> None:
    """Make a parameter the constant that its default is; raise if it is given anything else."""
    range_ = emitter.range(parameter)
    default = emitter.constant(argument.default, range_)
    if argument.type is not ir.NONE:
        problem = f"{emitter.definition.name}() is compiled for {argument.name}={argument.default!r} only"
        differs = emitter.builtin(range_, "aten::ne", given, default)
        emitter.raise_if(range_, differs, problem, "builtins.ValueError")
    emitter.environment.assign(parameter.arg, emitter.sugar(default), range_)


def _lower(graph: ir.Graph) -> None:
    """Turn naive code into the final form; steps for which there is nothing to do are left out."""
    kinds = {node.kind for node in graph.walk()}
    has_loops = "prim::Loop" in kinds
    convert_to_ssa(graph, has_loops=has_loops)
    transform_exits(
        graph,
        has_continuations=not kinds.isdisjoint({"prim::BreakStmt", "prim::ContinueStmt"}),
        has_with="prim::Enter" in kinds,
        has_local_calls="prim::LocalCall" in kinds,
    )
    if has_loops:
        canonicalize_loops(graph)
    if "prim::Closure" in kinds:
        lift_forks(graph)
    if "prim::EmptyListLiteral" in kinds:
        _settle_empty_lists(graph)


def _settle_empty_lists(graph: ir.Graph) -> None:
    """Make each `[]` that met no other type a list of tensors."""
    for node in graph.find_nodes("prim::EmptyListLiteral"):
        made = graph.create("prim::ListConstruct", (), (node.output.type,), node.range).insert_before(node)
        if node.output.has_debug_name:
            made.output.set_debug_name(ir.base_name(node.output.debug_name))
        node.output.replace_all_uses_with(made.output)
        node.destroy()


class _BuiltinResolver:
    """What names mean in the text of built-in functions: as in an archive's code."""

    def resolve_value(self, name: str, range: ir.SourceRange) -> SugaredValue | None:
        return SERIALIZED_NAMES.get(name)

    def names(self) -> tuple[str, ...]:
        return ()

    def resolve_type(self, expression: object, range: ir.SourceRange) -> ir.Type:
        return parse_annotation(expression, range, lambda _: None)  # type: ignore[arg-type]  # always an expression


def _builtin_schema(definition: Definition) -> ir.FunctionSchema:
    signature = signature_of(definition, _BuiltinResolver())
    returns = (ir.Argument("", signature.return_type or ir.NONE),)
    return ir.FunctionSchema(f"aten::{definition.name}", "", signature.arguments, returns)


def _compile_builtin(function: ir.Function, definition: Definition) -> None:
    compile_definition(function, definition, _BuiltinResolver())


class _TextFunctionResolver(_BuiltinResolver):
    """What names mean in the text of the functions that format."""

    def resolve_value(self, name: str, range: ir.SourceRange) -> SugaredValue | None:
        if name == "math":
            return MathModule()
        if name == "OverflowError":
            return ExceptionClass(name, f"builtins.{name}")
        return FunctionValue.of(text_function(name))


def _compile_text_function(function: ir.Function, definition: Definition) -> None:
    compile_definition(function, definition, _TextFunctionResolver())


text_function_services.compile = _compile_text_function
builtin_function_services.compile = _compile_builtin
builtin_function_services.schema = _builtin_schema
