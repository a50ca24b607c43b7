"""Compiling snippets of source text, as the tests of the frontend do it: a resolver that knows `torch`, `math` and
little else."""

from __future__ import annotations

import ast
import textwrap

from flambeau import frontend, ir
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

    def resolve_type(self, expression: ast.expr, range: ir.SourceRange) -> ir.Type:
        return frontend.parse_annotation(expression, range, self.types.get)


class LiveTorch(SugaredValue):
    """What `torch` means in these tests: the operators, and a few functions that are no operators."""

    kind = "module"

    def attribute(self, emitter, range, name):  # type: ignore[no-untyped-def]
        if name == "jit":
            return self
        if name in ("annotate", "isinstance", "fork", "is_scripting"):
            return frontend.SpecialForm(name)
        if name in ("float", "long", "int", "bool", "double"):
            scalar = {"float": 6, "long": 4, "int": 3, "bool": 11, "double": 7}[name]
            return frontend.ConstantValue(scalar)
        return frontend.BuiltinFunction(f"aten::{name}")


LIVE_NAMES: dict[str, SugaredValue] = {
    "torch": LiveTorch(),
    "math": frontend.MathModule(),
    **{
        name: frontend.ExceptionClass(name, f"builtins.{name}")
        for name in ("RuntimeError", "ValueError", "NotImplementedError", "Exception", "IndexError")
    },
}


def compile_text(text: str, resolver: Names | None = None, *, finish=None) -> ir.Function:  # type: ignore[no-untyped-def]
    """Compile the last function in a text; those before it are compiled too, and known by name."""
    names = resolver or Names()
    source = ir.Source(textwrap.dedent(text).strip() + "\n", "script.py")
    function = None
    for definition in frontend.definitions_in(source, serialized=names.serialized):
        assert isinstance(definition, frontend.Definition)
        function = ir.Function(f"__torch__.{definition.name}")
        frontend.compile_definition(function, definition, names, finish=finish)
        names.values[definition.name] = frontend.FunctionValue.of(function)
    assert function is not None
    return function


def graph_text(text: str, resolver: Names | None = None) -> str:
    """The graph of the last function, without source ranges."""
    return ir.print_graph(compile_text(text, resolver).graph, show_ranges=False)
