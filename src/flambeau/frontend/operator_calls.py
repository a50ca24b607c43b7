"""Calls of operators and built-in functions by name, as `emit`ted by the compiler and by whoever else builds graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
) -> ir.Value:
    """Insert a call of the overload of `kind` (such as `aten::add`) that accepts the arguments; its result.

    Several results become one tuple.

    ScriptError if there is no such operator, or no overload accepts the arguments.
    """
    operators = ir.operators_named(kind)
    functions = builtin_functions_named(kind)
    if not operators and not functions:
        raise ScriptError(_unknown(kind), range)
    schemas = [op.schema for op in operators] + [f.schema for f in functions]
    matched = match_call(graph, range, schemas, args, kwargs, self_value)
    if matched.candidate >= len(operators):
        return _inline(graph, range, functions[matched.candidate - len(operators)], matched)
    operator = operators[matched.candidate]
    node = graph.create(kind, matched.inputs, matched.return_types, range)
    graph.insert_node(node.set_operator(operator))
    return pack_results(graph, node.outputs, matched.field_names)


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
