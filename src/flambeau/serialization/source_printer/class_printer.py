"""Definitions of named types as Python source: classes, interfaces, enums, named tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    ClassAttribute,
    ClassType,
    EnumType,
    Function,
    InterfaceType,
    TupleType,
    Type,
    quoted,
)

from .literals import LiteralPrinter
from .names import is_identifier
from .text import Text

Annotation = Callable[[Type], str]
PrintFunction = Callable[[str, Function], None]
"""Writes a method, given its name and itself."""


def print_class(
    cls: ClassType,
    name: str,
    out: Text,
    annotation: Annotation,
    literals: LiteralPrinter,
    print_function: PrintFunction,
) -> None:
    """Write a class: attributes, constants, methods, hooks."""
    out.add(f"class {name}{'(Module)' if cls.is_module else ''}:\n")
    empty = True
    if cls.is_module:
        _print_lists(cls, out)
        empty = False
    for index, attribute in enumerate(cls.attributes):
        _print_attribute(attribute, index, out, annotation)
        empty = False
    for constant, value in cls.constants.items():
        type_text, text = _constant(constant, value, annotation, literals)
        out.add(f"  {constant} : Final[{type_text}] = {text}\n")
        empty = False
    printed: set[Function] = set()
    for method, function in cls.methods.items():
        print_function(method, function)
        printed.add(function)
        empty = False
    for hook in (*cls.forward_hooks, *cls.forward_pre_hooks):
        if hook not in printed:
            print_function(hook.name, hook)
            printed.add(hook)
    if empty:
        out.add("  pass\n")


def _print_lists(cls: ClassType, out: Text) -> None:
    def names(wanted: str) -> str:
        return "".join(f"{quoted(a.name)}, " for a in cls.attributes if a.kind == wanted)

    out.add(f"  __parameters__ = [{names('parameter')}]\n", f"  __buffers__ = [{names('buffer')}]\n")
    for title, hooks in (("__forward_pre_hooks__", cls.forward_pre_hooks), ("__forward_hooks__", cls.forward_hooks)):
        if hooks:
            out.add(f"  {title} = [{''.join(f'{quoted(h.name)}, ' for h in hooks)}]\n")


def _print_attribute(attribute: ClassAttribute, index: int, out: Text, annotation: Annotation) -> None:
    if is_identifier(attribute.name):
        out.add(f"  {attribute.name} : {annotation(attribute.type)}\n")
        return
    if index == 0:
        out.add("  __annotations__ = []\n")
    out.add(f"  __annotations__[{quoted(attribute.name)}] = {annotation(attribute.type)}\n")


def _constant(name: str, value: object, annotation: Annotation, literals: LiteralPrinter) -> tuple[str, str]:
    from_type = literals.constant_type(value)
    if from_type is None or not is_identifier(name):
        raise UnsupportedError(f"the constant attribute '{name}' of value {value!r} cannot be saved")
    return annotation(from_type), literals.text(value, from_type)


def print_named_tuple(type: TupleType, name: str, out: Text, annotation: Annotation) -> None:
    """Write a NamedTuple: its fields. (Defaults are not part of archives.)"""
    out.add(f"class {name}(NamedTuple):\n")
    for field, element in zip(type.field_names or (), type.elements, strict=True):
        out.add(f"  {field} : {annotation(element)}\n")


def print_enum(type: EnumType, name: str, out: Text, literals: LiteralPrinter) -> None:
    """Write an enum: its members."""
    out.add(f"class {name}(Enum):\n")
    for member, value in type.members:
        out.add(f"  {member} = {literals.text(value, type.value_type)}\n")


def print_interface(interface: InterfaceType, name: str, out: Text, annotation: Annotation) -> None:
    """Write an interface: the signatures of its methods."""
    out.add(f"class {name}({'ModuleInterface' if interface.is_module else 'Interface'}):\n")
    for schema in interface.methods:
        parameters = ["self", *_typed(((a.name, a.type) for a in schema.arguments[1:]), annotation)]
        out.add(f"  def {schema.name}({', '.join(parameters)}) -> {annotation(schema.return_type)}:\n    pass\n")


def _typed(parameters: Iterable[tuple[str, Type]], annotation: Annotation) -> Iterable[str]:
    return (f"{name}: {annotation(type)}" for name, type in parameters)
