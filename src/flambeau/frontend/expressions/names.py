"""Names."""

from __future__ import annotations

import ast

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import Reconsider
from ..diagnostics.suggestions import similar
from ..emitter import Emitter
from ..late_variables import read_late_variable
from ..syntax import expression
from ..values.builtins import BUILTINS
from ..values.optional_reads import is_declared, read_optional
from ..values.sugared import SugaredValue


@expression(ast.Name)
def emit_name(emitter: Emitter, node: ast.Name, hint: ir.Type | None) -> SugaredValue:
    found = find_name(emitter, node.id, emitter.range(node))
    if found is not None:
        found = read_late_variable(emitter, node.id, found, emitter.range(node))
        return found if is_declared(emitter, node.id) else read_optional(emitter, node, found)
    raise undefined(emitter, node.id, emitter.range(node))


def find_name(emitter: Emitter, name: str, range: ir.SourceRange) -> SugaredValue | None:
    """What a name means: a variable, a built-in function, or what the resolver says; None if there is no such name."""
    found = emitter.environment.find(name)
    if found is None and emitter.environment.why_undefined(name) is None:
        found = BUILTINS.get(name) or emitter.resolver.resolve_value(name, range)
    return found


def undefined(emitter: Emitter, name: str, range: ir.SourceRange) -> ScriptError:
    """The error that a name means nothing."""
    reason = emitter.environment.why_undefined(name)
    if reason is None:
        known = similar(name, lambda: {*emitter.environment.names(), *BUILTINS, *emitter.resolver.names()})
        return ScriptError(f"undefined value {name}", range, remedy=known)
    made = ScriptError(reason.message, reason.range, [*reason.calls, ("and was used here:", range)])
    if reason.range is None:
        made = ScriptError(reason.message, range)
    return Reconsider(made, reason.subject, reason.type, reason.along) if isinstance(reason, Reconsider) else made
