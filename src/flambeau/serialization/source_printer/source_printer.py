"""Programs as Python source files: for each named type and function one definition, in the file of its qualifier.

The type `__torch__.a.b.C` is defined as `class C` in `__torch__/a/b.py`. Printing one definition finds the types and
functions that it refers to; they are printed after it, breadth first. Types of one name (from different compilation
units) are told apart by mangling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from flambeau.ir import (
    ClassType,
    EnumType,
    Function,
    Graph,
    InterfaceType,
    NamedType,
    TupleType,
)

from .class_printer import print_class, print_enum, print_interface, print_named_tuple
from .constant_table import ConstantTable
from .definition_names import DefinitionNames
from .function_printer import FunctionPrinter
from .literals import LiteralPrinter
from .names import ValueNames
from .text import Text

_CALLS_NONE = frozenset({"prim::Constant", "prim::GetAttr", "prim::CallMethod"})
"""The most frequent kinds of nodes that call no operator of ATen's, and have no graph."""


@final
@dataclass(slots=True)
class SourceFile:
    """The text of one file, and the names in use in it."""

    text: Text = field(default_factory=Text)
    names: ValueNames = field(default_factory=ValueNames)


@final
class SourcePrinter:
    """Prints definitions into files; `files` maps a qualifier such as `__torch__.a.b` to its file."""

    def __init__(self, table: ConstantTable | None = None) -> None:
        self.constants = table or ConstantTable()
        self.files: dict[str, SourceFile] = {}
        self.names = DefinitionNames()
        self.literals = LiteralPrinter(self.constants, self.names)
        self.operators: set[str] = set()
        """The qualified names of ATen's operators that printed code calls (for the file format version)."""
        self._printed = 0

    @property
    def definitions(self) -> list[NamedType | Function]:
        """What has been referred to, in that order, which is the order of printing."""
        return self.names.definitions

    def print_type(self, root: NamedType) -> None:
        """Print a type with all that it refers to."""
        self.names.reference(root)
        self._drain()

    def print_function(self, function: Function) -> None:
        """Print a function with all that it refers to."""
        self.names.reference(function)
        self._drain()

    def _drain(self) -> None:
        while self._printed < len(self.definitions):
            self._printed += 1
            self._print(self.definitions[self._printed - 1])

    def _print(self, named: NamedType | Function) -> None:
        qualifier, _, name = self.names.reference(named).rpartition(".")
        file = self.files.setdefault(qualifier, SourceFile())
        match named:
            case Function():
                self._write_function(file, name, named, 0)
            case ClassType():
                print_class(
                    named,
                    name,
                    file.text,
                    self.names.annotation,
                    self.literals,
                    lambda method, function: self._write_function(file, method, function, 1),
                )
            case InterfaceType():
                print_interface(named, name, file.text, self.names.annotation)
            case EnumType():
                print_enum(named, name, file.text, self.literals)
            case TupleType():
                print_named_tuple(named, name, file.text, self.names.annotation)

    def _write_function(self, file: SourceFile, name: str, function: Function, level: int) -> None:
        self._note_operators(function.graph)
        printer = FunctionPrinter(self.names, self.literals, file.names, file.text)
        printer.print_function(name, function.graph, function.schema, level)

    def _note_operators(self, graph: Graph) -> None:
        for node in graph.walk():
            kind = node.kind
            if kind in _CALLS_NONE:
                continue
            if kind.startswith("aten::"):
                operator = node.operator
                if operator is not None:
                    self.operators.add(operator.schema.qualified_name)
            elif node.has_attribute("Subgraph"):
                self._note_operators(node.graph_attribute())


def code_of_function(function: Function, owner: ClassType | None = None) -> tuple[str, list[object]]:
    """The source of one function (`.code`) and the constants that it refers to.

    Of a method of `owner`, the type of `self` is not shown.
    """
    printer = SourcePrinter()
    out = Text()
    writer = FunctionPrinter(printer.names, printer.literals, ValueNames(), out)
    writer.print_function(function.name, function.graph, function.schema, 0, show_self_type=owner is None)
    return str(out), printer.constants.values
