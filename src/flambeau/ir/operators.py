"""The operator table: what every operator is called, takes, returns, and may be assumed of it.

    operators_named("aten::add")        # the overloads, in the order in which schema matching tries them
    operator("aten::add.Tensor")        # one of them, or OperatorError with suggestions
    register_operator("mine::warp(Tensor x) -> Tensor")

Three sources make it up: `flambeau.generated` (operators of PyTorch's dispatcher), `flambeau.ir.jit_operators` (those
of TorchScript alone), and what a program registers. A name's overloads come in that order, which is PyTorch's. They are
parsed when the name is first asked for and stay, so an `Operator` can be compared by identity.

Operators are the same whether or not the installed PyTorch can run them; the table describes one release
(`flambeau.generated.pytorch_version`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import final

from flambeau import generated
from flambeau.errors import OperatorError
from flambeau.ir.jit_operators import FAMILIES, AliasKind, JitOperator
from flambeau.ir.node_kinds import NODE_KINDS
from flambeau.ir.schema import FunctionSchema
from flambeau.ir.text.schema_parser import parse_schema

__all__ = [
    "AliasKind",
    "Operator",
    "all_operator_names",
    "find_operator",
    "may_have_side_effects",
    "operator",
    "operators_named",
    "register_operator",
    "similar_operators",
    "unregister_operator",
]

_RANDOM_TAG = "nondeterministic_seeded"
_ALIAS_FLAGS = {"conservative": AliasKind.CONSERVATIVE, "pure": AliasKind.PURE}
_DETERMINISTIC_UNLESS = {"aten::dropout": "train"}
_MAX_DISTANCE = 2


@final
@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One overload, and the facts that passes ask for. Exactly one object exists for each."""

    schema: FunctionSchema
    alias_kind: AliasKind
    has_side_effects: bool
    """A call does something that neither its results nor its writes to arguments show: it may not be dropped, repeated
    or moved past another such call."""
    is_nondeterministic: bool
    """Two calls with the same arguments may differ (it draws random numbers)."""
    deterministic_unless: str = ""
    """A nondeterministic operator is deterministic where the argument of this name is False."""
    is_jit_only: bool = False
    """PyTorch's dispatcher does not have it."""
    tags: frozenset[str] = frozenset()
    """PyTorch's tags, such as `pointwise` or `core`."""
    variants: frozenset[str] = frozenset()
    """Python bindings: `function`, `method`."""
    python_module: str = ""
    """The submodule of `torch._C` with the function (`nn` for `torch._C._nn`); empty for `torch` itself."""
    flags: frozenset[str] = field(default=frozenset(), repr=False)
    """Columns of the generated table that are asked for by the properties below."""

    @property
    def name(self) -> str:
        """`aten::add`."""
        return self.schema.name

    @property
    def overload_name(self) -> str:
        return self.schema.overload_name

    @property
    def qualified_name(self) -> str:
        """`aten::add.Tensor`."""
        return self.schema.qualified_name

    @property
    def is_pure(self) -> bool:
        """Whether a call may be dropped, repeated, or replaced by the result of an equal call, as far as the operator
        is concerned. (A result that is a view, or that others write to, is alias analysis's to judge.)"""
        return not (self.has_side_effects or self.is_nondeterministic or self.schema.is_mutable)

    @property
    def is_vararg(self) -> bool:
        return self.schema.is_vararg

    @property
    def is_composite(self) -> bool:
        """Whether PyTorch implements it by calling other operators, autograd included."""
        return "implicit" in self.flags

    @property
    def is_structured(self) -> bool:
        """Whether it has an out variant with the same kernel."""
        return "structured" in self.flags

    @property
    def has_python_binding(self) -> bool:
        """Whether PyTorch's generated binding (of `variants` and `python_module`) accepts this overload. Some operators
        have a hand-written binding instead."""
        return "python" in self.flags

    def __str__(self) -> str:
        return str(self.schema)


def _acts_unseen(schema: FunctionSchema) -> bool:
    """What returns nothing and writes to nothing is called for something else: assertions, output, gradients.

    PyTorch drops such calls as dead code unless they are on a list, `aten::_assert_async` among them.
    """
    return not (schema.returns or schema.is_varret or schema.is_mutable)


def _from_row(row: generated.Row) -> Operator:
    schema = parse_schema(row.schema)
    flag = next(iter(row.flags & _ALIAS_FLAGS.keys()), None)
    alias_kind = _ALIAS_FLAGS[flag] if flag else AliasKind.FROM_SCHEMA
    return Operator(
        schema,
        alias_kind,
        has_side_effects=alias_kind is AliasKind.CONSERVATIVE or _acts_unseen(schema),
        is_nondeterministic=_RANDOM_TAG in row.tags,
        deterministic_unless=_DETERMINISTIC_UNLESS.get(schema.qualified_name, ""),
        tags=row.tags,
        variants=row.variants,
        python_module=row.python_module,
        flags=row.flags,
    )


def _from_entry(entry: JitOperator) -> Operator:
    return Operator(
        parse_schema(entry.schema),
        entry.alias,
        has_side_effects=entry.effects or entry.alias is AliasKind.CONSERVATIVE,
        is_nondeterministic=entry.random,
        is_jit_only=True,
    )


@cache
def _jit_entries() -> dict[str, list[JitOperator]]:
    entries: dict[str, list[JitOperator]] = {}
    for family in FAMILIES.values():
        for entry in family:
            entries.setdefault(entry.name, []).append(entry)
    return entries


_lock = threading.Lock()
"""Held while a name is parsed or an operator registered. Reading `_parsed` needs no lock."""
_parsed: dict[str, tuple[Operator, ...]] = {}
_registered: dict[str, Operator] = {}
"""What the program added, by qualified name; it is in `_parsed` too."""


@cache
def _built_in_names() -> frozenset[str]:
    return frozenset(generated.names()) | frozenset(_jit_entries())


def operators_named(kind: str) -> tuple[Operator, ...]:
    """The overloads of a name such as `aten::add`, in the order of registration; empty if there is no such operator."""
    known = _parsed.get(kind)
    if known is not None:
        return known
    if kind not in _built_in_names():
        return ()
    with _lock:
        return _operators_named(kind)


def _operators_named(kind: str) -> tuple[Operator, ...]:
    known = _parsed.get(kind)
    if known is None:
        rows = map(_from_row, generated.rows(kind))
        entries = map(_from_entry, _jit_entries().get(kind, ()))
        known = _parsed[kind] = (*rows, *entries)
    return known


def find_operator(qualified: str) -> Operator | None:
    """The overload of a name such as `aten::add.Tensor` (`aten::relu` where there is no overload name), or None."""
    name, dot, overload = qualified.partition(".")
    if dot and not overload:
        return None
    return next((op for op in operators_named(name) if op.overload_name == overload), None)


def operator(qualified: str) -> Operator:
    """The overload of a name such as `aten::add.Tensor`; OperatorError, with suggestions, if there is none."""
    found = find_operator(qualified)
    if found is None:
        raise OperatorError(_unknown(qualified))
    return found


def _unknown(qualified: str) -> str:
    name, _, overload = qualified.partition(".")
    overloads = operators_named(name)
    if overloads:
        listed = "\n".join(f"\t{op}" for op in overloads)
        asked = f"overload '{overload}'" if overload else "overload without a name"
        return f"{name} has no {asked}.\nHere are its overloads:\n{listed}"
    similar = similar_operators(name)
    if similar:
        listed = "".join(f"\t{other}\n" for other in similar)
        return f"Unknown builtin op: {name}.\nHere are some suggestions: \n{listed}"
    return (
        f"Unknown builtin op: {name}.\nCould not find any similar ops to {name}. "
        "This op may not exist or may not be currently supported in TorchScript."
    )


def similar_operators(name: str) -> tuple[str, ...]:
    """Operator names within two edits of `name`, the nearest first."""
    distances = ((_edit_distance(name, other, _MAX_DISTANCE), other) for other in all_operator_names())
    return tuple(other for distance, other in sorted(distances) if distance <= _MAX_DISTANCE)


def _edit_distance(a: str, b: str, limit: int) -> int:
    """Insertions, deletions and replacements that make `b` of `a`; some number above `limit` where it takes more."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    previous = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        current = [i]
        for j, other in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (char != other)))
        if min(current) > limit:
            return limit + 1
        previous = current
    return previous[-1]


def all_operator_names() -> tuple[str, ...]:
    """Every name, sorted; a name stands once, however many overloads it has."""
    return tuple(sorted(_built_in_names() | {op.name for op in tuple(_registered.values())}))


def register_operator(
    schema_text: str,
    *,
    tags: Iterable[str] = (),
    alias_kind: AliasKind = AliasKind.FROM_SCHEMA,
    has_side_effects: bool | None = None,
) -> Operator:
    """Add an overload, after those that its name has. What is not given follows from the schema and the tags.

    ParseError if the text is malformed; OperatorError if the name has no namespace or the overload exists.
    """
    schema, tags = parse_schema(schema_text), frozenset(tags)
    if "::" not in schema.name:
        raise OperatorError(f"an operator's name needs a namespace, as in 'mine::{schema.name}': {schema_text}")
    effects = alias_kind is AliasKind.CONSERVATIVE or _acts_unseen(schema)
    added = Operator(
        schema,
        alias_kind,
        has_side_effects=effects if has_side_effects is None else has_side_effects,
        is_nondeterministic=_RANDOM_TAG in tags,
        tags=tags,
    )
    with _lock:
        existing = _operators_named(schema.name)
        for other in existing:
            if other.overload_name == schema.overload_name:
                raise OperatorError(f"operator {schema.qualified_name} exists already: {other}")
        _registered[schema.qualified_name] = added
        _parsed[schema.name] = (*existing, added)
    return added


def unregister_operator(qualified: str) -> None:
    """Take back a `register_operator`; OperatorError if it was not one."""
    name = qualified.partition(".")[0]
    with _lock:
        removed = _registered.pop(qualified, None)
        if removed is None:
            raise OperatorError(f"operator {qualified} was not registered by this program")
        rest = tuple(op for op in _parsed.pop(name) if op is not removed)
        if rest:
            _parsed[name] = rest


def may_have_side_effects(kind: str) -> bool:
    """Whether a node of this kind may do something besides computing its outputs and writing to its inputs.

    Asked of a kind, not of an overload: true if any overload's call has side effects, and for kinds nobody knows.
    """
    known = NODE_KINDS.get(kind)
    if known is not None:
        return known.effects
    overloads = operators_named(kind)
    return not overloads or any(op.has_side_effects for op in overloads)
