"""What is known of an operator that PyTorch calls: its kind, its schema, which arguments it writes to.

The schema is ours where the operator table has the overload, else PyTorch's own text of it (operators that libraries
registered).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from flambeau.ir import MISSING, Argument, FunctionSchema, Operator, find_operator, operators_named, parse_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch._ops import OpOverload


@final
@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """One overload, as recordings need it."""

    kind: str
    schema: FunctionSchema
    operator: Operator | None
    writes: tuple[int, ...]
    """The arguments that it writes to."""

    def arguments(self, given: Sequence[object], keywords: Mapping[str, object]) -> list[object]:
        """All arguments in the order of the schema; PyTorch leaves out those that have their default value."""
        result = list(given)
        for argument in self.schema.arguments[len(given) :]:
            result.append(keywords[argument.name] if argument.name in keywords else _default(argument))
        return result


def _default(argument: Argument) -> object:
    value = None if argument.default is MISSING else argument.default
    return list(value) if isinstance(value, tuple) else value


_known: dict[OpOverload, OperatorFacts] = {}


def facts_of(overload: OpOverload) -> OperatorFacts:
    """The facts of an overload."""
    known = _known.get(overload)
    if known is None:
        text = str(overload._schema)
        theirs = parse_schema(text)
        operator = find_operator(theirs.qualified_name)
        if operator is not None and len(operator.schema.arguments) != len(theirs.arguments):
            operator = None  # the table is of another release of PyTorch
        schema = theirs if operator is None else operator.schema
        writes = tuple(i for i, argument in enumerate(schema.arguments) if argument.is_write)
        known = _known[overload] = OperatorFacts(schema.name, schema, operator, writes)
    return known


SUMS_OF_PRODUCTS = frozenset(
    f"aten::{name}" for name in ("bilinear", "chain_matmul", "einsum", "inner", "linalg_multi_dot", "tensordot")
)
"""Composite operators that `torch.autocast` does not know, made of those whose arguments it casts."""

_AUTOCAST_KEYS = tuple(name for name in dir(torch._C.DispatchKey) if name.startswith("Autocast"))
_casting: dict[OpOverload, tuple[torch._C.DispatchKey, ...]] = {}


def casts_under_autocast(overload: OpOverload, keys: torch._C.DispatchKeySet) -> bool:
    """Whether this call will cast its arguments first, as `torch.autocast` asks of the operator."""
    known = _casting.get(overload)
    if known is None:
        name: str = overload.name()  # type: ignore[no-untyped-call]  # PyTorch does not say
        known = _casting[overload] = tuple(
            getattr(torch._C.DispatchKey, key)
            for key in _AUTOCAST_KEYS
            if torch._C._dispatch_has_kernel_for_dispatch_key(name, key)
        )
    return any(keys.has(key) for key in known)


_FILLING = {"aten::zero_": "aten::zeros_like", "aten::fill_": "aten::full_like"}
"""Operators in place whose like has another name."""
_out_of_place: dict[OpOverload, OperatorFacts | None] = {}


def out_of_place(overload: OpOverload) -> OperatorFacts | None:
    """The operator that gives what one in place writes; None if there is none, or it writes to something else."""
    if overload not in _out_of_place:
        _out_of_place[overload] = _find_out_of_place(facts_of(overload))
    return _out_of_place[overload]


def _find_out_of_place(facts: OperatorFacts) -> OperatorFacts | None:
    if facts.writes != (0,) or not facts.kind.endswith("_") or facts.kind.endswith("__") or facts.kind == "aten::copy_":
        return None
    name = _FILLING.get(facts.kind, facts.kind[:-1])
    names = [argument.name for argument in facts.schema.arguments]
    for known in operators_named(name):
        formals = known.schema.arguments
        same = [a.name for a in formals[: len(names)]] == names or facts.kind == "aten::fill_"
        fits = all(a.type == b.type for a, b in zip(formals, facts.schema.arguments, strict=False))
        if same and fits and all(a.has_default for a in formals[len(names) :]) and len(formals) >= len(names):
            return OperatorFacts(known.schema.name, known.schema, known, ())
    return None
