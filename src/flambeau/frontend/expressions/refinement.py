"""What a condition says about the types of variables, where it holds and where it does not.

x is not None and isinstance(y, int)      if true: x is no None, y is an int; if false: nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau import ir

Types: TypeAlias = "Mapping[str, ir.Type]"


@final
@dataclass(frozen=True, slots=True)
class Refinements:
    """The types of variables, by name, in each of the two cases."""

    if_true: Types = field(default_factory=dict)
    if_false: Types = field(default_factory=dict)

    def both(self, other: Refinements) -> Refinements:
        """What `self and other` says."""
        return Refinements(_all(self.if_true, other.if_true), _common(self.if_false, other.if_false))

    def either(self, other: Refinements) -> Refinements:
        """What `self or other` says."""
        return Refinements(_common(self.if_true, other.if_true), _all(self.if_false, other.if_false))

    def negated(self) -> Refinements:
        """What `not self` says."""
        return Refinements(self.if_false, self.if_true)


def _all(first: Types, second: Types) -> Types:
    joined = dict(first)
    for name, type in second.items():
        # The later test saw the variable as the earlier one had refined it, so it knows at least as much.
        joined[name] = type
    return joined


def _common(first: Types, second: Types) -> Types:
    joined = {name: ir.unify(type, second[name]) for name, type in first.items() if name in second}
    return {name: type for name, type in joined.items() if type is not None}
