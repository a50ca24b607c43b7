"""Which schema a call means, and what its arguments become: TorchScript's rules of overload resolution.

The candidates are tried in order, first without and then with implicit conversions; the first that accepts all
arguments wins. A lone candidate is tried with conversions at once. Trying is done on types alone
(`conversions.plan`); only the winner's conversions and defaults are inserted.

    torch.zeros(2, 3)     trailing numbers become the list that the last positional parameter wants
    conv(x, w, stride=2)  `int[2] stride` accepts one int, repeated
    f(x, [])              `[]` takes the element type of the parameter
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import EMPTY_LIST_HINT, indented, is_tensor_list, type_name
from ..diagnostics.suggestions import similar_keyword
from .conversions import Plan, is_convertible_to_list, is_empty_literal, plan, unwrapped
from .type_variables import Bindings, bind, substitute

_BLOCKED = frozenset({"aten::view.dtype", "aten::max.unary_out", "aten::min.unary_out"})
"""Overloads that TorchScript never chooses."""

_MOST_SHOWN = 8
"""How many of the overloads that failed are listed with the reasons."""


class MatchedCall(NamedTuple):
    """The schema that a call matched, and its number among the candidates.

    The inputs are complete and converted, in the graph already. The results have names only if all of them do.
    """

    candidate: int
    schema: ir.FunctionSchema
    inputs: list[ir.Value]
    return_types: tuple[ir.Type, ...]
    field_names: tuple[str, ...] | None


_Make = Callable[[ir.Graph], ir.Value]


@final
class _Attempt:
    """Matching one schema: `run` gives the makers of the inputs, or None with `reason` set."""

    def __init__(self, schema: ir.FunctionSchema, *, allow_conversions: bool, is_lenient: bool = False) -> None:
        self.schema = schema
        self.is_lenient = is_lenient
        self.allow_conversions = allow_conversions
        self.bindings: Bindings = {}
        self.reason: Callable[[], str] = str
        """Why it failed; a function, since it is wanted only if all candidates fail."""
        self.accepted = 0
        """How many arguments were accepted before it failed."""

    def run(
        self, args: Sequence[ir.Value], kwargs: Mapping[str, ir.Value], self_value: ir.Value | None
    ) -> list[_Make] | None:
        makers: list[_Make] = []
        used, remaining = 0, dict(kwargs)
        is_aten = self.schema.name.startswith("aten::")
        for position, argument in enumerate(self.schema.arguments):
            name = argument.name
            maker: _Make | None
            if self_value is not None and name == "self":
                maker, self_value = self._accept(argument, self_value), None
            elif used < len(args) and not argument.kwarg_only:
                if self._takes_the_rest(position, args[used]):
                    maker, used = self._list_of(argument, args[used:]), len(args)
                else:
                    maker, used = self._accept(argument, args[used]), used + 1
            elif name in remaining:
                maker = self._accept(argument, remaining.pop(name))
            elif is_aten and name == "self" and "input" in remaining:
                maker = self._accept(argument, remaining.pop("input"))
            elif argument.has_default:
                maker = _default(argument)
            else:
                self._fail(f"Argument {name} not provided.")
                return None
            if maker is None:
                return None
            makers.append(maker)
            self.accepted += 1
        if self_value is not None:
            self._fail("Provided self argument not used in schema.")
            return None
        if self.schema.is_vararg:
            makers += [_constantly(value) for value in args[used:]]
        elif used < len(args):
            self._fail(f"Expected at most {used} arguments but found {len(args)} positional arguments.")
            return None
        if remaining:
            name = next(iter(remaining))
            known = self.schema.find_argument(name) is not None
            self._fail(f"Keyword argument {name} {'specified twice' if known else 'unknown'}.")
            return None
        return makers

    def return_types(self) -> tuple[ir.Type, ...]:
        """The types of the results, type variables replaced (one that no argument binds stays)."""
        return tuple(substitute(r.type, self.bindings) or r.type for r in self.schema.returns)

    def _fail(self, reason: str) -> None:
        self.reason = lambda: reason

    def _accept(self, argument: ir.Argument, value: ir.Value) -> _Make | None:
        if _is_repeated(argument, value.type):
            return _repeated(value, argument.broadcast or 1)
        planned = self._plan(argument, value)
        if planned is None:
            return None
        return _constantly(value) if planned.apply is None else _applied(planned, value)

    def _plan(self, argument: ir.Argument, value: ir.Value) -> Plan | None:
        given, formal = value.type, argument.type
        mismatch = bind(formal, given, self.bindings)
        if mismatch is not None:
            self.reason = lambda: (
                f"Could not match type {type_name(given)} to {type_name(formal)} in argument '{argument.name}': "
                f"{mismatch}."
            )
            return None
        wanted = substitute(formal, self.bindings)
        if wanted is None:
            self._fail(
                f"Type variables in type {type_name(formal)} could not be inferred from actual type {type_name(given)}"
            )
            return None
        planned = plan(
            given, wanted, is_empty_literal=is_empty_literal(value), allow_conversions=self.allow_conversions
        )
        if ir.is_subtype(planned.type, wanted):
            return planned
        if self.is_lenient and given is ir.INT and unwrapped(wanted) is ir.FLOAT:
            return Plan(ir.FLOAT, lambda graph, value: graph.insert("aten::Float", (value,), (ir.FLOAT,)).output)
        self.reason = lambda: mismatch_message(argument, planned.type)
        return None

    def _takes_the_rest(self, position: int, value: ir.Value) -> bool:
        """Whether this parameter collects all remaining positional arguments in a list."""
        argument = self.schema.arguments[position]
        formal = argument.type
        if not self.allow_conversions or not isinstance(formal, ir.ListType) or argument.broadcast is not None:
            return False
        following = self.schema.arguments[position + 1 : position + 2]
        if isinstance(formal.element, ir.VarType) or any(not a.kwarg_only for a in following):
            return False
        return not isinstance(value.type, ir.ListType) and not is_convertible_to_list(value.type, formal)

    def _list_of(self, argument: ir.Argument, values: Sequence[ir.Value]) -> _Make | None:
        formal = argument.type
        if not isinstance(formal, ir.ListType):
            return None
        element = ir.Argument("<varargs>", formal.element)
        makers = [self._accept(element, value) for value in values]
        known = [maker for maker in makers if maker is not None]
        if len(known) < len(makers):
            return None
        return lambda graph: graph.insert("prim::ListConstruct", [make(graph) for make in known], (formal,)).output


def mismatch_message(argument: ir.Argument, given: ir.Type) -> str:
    """Why a value of type `given` is not accepted for a parameter."""
    lines = [
        f"Expected a value of type '{type_name(argument.type)}' for argument '{argument.name}' "
        f"but instead found type '{type_name(given)}'."
    ]
    if isinstance(given, ir.TensorType) and given.inferred:
        lines.append(
            f"Inferred '{argument.name}' to be of type 'Tensor' because it was not annotated with an explicit type."
        )
    if is_tensor_list(given):
        lines.append(EMPTY_LIST_HINT)
    reason = _why_not_subtype(given, argument.type)
    return "\n".join([*lines, reason] if reason else lines)


def _why_not_subtype(given: ir.Type, wanted: ir.Type) -> str | None:
    if isinstance(wanted, ir.InterfaceType) and isinstance(given, (ir.ClassType, ir.InterfaceType)):
        return ir.why_not_implements(given, wanted)
    return None


def _constantly(value: ir.Value) -> _Make:
    return lambda _: value


def _applied(planned: Plan, value: ir.Value) -> _Make:
    apply = planned.apply
    return lambda graph: value if apply is None else apply(graph, value)


def _repeated(value: ir.Value, count: int) -> _Make:
    return lambda graph: graph.insert("prim::ListConstruct", [value] * count, (ir.ListType(value.type),)).output


def _is_repeated(argument: ir.Argument, given: ir.Type) -> bool:
    if argument.broadcast is None or given not in (ir.INT, ir.FLOAT):
        return False
    formal = unwrapped(argument.type)
    return isinstance(formal, ir.ListType) and formal.element is given


def _default(argument: ir.Argument) -> _Make:
    default = argument.default
    known = ir.NONE if default is None else unwrapped(argument.type)
    if known is ir.ANY or known is ir.NUMBER or isinstance(known, ir.UnionType):
        return lambda graph: ir.insert_constant(graph, default)
    return lambda graph: ir.insert_constant(graph, default, known)


def match_call(
    graph: ir.Graph,
    range: ir.SourceRange | None,
    candidates: Sequence[ir.FunctionSchema],
    args: Sequence[ir.Value],
    kwargs: Mapping[str, ir.Value] | None = None,
    self_value: ir.Value | None = None,
    *,
    is_lenient: bool = False,
) -> MatchedCall:
    """The first candidate that accepts the arguments, its conversions inserted; ScriptError if there is none.

    `self_value` is what a method is called on; it goes to the parameter named `self`, wherever that stands. With
    `is_lenient`, an int is taken for a float, as Python's annotations mean it.
    """
    keywords = kwargs or {}
    failures: list[_Attempt] = []
    for allow_conversions in (True,) if len(candidates) == 1 else (False, True):
        failures.clear()
        for index, schema in enumerate(candidates):
            if schema.qualified_name in _BLOCKED:
                continue
            attempt = _Attempt(schema, allow_conversions=allow_conversions, is_lenient=is_lenient and allow_conversions)
            makers = attempt.run(args, keywords, self_value)
            if makers is not None:
                with graph.at_range(range or graph.current_range):
                    inputs = [make(graph) for make in makers]
                names = tuple(r.name for r in schema.returns)
                return MatchedCall(index, schema, inputs, attempt.return_types(), names if all(names) else None)
            if allow_conversions:
                failures.append(attempt)
    raise ScriptError(_no_match(failures, keywords), range, remedy=lambda: _similar_keywords(candidates, keywords))


def _no_match(failures: list[_Attempt], keywords: Mapping[str, ir.Value]) -> str:
    """What was tried and why it failed, first what took the most arguments."""
    if len(failures) == 1:
        return _failure(failures[0])
    ranked = sorted(failures, key=lambda attempt: (_is_out(attempt) and "out" not in keywords, -attempt.accepted))
    fitting = [attempt for attempt in ranked if attempt.accepted] or ranked
    shown = "".join(map(_failure, fitting[:_MOST_SHOWN]))
    rest = len(ranked) - len(fitting[:_MOST_SHOWN])
    if rest > 0:
        shown += f"\nand {rest} more that fit no better\n"
    variants = indented(shown.rstrip("\n"))
    return (
        f"Arguments for call are not valid.\nThe following variants are available:\n{variants}\n\nThe original call is"
    )


def _is_out(attempt: _Attempt) -> bool:
    return any(argument.is_out for argument in attempt.schema.arguments)


def _similar_keywords(candidates: Sequence[ir.FunctionSchema], keywords: Mapping[str, ir.Value]) -> str:
    return next(filter(None, (similar_keyword(name, candidates) for name in keywords)), "")


def accepts(argument: ir.Argument, value: ir.Value, *, allow_conversions: bool) -> bool:
    """Whether a call may give a value to a parameter; nothing is inserted."""
    schema = ir.FunctionSchema("", "", (argument,), ())
    return _Attempt(schema, allow_conversions=allow_conversions).run([value], {}, None) is not None


def _failure(attempt: _Attempt) -> str:
    return f"\n{attempt.schema}:\n{attempt.reason()}\n"


def pack_results(graph: ir.Graph, values: Sequence[ir.Value], names: tuple[str, ...] | None) -> ir.Value:
    """Several results as one value: a tuple, a NamedTuple if they have names; one result as it is; none as None."""
    if not values:
        return ir.insert_constant(graph, None)
    if len(values) == 1:
        return values[0]
    types = tuple(value.type for value in values)
    packed = ir.TupleType(types) if names is None else ir.TupleType(types, field_names=names)
    return graph.insert("prim::TupleConstruct", values, (packed,)).output
