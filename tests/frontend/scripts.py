"""Compiling snippets of source text for tests: a resolver that knows `torch` and little else, and canonical graphs."""

from __future__ import annotations

import ast
import re
import textwrap

from flambeau import frontend, ir
from flambeau.errors import ScriptError
from flambeau.frontend import SugaredValue


class Names:
    """A resolver over plain dicts: `values` are sugared values by name, `types` are types by (dotted) name."""

    def __init__(
        self,
        values: dict[str, SugaredValue] | None = None,
        types: dict[str, ir.Type] | None = None,
        *,
        serialized: bool = False,
    ) -> None:
        self.values = dict(values or {})
        self.types = dict(types or {})
        self.serialized = serialized

    def resolve_value(self, name: str, range: ir.SourceRange) -> SugaredValue | None:
        if name in self.values:
            return self.values[name]
        if self.serialized:
            return frontend.SERIALIZED_NAMES.get(name)
        return LIVE_NAMES.get(name)

    def names(self) -> tuple[str, ...]:
        return ()

    def resolve_type(self, expression: ast.expr, range: ir.SourceRange) -> ir.Type:
        return frontend.parse_annotation(expression, range, self.types.get)


class LiveTorch(SugaredValue):
    """What `torch` means in these tests: the operators, and a few functions that are none."""

    kind = "module"

    def attribute(self, emitter, range, name):
        if name == "jit":
            return self
        if name in ("annotate", "isinstance", "fork", "is_scripting"):
            return frontend.SpecialForm(name)
        if name in ir.ScalarType.__members__:
            return frontend.ConstantValue(int(ir.ScalarType[name]))
        return frontend.BuiltinFunction(f"aten::{name}")


LIVE_NAMES: dict[str, SugaredValue] = {
    "torch": LiveTorch(),
    "math": frontend.MathModule(),
    **{
        name: frontend.ExceptionClass(name, f"builtins.{name}")
        for name in ("RuntimeError", "ValueError", "NotImplementedError", "Exception", "IndexError")
    },
}


def compile_text(text: str, names: Names | None = None, *, finish=None) -> ir.Function:
    """Compile the last function in a text. The functions and classes before it are known to it by name."""
    names = names or Names()
    source = ir.Source(textwrap.dedent(text).strip() + "\n", "script.py")
    function = None
    for definition in frontend.definitions_in(source, serialized=names.serialized):
        if isinstance(definition, frontend.ClassDefinition):
            cls = compile_class(definition, names)
            names.values[definition.name] = frontend.ClassValue(cls)
            continue
        function = ir.Function(f"__torch__.{definition.name}")
        frontend.compile_definition(function, definition, names, finish=finish)
        names.values[definition.name] = frontend.FunctionValue.of(function)
    assert function is not None
    ir.verify(function.graph)
    return function


def compile_class(definition: frontend.ClassDefinition, names: Names) -> ir.ClassType:
    """A class whose methods are compiled when first used, `__init__` now."""
    cls = ir.ClassType(f"__torch__.{definition.name}")
    names.types[definition.name] = cls
    for node in definition.node.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        method = frontend.Definition(node, definition.source)
        decorators = {frontend.dotted_name(d) for d in method.node.decorator_list}
        if "staticmethod" in decorators:
            cls.static_methods[method.name] = ir.Function(
                f"{cls.qualified_name}.{method.name}",
                define=lambda f, d=method: frontend.compile_definition(f, d, names),
            )
            continue
        function = ir.Function(
            f"{cls.qualified_name}.{method.name}",
            define=lambda f, d=method: frontend.compile_definition(f, d, names, self_type=cls),
        )
        if f"{method.name}.setter" in decorators and method.name in cls.properties:
            function.qualified_name = f"{cls.qualified_name}.__{method.name}_setter"
            cls.methods[f"__{method.name}_setter"] = function
            cls.properties[method.name] = ir.Property(method.name, cls.properties[method.name].getter, function)
        elif "property" in decorators:
            function.qualified_name = f"{cls.qualified_name}.__{method.name}_getter"
            cls.methods[f"__{method.name}_getter"] = function
            cls.properties[method.name] = ir.Property(method.name, function)
        else:
            cls.methods[method.name] = function
    if "__init__" in cls.methods:
        cls.methods["__init__"].ensure_defined()
    return cls


_CONSTANT = re.compile(r"\s*(%[\w.]+) : (.+?) = prim::(Constant|Uninitialized)(?:\[\w+=(.*)\])?\(\)\s*$")
_RANGE = re.compile(r" # .*")
_NAME = re.compile(r'"(?:[^"\\\\]|\\\\.)*"|%[\w.]+')
"""A string, or the name of a value."""


def shape(graph: object) -> str:
    """A graph's text in a canonical form: constants stand where they are used, values are numbered in order.

    `None` is the constant None, `<T>` an uninitialized value of type T.
    """
    sections = _RANGE.sub("", str(graph)).strip().split("\nwith ")
    return "\nwith ".join(map(_section_shape, sections))


def _section_shape(section: str) -> str:
    constants: dict[str, str] = {}
    lines: list[str] = []
    for line in section.split("\n"):
        found = _CONSTANT.match(line)
        if found is None:
            lines.append(line.rstrip())
            continue
        name, type, kind, value = found.groups()
        if kind == "Uninitialized":
            constants[name] = f"<{type}>"
        elif value is None:
            constants[name] = "None"
        else:
            constants[name] = str(value != "0") if type == "bool" else value
    text = _NAME.sub(lambda m: constants.get(m[0], m[0]), "\n".join(lines))
    numbers: dict[str, str] = {}
    return _NAME.sub(lambda m: m[0] if m[0][0] == '"' else numbers.setdefault(m[0], f"%{len(numbers)}"), text)


def shape_of(text: str, names: Names | None = None) -> str:
    """The shape of the graph of the last function in a text, as the frontend leaves it."""
    return shape(compile_text(text, names).graph)


def error_of(text: str, names: Names | None = None) -> ScriptError:
    """The error that compiling a text raises."""
    try:
        compile_text(text, names)
    except ScriptError as error:
        return error
    raise AssertionError("it compiled")


def marked(error: ScriptError) -> str:
    """The source text that an error marks."""
    assert isinstance(error.range, ir.SourceRange)
    return error.range.text
