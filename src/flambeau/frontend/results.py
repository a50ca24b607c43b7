"""`return`, and what a function returns where it ends without one."""

from __future__ import annotations

import ast

from flambeau import ir
from flambeau.errors import ScriptError

from .diagnostics.messages import type_name
from .emitter import Emitter
from .syntax import statement
from .values.sugared import SugaredValue


@statement(ast.Return)
def emit_return_statement(emitter: Emitter, node: ast.Return) -> None:
    range_ = emitter.range(node)
    if node.value is None:
        emit_returned(emitter, emitter.sugar(emitter.constant(None, range_)), range_)
    else:
        sugared = emitter.sugared(node.value, emitter.results.declared)
        emit_returned(emitter, sugared, range_, emitter.range(node.value))


def emit_returned(
    emitter: Emitter, sugared: SugaredValue, range: ir.SourceRange, place: ir.SourceRange | None = None
) -> None:
    """Emit the return of anything, which stands at `place`."""
    results = emitter.results
    is_body = emitter.environment.frame is results.body
    if is_body and not sugared.is_first_class and results.merged is None:
        results.sugared = sugared.escaped(emitter.environment.frame)
        emitter.exiting.add(emitter.environment.block)
        return
    value = sugared.as_value(emitter, place or range)
    if results.declared is ir.ANY and value.type is not ir.ANY:
        value = emitter.unchecked_cast(value, ir.ANY, place or range)
    if is_body and results.merged is None:
        results.only = value
    emit_return(emitter, value, range)


def emit_return(emitter: Emitter, value: ir.Value, range: ir.SourceRange) -> None:
    """Emit the return of a value, converted to the declared type or joined with the other results' types."""
    results = emitter.results
    declared = results.declared
    if declared is not None and not emitter.assumptions.trusts_annotations:
        converted = emitter.converted(value, declared, range).type
        declared = results.declared = declared if ir.is_subtype(converted, declared) else None
    if declared is not None:
        value = emitter.converted(value, declared, range)
        if not ir.is_subtype(value.type, declared):
            raise ScriptError(
                f"Return value was annotated as having type {type_name(declared)} but is actually of type "
                f"{type_name(value.type)}",
                range,
            )
        results.merged = declared
    else:
        former = results.merged or value.type
        results.merged = ir.unify(former, value.type)
        if results.merged is None:
            raise ScriptError(
                f"Previous return statement returned a value of type {type_name(former)} but this return statement "
                f"returns a value of type {type_name(value.type)}",
                range,
            )
    if results.merged is ir.ANY and value.type is not ir.ANY:
        value = emitter.unchecked_cast(value, ir.ANY, range)
    emitter.insert("prim::ReturnStmt", (value,), (), range)
    emitter.exiting.add(emitter.environment.block)


def finish_body(emitter: Emitter, block: ir.Block, range: ir.SourceRange) -> ir.Type:
    """Return None where a body ends without returning; the type of the result.

    The block gets a placeholder for its output, which `exits` replaces.
    """
    results = emitter.results
    if block not in emitter.exiting:
        infers = emitter.infers and results.merged is not None
        if results.declared in (None, ir.NONE) or (infers and ir.is_subtype(ir.NONE, results.declared)):
            emit_return(emitter, emitter.constant(None, range), range)
        elif infers:
            _raise_at_end(emitter, range)
        else:
            raise ScriptError(
                "Function was not annotated as having type None, but does not return along all paths", range
            )
    if results.merged is None:
        results.merged = results.declared or ir.NONE
    block.add_output(emitter.uninitialized(results.merged, range))
    return results.merged


def _raise_at_end(emitter: Emitter, range: ir.SourceRange) -> None:
    """Python returns None where a function ends; one that is declared to return something else raises here."""
    message = f"{emitter.definition.name} ended without returning a value"
    raised = emitter.constant(message, range), emitter.constant("builtins.RuntimeError", range)
    emitter.insert("prim::RaiseException", raised, (), range)
    emitter.exiting.add(emitter.environment.block)
