"""Classes declared as interfaces: the schemas of their methods.

@torch.jit.interface
class Layer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass
"""

from __future__ import annotations

import ast
import inspect

from torch import nn

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import Definition, signature_of
from flambeau.ir import Argument, FunctionSchema, InterfaceType
from flambeau.python.functions.functions import default_arguments
from flambeau.python.functions.source_code import definition_of
from flambeau.python.names import qualified_name
from flambeau.python.resolver import resolver_of
from flambeau.python.unit import services, unit


def interface_type(cls: type) -> InterfaceType:
    """The type of an interface class; ScriptError if it declares more than methods without bodies."""
    made = InterfaceType(unit.compilation_unit.free_name(qualified_name(cls)), is_module=issubclass(cls, nn.Module))
    unit.add_named_type(cls, made)
    try:
        for member in vars(cls).values():
            if inspect.isfunction(member):
                made.methods.append(_method_schema(made, member))
    except ScriptError:
        unit.remove_named_type(cls, made)
        raise
    return made


def _method_schema(owner: InterfaceType, function: object) -> FunctionSchema:
    if not inspect.isfunction(function):
        raise ScriptError("interface declarations can only contain method definitions")
    definition = definition_of(function)
    if definition.node.returns is None and definition.node.type_comment is None:
        raise ScriptError(
            "interface declarations must have a return type annotated.", definition.range(definition.node)
        )
    if not _is_empty(definition):
        raise ScriptError("interfaces declarations should contain 'pass' statement.", definition.header_range())
    defaults = default_arguments(function)
    resolver = resolver_of(function, definition, services.sugared)
    signature = signature_of(definition, resolver, is_method=True, defaults=defaults)
    result = Argument("", ir.NONE if signature.return_type is None else signature.return_type)
    return FunctionSchema(definition.name, "", (Argument("self", owner), *signature.arguments), (result,))


def _is_empty(definition: Definition) -> bool:
    """Whether the body is `pass`, `...` or a docstring."""
    return all(
        isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in definition.node.body
    )
