"""`while`, `for`, `break`, `continue`.

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

from ..assumptions import Reconsider, Subject
from ..emitter import Emitter
from ..expressions.conditions import Condition, emit_condition, refine
from ..late_variables import declare_late_variables, note_late_variables
from ..syntax import statement
from ..unrolling import assigned_names, counted
from ..values.iteration import ZippedValue
from ..values.sugared import SugaredValue
from .assignments import assign
from .branches import emit_if
from .loop_else import may_break, without_else

_FOREVER = (1 << 63) - 1


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
    declare_late_variables(emitter, range)
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

    _emit_loop_body(emitter, body, lambda _: emit_body(), range)
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
        subject: Subject = ("loop exits", (id(range.source), range.start, *emitter.inline_sites))
        if subject in emitter.assumptions.types:
            _emit_rounds_with_exits(emitter, target, iterable, iterable.static_length, range, emit_body)
            return
        outer, emitter.unrolled_loop = emitter.unrolled_loop, subject
        _emit_unrolled(emitter, target, iterable, iterable.static_length, range, emit_body)
        emitter.unrolled_loop = outer
        return
    declare_late_variables(emitter, range)
    trip_count, always = iterable.length(emitter, range), emitter.constant(True, range)
    loop = emitter.insert("prim::Loop", (trip_count,), (), range)
    body, header = loop.add_block(), loop.add_block()
    header.add_output(always)

    def emit_round(index: ir.Value) -> None:
        assign(emitter, target, iterable.item(emitter, range, index), range)
        emit_body()

    with _facts_kept(emitter, range):
        _emit_loop_body(emitter, body, emit_round, range)


def _emit_loop_body(
    emitter: Emitter, body: ir.Block, emit_round: Callable[[ir.Value], None], range: ir.SourceRange
) -> None:
    index = body.add_input("", ir.INT)
    kind, emitter.loop_kind = emitter.loop_kind, "loop"
    flag, emitter.break_flag = emitter.break_flag, None
    emitter.environment.push(body, is_loop_body=True).loop_range = range
    with emitter.graph.inserting_at(body):
        emit_round(index)
    note_late_variables(emitter, emitter.environment.pop(), range)
    emitter.loop_kind, emitter.break_flag = kind, flag


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
            is_there = _is_there(emitter, open_children, index, range)

            def emit_round(place: ir.Value = place) -> None:
                assign(emitter, target, iterable.item(emitter, range, place), range)
                emit_body()

            emit_if(emitter, range, Condition(is_there), emit_round, lambda: None)
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


def _is_there(emitter: Emitter, iterables: Sequence[SugaredValue], index: int, range: ir.SourceRange) -> ir.Value:
    """Emit whether all of some lists have an element of that index."""
    lengths = [child.length(emitter, range) for child in iterables]
    first, *others = [emitter.builtin(range, "aten::gt", length, index) for length in lengths]
    for other in others:
        first = emitter.builtin(range, "aten::__and__", first, other)
    return first


def _emit_rounds_with_exits(
    emitter: Emitter,
    target: ast.expr,
    iterable: SugaredValue,
    length: int,
    range: ir.SourceRange,
    emit_body: Callable[[], None],
) -> None:
    """Emit the body for each element where only a run decides on `break` or `continue`: each round is a loop of one
    round, which these leave, and does nothing once a flag says that an earlier one was left by `break`.
    """
    environment = emitter.environment
    open_children = iterable.open_children() if isinstance(iterable, ZippedValue) else []
    flag = f"$broke{range.start}"
    environment.assign(flag, emitter.sugar(emitter.constant(False, range)), range)
    _unbind_modules(emitter, target, range)
    declare_late_variables(emitter, range)
    for index in builtins.range(length):
        conditions = [_is_there(emitter, open_children, index, range)] if open_children else []
        if index > 0:
            broke = emitter.value(ast.copy_location(ast.Name(flag, ast.Load()), target))
            conditions.append(emitter.builtin(range, "aten::__not__", broke))
        if len(conditions) == 2:
            conditions[0] = emitter.builtin(range, "aten::__and__", conditions[0], conditions[1])
        rounds: list[ir.Block] = []

        def emit_round(index: int = index, rounds: list[ir.Block] = rounds) -> None:
            rounds.append(_emit_single_round(emitter, target, iterable, index, range, flag, emit_body))

        if conditions:
            emit_if(emitter, range, Condition(conditions[0]), emit_round, lambda: None)
        else:
            emit_round()
        last = rounds[0].return_node.previous
        if rounds[0] in emitter.exiting and last.kind != "prim::ContinueStmt":
            # This round is certain to be the last one.
            if last.kind != "prim::BreakStmt" and not conditions:
                emitter.exiting.add(environment.block)
            break


def _unbind_modules(emitter: Emitter, target: ast.expr, range: ir.SourceRange) -> None:
    """Let loop variables that were modules before be new variables in each round."""
    for name in (part.id for part in ast.walk(target) if isinstance(part, ast.Name)):
        environment = emitter.environment
        if environment.is_defined(name) and environment.find_type(name) is None:
            gone = ScriptError(f"{name} is a variable of a loop here, and not seen after it", range)
            environment.delete(name, gone)


def _emit_single_round(
    emitter: Emitter,
    target: ast.expr,
    iterable: SugaredValue,
    index: int,
    range: ir.SourceRange,
    flag: str,
    emit_body: Callable[[], None],
) -> ir.Block:
    """Emit one round as a loop of its own; its body."""
    once, always = emitter.constant(1, range), emitter.constant(True, range)
    loop = emitter.insert("prim::Loop", (once,), (), range)
    body, header = loop.add_block(), loop.add_block()
    header.add_output(always)

    def emit_round(_: ir.Value) -> None:
        emitter.break_flag = flag
        assign(emitter, target, iterable.item(emitter, range, emitter.constant(index, range)), range)
        emit_body()

    _emit_loop_body(emitter, body, emit_round, range)
    return body


@statement(ast.Break, ast.Continue)
def emit_break(emitter: Emitter, node: ast.Break | ast.Continue) -> None:
    word = "break" if isinstance(node, ast.Break) else "continue"
    if emitter.loop_kind == "unrolled" and emitter.environment.frame is emitter.unrolled_frame:
        emitter.round_end = "break" if isinstance(node, ast.Break) else "continue"
        emitter.exiting.add(emitter.environment.block)
        return
    if emitter.loop_kind == "unrolled":
        problem = emitter.error(
            node,
            "Because we emit iteration over modulelists or tuples as unrolled loops, we do not support break or "
            "continue "
            "inside the body of these loops",
        )
        if emitter.infers and emitter.unrolled_loop is not None:
            raise Reconsider(problem, emitter.unrolled_loop)
        raise problem
    if emitter.loop_kind == "none":
        raise emitter.error(node, f"SyntaxError: '{word}' outside loop")
    if emitter.break_flag is not None and word == "break":
        range_ = emitter.range(node)
        emitter.environment.assign(emitter.break_flag, emitter.sugar(emitter.constant(True, range_)), range_)
    emitter.insert(f"prim::{word.capitalize()}Stmt", (), (), emitter.range(node))
    emitter.exiting.add(emitter.environment.block)
