"""Variables and attributes that may be None, used where a value is needed.

    def forward(self, x, y=None):                an optional Tensor, as far as anyone knows
        assert (y is not None) == self.labels    says nothing that a compiler could use
        return x + self.embed(y)                 here it is a Tensor, or an error when it runs

Python does not ask for proof. Where nobody declared that None is among the values, neither is it asked for here: a
statement that does not compile is tried again with the optional values that it reads unwrapped, which raises if one is
None, as Python would.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import Reconsider, Subject, notes
from .simple_values import SimpleValue
from .sugared import SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter


def read_optional(emitter: Emitter, node: ast.expr, read: SugaredValue) -> SugaredValue:
    """What was read by an expression; unwrapped, if that is assumed of this place."""
    if not emitter.infers or not isinstance(read, SimpleValue) or not isinstance(read.value.type, ir.OptionalType):
        return read
    subject: Subject = ("read", emitter.place(node))
    if subject in emitter.assumptions.types:
        return SimpleValue(emitter.builtin(emitter.range(node), "aten::_unwrap_optional", read.value))
    emitter.optional_reads[subject] = emitter.range(node)
    return read


def is_declared(emitter: Emitter, name: str) -> bool:
    """Whether a name is that of a parameter which says its type."""
    definition = emitter.definition
    if definition.node.type_comment:
        return True
    return any(p.arg == name and (p.annotation is not None or p.type_comment) for p in definition.parameters)


def reconsider_reads(emitter: Emitter, error: ScriptError) -> None:
    """If a statement fails that reads optional values, raise that these are no None."""
    place = error.range
    if not isinstance(place, ir.SourceRange) or isinstance(error, Reconsider):
        return
    inside = [
        subject
        for subject, range in emitter.optional_reads.items()
        if range.source is place.source and place.start <= range.start and range.end <= place.end
    ]
    if not inside:
        return
    notes.read_optionals = True
    if emitter.assumptions.unwraps:
        raise Reconsider(error, inside[0], along=dict.fromkeys(inside[1:])) from None
