"""What is known of an operator that PyTorch calls: its kind, its schema, which arguments it writes to.

The schema is ours where the operator table has the overload, else PyTorch's own text of it (operators that libraries
registered).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from flambeau.ir import MISSING, Argument, FunctionSchema, Operator, find_operator, parse_schema

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
