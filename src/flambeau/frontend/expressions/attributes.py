"""Attributes in expressions, and what is known of them: `if self.cache is not None: y = self.cache + 1`.

A test or an assignment says of an attribute which type it has, until something may change that: an assignment to an
attribute of that name, of whatever object, or a call of a function that makes one (`attribute_writes`). TorchScript
knows such things of variables only; so this holds by the wider rules alone (`Emitter.infers`).
"""

from __future__ import annotations

import ast

from flambeau import ir

from ..emitter import Emitter
from ..syntax import expression
from ..values.late_attributes import LateAttribute
from ..values.optional_reads import read_optional
from ..values.simple_values import SimpleValue
from ..values.sugared import SugaredValue


@expression(ast.Attribute)
def emit_attribute(emitter: Emitter, node: ast.Attribute, hint: ir.Type | None) -> SugaredValue:
    return read_attribute(emitter, node, emitter.sugared(node.value))


def read_attribute(emitter: Emitter, node: ast.Attribute, owner: SugaredValue) -> SugaredValue:
    """What `owner.name` means, as the type that it is known to have here."""
    range_ = emitter.range(node)
    found = owner.attribute(emitter, range_, node.attr)
    path = emitter.environment.attribute_path(node) if emitter.environment.knows_attributes else None
    known = None if path is None else emitter.environment.attribute_type(path)
    value = found.value if isinstance(found, (SimpleValue, LateAttribute)) else None
    if known is None or value is None:
        found = SimpleValue(found.as_value(emitter, range_)) if isinstance(found, LateAttribute) else found
        return read_optional(emitter, node, found) if value in emitter.guessed_attributes else found
    given = value.type
    narrows = isinstance(given, (ir.OptionalType, ir.UnionType)) and given != known and ir.is_subtype(known, given)
    return SimpleValue(emitter.unchecked_cast(value, known, range_)) if narrows else found


def learn_assigned(emitter: Emitter, target: ast.Attribute, value: ir.Value) -> None:
    """Remember the type of what an attribute was assigned."""
    path = emitter.environment.attribute_path(target) if emitter.infers else None
    if path is not None and value.type is not ir.NONE and not isinstance(value.type, (ir.OptionalType, ir.UnionType)):
        emitter.environment.learn_attribute(path, ir.unshaped(value.type))
