"""What the writer produces: the source of one Python function, and what its lines and names stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from flambeau.ir import Function, Node
from flambeau.runtime.operands import Operand

__all__ = ["Source"]


@final
@dataclass(slots=True)
class Source:
    """Generated code: its text, the node that each line carries out, and the names that it expects to be bound."""

    name: str
    """Of the function that it defines."""
    lines: list[str] = field(default_factory=list)
    nodes: list[Node | None] = field(default_factory=list)
    bindings: dict[str, object] = field(default_factory=dict)
    callees: dict[str, Function] = field(default_factory=dict)
    """Names that stand for the compiled forms of other functions."""
    operands: dict[Node, tuple[Operand, ...]] = field(default_factory=dict)
    """Where a node's inputs are on its line."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"
