"""Calls that become the body of the function that is called.

A call is inlined where the callee cannot be a function of its own: an argument is no value of the graph (a module, a
function, a class), or its code depends on what the caller knows (`mode="bilinear"` decides which branch there is, and
which type is returned). The body is emitted into a `prim::LocalCall`, as that of a local function is.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from .assumptions import notes
from .definition import Definition
from .emitter import Results
from .results import finish_body
from .survey import Survey
from .values.sugared import SugaredValue

if TYPE_CHECKING:
    from .emitter import Emitter
    from .resolver import Resolver

_DEEPEST = 40


def inline_call(
    emitter: Emitter,
    range: ir.SourceRange,
    name: str,
    definition: Definition,
    resolver: Resolver,
    bound: Mapping[str, SugaredValue],
) -> SugaredValue:
    """Emit the body of a definition, whose parameters mean what `bound` says; what it returns."""
    this = next(iter(bound.values()), None)
    callee = definition, None if this is None else this.description_key
    if callee in emitter.inlined:
        raise ScriptError(f"function '{name}' is called recursively. Recursive calls are not supported", range)
    if len(emitter.inlined) >= _DEEPEST:
        raise ScriptError("the code is nested too deeply", range)
    notes.went_beyond = True
    node = emitter.insert("prim::LocalCall", (), (), range)
    block = node.add_block()
    saved = emitter.definition, emitter.resolver, emitter.results, emitter.loop_kind, emitter.caller_name, emitter.owner
    emitter.inlined.append(callee)
    emitter.inline_sites.append(range.start)
    results = Results(
        declared_result(definition.node.returns, definition, resolver), body=emitter.environment.push_isolated(block)
    )
    with emitter.calling(name, range):
        emitter.definition, emitter.resolver, emitter.results = definition, resolver, results
        emitter.loop_kind, emitter.caller_name, emitter.owner = "none", name, None
        loops, emitter.counted_loops = emitter.counted_loops, []
        survey = emitter.survey
        emitter.survey = None if survey is None else Survey()
        try:
            with emitter.graph.inserting_at(block):
                for parameter, value in bound.items():
                    emitter.environment.assign(parameter, value, range)
                emitter.statements(definition.node.body)
                if emitter.survey is not None:
                    emitter.survey.raise_if_any()
                result = finish_body(emitter, block, definition.header_range())
        finally:
            (
                emitter.definition,
                emitter.resolver,
                emitter.results,
                emitter.loop_kind,
                emitter.caller_name,
                emitter.owner,
            ) = saved
            emitter.counted_loops, emitter.survey = loops, survey
            emitter.environment.pop()
            emitter.inlined.pop()
            emitter.inline_sites.pop()
    output = node.add_output(result)
    if results.sugared is not None:
        return results.sugared
    if results.only is not None:
        emitter.environment.note_origin(output, results.only)
    return emitter.sugar(output)


def declared_result(returns: ast.expr | None, definition: Definition, resolver: Resolver) -> ir.Type | None:
    """The annotated type of a result; None where there is no annotation, or none that is a type."""
    if returns is None:
        return None
    try:
        return resolver.resolve_type(returns, definition.range(returns))
    except ScriptError:
        return None
