"""`if`: `prim::If(c)` with two blocks, and what variables are after it.

Variables and exits stay as nodes; `ssa` and `exits` lower them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..environment import Frame, shown_name
from ..expressions.conditions import Condition, emit_condition, refine
from ..expressions.refinement import Types
from ..late_variables import declare_late_variables, note_branch_variables
from ..syntax import statement
from ..values.sugared import SugaredValue


@statement(ast.If)
def emit_if_statement(emitter: Emitter, node: ast.If) -> None:
    emit_if(
        emitter,
        emitter.range(node),
        emit_condition(emitter, node.test),
        lambda: emitter.statements(node.body),
        lambda: emitter.statements(node.orelse),
    )


def emit_if(
    emitter: Emitter,
    range: ir.SourceRange,
    condition: Condition,
    emit_true: Callable[[], None],
    emit_false: Callable[[], None],
) -> None:
    """Emit both branches, or the one that is taken if that is known; afterwards variables have the types of both."""
    refinements = condition.refinements
    if condition.outcome is not None:
        refine(emitter, refinements.if_true if condition.outcome else refinements.if_false, range)
        (emit_true if condition.outcome else emit_false)()
        return
    declare_late_variables(emitter, range)
    node = emitter.insert("prim::If", (condition.value,), (), range)
    frames = [
        _emit_branch(emitter, node.add_block(), emit_true, refinements.if_true, range),
        _emit_branch(emitter, node.add_block(), emit_false, refinements.if_false, range),
    ]
    exits = [frame.block in emitter.exiting for frame in frames]
    if all(exits):
        emitter.exiting.add(emitter.environment.block)
        return
    _join_variables(emitter, frames, exits, range)
    emitter.environment.join_attributes(frame for frame, left in zip(frames, exits, strict=True) if not left)


def _emit_branch(
    emitter: Emitter, block: ir.Block, emit: Callable[[], None], refinements: Types, range: ir.SourceRange
) -> Frame:
    emitter.environment.push(block)
    with emitter.graph.inserting_at(block):
        refine(emitter, refinements, range)
        emit()
    return emitter.environment.pop()


def _join_variables(emitter: Emitter, frames: list[Frame], exits: list[bool], range: ir.SourceRange) -> None:
    """Give each variable assigned in a branch its type after the `if`, or note why it has none.

    A branch that exits does not count: there, the variable is uninitialized.
    """
    environment = emitter.environment
    live = [frame for frame, left in zip(frames, exits, strict=True) if not left]
    reasons: dict[str, ScriptError] = {}
    for frame in frames:
        environment.frame.partial.update(frame.partial)
        reasons.update({name: frame.undefined[name] for name in frame.partial if name in frame.undefined})
    for name in sorted({*frames[0].types, *frames[1].types}):
        why = _why_undefined(emitter, name, frames, exits, range)
        if why is not None:
            reasons[shown_name(name)] = why
            environment.frame.partial[shown_name(name)] = {**frames[0].types, **frames[1].types}[name]
            continue
        types = [environment.find_type(name, frame) for frame in live]
        known = [type for type in types if type is not None]
        for frame, left in zip(frames, exits, strict=True):
            if left:
                _leave_uninitialized(emitter, name, known[0], frame.block, range)
        joined = _joined_type(emitter, name, known, range)
        if joined is not None:
            environment.set_type(name, joined)
    note_branch_variables(emitter, reasons, range)
    for name in sorted({*frames[0].retyped, *frames[1].retyped}):
        _join_retyped(emitter, name, frames, exits, range)
    for name, value in live[0].sugared.items():
        environment.frame.undefined.setdefault(shown_name(name), _not_a_value(name, value, range))


def _join_retyped(emitter: Emitter, name: str, frames: list[Frame], exits: list[bool], range: ir.SourceRange) -> None:
    """After an `if`, a variable that got another type in it is a new one; it has a value if the branches agree."""
    environment = emitter.environment
    if not any(name in frame.retyped for frame, left in zip(frames, exits, strict=True) if not left):
        return
    problem = next(frame.retyped[name] for frame in frames if name in frame.retyped)
    slots = [frame.renamed.get(name) for frame in frames]
    types = [None if slot is None else frame.types.get(slot) for frame, slot in zip(frames, slots, strict=True)]
    live = [type for type, left in zip(types, exits, strict=True) if not left]
    environment.frame.retyped[name] = problem
    joined = live[0] if len(live) == 1 else None
    if len(live) == 2 and live[0] is not None and live[1] is not None:
        joined = ir.unify(live[0], live[1])
    slot = environment.rename(name)
    if joined is None:
        environment.frame.undefined[name] = problem
        return
    for frame, stored, type, left in zip(frames, slots, types, exits, strict=True):
        if left:
            _leave_uninitialized(emitter, slot, joined, frame.block, range)
            continue
        with emitter.graph.inserting_at(frame.block):
            load = emitter.insert("prim::Load", (), (type or joined,), range).set_attribute("name", "s", stored or "")
            emitter.insert("prim::Store", (load.output,), (), range).set_attribute("name", "s", slot)
    environment.set_type(name, joined)


def _why_undefined(
    emitter: Emitter, name: str, frames: list[Frame], exits: list[bool], range: ir.SourceRange
) -> ScriptError | None:
    """Why a variable that a branch assigns has no value after the `if`; None if it has one."""
    shown = shown_name(name)
    for frame, left, branch in zip(frames, exits, ("true", "false"), strict=True):
        if left:
            continue
        if not emitter.environment.is_defined(name, frame):
            return frame.undefined.get(shown) or ScriptError(f"{shown} is not defined in the {branch} branch", range)
        if emitter.environment.find_type(name, frame) is None:
            value = emitter.environment.find(name, frame)
            return _not_a_value(name, value, range)
    return None


def _not_a_value(name: str, value: SugaredValue | None, range: ir.SourceRange) -> ScriptError:
    kind = "nothing" if value is None else value.kind
    return ScriptError(
        f"{shown_name(name)} is set to a value of type {kind} in one branch, which is not a first-class value", range
    )


def _leave_uninitialized(emitter: Emitter, name: str, type: ir.Type, block: ir.Block, range: ir.SourceRange) -> None:
    with emitter.graph.inserting_at(block):
        value = emitter.uninitialized(type, range)
        emitter.insert("prim::Store", (value,), (), range).set_attribute("name", "s", name)


def _joined_type(emitter: Emitter, name: str, types: Sequence[ir.Type], range: ir.SourceRange) -> ir.Type | None:
    if len(types) == 1:
        return types[0]
    declared = emitter.environment.declared_type(name)
    is_union = isinstance(declared, (ir.UnionType, ir.OptionalType)) or declared is ir.NUMBER
    joined = ir.unify(types[0], types[1], default_to_union=is_union, hint=declared)
    if joined is not None:
        return joined
    error = ScriptError(
        f"Type mismatch: {shown_name(name)} is set to type {type_name(types[0])} in the true branch and type "
        f"{type_name(types[1])} in the false branch",
        range,
    )
    if declared is not None:
        raise error
    emitter.environment.frame.undefined[shown_name(name)] = error
    return None
