"""A namespace of functions made of TorchScript source text or of graphs.

unit = CompilationUnit("def twice(x):\\n    return 2 * x\\n")
unit.twice(torch.ones(2))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.api.compiling import define_functions
from flambeau.api.functions import Function
from flambeau.errors import ObjectError
from flambeau.ir import ClassType, Graph, InterfaceType

if TYPE_CHECKING:
    from flambeau.frontend import Resolver

__all__ = ["CompilationUnit"]


class CompilationUnit:
    """Functions are attributes of the unit: `unit.name(...)`."""

    def __init__(
        self,
        source: str | None = None,
        *,
        resolver: Resolver | None = None,
        unit: ir.CompilationUnit | None = None,
    ) -> None:
        self._unit = unit or ir.CompilationUnit()
        if source is not None:
            self.define(source, resolver)

    @property
    def compilation_unit(self) -> ir.CompilationUnit:
        """The namespace of the intermediate representation."""
        return self._unit

    def define(self, source: str, resolver: Resolver | None = None) -> None:
        """Compile the functions of a text; `resolver` gives meaning to further names."""
        define_functions(self._unit, source, resolver)

    def find_function(self, name: str) -> Function | None:
        """The function of that name, or None."""
        function = self._unit.find_function(name)
        return None if function is None else Function(function)

    def get_functions(self) -> list[Function]:
        """All functions, in order of definition."""
        return [Function(function) for function in self._unit.functions.values()]

    def create_function(self, qualified_name: str, graph: Graph, should_mangle: bool = False) -> Function:
        """A function of that name with a copy of a graph; if the name is taken, under a mangled one or not at all."""
        if should_mangle:
            qualified_name = self._unit.free_name(qualified_name)
        elif self._unit.is_taken(qualified_name):
            raise ObjectError(f"method '{qualified_name}' already defined.")
        return Function(self._unit.add_function(ir.Function(qualified_name, ir.copy_graph(graph))))

    def get_class(self, qualified_name: str) -> ClassType | None:
        """The class of that name, or None."""
        found = self._unit.find_type(qualified_name)
        return found if isinstance(found, ClassType) else None

    def get_interface(self, qualified_name: str) -> InterfaceType | None:
        """The interface of that name, or None."""
        found = self._unit.find_type(qualified_name)
        return found if isinstance(found, InterfaceType) else None

    def drop_all_functions(self) -> None:
        """Forget all functions. (Those still held elsewhere go on working.)"""
        self._unit.functions.clear()

    def __getattr__(self, name: str) -> Function:
        function = None if name == "_unit" else self.find_function(name)
        if function is None:
            raise AttributeError(f"'CompilationUnit' has no attribute '{name}'")
        return function

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._unit.functions})

    def __repr__(self) -> str:
        return f"CompilationUnit({', '.join(self._unit.functions)})"
