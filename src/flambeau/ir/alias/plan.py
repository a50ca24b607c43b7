"""What a schema says of the memory behind a call, worked out once for each overload.

Annotations are taken at their word, but for a list or dict that is written to: a result of the same type may be it.
Where a schema is silent about containers, which it cannot annotate further, the plan assumes what is true of every
operator: a container that is returned or written to may come to hold what containers of the same elements among the
arguments hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

from flambeau.ir import types as t
from flambeau.ir.operators import AliasKind, Operator
from flambeau.ir.schema import Argument, FunctionSchema
from flambeau.ir.types import Type

_NO_ELEMENTS = (t.PrimitiveType, t.TensorType, t.VarType)


@final
@dataclass(frozen=True, slots=True)
class Result:
    """Where one result comes from; indices are of arguments."""

    aliases: tuple[int, ...] = ()
    """It may be any of these."""
    loads: tuple[int, ...] = ()
    """It may be an element of any of these."""
    is_fresh: bool = False
    """It may be a new object."""
    is_wildcard: bool = False
    """It may be anything unseen, and may hold what any argument holds."""
    holds: tuple[int, ...] = ()
    """A new container may hold these."""
    shares: tuple[int, ...] = ()
    """A new container may hold the elements of these."""


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """The effects of one operator on memory; indices are of arguments."""

    arguments: int
    results: tuple[Result, ...]
    writes: tuple[int, ...] = ()
    """Arguments that are changed themselves."""
    writes_elements: tuple[int, ...] = ()
    """Arguments whose elements are changed."""
    stores: tuple[tuple[int, int], ...] = ()
    """(container, element): the element comes to be held by the container."""
    shares: tuple[tuple[int, int], ...] = ()
    """(to, from): the first comes to hold the elements of the second."""
    escapes: tuple[int, ...] = ()
    """Arguments that become known to unseen code."""
    shallow: frozenset[int] = frozenset()
    """Arguments whose elements are not looked into (the schema does not even know their type)."""
    touches_elements: bool = False
    """Any of the above besides fresh results and writes to arguments themselves."""


@cache
def plan_of(operator: Operator) -> Plan | None:
    """The plan of an operator; None if its schema does not say all (alias kinds `CONSERVATIVE` and `SPECIAL`)."""
    if operator.alias_kind in (AliasKind.CONSERVATIVE, AliasKind.SPECIAL):
        return None
    schema = operator.schema
    if operator.alias_kind is AliasKind.PURE:
        return Plan(len(schema.arguments), tuple(Result(is_fresh=True) for _ in schema.returns))
    return _from_schema(schema)


def _from_schema(schema: FunctionSchema) -> Plan:
    arguments = tuple(enumerate(schema.arguments))
    split = _names_returned_inside(schema)
    writes = tuple(i for i, a in arguments if a.is_write)
    stores: list[tuple[int, int]] = []
    escapes: list[int] = []
    for index, argument in arguments:
        alias = argument.alias
        if alias is None or "*" not in alias.after or "*" in alias.before or split & set(alias.before):
            continue
        containers = [i for i in writes if _element(schema.arguments[i].type) is not None]
        stores += [(container, index) for container in containers]
        if not containers:
            escapes.append(index)
    shares = tuple(
        (to, source)
        for to in writes
        for source, argument in arguments
        if source != to and _has_elements(argument.type) and _element(schema.arguments[to].type) is not None
    )
    results = tuple(_result(r, schema) for r in schema.returns)
    writes_elements = tuple(i for i, a in arguments if a.alias and any(c and c.is_write for c in a.alias.contained))
    shallow = frozenset(i for i, a in arguments if isinstance(_element(a.type), t.VarType))
    plain = all(r == Result(is_fresh=True) or r == Result(aliases=r.aliases) for r in results)
    touches = bool(stores or escapes or shares or writes_elements) or not plain
    return Plan(
        arguments=len(arguments),
        results=results,
        writes=writes,
        writes_elements=writes_elements,
        stores=tuple(stores),
        shares=shares,
        escapes=tuple(escapes),
        shallow=shallow,
        touches_elements=touches,
    )


def _names_returned_inside(schema: FunctionSchema) -> set[str]:
    """Alias sets that appear inside results: `a` of `split(Tensor(a -> *) self, ...) -> Tensor(a)[]`."""
    inside = (c for r in schema.returns if r.alias for c in r.alias.contained if c)
    return {name for contained in inside for name in contained.before}


def _result(result: Argument, schema: FunctionSchema) -> Result:
    arguments = tuple(enumerate(schema.arguments))
    alias = result.alias
    names = set(alias.before) - {"*"} if alias else set()
    aliases = tuple(i for i, a in arguments if a.alias and names & set(a.alias.before))
    if alias is not None and alias.is_wildcard:
        plain = result.type.element if isinstance(result.type, t.OptionalType) else result.type
        loads = tuple(i for i, a in arguments if _element(a.type) == plain and isinstance(plain, t.VarType))
        same = tuple(i for i, a in arguments if a.type == plain and isinstance(plain, t.VarType))
        return Result((*aliases, *same), loads, is_wildcard=not loads)
    if aliases:
        return Result(aliases)
    # `aten::add_.t(t[](a!) self, t[] b) -> t[]` gives back `self` and does not say so.
    changed = tuple(i for i, a in arguments if a.is_write and a.type == result.type and _is_container(a.type))
    if changed:
        return Result(changed)
    inside = {name for c in (alias.contained if alias else ()) if c for name in c.before}
    holds = tuple(i for i, a in arguments if a.alias and inside & set(a.alias.before))
    element = _element(result.type)
    shares: tuple[int, ...] = ()
    if element is not None and not holds:
        shares = tuple(i for i, a in arguments if _has_elements(a.type))
    unknown = isinstance(result.type, t.VarType) or result.type is t.ANY
    same = tuple(i for i, a in arguments if a.type == result.type) if unknown else ()
    return Result(same, is_fresh=not unknown, is_wildcard=unknown, holds=holds, shares=shares)


def _is_container(given: Type) -> bool:
    return isinstance(given, (t.ListType, t.DictType))


def _element(given: Type) -> Type | None:
    """The type of a container's elements (of a dict, the values); None if it is none, or they can never change."""
    plain = given.element if isinstance(given, t.OptionalType) else given
    if isinstance(plain, t.ListType):
        element = plain.element
    elif isinstance(plain, t.DictType):
        element = plain.value
    else:
        return None
    simple = isinstance(element, t.PrimitiveType) and element is not t.ANY
    return None if simple else element


def _has_elements(given: Type) -> bool:
    plain = given.element if isinstance(given, t.OptionalType) else given
    return _element(given) is not None or not isinstance(plain, (*_NO_ELEMENTS, t.ListType, t.DictType))
