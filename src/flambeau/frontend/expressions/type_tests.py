"""`isinstance`: what is known of the outcome, and what it says of the value."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from flambeau import ir

from ..emitter import Emitter

_GENERIC = {"list": ir.ANY_LIST, "tuple": ir.ANY_TUPLE, "List": ir.ANY_LIST, "Tuple": ir.ANY_TUPLE}


class TypeTest(NamedTuple):
    """Whether a value is of one of some types (None: that shows when it runs), and its type in each case.

    The type is None where that case cannot happen.
    """

    outcome: bool | None
    if_true: ir.Type | None
    if_false: ir.Type | None


def gather_types(emitter: Emitter, node: ast.expr) -> tuple[ir.Type, ...]:
    """The types that the second argument of `isinstance` lists."""
    if isinstance(node, ast.Tuple):
        return tuple(type for element in node.elts for type in gather_types(emitter, element))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return gather_types(emitter, node.left) + gather_types(emitter, node.right)
    if isinstance(node, ast.Name) and node.id in _GENERIC and not emitter.environment.is_defined(node.id):
        return (_GENERIC[node.id],)
    return tuple(_members((emitter.resolve_type(node),)))


def type_test(given: ir.Type, tested: tuple[ir.Type, ...]) -> TypeTest:
    """What a test of a value of type `given` against types tells."""
    yes: list[ir.Type] = []
    no: list[ir.Type] = []
    for member in _members((given,)):
        if member is ir.ANY:
            yes += tested
            no.append(member)
            continue
        if any(ir.is_subtype(member, type) for type in tested):
            yes.append(member)
            continue
        # A test for something narrower leaves both cases open.
        yes += [type for type in tested if ir.is_subtype(type, member)]
        no.append(member)
    outcome = False if not yes else True if not no or tested == (ir.ANY,) else None
    return TypeTest(outcome, _joined(yes), _joined(no))


def _members(types: Iterable[ir.Type]) -> Iterable[ir.Type]:
    for given in types:
        if isinstance(given, ir.UnionType):
            yield from _members(given.elements)
        elif isinstance(given, ir.OptionalType):
            yield from _members((given.element,))
            yield ir.NONE
        elif given is ir.NUMBER:
            yield from (ir.INT, ir.FLOAT, ir.COMPLEX)
        else:
            yield given


def _joined(types: list[ir.Type]) -> ir.Type | None:
    return ir.unify_all(tuple(types), default_to_union=True)
