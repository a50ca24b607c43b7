"""The source text of live Python functions and classes, as definitions that the compiler takes.

A method's text keeps its indentation, so that columns, string literals and highlights are those of the user's file.
Decorators are not looked at, but for those that set a mode of gradients (`mode_decorators`): what any other does to a
function is not part of the script.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from types import CodeType, FunctionType
from weakref import WeakKeyDictionary

from flambeau.errors import ScriptError
from flambeau.frontend import Definition, parse_source
from flambeau.ir import Source
from flambeau.python.mode_decorators import within_contexts

# By function, not by code: code objects of different files and annotations can be equal.
_PARSED: WeakKeyDictionary[FunctionType, Definition] = WeakKeyDictionary()
_WRAPPED: WeakKeyDictionary[FunctionType, Definition] = WeakKeyDictionary()
"""Those of functions that decorators wrapped."""


def definition_of(function: Callable[..., object]) -> Definition:
    """The definition of a Python function or method; ScriptError if its source is not to be had, or is no `def`."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(plain, FunctionType):
        raise ScriptError(f"Can't get source for {function}: it is not a Python function")
    if plain not in _PARSED:
        _PARSED[plain] = _parse(plain)
    if plain is function or not isinstance(function, FunctionType):
        return _PARSED[plain]
    if function not in _WRAPPED:
        _WRAPPED[function] = within_contexts(function, _PARSED[plain])
    return _WRAPPED[function]


def source_of(obj: Callable[..., object]) -> Source:
    """The text of a function or class where it stands in its file."""
    try:
        lines, first_line = inspect.getsourcelines(obj)
        filename = inspect.getsourcefile(obj) or "<unknown>"
    except OSError:
        raise ScriptError(
            f"Can't get source for {obj}. TorchScript requires source access in order to carry out compilation, make "
            "sure original .py files are available."
        ) from None
    except (TypeError, IndentationError, SyntaxError) as error:
        raise ScriptError(f"Can't get source for {obj}: {error}") from None
    return Source("".join(lines), filename, first_line)


def _parse(function: FunctionType) -> Definition:
    if function.__name__ == "<lambda>":
        return _parse_lambda(function)
    source = source_of(function)
    statements = _statements(source)
    if len(statements) != 1 or not isinstance(statements[0], ast.FunctionDef):
        raise ScriptError(f"Expected a single top-level function: {source.filename}:{source.first_line}", None)
    if statements[0].name != function.__code__.co_name:  # text that was run by `exec`, or a file that has changed
        raise ScriptError(f"Can't get source for {function}: another function stands there in {source.filename}", None)
    return Definition(statements[0], source)


def _parse_lambda(function: FunctionType) -> Definition:
    """The definition of a lambda: a function that returns its expression. It is looked for in the text of its file."""
    code = function.__code__
    filename = inspect.getsourcefile(function) or code.co_filename
    lines = linecache.getlines(filename, function.__globals__)
    if not lines:
        raise ScriptError(
            f"Can't get source for {function}. TorchScript requires source access in order to carry out compilation, "
            "make sure original .py files are available."
        )
    source = Source("".join(lines), filename, 1)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = [
        node
        for node in ast.walk(parse_source(source))
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno and _parameter_names(node) == names
    ]
    if len(found) > 1:
        found = [node for node in found if _code_of(node) == code.co_code]
    if len({ast.dump(node) for node in found}) != 1:
        raise ScriptError(f"Expected a single top-level function: {filename}:{code.co_firstlineno}", None)
    (node, *_) = found
    returned = ast.copy_location(ast.Return(node.body), node.body)
    made = ast.FunctionDef("_lambda", node.args, [returned], [], None, None)
    return Definition(ast.copy_location(made, node), source)


def _parameter_names(node: ast.Lambda) -> tuple[str, ...]:
    return tuple(p.arg for p in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def _code_of(node: ast.Lambda) -> bytes:
    """The instructions that a lambda compiles to by itself."""
    compiled = compile(ast.Expression(node), "<lambda>", "eval")
    return next(c.co_code for c in compiled.co_consts if isinstance(c, CodeType))


def _statements(source: Source) -> list[ast.stmt]:
    """The statements of a text that may be indented, with positions in that text."""
    if not source.text[:1].isspace():
        return parse_source(source).body
    module = parse_source(Source(f"if True:\n{source.text}", source.filename, source.first_line - 1))
    outer = module.body[0]
    if len(module.body) != 1 or not isinstance(outer, ast.If):
        return []
    for statement in outer.body:
        ast.increment_lineno(statement, -1)
    return outer.body
