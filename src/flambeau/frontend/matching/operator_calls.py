"""Calls of operators and built-in functions by name, as `emit`ted by the compiler and by whoever else builds graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flambeau import ir
from flambeau.errors import ScriptError

from .builtin_functions import builtin_functions_named
from .schema_matching import MatchedCall, match_call, pack_results
from .type_variables import bind, substitute


def emit_operator_call(
    graph: ir.Graph,
    range: ir.SourceRange | None,
    kind: str,
    args: Sequence[ir.Value],
    kwargs: Mapping[str, ir.Value] | None = None,
    self_value: ir.Value | None = None,
    *,
    is_lenient: bool = False,
) -> ir.Value:
    """Insert a call of the overload of `kind` (such as `aten::add`) that accepts the arguments; its result.

    Several results become one tuple. With `is_lenient`, an int is taken for a float.

    ScriptError if there is no such operator, or no overload accepts the arguments.
    """
    operators = ir.operators_named(kind)
    functions = builtin_functions_named(kind)
    if not operators and not functions:
        raise ScriptError(_unknown(kind), range)
    candidates = _candidates_of(kind, operators, functions)
    if is_lenient:
        matched = match_call(graph, range, candidates.schemas, args, kwargs, self_value, is_lenient=True)
    else:
        matched = _match(graph, range, candidates, args, kwargs or {}, self_value)
    if matched.candidate >= len(operators):
        return _inline(graph, range, functions[matched.candidate - len(operators)], matched)
    operator = operators[matched.candidate]
    node = graph.create(kind, matched.inputs, matched.return_types, range)
    graph.insert_node(node.set_operator(operator))
    return pack_results(graph, node.outputs, matched.field_names)


@dataclass(slots=True)
class _Candidates:
    """The overloads of a name, and which of them was chosen for arguments of given types."""

    operators: tuple[ir.Operator, ...]
    schemas: list[ir.FunctionSchema]
    chosen: dict[tuple[object, ...], int] = field(default_factory=dict)


_candidates: dict[str, _Candidates] = {}
_PLAIN = (ir.TensorType, ir.PrimitiveType)
_MOST_CHOICES = 200


def _candidates_of(kind: str, operators: tuple[ir.Operator, ...], functions: tuple[ir.Function, ...]) -> _Candidates:
    known = _candidates.get(kind)
    if known is None or known.operators is not operators:
        schemas = [op.schema for op in operators] + [f.schema for f in functions]
        known = _candidates[kind] = _Candidates(operators, schemas)
    return known


def _match(
    graph: ir.Graph,
    range: ir.SourceRange | None,
    candidates: _Candidates,
    args: Sequence[ir.Value],
    kwargs: Mapping[str, ir.Value],
    self_value: ir.Value | None,
) -> MatchedCall:
    """`match_call`, which remembers what it chose for numbers, tensors and lists of them.

    The types of the arguments decide, but for a `[]`, which fits several.
    """
    given = [*args, *kwargs.values()] if self_value is None else [self_value, *args, *kwargs.values()]
    if not all(map(_is_plain, given)):
        return match_call(graph, range, candidates.schemas, args, kwargs, self_value)
    key = (self_value is None, len(args), *kwargs, *(value.type for value in given))
    choice = candidates.chosen.get(key)
    if choice is not None:
        matched = match_call(graph, range, candidates.schemas[choice : choice + 1], args, kwargs, self_value)
        return matched._replace(candidate=choice)
    matched = match_call(graph, range, candidates.schemas, args, kwargs, self_value)
    if len(candidates.chosen) < _MOST_CHOICES:
        candidates.chosen[key] = matched.candidate
    return matched


def _is_plain(value: ir.Value) -> bool:
    given = value.type
    if isinstance(given, ir.ListType):
        return isinstance(given.element, _PLAIN) and value.node.kind != "prim::EmptyListLiteral"
    return isinstance(given, _PLAIN)


def has_method(kind: str, self_type: ir.Type) -> bool:
    """Whether some overload of `kind` can be called on a value of that type (as its argument `self`)."""
    schemas = [op.schema for op in ir.operators_named(kind)] + [f.schema for f in builtin_functions_named(kind)]
    return any(_takes_self(schema, self_type) for schema in schemas)


def _takes_self(schema: ir.FunctionSchema, self_type: ir.Type) -> bool:
    index = schema.find_argument("self")
    if index is None:
        return False
    formal = schema.arguments[index].type
    bindings: dict[str, ir.Type] = {}
    if bind(formal, self_type, bindings) is not None:
        return False
    concrete = substitute(formal, bindings)
    return concrete is not None and ir.is_subtype(self_type, concrete)


def _inline(graph: ir.Graph, range: ir.SourceRange | None, function: ir.Function, matched: MatchedCall) -> ir.Value:
    def place(node: ir.Node) -> None:
        node.range = range

    (result,) = ir.insert_graph(graph, function.graph, matched.inputs, on_node=place)
    return result


def _unknown(kind: str) -> str:
    similar = ir.similar_operators(kind)
    if similar:
        listed = "".join(f"\t{name}\n" for name in similar)
        return f"Unknown builtin op: {kind}.\nHere are some suggestions: \n{listed}\nThe original call is"
    return (
        f"Unknown builtin op: {kind}.\nCould not find any similar ops to {kind}. "
        "This op may not exist or may not be currently supported in TorchScript.\n"
    )
