"""Statements that are neither assignments nor control flow: expressions, `assert`, `raise`, `with`, `pass`."""

from __future__ import annotations

import ast

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..expressions.calls import emit_call_of
from ..expressions.conditions import emit_condition
from ..syntax import statement
from ..values.attribute_writes import forget_called
from ..values.callables import ExceptionClass, ExceptionInstance
from ..values.sugared import Arg
from .assignments import assign
from .branches import emit_if


@statement(ast.Pass)
def emit_pass(emitter: Emitter, node: ast.Pass) -> None:
    pass


@statement(ast.Expr)
def emit_expression_statement(emitter: Emitter, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        emitter.sugared(node.value)


# --- raise, assert


@statement(ast.Raise)
def emit_raise_statement(emitter: Emitter, node: ast.Raise) -> None:
    range_ = emitter.range(node)
    if node.exc is None:
        raise emitter.unsupported(node, "raise statements without an exception aren't supported")
    raised = emitter.sugared(node.exc)
    if isinstance(raised, ExceptionClass):
        name = None if raised.qualified_name is None else emitter.constant(raised.qualified_name, range_)
        raised = ExceptionInstance(emitter.constant("", range_), name)
    if not isinstance(raised, ExceptionInstance):
        raise ScriptError("exceptions must derive from BaseException", range_)
    emit_raise(emitter, raised, range_)


def emit_raise(emitter: Emitter, raised: ExceptionInstance, range: ir.SourceRange) -> None:
    """Emit the raise of an exception; nothing after it in the block is reached."""
    message = emitter.to_string(raised.message, range)
    name = emitter.constant(None, range) if raised.class_name is None else raised.class_name
    emitter.insert("prim::RaiseException", (message, name), (), range)
    emitter.exiting.add(emitter.environment.block)


@statement(ast.Assert)
def emit_assert(emitter: Emitter, node: ast.Assert) -> None:
    range_ = emitter.range(node)

    def emit_failure() -> None:
        message = emitter.constant("", range_) if node.msg is None else emitter.value(node.msg)
        raised = ExceptionClass("AssertionError").call(emitter, range_, [Arg(emitter.sugar(message), range_)], [])
        if isinstance(raised, ExceptionInstance):
            emit_raise(emitter, raised, range_)

    emit_if(emitter, range_, emit_condition(emitter, node.test), lambda: None, emit_failure)


# --- with


@statement(ast.With)
def emit_with(emitter: Emitter, node: ast.With) -> None:
    entered: list[tuple[ir.Value, ir.SourceRange]] = []
    for item in node.items:
        range_ = emitter.range(item.context_expr)
        manager = _emit_manager(emitter, item.context_expr)
        result = emitter.insert("prim::Enter", (manager,), (_enter_type(emitter, manager, range_),), range_).output
        _forget_written(emitter, manager, "__enter__")
        entered.append((manager, range_))
        if item.optional_vars is not None:
            assign(emitter, item.optional_vars, emitter.sugar(result), range_)
    emitter.statements(node.body)
    for manager, range_ in reversed(entered):
        emitter.insert("prim::Exit", (manager,), (ir.TENSOR,), range_)
        _forget_written(emitter, manager, "__exit__")


def _emit_manager(emitter: Emitter, node: ast.expr) -> ir.Value:
    if not isinstance(node, ast.Call):
        return emitter.value(node)
    if getattr(node.func, "attr", getattr(node.func, "id", "")) == "_IgnoreContextManager":
        raise emitter.unsupported(node, "blocks that stay in Python aren't supported")
    callee = emitter.sugared(node.func).as_context
    return emit_call_of(emitter, node, callee, None).as_value(emitter, emitter.range(node))


def _forget_written(emitter: Emitter, manager: ir.Value, method: str) -> None:
    owner = manager.type
    forget_called(emitter, owner.methods.get(method) if isinstance(owner, ir.ClassType) else None)


def _enter_type(emitter: Emitter, manager: ir.Value, range: ir.SourceRange) -> ir.Type:
    """The type of what `__enter__` returns; ScriptError if the object is no context manager."""
    owner = manager.type
    if not isinstance(owner, ir.ClassType):
        raise ScriptError("With item expression must return an object", range)
    if "__enter__" not in owner.methods or "__exit__" not in owner.methods:
        raise ScriptError(
            "Object returned by with item expression does not define __enter__ and __exit__ methods", range
        )
    enter = emitter.schema_of(owner.methods["__enter__"], range, f"{owner.name}.__enter__")
    leave = emitter.schema_of(owner.methods["__exit__"], range, f"{owner.name}.__exit__")
    if len(enter.arguments) != 1 or len(enter.returns) != 1:
        raise ScriptError("__enter__ must have only one argument and one return value", range)
    if len(leave.arguments) != 4:
        raise ScriptError("__exit__ must have four arguments", range)
    for index, argument in enumerate(leave.arguments[1:], 1):
        if argument.type is not ir.ANY:
            raise ScriptError(
                f"argument {index} of __exit__ must have Any type, not {type_name(argument.type)}; TorchScript "
                "passes no "
                "exception to it",
                range,
            )
    return enter.returns[0].type
