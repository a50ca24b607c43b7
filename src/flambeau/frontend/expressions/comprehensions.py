"""List and dict comprehensions, and generator expressions (which become lists).

[f(x) for x in xs if c]     prim::ListConstruct, then a loop that appends, in a scope of its own
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..folding import known_value
from ..statements.assignments import assign
from ..statements.branches import emit_if
from ..statements.loop_statements import emit_for
from ..syntax import expression
from ..unrolling import counted, raise_unless_unrolled
from ..values.index_values import IndexList
from ..values.keywords import KeywordsValue
from ..values.simple_values import SliceValue
from ..values.sugared import SugaredValue
from .calls import first_class
from .conditions import Condition, emit_condition
from .container_hints import container_hint
from .literals import as_hinted, checked_dict


@expression(ast.ListComp, ast.GeneratorExp)
def emit_list_comprehension(
    emitter: Emitter, node: ast.ListComp | ast.GeneratorExp, hint: ir.Type | None
) -> SugaredValue:
    range_ = emitter.range(node)
    wanted = container_hint(hint, ir.ListType, range_, lambda _: True)
    result = emitter.make_list([], ir.TENSOR if wanted is None else wanted.element, range_)
    seen: list[ir.Type] = []
    slices: list[SugaredValue] = []

    def emit_body() -> None:
        given = emitter.sugared(node.elt, None if wanted is None else wanted.element)
        if isinstance(given, SliceValue) and emitter.infers:
            slices.append(_slice_of_round(emitter, node, given))
            return
        value = given.as_value(emitter, emitter.range(node.elt))
        seen.append(value.type)
        result.type = ir.ListType(_joined(seen, wanted and wanted.element, "List", range_))
        emitter.builtin(range_, "aten::append", result, value)

    _emit_scope(emitter, node, emit_body)
    if slices and not seen:
        return IndexList(slices, emitter.environment.frame, [])
    for user, _ in result.uses:
        # In an unrolled loop, the list got its final type after the first elements were appended.
        if user.kind == "aten::append":
            user.output.type = result.type
    return as_hinted(emitter, result, hint, range_)


def _slice_of_round(emitter: Emitter, node: ast.expr, given: SliceValue) -> SliceValue:
    """A slice that one round of an unrolled comprehension makes; ScriptError where a run decides on the rounds."""
    if not emitter.environment.frame.is_scope:
        problem = emitter.error(node, "only a run knows how many slices there are")
        raise_unless_unrolled(emitter, problem)
        raise problem
    return given


@expression(ast.DictComp)
def emit_dict_comprehension(emitter: Emitter, node: ast.DictComp, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    known = _known_entries(emitter, node)
    if known is not None:
        return KeywordsValue(known)
    wanted = container_hint(hint, ir.DictType, range_, lambda _: True)
    type = wanted or ir.DictType(ir.STRING, ir.TENSOR)
    result = emitter.insert("prim::DictConstruct", (), (type,), range_).output
    keys: list[ir.Type] = []
    values: list[ir.Type] = []

    def emit_body() -> None:
        key = emitter.value(node.key)
        value = emitter.value(node.value, None if wanted is None else wanted.value)
        keys.append(key.type)
        values.append(value.type)
        result.type = checked_dict(
            _joined(keys, wanted and wanted.key, "Dict", range_),
            _joined(values, wanted and wanted.value, "Dict", range_),
            range_,
        )
        emitter.builtin(range_, "aten::_set_item", result, key, value)

    _emit_scope(emitter, node, emit_body)
    return as_hinted(emitter, result, hint, range_)


def _known_entries(emitter: Emitter, node: ast.DictComp) -> dict[object, SugaredValue] | None:
    """The entries, where what is gone through is a dictionary that exists at compile time; else None."""
    match node.generators:
        case [
            ast.comprehension(iter=ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="items"))) as generator
        ]:
            if not emitter.infers or not isinstance(emitter.sugared(name), KeywordsValue):
                return None
        case _:
            return None
    rounds = emitter.sugared(generator.iter).as_tuple(emitter, emitter.range(generator.iter))
    entries: dict[object, SugaredValue] = {}

    def emit_round() -> None:
        for test in generator.ifs:
            outcome = emit_condition(emitter, test).outcome
            if outcome is None:
                raise emitter.error(test, "only a run knows which keyword arguments there are")
            if not outcome:
                return
        key = known_value(emitter, emitter.value(node.key))
        if not isinstance(key, str):
            raise emitter.error(node.key, "the keys of keyword arguments must be known at compile time")
        entries[key] = first_class(emitter, emitter.sugared(node.value), emitter.range(node.value))

    with _scope(emitter, node):
        for one in rounds:
            assign(emitter, generator.target, one, emitter.range(generator.iter))
            emit_round()
    return entries


def _joined(seen: list[ir.Type], wanted: ir.Type | None, container: str, range: ir.SourceRange) -> ir.Type:
    """The type of all elements so far (an unrolled loop shows several), or the declared one."""
    joined = ir.unify_all(tuple(seen), default_to_union=True, hint=wanted) or ir.ANY
    if wanted is None:
        return ir.unshaped(joined)
    if not ir.is_subtype(joined, wanted):
        raise ScriptError(
            f"{container} type annotation `{container}[{type_name(wanted)}]` did not match the types of the given "
            f"{container.lower()} elements, which were unified to {type_name(joined)}",
            range,
        )
    return wanted


def _emit_scope(
    emitter: Emitter, node: ast.ListComp | ast.GeneratorExp | ast.DictComp, emit_body: Callable[[], None]
) -> None:
    """Emit the loops of a comprehension."""
    with _scope(emitter, node):
        _emit_generators(emitter, node, node.generators, emit_body)


@contextmanager
def _scope(emitter: Emitter, node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> Iterator[None]:
    """Emit into the block of a comprehension, whose variables are not seen outside."""
    block = emitter.insert("prim::ComprehensionScope", (), (), emitter.range(node)).add_block()
    emitter.environment.push(block, is_scope=True)
    for generator in node.generators:
        for part in ast.walk(generator.target):
            if isinstance(part, ast.Name):
                emitter.environment.declare_local(part.id)
    with emitter.graph.inserting_at(block):
        yield
    emitter.environment.pop()


def _emit_generators(
    emitter: Emitter, node: ast.expr, generators: list[ast.comprehension], emit_body: Callable[[], None]
) -> None:
    """Emit the loop of the first generator around those of the others."""
    if not generators:
        emit_body()
        return
    generator, *others = generators
    if generator.is_async:
        raise emitter.unsupported(node, "async comprehensions aren't supported")
    iterable = emitter.sugared(generator.iter).iterate(emitter, emitter.range(generator.iter))

    def emit_round() -> None:
        _emit_filtered(emitter, generator.ifs, lambda: _emit_generators(emitter, node, others, emit_body))

    with counted(emitter, generator.iter, iterable) as iterable:
        emit_for(emitter, generator.target, iterable, emitter.range(node), emit_round)


def _emit_filtered(emitter: Emitter, tests: list[ast.expr], emit_body: Callable[[], None]) -> None:
    """Emit the body under the conditions of a generator."""
    if not tests:
        emit_body()
        return
    condition = emit_condition(emitter, tests[0])
    if condition.outcome is False and emitter.infers and emitter.environment.frame.is_scope:
        return  # nothing but this round is left out
    if condition.outcome is False:
        # The body is compiled all the same: it tells the type of the elements.
        condition = Condition(condition.value, condition.refinements)
    emit_if(
        emitter,
        emitter.range(tests[0]),
        condition,
        lambda: _emit_filtered(emitter, tests[1:], emit_body),
        lambda: None,
    )
