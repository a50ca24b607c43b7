"""From an archive's source text to types and functions.

The definition of `__torch__.a.b.C` stands in the file `__torch__/a/b.py`. Files are parsed, and types defined, when
first asked for; the body of a function is compiled when its graph is first asked for. Reading a type thus costs no more
than its declarations, and runs nothing.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias, final

from flambeau.errors import ArchiveError, ScriptError
from flambeau.frontend import (
    ClassDefinition,
    Definition,
    Signature,
    compile_definition,
    parse_source,
    range_of,
    signature_of,
)
from flambeau.ir import (
    BOUND_CLASSES,
    NONE,
    TENSOR,
    Argument,
    ClassType,
    CompilationUnit,
    EnumType,
    Function,
    FunctionSchema,
    Graph,
    InterfaceType,
    NamedType,
    Property,
    Source,
    SourceRange,
    TupleType,
    Type,
    custom_class,
    demangled,
    infer_constant_type,
)

from .archive_names import ArchiveResolver

ReadSource: TypeAlias = "Callable[[str], Source | None]"
"""The source file of a qualifier such as `__torch__.a.b`; None if the archive has none."""

_QUANTIZED = f"{BOUND_CLASSES}quantized."
PACKED_PARAMETERS = {
    f"__torch__.torch.nn.{module}": f"{_QUANTIZED}{packed}ParamsBase"
    for packed, modules in {
        "LinearPacked": ("quantized.modules.linear.LinearPackedParams", "quantized.modules.linear.Linear"),
        "Conv2dPacked": ("quantized.modules.conv.Conv2d", "intrinsic.quantized.modules.conv_relu.ConvReLU2d"),
        "Conv3dPacked": ("quantized.modules.conv.Conv3d", "intrinsic.quantized.modules.conv_relu.ConvReLU3d"),
    }.items()
    for module in modules
}
"""Modules whose `_packed_params` were declared `Tensor` in old archives, with the class that the values have."""


@final
class Importer:
    """Finds the types and functions of one archive by qualified name, and defines them in a compilation unit."""

    def __init__(
        self,
        read_source: ReadSource,
        constants: Callable[[], Sequence[object]],
        unit: CompilationUnit,
        finish: Callable[[Graph], None],
        version: int,
    ) -> None:
        self.unit = unit
        self.version = version
        self._read_source = read_source
        self._finish = finish
        self._files: dict[str, dict[str, Definition | ClassDefinition]] = {}
        self._resolver = ArchiveResolver(self, constants)

    # --- looking up

    def type(self, qualified_name: str, range: SourceRange | None = None) -> NamedType:
        """The type of that name; ArchiveError if the archive does not define it."""
        found = self.find(qualified_name, range)
        if isinstance(found, NamedType):
            return found
        raise ArchiveError(f"Unknown type name '{qualified_name}'" + _at(range))

    def find(self, qualified_name: str, range: SourceRange | None = None) -> NamedType | Function | None:
        """The type or function of that name, defined on first use; None if the archive has none."""
        known = self.unit.find_type(qualified_name) or self.unit.find_function(qualified_name)
        if known is not None:
            return known
        if qualified_name.startswith(BOUND_CLASSES):
            return custom_class(qualified_name)
        qualifier, _, name = qualified_name.rpartition(".")
        definition = self._definitions(qualifier).get(name)
        if definition is None:
            return None
        try:
            if isinstance(definition, Definition):
                return self._define_function(qualified_name, definition)
            return self._define_class(qualified_name, definition)
        except RecursionError:
            raise ArchiveError(f"definition of '{qualified_name}' is nested too deeply") from None

    def has_file(self, qualifier: str) -> bool:
        """Whether the archive has definitions under a qualifier."""
        return bool(self._definitions(qualifier))

    def _definitions(self, qualifier: str) -> dict[str, Definition | ClassDefinition]:
        known = self._files.get(qualifier)
        if known is not None:
            return known
        found: dict[str, Definition | ClassDefinition] = {}
        source = self._read_source(qualifier)
        if source is not None:
            for statement in parse_source(source).body:
                if isinstance(statement, ast.FunctionDef):
                    found[statement.name] = Definition(statement, source, serialized=True)
                elif isinstance(statement, ast.ClassDef):
                    found[statement.name] = ClassDefinition(statement, source, serialized=True)
                elif not _is_preamble(statement):
                    raise ScriptError("expected 'def' or 'class' here", range_of(source, statement))
        self._files[qualifier] = found
        return found

    # --- functions

    def _define_function(self, qualified_name: str, definition: Definition) -> Function:
        function = self._function(qualified_name, definition, None)
        return self.unit.add_function(function)

    def _function(self, qualified_name: str, definition: Definition, owner: ClassType | None) -> Function:
        signature = signature_of(definition, self._resolver, is_method=owner is not None)

        def define(function: Function) -> None:
            compile_definition(
                function, definition, self._resolver, self_type=owner, signature=signature, finish=self._finish
            )

        function = Function(qualified_name, define=define)
        function.schema = _schema(signature, definition.name, owner)
        return function

    # --- types

    def _define_class(self, qualified_name: str, definition: ClassDefinition) -> NamedType:
        base = _base_name(definition)
        if base == "Enum":
            return self.unit.add_type(self._enum(qualified_name, definition))
        if base == "NamedTuple":
            return self.unit.add_type(self._named_tuple(qualified_name, definition))
        if base in ("Interface", "ModuleInterface"):
            return self._interface(qualified_name, definition, is_module=base == "ModuleInterface")
        if base not in ("", "Module"):
            raise ScriptError(
                "Torchscript does not support class inheritance.", definition.range(definition.node.bases[0])
            )
        return self._class(qualified_name, definition, is_module=base == "Module")

    def _class(self, qualified_name: str, definition: ClassDefinition, *, is_module: bool) -> ClassType:
        cls = ClassType(qualified_name, is_module)
        self.unit.add_type(cls)
        lists: dict[str, list[str]] = {}
        for statement in definition.node.body:
            self._class_statement(cls, definition, statement, lists)
        for kind, names in (("parameter", "__parameters__"), ("buffer", "__buffers__")):
            for name in lists.get(names, ()):
                attribute = cls.find_attribute(name)
                if attribute is not None:
                    attribute.kind = "parameter" if kind == "parameter" else "buffer"
        for method in definition.methods:
            cls.add_method(method.name, self._function(f"{qualified_name}.{method.name}", method, cls))
        for hooks, names in (
            (cls.forward_pre_hooks, "__forward_pre_hooks__"),
            (cls.forward_hooks, "__forward_hooks__"),
        ):
            for name in lists.get(names, ()):
                if name not in cls.methods:
                    raise ScriptError(f"the class has no hook '{name}'", definition.range(definition.node))
                hooks.append(cls.methods[name])
        self._define_static(cls)
        _restore_properties(cls)
        return cls

    def _define_static(self, cls: ClassType) -> None:
        """Functions qualified by the class itself, in a file of its name: hooks that the module's callers call."""
        for name, definition in self._definitions(cls.qualified_name).items():
            if isinstance(definition, Definition):
                cls.static_methods[name] = self._define_function(f"{cls.qualified_name}.{name}", definition)

    def _class_statement(
        self, cls: ClassType, definition: ClassDefinition, statement: ast.stmt, lists: dict[str, list[str]]
    ) -> None:
        match statement:
            case ast.FunctionDef() | ast.Pass():
                return
            case ast.AnnAssign(target=ast.Name(id=name), value=None, annotation=annotation):
                self._add_attribute(cls, definition, statement, name, annotation)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                cls.constants[name] = self._literal(definition, value)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=elements)):
                lists[name] = [str(self._literal(definition, element)) for element in elements]
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str() as name))], value=annotation):
                self._add_attribute(cls, definition, statement, name, annotation)
            case _:
                raise ScriptError("unexpected statement in a class", definition.range(statement))

    def _add_attribute(
        self, cls: ClassType, definition: ClassDefinition, statement: ast.stmt, name: str, annotation: ast.expr
    ) -> None:
        type = self._resolver.resolve_type(annotation, definition.range(annotation))
        packed = PACKED_PARAMETERS.get(demangled(cls.qualified_name))
        if packed is not None and name == "_packed_params" and type == TENSOR:
            type = custom_class(packed)
        try:
            cls.add_attribute(name, type)
        except ValueError as error:
            raise ScriptError(str(error), definition.range(statement)) from None

    def _named_tuple(self, qualified_name: str, definition: ClassDefinition) -> TupleType:
        names: list[str] = []
        types: list[Type] = []
        for statement in definition.node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    names.append(name)
                    types.append(self._resolver.resolve_type(annotation, definition.range(annotation)))
                case ast.Pass():
                    continue
                case _:
                    raise ScriptError("unexpected statement in a NamedTuple", definition.range(statement))
        return TupleType(tuple(types), qualified_name, tuple(names))

    def _enum(self, qualified_name: str, definition: ClassDefinition) -> EnumType:
        members: list[tuple[str, object]] = []
        for statement in definition.node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    members.append((name, self._literal(definition, value)))
                case _:
                    raise ScriptError("unexpected statement in an Enum", definition.range(statement))
        value_type = infer_constant_type(members[0][1]) if members else None
        if value_type is None:
            raise ScriptError(f"No enum values defined for {qualified_name}", definition.range(definition.node))
        return EnumType(qualified_name, value_type, tuple(members))

    def _interface(self, qualified_name: str, definition: ClassDefinition, *, is_module: bool) -> InterfaceType:
        interface = InterfaceType(qualified_name, is_module)
        self.unit.add_type(interface)
        for method in definition.methods:
            signature = signature_of(method, self._resolver, is_method=True)
            interface.methods.append(_schema(signature, method.name, interface))
        return interface

    def _literal(self, definition: ClassDefinition, expression: ast.expr) -> object:
        return literal_value(expression, definition.source, self._resolver)


def _schema(signature: Signature, name: str, owner: Type | None) -> FunctionSchema:
    """The schema that a signature amounts to; archives state all types."""
    receiver = () if owner is None else (Argument("self", owner),)
    return FunctionSchema(name, "", (*receiver, *signature.arguments), (Argument("", signature.return_type or NONE),))


def literal_value(expression: ast.expr, source: Source, resolver: ArchiveResolver) -> object:
    """The value of a constant expression in a class body: literals, containers of them, `inf`, `CONSTANTS.c0`, ..."""
    match expression:
        case ast.Constant(value=value):
            return serialized_text(value) if isinstance(value, str) else value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -literal_value(operand, source, resolver)  # type: ignore[operator]  # a number, or TypeError below
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            real, imaginary = literal_value(left, source, resolver), literal_value(right, source, resolver)
            return real + imaginary  # type: ignore[operator]
        case ast.Tuple(elts=elements):
            return tuple(literal_value(e, source, resolver) for e in elements)
        case ast.List(elts=elements):
            return [literal_value(e, source, resolver) for e in elements]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {literal_value(k, source, resolver): literal_value(v, source, resolver) for k, v in pairs if k}
        case ast.Call(func=ast.Name(id="annotate"), args=[_, value]):
            return literal_value(value, source, resolver)
        case ast.Attribute(value=ast.Name(id="CONSTANTS"), attr=name):
            return resolver.constant(name, range_of(source, expression))
        case ast.Name(id=name) if name in _NUMBERS:
            return _NUMBERS[name]
    raise ScriptError("expected a constant here", range_of(source, expression))


_NUMBERS = {"inf": math.inf, "nan": math.nan, "infj": complex(0, math.inf), "nanj": complex(0, math.nan)}


def serialized_text(text: str) -> str:
    """A string literal of an archive: octal escapes in it are bytes of UTF-8."""
    return text if text.isascii() else text.encode("latin-1", "ignore").decode("utf-8", "replace")


def _restore_properties(cls: ClassType) -> None:
    """Getters and setters of properties are saved as plain methods named `__<name>_getter` and `__<name>_setter`."""
    for method, function in cls.methods.items():
        if method.startswith("__") and method.endswith("_getter"):
            name = method[2 : -len("_getter")]
            cls.properties[name] = Property(name, function, cls.methods.get(f"__{name}_setter"))


def _base_name(definition: ClassDefinition) -> str:
    bases = definition.node.bases
    if not bases:
        return ""
    if len(bases) == 1 and isinstance(bases[0], ast.Name):
        return bases[0].id
    raise ScriptError("a class in an archive has at most one base, a plain name", definition.range(bases[0]))


def _is_preamble(statement: ast.stmt) -> bool:
    """The lines that old files begin with: `op_version_set = 1` and imports."""
    match statement:
        case ast.Import() | ast.Assign(targets=[ast.Name(id="op_version_set")]):
            return True
    return False


def _at(range: SourceRange | None) -> str:
    return "" if range is None else f":\n{range.highlight()}"
