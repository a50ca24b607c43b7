"""Which overload of an operator a node calls."""

from __future__ import annotations

from collections.abc import Sequence

from .node import Node, Value
from .operators import Operator, operators_named
from .schema import Argument, FunctionSchema
from .subtyping import is_subtype, rebuilt
from .types import ListType, OptionalType, TupleType, Type, VarType


def match_operator(node: Node) -> Operator | None:
    """The first overload whose arguments accept the node's inputs as they are; None if there is none.

    Where several do and differ only in their results (`prim::EnumValue`), the one that gives what the node gives.
    """
    wanted = tuple(output.type for output in node.outputs)
    first: Operator | None = None
    for operator in operators_named(node.kind):
        if accepts(operator.schema, node.inputs):
            if tuple(r.type for r in operator.schema.returns) == wanted:
                return operator
            first = first or operator
    return first


def accepts(schema: FunctionSchema, values: Sequence[Value]) -> bool:
    """Whether values of these types can be passed, one for each argument, without any conversion."""
    if len(values) < len(schema.arguments) or (len(values) > len(schema.arguments) and not schema.is_vararg):
        return False
    bound: dict[str, Type] = {}
    return all(_fits(argument, value.type, bound) for argument, value in zip(schema.arguments, values, strict=False))


def result_types(schema: FunctionSchema, values: Sequence[Value]) -> tuple[Type, ...]:
    """The types of a call's results, for inputs that the schema accepts: type variables become what they match."""
    bound: dict[str, Type] = {}
    for argument, value in zip(schema.arguments, values, strict=False):
        _fits(argument, value.type, bound)
    return tuple(substituted(r.type, bound) for r in schema.returns)


def substituted(given: Type, bound: dict[str, Type]) -> Type:
    """`given` with type variables replaced by what they are bound to."""
    if isinstance(given, VarType):
        return bound.get(given.name, given)
    contained = given.contained
    replaced = tuple(substituted(c, bound) for c in contained)
    return given if replaced == contained else rebuilt(given, replaced)


def _fits(argument: Argument, actual: Type, bound: dict[str, Type]) -> bool:
    return binds(argument.type, actual, bound)


def binds(formal: Type, actual: Type, bound: dict[str, Type]) -> bool:
    """Whether `actual` is a subtype of `formal` once its type variables are bound; adds the bindings to `bound`."""
    match formal:
        case VarType(name):
            if name not in bound:
                bound[name] = actual
                return True
            return is_subtype(actual, bound[name])
        case ListType(element):
            if isinstance(actual, ListType):
                return binds(element, actual.element, bound) and _invariant(element, actual.element, bound)
            return is_subtype(actual, formal)
        case OptionalType(element):
            if isinstance(actual, OptionalType):
                return binds(element, actual.element, bound)
            return is_subtype(actual, formal) or binds(element, actual, bound)
        case TupleType(elements):
            if isinstance(actual, TupleType) and len(actual.elements) == len(elements):
                return all(binds(f, a, bound) for f, a in zip(elements, actual.elements, strict=True))
            return is_subtype(actual, formal)
        case _ if formal.contained and type(formal) is type(actual):
            pairs = zip(formal.contained, actual.contained, strict=False)
            return all(binds(f, a, bound) for f, a in pairs)
        case _:
            return is_subtype(actual, formal)


def _invariant(formal: Type, actual: Type, bound: dict[str, Type]) -> bool:
    return True if isinstance(formal, VarType) or formal.contained else is_subtype(ListType(actual), ListType(formal))
