"""Type variables of operator schemas: binding them to types of arguments, and putting those in their place."""

from __future__ import annotations

from flambeau import ir

from ..diagnostics.messages import type_name

Bindings = dict[str, ir.Type]


def bind(formal: ir.Type, actual: ir.Type, bindings: Bindings) -> str | None:
    """Bind the variables in `formal` so that it can match `actual`; None, or the reason why it cannot.

    The first binding of a variable stays. Whether `actual` then fits is not decided here: conversions come in between.
    """
    if not ir.contains_var(formal):
        return None
    match formal:
        case ir.VarType(name):
            return _bind_variable(name, actual, bindings)
        case ir.ListType(element):
            return _bind_list(formal, element, actual, bindings)
        case ir.OptionalType(element):
            if isinstance(actual, ir.OptionalType):
                return bind(element, actual.element, bindings)
            return None if actual is ir.NONE else bind(element, actual, bindings)
        case ir.TupleType(elements):
            if not isinstance(actual, ir.TupleType):
                return f"Cannot match a tuple to {type_name(actual)}"
            if len(elements) != len(actual.elements):
                return "Cannot match tuples of mismatched size"
            return _bind_all(elements, actual.elements, bindings)
        case _ if type(formal) is type(actual):
            return _bind_all(formal.contained, actual.contained, bindings)
        case _:
            return f"Cannot match a {formal.kind.removesuffix('Type').lower()} to {type_name(actual)}"


def _bind_variable(name: str, actual: ir.Type, bindings: Bindings) -> str | None:
    bound = bindings.setdefault(name, actual)
    if ir.unify(bound, actual) is not None:
        return None
    return (
        f"Type variable '{name}' previously matched to type {type_name(bound)} is matched to type {type_name(actual)}"
    )


def _bind_list(formal: ir.Type, element: ir.Type, actual: ir.Type, bindings: Bindings) -> str | None:
    if isinstance(actual, ir.ListType):
        return bind(element, actual.element, bindings)
    if isinstance(actual, ir.TupleType):
        joined = ir.unify_all(actual.elements)
        if joined is not None:
            return bind(element, joined, bindings)
        return "Cannot match a tuple of mismatched types to a list"
    return f"Cannot match {type_name(formal)} to {type_name(actual)}"


def _bind_all(formals: tuple[ir.Type, ...], actuals: tuple[ir.Type, ...], bindings: Bindings) -> str | None:
    for formal, actual in zip(formals, actuals, strict=True):
        reason = bind(formal, actual, bindings)
        if reason is not None:
            return reason
    return None


def substitute(formal: ir.Type, bindings: Bindings) -> ir.Type | None:
    """`formal` with its variables replaced; None if one of them is not bound."""
    if not ir.contains_var(formal):
        return formal
    if isinstance(formal, ir.VarType):
        return bindings.get(formal.name)
    contained = [substitute(part, bindings) for part in formal.contained]
    known = tuple(part for part in contained if part is not None)
    return ir.rebuilt(formal, known) if len(known) == len(contained) else None
