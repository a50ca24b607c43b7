"""What the statements in the body of an archive's class declare: attributes, constants, members, fields.

class C(Module):
  __parameters__ = ["w", ]
  w : Tensor
  __annotations__["0"] = int
  k : Final[int] = 3
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import final

from flambeau.errors import ScriptError
from flambeau.frontend import ClassDefinition, range_of
from flambeau.ir import (
    BOUND_CLASSES,
    TENSOR,
    AttributeKind,
    ClassType,
    EnumType,
    Source,
    SourceRange,
    TupleType,
    Type,
    custom_class,
    demangled,
    infer_constant_type,
    is_subtype,
    optional,
)

from .names import ArchiveResolver

__all__ = ["base_of", "declare_attributes", "enum_of", "named_tuple_of"]

_PACKED_PARAMETERS = {
    f"__torch__.torch.{prefix}nn.{module}": f"{BOUND_CLASSES}quantized.{packed}ParamsBase"
    for packed, modules in {
        "LinearPacked": ("quantized.modules.linear.LinearPackedParams", "quantized.modules.linear.Linear"),
        "Conv2dPacked": ("quantized.modules.conv.Conv2d", "intrinsic.quantized.modules.conv_relu.ConvReLU2d"),
        "Conv3dPacked": ("quantized.modules.conv.Conv3d", "intrinsic.quantized.modules.conv_relu.ConvReLU3d"),
    }.items()
    for module in modules
    for prefix in ("", "ao.")
} | {
    f"__torch__.torch.{prefix}nn.quantized.dynamic.modules.linear.Linear": (
        f"{BOUND_CLASSES}quantized.LinearPackedParamsBase"
    )
    for prefix in ("", "ao.")
}
"""Modules whose `_packed_params` were declared `Tensor` in old archives, with the class that the values have."""

_KINDS: dict[str, AttributeKind] = {"__parameters__": "parameter", "__buffers__": "buffer"}
_OPTIONAL_TENSOR = optional(TENSOR)
_LISTS = (*_KINDS, "__forward_pre_hooks__", "__forward_hooks__", "__annotations__")


def base_of(definition: ClassDefinition) -> str:
    """The name of the base class, which says what kind of type this is; empty if there is none."""
    bases = definition.node.bases
    if not bases:
        return ""
    if len(bases) == 1 and isinstance(bases[0], ast.Name):
        return bases[0].id
    raise ScriptError("a class in an archive has at most one base, a plain name", definition.range(bases[0]))


@final
@dataclass(slots=True)
class _Body:
    cls: ClassType
    definition: ClassDefinition
    resolver: ArchiveResolver
    lists: dict[str, list[str]] = field(default_factory=dict)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.Pass():
                return
            case ast.AnnAssign(target=ast.Name(id=name), value=None, annotation=annotation):
                self.attribute(statement, name, annotation)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self.cls.constants[name] = self.constant(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List() as value) if name in _LISTS:
                self.lists[name] = self.names(value)
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id="__annotations__"), slice=ast.Constant(value=str() as name))],
                value=annotation,
            ):
                self.attribute(statement, serialized_text(name, self.definition.range(statement)), annotation)
            case _:
                raise ScriptError("unexpected statement in a class", self.definition.range(statement))

    def attribute(self, statement: ast.stmt, name: str, annotation: ast.expr) -> None:
        type = self.resolver.resolve_type(annotation, self.definition.range(annotation))
        packed = _PACKED_PARAMETERS.get(demangled(self.cls.qualified_name))
        if packed is not None and name == "_packed_params" and type == TENSOR:
            type = custom_class(packed)
        try:
            self.cls.add_attribute(name, type)
        except ValueError as error:
            raise ScriptError(str(error), self.definition.range(statement)) from None

    def names(self, value: ast.List) -> list[str]:
        found = [self.constant(element) for element in value.elts]
        if not all(isinstance(name, str) for name in found):
            raise ScriptError("expected a list of names here", self.definition.range(value))
        return [str(name) for name in found]

    def constant(self, expression: ast.expr) -> object:
        return literal_value(expression, self.definition.source, self.resolver)


def declare_attributes(
    cls: ClassType, definition: ClassDefinition, resolver: ArchiveResolver
) -> tuple[list[str], list[str]]:
    """Add the attributes and constants of a class; returns the names of its forward pre-hooks and forward hooks."""
    body = _Body(cls, definition, resolver)
    for statement in definition.node.body:
        body.statement(statement)
    for title, kind in _KINDS.items():
        for name in body.lists.get(title, ()):
            attribute = cls.find_attribute(name)
            if attribute is not None and (kind == "buffer" or is_subtype(attribute.type, _OPTIONAL_TENSOR)):
                attribute.kind = kind
    return body.lists.get("__forward_pre_hooks__", []), body.lists.get("__forward_hooks__", [])


def named_tuple_of(qualified_name: str, definition: ClassDefinition, resolver: ArchiveResolver) -> TupleType:
    """The NamedTuple type that a class defines."""
    names: list[str] = []
    types: list[Type] = []
    for statement in definition.node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                names.append(name)
                types.append(resolver.resolve_type(annotation, definition.range(annotation)))
            case ast.Pass():
                continue
            case _:
                raise ScriptError("unexpected statement in a NamedTuple", definition.range(statement))
    if len(set(names)) != len(names):
        raise ScriptError("a NamedTuple has two fields of one name", definition.range(definition.node))
    return TupleType(tuple(types), qualified_name, tuple(names))


def enum_of(qualified_name: str, definition: ClassDefinition, resolver: ArchiveResolver) -> EnumType:
    """The enum that a class defines."""
    members: list[tuple[str, object]] = []
    for statement in definition.node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                members.append((name, literal_value(value, definition.source, resolver)))
            case _:
                raise ScriptError("unexpected statement in an Enum", definition.range(statement))
    value_type = infer_constant_type(members[0][1]) if members else None
    if value_type is None or any(infer_constant_type(value) != value_type for _, value in members):
        problem = "No enum values defined for" if not members else "Enum values of different or unknown types in"
        raise ScriptError(f"{problem} {qualified_name}", definition.range(definition.node))
    return EnumType(qualified_name, value_type, tuple(members))


def literal_value(expression: ast.expr, source: Source, resolver: ArchiveResolver) -> object:
    """The value of a constant expression in a class body: literals, containers of them, `inf`, `CONSTANTS.c0`, ..."""
    try:
        return _literal(expression, source, resolver)
    except TypeError as error:  # `-"a"`, a list as a key
        raise ScriptError(f"expected a constant here ({error})", range_of(source, expression)) from None


def _literal(expression: ast.expr, source: Source, resolver: ArchiveResolver) -> object:
    match expression:
        case ast.Constant(value=value) if not isinstance(value, bytes) and value is not ...:
            return serialized_text(value, range_of(source, expression)) if isinstance(value, str) else value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_literal(operand, source, resolver)  # type: ignore[operator]  # a number, or TypeError
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            real, imaginary = _literal(left, source, resolver), _literal(right, source, resolver)
            if isinstance(real, (int, float)) and isinstance(imaginary, complex):
                return real + imaginary
        case ast.Tuple(elts=elements):
            return tuple(_literal(e, source, resolver) for e in elements)
        case ast.List(elts=elements):
            return [_literal(e, source, resolver) for e in elements]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_literal(k, source, resolver): _literal(v, source, resolver) for k, v in pairs if k}
        case ast.Call(func=ast.Name(id="annotate"), args=[_, value]):
            return _literal(value, source, resolver)
        case ast.Attribute(value=ast.Name(id="CONSTANTS"), attr=name):
            return resolver.constant(name, range_of(source, expression))
        case ast.Name(id=name) if name in _NUMBERS:
            return _NUMBERS[name]
    raise ScriptError("expected a constant here", range_of(source, expression))


_NUMBERS = {"inf": math.inf, "nan": math.nan, "infj": complex(0, math.inf), "nanj": complex(0, math.nan)}


def serialized_text(text: str, range: SourceRange) -> str:
    """A string literal of an archive: octal escapes in it are bytes of UTF-8. (PyTorch writes names without any.)"""
    if text.isascii() or "\\" not in range.text:
        return text
    return text.encode("latin-1", "ignore").decode("utf-8", "replace")
