"""How the tables of TorchScript-only operators are written.

    table('''
        prim::Print(...) -> ()
    ''', alias=SPECIAL, effects=True)

One schema a line, in the registry's text. A fact given beside a block holds for each line of it; what the schema itself
says (writes, aliases, vararg) is never repeated. `each` stamps a block out once for each value, in order.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, final


@final
class AliasKind(Enum):
    """Where alias analysis learns what a call does to memory."""

    FROM_SCHEMA = "from schema"
    """The schema's annotations say it all."""
    PURE = "pure"
    """Results are fresh, nothing is written."""
    CONSERVATIVE = "conservative"
    """Unknown: every argument may be written and every result may alias anything. Counts as a side effect."""
    SPECIAL = "special"
    """The schema cannot say (it takes or returns anything); alias analysis has a rule for this node kind."""


FROM_SCHEMA, CONSERVATIVE, SPECIAL = AliasKind.FROM_SCHEMA, AliasKind.CONSERVATIVE, AliasKind.SPECIAL


class JitOperator(NamedTuple):
    """One overload that PyTorch's dispatcher does not know."""

    schema: str
    alias: AliasKind = AliasKind.FROM_SCHEMA
    effects: bool = False
    """A call does something that neither its results nor its writes to arguments show."""
    random: bool = False
    """Draws from the default random number generator."""

    @property
    def name(self) -> str:
        """`aten::add` of `aten::add.int(int a, int b) -> int`."""
        return self.schema.partition("(")[0].partition(".")[0]


def table(
    block: str,
    *,
    each: tuple[str | tuple[str, ...], ...] = ((),),
    alias: AliasKind = AliasKind.FROM_SCHEMA,
    effects: bool = False,
    random: bool = False,
) -> tuple[JitOperator, ...]:
    """The operators of a block of schemas. With `each`, `{}` (or `{0}`, `{1}`, ...) stands for the value in turn."""
    lines = [stripped for line in block.splitlines() if (stripped := line.strip())]
    return tuple(
        JitOperator(line.format(*((value,) if isinstance(value, str) else value)), alias, effects, random)
        for value in each
        for line in lines
    )
