"""`try`, as far as it is certain before a run what it does; `import` inside functions.

    try:                                    a handler that only raises: the script raises the first exception itself,
        return self.table[key]              as it is raised where the handler does not do it
    except KeyError as error:
        raise ValueError(key) from error

    try:                                    imports are made when the script is compiled, and tell which part runs
        import apex
    except ImportError:
        apex = None

Whatever else a handler does would need an exception that is caught, and TorchScript catches none.
"""

from __future__ import annotations

import ast

from ..assumptions import notes
from ..emitter import Emitter
from ..resolver import ImportingResolver
from ..syntax import pretty_name, statement
from ..values.callables import ExceptionClass, ExceptionInstance
from ..values.sugared import Arg
from .simple_statements import emit_raise

_IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
_LEAVING = (ast.Return, ast.Break, ast.Continue)


@statement(ast.Try)
def emit_try(emitter: Emitter, node: ast.Try) -> None:
    if not emitter.infers or node.finalbody or not isinstance(emitter.resolver, ImportingResolver):
        raise emitter.unsupported(node)
    notes.went_beyond = True
    first, *others = node.body
    if isinstance(first, (ast.Import, ast.ImportFrom)) and not others:
        taken = node.orelse if _import(emitter, first) is None else _handler_of_imports(emitter, node)
        emitter.statements(taken)
        return
    if not all(_only_raises(handler) for handler in node.handlers):
        raise emitter.unsupported(node)
    emitter.statements([*node.body, *node.orelse])


def _handler_of_imports(emitter: Emitter, node: ast.Try) -> list[ast.stmt]:
    """What runs where an import fails."""
    for handler in node.handlers:
        named = [handler.type] if not isinstance(handler.type, ast.Tuple) else handler.type.elts
        if any(name is None or (isinstance(name, ast.Name) and name.id in _IMPORT_ERRORS) for name in named):
            if handler.name is not None and any(
                isinstance(part, ast.Name) and part.id == handler.name for part in ast.walk(handler)
            ):
                break
            return handler.body
    raise emitter.unsupported(node)


def _only_raises(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends with a `raise`, and in no other way."""
    parts = [part for statement in handler.body for part in ast.walk(statement)]
    return isinstance(handler.body[-1], ast.Raise) and not any(isinstance(part, _LEAVING) for part in parts)


@statement(ast.Import, ast.ImportFrom)
def emit_import(emitter: Emitter, node: ast.Import | ast.ImportFrom) -> None:
    """Imports are made when the script is compiled; one that fails raises when it is reached."""
    if not emitter.infers or not isinstance(emitter.resolver, ImportingResolver):
        raise emitter.unsupported(node, f"{pretty_name(node)} aren't supported")
    notes.went_beyond = True
    error = _import(emitter, node)
    if error is not None:
        range_ = emitter.range(node)
        name = type(error).__name__
        message = Arg(emitter.sugar(emitter.constant(str(error), range_)), range_)
        raised = ExceptionClass(name, f"builtins.{name}").call(emitter, range_, [message], [])
        if isinstance(raised, ExceptionInstance):
            emit_raise(emitter, raised, range_)


def _import(emitter: Emitter, node: ast.Import | ast.ImportFrom) -> ImportError | None:
    """Bind the names of an import; what it fails with, or None."""
    resolver, range_ = emitter.resolver, emitter.range(node)
    if not isinstance(resolver, ImportingResolver):
        return None
    for alias in node.names:
        try:
            if isinstance(node, ast.ImportFrom):
                found = resolver.resolve_import("." * node.level + (node.module or ""), alias.name, range_)
            else:
                found = resolver.resolve_import(alias.name, "." if alias.asname is None else "", range_)
        except ImportError as error:
            return error
        name = alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0])
        emitter.environment.assign(name, found, range_)
    return None
