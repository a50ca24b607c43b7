"""`if`, `while`, `for`, `break`, `continue`, `return`.

    if c: ...              prim::If(c) with two blocks
    while c: ...           prim::Loop(2**63 - 1) with two blocks: the body, and what computes the condition
    for x in xs: ...       prim::Loop(len(xs)), whose body begins with x = xs[i]
    for m in self.layers   the body once for each element, where these are known at compile time

Variables and exits stay as nodes; `ssa` and `exits` lower them.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from flambeau import ir
from flambeau.errors import ScriptError

from .assignments import assign
from .assumptions import Reconsider, Subject
from .conditions import Condition, emit_condition, refine
from .emitter import Emitter
from .environment import Frame, shown_name
from .iteration import ZippedValue
from .loop_else import may_break, without_else
from .messages import type_name
from .refinement import Types
from .sugared import SugaredValue
from .syntax import statement
from .unrolling import assigned_names, counted

_FOREVER = (1 << 63) - 1


# --- if


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
    for name in sorted({*frames[0].types, *frames[1].types}):
        why = _why_undefined(emitter, name, frames, exits, range)
        if why is not None:
            environment.frame.undefined[shown_name(name)] = why
            continue
        types = [environment.find_type(name, frame) for frame in live]
        known = [type for type in types if type is not None]
        for frame, left in zip(frames, exits, strict=True):
            if left:
                _leave_uninitialized(emitter, name, known[0], frame.block, range)
        joined = _joined_type(emitter, name, known, range)
        if joined is not None:
            environment.set_type(name, joined)
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


# --- loops


@statement(ast.While)
def emit_while(emitter: Emitter, node: ast.While) -> None:
    if node.orelse:
        emitter.statements(without_else(node))
        return
    range_ = emitter.range(node)
    if any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test)):
        _emit_while_with_assignment(emitter, node)
        return
    emitter.environment.forget(assigned_names(node))
    with _facts_kept(emitter, range_):
        condition = _emit_conditional_loop(emitter, node, range_)
    if condition.outcome and not may_break(node.body):
        emitter.exiting.add(emitter.environment.block)


def _emit_conditional_loop(emitter: Emitter, node: ast.While, range: ir.SourceRange) -> Condition:
    loop = emitter.insert("prim::Loop", (emitter.constant(_FOREVER, range),), (), range)
    body, header = loop.add_block(), loop.add_block()
    emitter.environment.push(header)
    with emitter.graph.inserting_at(header):
        condition = emit_condition(emitter, node.test)
    header.add_output(condition.value)
    emitter.environment.pop()

    def emit_body() -> None:
        # What the condition says of variables holds at the beginning of each round.
        refine(emitter, condition.refinements.if_true, range)
        emitter.statements(node.body)

    _emit_loop_body(emitter, body, lambda _: emit_body())
    return condition


@contextmanager
def _facts_kept(emitter: Emitter, range: ir.SourceRange) -> Iterator[None]:
    """Around a loop: what is known of attributes before it must be true in each round, or counts for nothing in it."""
    subject: Subject = ("loop facts", (id(range.source), range.start, *emitter.inline_sites))
    if subject in emitter.assumptions.types:
        emitter.environment.forget_attributes(lambda _: True)
    with emitter.environment.loop() as facts:
        yield
    if facts.is_broken:
        problem = ScriptError("what was known of an attribute before the loop is not true in all its rounds", range)
        raise Reconsider(problem, subject)


def _emit_while_with_assignment(emitter: Emitter, node: ast.While) -> None:
    """`while (x := f()): ...` as `while True: if x := f(): ... else: break`, so that `x` is a variable of the body."""
    leave = ast.copy_location(ast.Break(), node)
    test = ast.copy_location(ast.If(node.test, [ast.copy_location(ast.Pass(), node)], [leave]), node)
    forever = ast.copy_location(ast.Constant(True), node.test)
    emit_while(emitter, ast.copy_location(ast.While(forever, [test, *node.body], []), node))


@statement(ast.For)
def emit_for_statement(emitter: Emitter, node: ast.For) -> None:
    if node.orelse:
        emitter.statements(without_else(node))
        return
    iterable = emitter.sugared(node.iter).iterate(emitter, emitter.range(node.iter))
    emitter.environment.forget(assigned_names(node))
    with counted(emitter, node, iterable) as iterable:
        emit_for(emitter, node.target, iterable, emitter.range(node), lambda: emitter.statements(node.body))


def emit_for(
    emitter: Emitter,
    target: ast.expr,
    iterable: SugaredValue,
    range: ir.SourceRange,
    emit_body: Callable[[], None],
) -> None:
    """Emit a loop over what `iterate` returned: a `prim::Loop`, or where the length is known, the body repeated."""
    if iterable.static_length is not None:
        _emit_unrolled(emitter, target, iterable, iterable.static_length, range, emit_body)
        return
    trip_count, always = iterable.length(emitter, range), emitter.constant(True, range)
    loop = emitter.insert("prim::Loop", (trip_count,), (), range)
    body, header = loop.add_block(), loop.add_block()
    header.add_output(always)

    def emit_round(index: ir.Value) -> None:
        assign(emitter, target, iterable.item(emitter, range, index), range)
        emit_body()

    with _facts_kept(emitter, range):
        _emit_loop_body(emitter, body, emit_round)


def _emit_loop_body(emitter: Emitter, body: ir.Block, emit_round: Callable[[ir.Value], None]) -> None:
    index = body.add_input("", ir.INT)
    kind, emitter.loop_kind = emitter.loop_kind, "loop"
    emitter.environment.push(body, is_loop_body=True)
    with emitter.graph.inserting_at(body):
        emit_round(index)
    emitter.environment.pop()
    emitter.loop_kind = kind


def _emit_unrolled(
    emitter: Emitter,
    target: ast.expr,
    iterable: SugaredValue,
    length: int,
    range: ir.SourceRange,
    emit_body: Callable[[], None],
) -> None:
    kind, emitter.loop_kind = emitter.loop_kind, "unrolled"
    frame, emitter.unrolled_frame = emitter.unrolled_frame, emitter.environment.frame
    open_children = iterable.open_children() if isinstance(iterable, ZippedValue) else []
    for index in builtins.range(length):
        place = emitter.constant(index, range)
        if open_children:
            lengths = [child.length(emitter, range) for child in open_children]
            is_there = [emitter.builtin(range, "aten::gt", length, index) for length in lengths]
            for other in is_there[1:]:
                is_there[0] = emitter.builtin(range, "aten::__and__", is_there[0], other)

            def emit_round(place: ir.Value = place) -> None:
                assign(emitter, target, iterable.item(emitter, range, place), range)
                emit_body()

            emit_if(emitter, range, Condition(is_there[0]), emit_round, lambda: None)
            continue
        assign(emitter, target, iterable.item(emitter, range, place), range)
        emit_body()
        if emitter.round_end is not None:
            # A `break` or `continue` that is certain to be reached; what follows it in the block was left out.
            word, emitter.round_end = emitter.round_end, None
            emitter.exiting.discard(emitter.environment.block)
            if word == "break":
                break
            continue
        if emitter.environment.block in emitter.exiting:
            break
    emitter.loop_kind, emitter.unrolled_frame = kind, frame


@statement(ast.Break, ast.Continue)
def emit_break(emitter: Emitter, node: ast.Break | ast.Continue) -> None:
    word = "break" if isinstance(node, ast.Break) else "continue"
    if emitter.loop_kind == "unrolled" and emitter.environment.frame is emitter.unrolled_frame:
        emitter.round_end = "break" if isinstance(node, ast.Break) else "continue"
        emitter.exiting.add(emitter.environment.block)
        return
    if emitter.loop_kind == "unrolled":
        raise emitter.error(
            node,
            "Because we emit iteration over modulelists or tuples as unrolled loops, we do not support break or "
            "continue "
            "inside the body of these loops",
        )
    if emitter.loop_kind == "none":
        raise emitter.error(node, f"SyntaxError: '{word}' outside loop")
    emitter.insert(f"prim::{word.capitalize()}Stmt", (), (), emitter.range(node))
    emitter.exiting.add(emitter.environment.block)


# --- return


@statement(ast.Return)
def emit_return_statement(emitter: Emitter, node: ast.Return) -> None:
    range_ = emitter.range(node)
    if node.value is None:
        value = emitter.constant(None, range_)
    else:
        sugared = emitter.sugared(node.value, emitter.results.declared)
        if emitter.results.in_place and emitter.environment.frame.parent is None and not sugared.is_first_class:
            emitter.results.sugared = sugared
            emitter.exiting.add(emitter.environment.block)
            return
        value = sugared.as_value(emitter, emitter.range(node.value))
        if emitter.results.declared is ir.ANY and value.type is not ir.ANY:
            value = emitter.unchecked_cast(value, ir.ANY, emitter.range(node.value))
    if emitter.results.in_place and emitter.environment.frame.parent is None and emitter.results.merged is None:
        emitter.results.only = value
    emit_return(emitter, value, range_)


def emit_return(emitter: Emitter, value: ir.Value, range: ir.SourceRange) -> None:
    """Emit the return of a value, converted to the declared type or joined with the other results' types."""
    results = emitter.results
    declared = results.declared
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
        if results.declared not in (None, ir.NONE):
            raise ScriptError(
                "Function was not annotated as having type None, but does not return along all paths", range
            )
        emit_return(emitter, emitter.constant(None, range), range)
    if results.merged is None:
        results.merged = results.declared or ir.NONE
    block.add_output(emitter.uninitialized(results.merged, range))
    return results.merged
