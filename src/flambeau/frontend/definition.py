"""Functions and classes as source text: syntax trees together with the text they were parsed from.

A `Definition` is what the compiler is given; it knows where in the user's file each piece of syntax stands.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau import ir
from flambeau.errors import ScriptError

from .syntax_trees import syntax_tree

Located: TypeAlias = "ast.expr | ast.stmt | ast.arg | ast.keyword | ast.excepthandler | ast.alias | ast.pattern"
"""Syntax that has a position."""

_TYPE_COMMENT = re.compile(r"#\s*type:")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One function to compile.

    `serialized` says that the text was written by a compiler (an archive's code), whose string literals hold UTF-8
    bytes as octal escapes and whose functions have complete annotations.
    """

    node: ast.FunctionDef
    source: ir.Source
    serialized: bool = False

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def parameters(self) -> list[ast.arg]:
        """The positional and keyword-only parameters, in order."""
        arguments = self.node.args
        return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]

    def default_expressions(self) -> Iterator[tuple[ast.arg, ast.expr]]:
        """The parameters that have a default, each with its expression."""
        arguments = self.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        if arguments.defaults:
            yield from zip(positional[-len(arguments.defaults) :], arguments.defaults, strict=True)
        for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                yield parameter, default

    def range(self, node: Located) -> ir.SourceRange:
        """The place of a piece of syntax; of a compound statement, its first line's keyword and what follows it."""
        return range_of(self.source, node)

    def header_range(self) -> ir.SourceRange:
        """The place of the `def` line."""
        return range_of(self.source, self.node)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ClassDefinition:
    """One class to compile."""

    node: ast.ClassDef
    source: ir.Source
    serialized: bool = False
    _methods: dict[str, Definition] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for statement in self.node.body:
            if isinstance(statement, ast.FunctionDef):
                self._methods[statement.name] = Definition(statement, self.source, self.serialized)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def methods(self) -> Sequence[Definition]:
        """The functions in the body, in order of appearance; of two with one name, the last."""
        return tuple(self._methods.values())

    def find_method(self, name: str) -> Definition | None:
        return self._methods.get(name)

    def range(self, node: Located) -> ir.SourceRange:
        """The place of a piece of syntax."""
        return range_of(self.source, node)


_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.FunctionDef, ast.ClassDef, ast.Try, ast.AsyncFunctionDef)


def range_of(source: ir.Source, node: Located) -> ir.SourceRange:
    """The place of syntax in `source`, which was parsed as a whole; of a compound statement, its first line."""
    start = _offset(source, node.lineno, node.col_offset)
    if isinstance(node, _COMPOUND):
        first = node.body[0]
        end = source.line_starts[source.line_of(start)] + len(source.line(source.line_of(start)))
        if first.lineno == node.lineno:
            end = _offset(source, first.lineno, first.col_offset)
    elif node.end_lineno is None or node.end_col_offset is None:
        end = start
    else:
        end = _offset(source, node.end_lineno, node.end_col_offset)
    return ir.SourceRange(source, start, max(start + 1, end))


def _offset(source: ir.Source, line: int, column: int) -> int:
    try:
        return source.offset(line - 1, column)
    except IndexError:
        # Before Python 3.12, what stands inside an f-string has positions that may lie outside the text.
        return len(source.text)


def parse_source(source: ir.Source) -> ast.Module:
    """The syntax tree of a text; ScriptError, at the offending place, if it is no Python.

    Comments of the form `# type: T` are kept where Python allows them, and ignored where they would be errors.
    """
    if _TYPE_COMMENT.search(source.text):
        try:
            return _parse(source.text, type_comments=True)
        except (SyntaxError, RecursionError, MemoryError, ValueError):
            pass
    try:
        return _parse(source.text, type_comments=False)
    except SyntaxError as error:
        raise ScriptError(error.msg or "invalid syntax", _place_of(error, source)) from None
    except (RecursionError, MemoryError):
        raise ScriptError("the source text is nested too deeply", source.range(0, 1)) from None
    except ValueError as error:
        raise ScriptError(str(error), source.range(0, 1)) from None


def _parse(text: str, *, type_comments: bool) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return syntax_tree(text, type_comments=type_comments)


def _place_of(error: SyntaxError, source: ir.Source) -> ir.SourceRange:
    lines = len(source.line_starts)
    line = min(max((error.lineno or 1) - 1, 0), lines - 1)
    begin = source.line_starts[line]
    length = len(source.line(line))
    start = begin + min(max((error.offset or 1) - 1, 0), length)
    same_line = error.end_lineno == error.lineno and error.end_offset is not None
    end = begin + min(max((error.end_offset or 0) - 1, 0), length) if same_line else begin + length
    return ir.SourceRange(source, start, max(end, start + 1))


def definitions_in(source: ir.Source, *, serialized: bool = False) -> list[Definition | ClassDefinition]:
    """The functions and classes at the top of a text, in order; ScriptError if it holds anything else."""
    found: list[Definition | ClassDefinition] = []
    for statement in parse_source(source).body:
        match statement:
            case ast.FunctionDef():
                found.append(Definition(statement, source, serialized))
            case ast.ClassDef():
                found.append(ClassDefinition(statement, source, serialized))
            case _:
                raise ScriptError("expected 'def' or 'class' here", range_of(source, statement))
    return found
