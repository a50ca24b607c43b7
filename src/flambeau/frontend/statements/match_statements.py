"""`match` on constants, members of Enum classes, `None`, names, tuples, lists, dicts and objects.

    match pair:                         $subject = pair
        case (0, y) if c:               if len($subject) == 2 and $subject[0] == 0:
            f(y)                ->          y = $subject[1]
        case Point(x=1):                    if c:
            g()                                 f(y)
                                            else: ...the rest
                                        else: ...the rest, beginning with isinstance($subject, Point) and ...

PyTorch's compiler does not have it; what is emitted is ordinary code.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeVar, final

from flambeau import ir

from ..emitter import Emitter
from ..syntax import statement
from ..values.class_values import NamedTupleConstructor

S = TypeVar("S", ast.expr, ast.stmt)

_BUILT_IN = ("bool", "float", "int", "list", "str", "tuple", "dict")
"""Classes whose patterns may have one positional part, for the whole value."""


@final
@dataclass(slots=True)
class _Matched:
    """What must hold for a pattern to match, in order, and the names that are bound then."""

    tests: list[ast.expr] = field(default_factory=list)
    bound: list[tuple[str, ast.expr]] = field(default_factory=list)
    removed: list[tuple[str, ast.expr]] = field(default_factory=list)
    """Names of dicts, and keys that these are not to have."""


@statement(ast.Match)
def emit_match(emitter: Emitter, node: ast.Match) -> None:
    name = f"$subject{node.lineno}_{node.col_offset}"
    emitter.statement(_at(node.subject, ast.Assign([_at(node.subject, ast.Name(name, ast.Store()))], node.subject)))
    emitter.statements(_branches(emitter, name, node.cases))


def _branches(emitter: Emitter, subject: str, cases: list[ast.match_case]) -> list[ast.stmt]:
    """Statements that run the first case that matches."""
    following: list[ast.stmt] = []
    for case in reversed(cases):
        following = _branch(emitter, subject, case, following)
    return following


def _branch(emitter: Emitter, subject: str, case: ast.match_case, following: list[ast.stmt]) -> list[ast.stmt]:
    pattern = case.pattern
    matched = _Matched()
    given = emitter.environment.find_type(subject)
    _add(emitter, matched, _load(subject, pattern), given, pattern)
    body = case.body
    if case.guard is not None and not matched.bound:
        matched.tests.append(case.guard)
    elif case.guard is not None:
        body = [_at(pattern, ast.If(case.guard, body, following))]
    bound = [_at(pattern, ast.Assign([_store(name, pattern)], value)) for name, value in matched.bound]
    bound += [_at(pattern, ast.Delete([_item(_load(name, pattern), key, ast.Del())])) for name, key in matched.removed]
    if not matched.tests:
        return [*bound, *body]
    test = matched.tests[0] if len(matched.tests) == 1 else _at(pattern, ast.BoolOp(ast.And(), matched.tests))
    return [_at(pattern, ast.If(test, [*bound, *body], following))]


def _add(emitter: Emitter, matched: _Matched, subject: ast.expr, given: ir.Type | None, pattern: ast.pattern) -> None:
    """Add what a pattern asks of a subject, and binds of it."""
    match pattern:
        case ast.MatchAs(pattern=inner, name=name):
            if inner is not None:
                _add(emitter, matched, subject, given, inner)
            if name is not None:
                matched.bound.append((name, subject))
        case ast.MatchOr(patterns=patterns):
            matched.tests.append(
                _at(pattern, ast.BoolOp(ast.Or(), [_alone(emitter, subject, given, p) for p in patterns]))
            )
        case ast.MatchValue(value=value):
            matched.tests.append(_at(pattern, ast.Compare(subject, [ast.Eq()], [value])))
        case ast.MatchSingleton(value=value):
            matched.tests += _singleton_tests(subject, value, pattern)
        case ast.MatchSequence(patterns=patterns):
            _add_sequence(emitter, matched, subject, given, pattern, patterns)
        case ast.MatchMapping():
            _add_mapping(emitter, matched, subject, given, pattern)
        case ast.MatchClass():
            _add_class(emitter, matched, subject, given, pattern)
        case _:
            raise emitter.unsupported(pattern, f"{type(pattern).__name__} patterns aren't supported")


def _alone(emitter: Emitter, subject: ast.expr, given: ir.Type | None, pattern: ast.pattern) -> ast.expr:
    """The condition that one of several alternatives matches, which binds nothing."""
    matched = _Matched()
    _add(emitter, matched, subject, given, pattern)
    if matched.bound:
        raise emitter.unsupported(pattern, "alternatives that bind names aren't supported")
    if not matched.tests:
        return _at(pattern, ast.Constant(True))
    return matched.tests[0] if len(matched.tests) == 1 else _at(pattern, ast.BoolOp(ast.And(), matched.tests))


def _singleton_tests(subject: ast.expr, value: bool | None, pattern: ast.pattern) -> list[ast.expr]:
    constant = _at(pattern, ast.Constant(value))
    if value is None:
        return [_at(pattern, ast.Compare(subject, [ast.Is()], [constant]))]
    return [
        _is_instance(subject, _load("bool", pattern), pattern),
        _at(pattern, ast.Compare(subject, [ast.Eq()], [constant])),
    ]


def _add_sequence(
    emitter: Emitter,
    matched: _Matched,
    subject: ast.expr,
    given: ir.Type | None,
    pattern: ast.pattern,
    patterns: list[ast.pattern],
) -> None:
    """`[a, b, *rest]`: of a tuple the length is known; nothing but tuples and lists matches."""
    stars = [i for i, part in enumerate(patterns) if isinstance(part, ast.MatchStar)]
    count = len(patterns) - len(stars)
    if given is None or given is ir.ANY or isinstance(given, (ir.OptionalType, ir.UnionType)):
        raise emitter.unsupported(pattern, "sequence patterns need a value that is known to be one, or none")
    if not isinstance(given, (ir.TupleType, ir.ListType)):
        matched.tests.append(_at(pattern, ast.Constant(False)))
        return
    length = _at(pattern, ast.Call(_load("len", pattern), [subject], []))
    comparison = ast.GtE() if stars else ast.Eq()
    fits = not isinstance(given, ir.TupleType) or (
        len(given.elements) >= count if stars else len(given.elements) == count
    )
    if not fits:
        matched.tests.append(_at(pattern, ast.Constant(False)))
        return
    if isinstance(given, ir.ListType):
        matched.tests.append(_at(pattern, ast.Compare(length, [comparison], [_at(pattern, ast.Constant(count))])))
    for place, part in enumerate(patterns):
        index = place if not stars or place < stars[0] else place - len(patterns)
        if isinstance(part, ast.MatchStar):
            if part.name is not None:
                matched.bound.append((part.name, _rest(subject, place, len(patterns) - place - 1, pattern)))
            continue
        element = given.element if isinstance(given, ir.ListType) else given.elements[index]
        item = _at(pattern, ast.Subscript(subject, _number(index, pattern), ast.Load()))
        _add(emitter, matched, item, element, part)


def _add_mapping(
    emitter: Emitter, matched: _Matched, subject: ast.expr, given: ir.Type | None, pattern: ast.MatchMapping
) -> None:
    """`{"a": x, **rest}`: the keys must be there; nothing but dicts matches."""
    if given is None or given is ir.ANY or isinstance(given, (ir.OptionalType, ir.UnionType)):
        raise emitter.unsupported(pattern, "dict patterns need a value that is known to be one, or none")
    if not isinstance(given, ir.DictType):
        matched.tests.append(_at(pattern, ast.Constant(False)))
        return
    for key, part in zip(pattern.keys, pattern.patterns, strict=True):
        matched.tests.append(_at(pattern, ast.Compare(key, [ast.In()], [subject])))
        _add(emitter, matched, _item(subject, key, ast.Load()), given.value, part)
    if pattern.rest is not None:
        copied = _at(pattern, ast.Call(_at(pattern, ast.Attribute(subject, "copy", ast.Load())), [], []))
        matched.bound.append((pattern.rest, copied))
        matched.removed += [(pattern.rest, key) for key in pattern.keys]


def _item(container: ast.expr, key: ast.expr, context: ast.expr_context) -> ast.expr:
    return _at(key, ast.Subscript(container, key, context))


def _rest(subject: ast.expr, before: int, after: int, place: ast.pattern) -> ast.expr:
    """What a star takes, which is a list."""
    stop = _number(-after, place) if after else None
    taken = ast.Subscript(subject, _at(place, ast.Slice(_number(before, place), stop)), ast.Load())
    return _at(place, ast.Call(_load("list", place), [_at(place, taken)], []))


def _add_class(
    emitter: Emitter, matched: _Matched, subject: ast.expr, given: ir.Type | None, pattern: ast.MatchClass
) -> None:
    matched.tests.append(_is_instance(subject, pattern.cls, pattern))
    if isinstance(pattern.cls, ast.Name) and pattern.cls.id in _BUILT_IN and not pattern.kwd_attrs:
        for part in pattern.patterns:
            _add(emitter, matched, subject, given, part)
        return
    types = _field_types(given)
    positional: tuple[str, ...] = ()
    if pattern.patterns:
        meant = emitter.sugared(pattern.cls)
        if not isinstance(meant, NamedTupleConstructor):
            raise emitter.unsupported(pattern, "positional patterns are supported of named tuples only")
        types = _field_types(meant.type)
        positional = tuple(types)[: len(pattern.patterns)]
        if len(positional) < len(pattern.patterns):
            raise emitter.error(pattern, f"{meant.type.name} has fewer fields than the pattern")
    for name, part in zip([*positional, *pattern.kwd_attrs], [*pattern.patterns, *pattern.kwd_patterns], strict=True):
        _add(emitter, matched, _at(pattern, ast.Attribute(subject, name, ast.Load())), types.get(name), part)


def _field_types(given: ir.Type | None) -> dict[str, ir.Type]:
    """The types of the fields of named tuples and the attributes of objects."""
    if isinstance(given, ir.TupleType) and given.field_names is not None:
        return dict(zip(given.field_names, given.elements, strict=True))
    return {a.name: a.type for a in given.attributes} if isinstance(given, ir.ClassType) else {}


def _is_instance(subject: ast.expr, cls: ast.expr, place: ast.pattern) -> ast.expr:
    return _at(place, ast.Call(_load("isinstance", place), [subject, cls], []))


def _number(value: int, place: ast.pattern) -> ast.expr:
    if value < 0:
        return _at(place, ast.UnaryOp(ast.USub(), _at(place, ast.Constant(-value))))
    return _at(place, ast.Constant(value))


def _load(name: str, place: ast.pattern) -> ast.expr:
    return _at(place, ast.Name(name, ast.Load()))


def _store(name: str, place: ast.pattern) -> ast.expr:
    return _at(place, ast.Name(name, ast.Store()))


def _at(place: ast.pattern | ast.expr, made: S) -> S:
    made.lineno, made.col_offset = place.lineno, place.col_offset
    made.end_lineno, made.end_col_offset = place.end_lineno, place.end_col_offset
    return made
