"""The emitter: what the functions that emit syntax share while one definition is compiled.

It holds the graph, the variables and the resolver, hands each piece of syntax to the function registered for it
(`syntax`), and inserts nodes. It emits naive code: variables are `prim::Store` and `prim::Load`, `return`, `break` and
`continue` are nodes of their own, a loop has a second block for its condition. `ssa`, `exits` and `loops` lower that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedSyntaxError

from .assumptions import Assumptions, Reconsider, Subject
from .definition import Definition, Located
from .environment import Environment, Frame, shown_name
from .matching.conversions import convert
from .matching.operator_calls import emit_operator_call
from .matching.schema_matching import match_call, pack_results
from .resolver import Resolver
from .survey import Survey
from .syntax import EXPRESSIONS, STATEMENTS, pretty_name
from .values.optional_reads import reconsider_reads
from .values.simple_values import SimpleValue
from .values.sugared import Arg, SugaredValue

Constant: TypeAlias = "ir.Value | bool | int | float | complex | str | None"
"""An argument of an operator: a value, or a plain constant that becomes one."""

LoopKind: TypeAlias = Literal["none", "loop", "unrolled"]


@dataclass(slots=True)
class Results:
    """What is known of the result of the function (or closure) being compiled."""

    declared: ir.Type | None
    """The annotated type."""
    merged: ir.Type | None = None
    """The type of all results returned so far."""
    body: Frame | None = None
    """The variables of the body, if it stands in place of a call, so that the result need not be a value of the graph.
    """
    sugared: SugaredValue | None = None
    """The result, if it is no value of the graph."""
    only: ir.Value | None = None
    """The result, if there is one `return` that is always reached."""


@final
class Emitter:
    """Compiles one definition into one graph."""

    def __init__(
        self,
        function: ir.Function,
        definition: Definition,
        resolver: Resolver,
        graph: ir.Graph,
        results: Results,
        assumptions: Assumptions | None = None,
    ) -> None:
        self.function = function
        self.definition = definition
        self.resolver = resolver
        self.graph = graph
        self.environment = Environment(graph)
        self.results = results
        self.assumptions = assumptions or Assumptions()
        if self.assumptions.inferring:
            self.environment = Environment(graph, _Retyping(self))
        self.loop_kind: LoopKind = "none"
        self.literals: dict[ir.Value, Subject] = {}
        """Empty lists and dicts that nothing declares the type of, and where they stand."""
        self.empty_attributes: dict[ir.Value, Callable[[ir.Type], None]] = {}
        """Attributes that were empty lists or dicts, and how to ask for them to be of another type."""
        self.former_numbers: set[ir.Value] = set()
        """Attributes that were numbers and are tensors for the sake of what they are assigned."""
        self.optional_reads: dict[Subject, ir.SourceRange] = {}
        """Where variables and attributes were read that may be None, though nobody declared it."""
        self.guessed_attributes: set[ir.Value] = set()
        """Attributes whose types are what methods assign to them."""
        self.unrolled_frame: Frame | None = None
        """The frame in which the innermost loop is unrolled, if it is."""
        self.unrolled_loop: Subject | None = None
        """The innermost loop that is unrolled: what to assume of it is that only a run decides how its rounds end."""
        self.break_flag: str | None = None
        """The variable to set where the innermost loop is left, if it is one round of a loop that is unrolled."""
        self.round_end: Literal["break", "continue"] | None = None
        """How the round that is being emitted of that loop was left just now."""
        self.exiting: set[ir.Block] = set()
        """Blocks whose end is never reached: they return, raise, break or continue."""
        self.caller_name = function.name
        """How the chain of compilations names this function."""
        self.owner: ir.ClassType | None = None
        """The class whose method this is."""
        self.inlined: list[tuple[Definition, object]] = []
        """The definitions whose bodies are being emitted in place of calls, innermost last, and whose methods they are:
        a container in a container of the same class is no recursion."""
        self.inline_sites: list[int] = []
        """Where the calls stand that are being replaced so."""
        self.counted_loops: list[Subject] = []
        """The loops of known length around this place, innermost last, which could be unrolled."""
        self.survey: Survey | None = None
        """Set where the definition is known not to compile, and all that is wrong with it is wanted."""

    @property
    def infers(self) -> bool:
        """Whether this is compiled by wider rules than TorchScript's: those failed, or a call is replaced by it."""
        return self.assumptions.inferring or bool(self.inlined)

    # --- syntax

    def statements(self, statements: Iterable[ast.stmt]) -> None:
        """Emit statements, up to the first after which the block is left."""
        for statement in statements:
            if self.survey is None:
                self.statement(statement)
            else:
                self.survey.emit(self, statement)
            if self.environment.block in self.exiting:
                return

    def statement(self, node: ast.stmt) -> None:
        emit = STATEMENTS.get(type(node))
        if emit is None:
            raise self.unsupported(node)
        try:
            emit(self, node)
        except ScriptError as error:
            reconsider_reads(self, error)
            raise

    def sugared(self, node: ast.expr, hint: ir.Type | None = None) -> SugaredValue:
        """What an expression means; `hint` is the type that its context declares for it."""
        emit = EXPRESSIONS.get(type(node))
        if emit is None:
            raise self.unsupported(node)
        return emit(self, node, hint)

    def value(self, node: ast.expr, hint: ir.Type | None = None) -> ir.Value:
        """The value of an expression; ScriptError if it is not a value of the graph."""
        sugared = self.sugared(node, hint)
        value = sugared.value if isinstance(sugared, SimpleValue) else sugared.as_value(self, self.range(node))
        if hint is ir.ANY and value.type is not ir.ANY:
            return self.unchecked_cast(value, ir.ANY, self.range(node))
        return value

    def range(self, node: Located) -> ir.SourceRange:
        return self.definition.range(node)

    def place(self, node: Located) -> tuple[object, ...]:
        """A key for this place in the program: the syntax, and the calls in whose place it is emitted."""
        return (id(self.definition.source), node.lineno, node.col_offset, *self.inline_sites)

    def error(self, node: Located, message: str) -> ScriptError:
        """The error that a piece of syntax is wrong."""
        return ScriptError(message, self.range(node))

    def unsupported(self, node: Located, message: str | None = None) -> UnsupportedSyntaxError:
        """The error that a piece of syntax is not part of the language."""
        return UnsupportedSyntaxError(message or f"{pretty_name(node)} aren't supported", self.range(node))

    def resolve_type(self, node: ast.expr) -> ir.Type:
        """The type that an annotation denotes."""
        return self.resolver.resolve_type(node, self.range(node))

    # --- nodes

    def sugar(self, value: ir.Value) -> SimpleValue:
        """A value of the graph as what an expression means."""
        return SimpleValue(value)

    def insert(
        self, kind: str, inputs: Iterable[ir.Value], outputs: Iterable[ir.Type], range: ir.SourceRange | None
    ) -> ir.Node:
        """Insert a node as it is, without matching a schema."""
        return self.graph.insert_node(self.graph.create(kind, inputs, outputs, range))

    def constant(self, value: object, range: ir.SourceRange | None, type: ir.Type | None = None) -> ir.Value:
        """Insert a constant; ScriptError if the value cannot be one."""
        self.graph.current_range = range
        try:
            return ir.insert_constant(self.graph, value, type)
        except ValueError as error:
            raise ScriptError(str(error), range) from None

    def builtin(self, range: ir.SourceRange, name: str, *args: Constant, **kwargs: Constant) -> ir.Value:
        """Insert a call of the overload of an operator that accepts these arguments."""
        values = [self._as_value(arg, range) for arg in args]
        keywords = {key: self._as_value(arg, range) for key, arg in kwargs.items()}
        return emit_operator_call(self.graph, range, name, values, keywords)

    def call_operator(
        self,
        range: ir.SourceRange,
        operator: ir.Operator,
        args: Sequence[ir.Value],
        kwargs: Mapping[str, ir.Value] | None = None,
    ) -> ir.Value:
        """Insert a call of one overload."""
        matched = match_call(self.graph, range, [operator.schema], args, kwargs)
        node = self.insert(operator.name, matched.inputs, matched.return_types, range).set_operator(operator)
        return pack_results(self.graph, node.outputs, matched.field_names)

    def method(self, range: ir.SourceRange, value: ir.Value, name: str, *args: ir.Value) -> ir.Value:
        """Insert a call of an object's method."""
        method = SimpleValue(value).attribute(self, range, name)
        return method.call(self, range, [Arg(SimpleValue(arg), range) for arg in args], []).as_value(self, range)

    def _as_value(self, given: Constant, range: ir.SourceRange) -> ir.Value:
        return given if isinstance(given, ir.Value) else self.constant(given, range)

    def make_tuple(
        self, values: Sequence[ir.Value], range: ir.SourceRange, type: ir.TupleType | None = None
    ) -> ir.Value:
        """Insert the construction of a tuple."""
        result = type or ir.TupleType(tuple(value.type for value in values))
        return self.insert("prim::TupleConstruct", values, (result,), range).output

    def make_list(self, values: Sequence[ir.Value], element: ir.Type, range: ir.SourceRange) -> ir.Value:
        """Insert the construction of a list."""
        return self.insert("prim::ListConstruct", values, (ir.ListType(element),), range).output

    def converted(
        self, value: ir.Value, wanted: ir.Type, range: ir.SourceRange, *, allow_conversions: bool = True
    ) -> ir.Value:
        """Insert the implicit conversion of a value towards a type; the caller checks whether it got there."""
        self.graph.current_range = range
        return convert(self.graph, value, wanted, allow_conversions=allow_conversions)

    def unchecked_cast(self, value: ir.Value, type: ir.Type, range: ir.SourceRange) -> ir.Value:
        """Insert the statement that a value is of a type."""
        return self.insert("prim::unchecked_cast", (value,), (type,), range).output

    def uninitialized(self, type: ir.Type, range: ir.SourceRange | None) -> ir.Value:
        """Insert a value that nothing reads before it is replaced."""
        return self.insert("prim::Uninitialized", (), (type,), range).output

    def raise_if(self, range: ir.SourceRange, condition: ir.Value, message: Constant, class_name: str) -> None:
        """Insert an exception, of a class such as `builtins.ValueError`, that is raised where the condition holds."""
        check = self.insert("prim::If", (condition,), (), range)
        with self.graph.inserting_at(check.add_block()):
            raised = (self._as_value(message, range), self.constant(class_name, range))
            self.insert("prim::RaiseException", raised, (), range)
        check.add_block()

    def to_string(self, value: ir.Value, range: ir.SourceRange) -> ir.Value:
        """A string as it is; of anything else, its text."""
        return value if value.type is ir.STRING else self.builtin(range, "aten::str", value)

    # --- functions

    def schema_of(self, function: ir.Function, range: ir.SourceRange, name: str = "") -> ir.FunctionSchema:
        """The schema of a function that is called here; it may have to be compiled first.

        `name` is how the chain of compilations names it: `Class.method` for a method.
        """
        with self.calling(name or function.name, range):
            return function.schema

    @contextmanager
    def calling(self, callee: str, range: ir.SourceRange) -> Iterator[None]:
        """Add this call to the chain of compilations of an error that the compilation of a callee raises."""
        try:
            yield
        except ScriptError as error:
            error.called_from(f"'{callee}' is being compiled since it was called from '{self.caller_name}'", range)
            raise

    def is_initializing(self, owner: ir.ClassType) -> bool:
        """Whether this is the `__init__` of a class, which may give its objects new attributes."""
        return self.definition.name == "__init__" and self.owner is owner


@final
class _Retyping:
    """Variables that get values of several types: as one type that holds them all, from the start."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    def _subject(self, name: str) -> Subject:
        return ("variable", (id(self._emitter.definition.source), shown_name(name), *self._emitter.inline_sites))

    def assumed(self, name: str) -> ir.Type | None:
        return self._emitter.assumptions.types.get(self._subject(name))

    def reconsidered(self, name: str, declared: ir.Type, given: ir.Type, problem: ScriptError) -> ScriptError:
        joined = wider_type(declared, given)
        if joined is not None and self.assumed(name) != joined:
            return Reconsider(problem, self._subject(name), joined)
        if self._emitter.counted_loops:
            return Reconsider(problem, self._emitter.counted_loops[0])
        return problem

    def is_number_for_tensor(self, wanted: ir.Type, given: ir.Type) -> bool:
        return isinstance(given, ir.TensorType) and wanted in (ir.INT, ir.FLOAT, ir.BOOL)


def wider_type(declared: ir.Type, given: ir.Type) -> ir.Type | None:
    """The type for a variable or attribute with values of both types; None if there is none that is as easy to use."""
    declared, given = ir.unshaped(declared), ir.unshaped(given)
    plain = {ir.INT, ir.FLOAT, ir.BOOL}
    for one, other in ((declared, given), (given, declared)):
        if isinstance(one, ir.TensorType) and other in plain:
            return ir.TENSOR
        if one is ir.FLOAT and other is ir.INT:
            return ir.FLOAT
    if ir.NONE in (declared, given) or isinstance(declared, ir.OptionalType) or isinstance(given, ir.OptionalType):
        joined = ir.unify(declared, given)
        return joined if isinstance(joined, ir.OptionalType) else None
    return None
