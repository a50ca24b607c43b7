"""`@torch.no_grad()` and its like: the body of such a function is compiled as if it stood in a `with` statement.

    @torch.no_grad()                         def update(self, x):
    def update(self, x):            ->           with torch.no_grad():
        self.mean.lerp_(x, 0.1)                      self.mean.lerp_(x, 0.1)

PyTorch's compiler drops every decorator, and this one with its effect.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import torch
from torch.utils import _contextlib

from flambeau.frontend import Definition
from flambeau.python.namespaces import closure_of

_ARGUMENTS: dict[type, str | None] = {
    torch.no_grad: None,
    torch.enable_grad: None,
    torch.inference_mode: "mode",
    torch.set_grad_enabled: "mode",
}
"""Classes of contexts, with the attribute that holds the argument they were made with."""


def context_names(function: Callable[..., object]) -> dict[str, object]:
    """What the names mean under which `within_contexts` refers to the classes."""
    return {f"$context{index}": type(context) for index, context in enumerate(_contexts(function))}


def within_contexts(function: Callable[..., object], definition: Definition) -> Definition:
    """A definition with its body inside of the contexts that the function is decorated with."""
    node = definition.node
    body = node.body
    for index, context in reversed(list(enumerate(_contexts(function)))):
        attribute = _ARGUMENTS[type(context)]
        given: list[ast.expr] = [] if attribute is None else [ast.Constant(bool(getattr(context, attribute)))]
        made = ast.Call(ast.Name(f"$context{index}", ast.Load()), given, [])
        statement = ast.With([ast.withitem(made)], body)
        for part in (made.func, *given, made, statement):
            ast.copy_location(part, node.body[0])
        body = [statement]
    if body is node.body:
        return definition
    wrapped = ast.FunctionDef(node.name, node.args, body, [], node.returns, node.type_comment)
    return Definition(ast.copy_location(wrapped, node), definition.source, definition.serialized)


def _contexts(function: Callable[..., object]) -> Iterator[object]:
    """The contexts that a user's function is decorated with, outermost first."""
    current: object = getattr(function, "__func__", function)
    while hasattr(current, "__wrapped__"):
        if getattr(current, "__globals__", None) is vars(_contextlib):
            # The wrapper, whose name differs by PyTorch's version, holds the bound method that copies the context.
            context = getattr(closure_of(current).get("ctx_factory"), "__self__", None)
            if type(context) in _ARGUMENTS and not str(getattr(current, "__module__", "")).startswith("torch."):
                yield context
        current = current.__wrapped__
