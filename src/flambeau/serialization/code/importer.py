"""From an archive's source text to types and functions.

The definition of `__torch__.a.b.C` stands in the file `__torch__/a/b.py`. Files are parsed, and types defined, when
first asked for; the body of a function is compiled when its graph is first asked for, and ArchiveError says what is
wrong with it. Reading a type thus costs no more than its declarations, and runs nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from threading import RLock
from typing import TypeAlias, final

from flambeau.errors import ArchiveError, FlambeauError, ScriptError
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
    Argument,
    ClassType,
    CompilationUnit,
    Function,
    FunctionSchema,
    Graph,
    InterfaceType,
    NamedType,
    Property,
    Source,
    SourceRange,
    Type,
    custom_class,
)

from .class_bodies import base_of, declare_attributes, enum_of, named_tuple_of
from .names import ArchiveResolver

ReadSource: TypeAlias = "Callable[[str], Source | None]"
"""The source file of a qualifier such as `__torch__.a.b`; None if the archive has none."""


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
        self._empty: dict[ClassType | InterfaceType, ClassDefinition] = {}
        """Types that exist but have no members yet."""
        self._broken: dict[str, FlambeauError] = {}
        """Types whose members could not be found out, by name; they stay as they are, and unusable."""
        self._depth = 0
        self._lock = RLock()
        """Held while types are defined: functions are compiled by whichever thread calls them first."""
        self._resolver = ArchiveResolver(self, constants)

    # --- looking up

    def type(self, qualified_name: str, range: SourceRange | None = None) -> NamedType:
        """The type of that name; ArchiveError if the archive does not define it."""
        found = self.find(qualified_name, range)
        if isinstance(found, NamedType):
            return found
        raise ArchiveError(f"Unknown type name '{qualified_name}'" + _at(range))

    def complete_type(self, qualified_name: str) -> NamedType:
        """The type of that name, all of whose members are known; ArchiveError if the archive does not define it."""
        with self._lock:
            found = self.type(qualified_name)
            if isinstance(found, (ClassType, InterfaceType)):
                self._fill(found)
            return found

    def find(self, qualified_name: str, range: SourceRange | None = None) -> NamedType | Function | None:
        """The type or function of that name, defined on first use; None if the archive has none.

        Classes are made empty at first, and filled in when the outermost of these calls is about to end: their
        attributes may be of classes whose attributes are of classes, in circles and to any depth.
        """
        known = self.unit.find_type(qualified_name) or self.unit.find_function(qualified_name)
        if known is not None and not self._empty and not self._broken:
            return known
        if qualified_name.startswith(BOUND_CLASSES) and "." in qualified_name.removeprefix(BOUND_CLASSES):
            return custom_class(qualified_name)
        with self._lock:
            self._depth += 1
            try:
                found = self._defined(qualified_name)
                while self._depth == 1 and self._empty:
                    self._fill(next(iter(self._empty)))
            except RecursionError:
                raise ArchiveError(f"definition of '{qualified_name}' is nested too deeply") from None
            finally:
                self._depth -= 1
            return found

    def names_in(self, qualifier: str) -> list[str]:
        """The types and functions that the file of a qualifier defines."""
        with self._lock:
            return list(self._definitions(qualifier))

    def _defined(self, qualified_name: str) -> NamedType | Function | None:
        if qualified_name in self._broken:
            raise self._broken[qualified_name]
        known = self.unit.find_type(qualified_name) or self.unit.find_function(qualified_name)
        if known is not None:
            return known
        qualifier, _, name = qualified_name.rpartition(".")
        definition = self._definitions(qualifier).get(name)
        if definition is None:
            return None
        if isinstance(definition, Definition):
            return self._define_function(qualified_name, definition)
        return self._define_type(qualified_name, definition)

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
        # Its signature may have led to the class that it belongs to, which defines all of its functions.
        return self.unit.find_function(qualified_name) or self.unit.add_function(function)

    def _function(self, qualified_name: str, definition: Definition, owner: ClassType | None) -> Function:
        signature = signature_of(definition, self._resolver, is_method=owner is not None)

        def define(function: Function) -> None:
            try:
                compile_definition(
                    function, definition, self._resolver, self_type=owner, signature=signature, finish=self._finish
                )
            except ArchiveError:
                raise
            except FlambeauError as error:
                raise blamed_on_archive(error) from error
            except RecursionError:
                raise ArchiveError(
                    f"the code of '{qualified_name}' is nested too deeply", definition.source.filename
                ) from None

        function = Function(qualified_name, define=define)
        function.schema = _schema(signature, definition.name, owner)
        return function

    # --- types

    def _define_type(self, qualified_name: str, definition: ClassDefinition) -> NamedType:
        base = base_of(definition)
        if base == "Enum":
            return self.unit.add_type(enum_of(qualified_name, definition, self._resolver))
        if base == "NamedTuple":
            return self.unit.add_type(named_tuple_of(qualified_name, definition, self._resolver))
        made: ClassType | InterfaceType
        if base in ("Interface", "ModuleInterface"):
            made = InterfaceType(qualified_name, base == "ModuleInterface")
        elif base in ("", "Module"):
            made = ClassType(qualified_name, base == "Module")
        else:
            raise ScriptError(
                "Torchscript does not support class inheritance.", definition.range(definition.node.bases[0])
            )
        self._empty[made] = definition
        return self.unit.add_type(made)

    def _fill(self, type: ClassType | InterfaceType) -> None:
        definition = self._empty.pop(type, None)
        if definition is None:
            return
        try:
            if isinstance(type, InterfaceType):
                self._fill_interface(type, definition)
            else:
                self._fill_class(type, definition)
        except FlambeauError as error:
            self._broken[type.qualified_name] = error
            raise

    def _fill_interface(self, type: InterfaceType, definition: ClassDefinition) -> None:
        for method in definition.methods:
            signature = signature_of(method, self._resolver, is_method=True)
            type.methods.append(_schema(signature, method.name, type))

    def _fill_class(self, type: ClassType, definition: ClassDefinition) -> None:
        pre_hooks, hooks = declare_attributes(type, definition, self._resolver)
        for method in definition.methods:
            type.add_method(method.name, self._function(f"{type.qualified_name}.{method.name}", method, type))
        for names, found in ((pre_hooks, type.forward_pre_hooks), (hooks, type.forward_hooks)):
            for name in names:
                if name not in type.methods:
                    raise ScriptError(f"the class has no hook '{name}'", definition.range(definition.node))
                found.append(type.methods[name])
        self._define_static(type)
        _restore_properties(type)

    def _define_static(self, cls: ClassType) -> None:
        """Functions qualified by the class itself, in a file of its name: hooks that the module's callers call."""
        for name, definition in self._definitions(cls.qualified_name).items():
            if isinstance(definition, Definition):
                cls.static_methods[name] = self._define_function(f"{cls.qualified_name}.{name}", definition)


def blamed_on_archive(error: FlambeauError) -> ArchiveError:
    """What is wrong with code, as something that is wrong with the archive; it names the file that the code is in."""
    place = error.range if isinstance(error, ScriptError) else None
    record = place.filename if isinstance(place, SourceRange) and place.filename.startswith("code/") else None
    return ArchiveError(str(error), record)


def _schema(signature: Signature, name: str, owner: Type | None) -> FunctionSchema:
    """The schema that a signature amounts to; archives state all types."""
    receiver = () if owner is None else (Argument("self", owner),)
    return FunctionSchema(name, "", (*receiver, *signature.arguments), (Argument("", signature.return_type or NONE),))


def _restore_properties(cls: ClassType) -> None:
    """Getters and setters of properties are saved as plain methods named `__<name>_getter` and `__<name>_setter`."""
    for method, function in cls.methods.items():
        if method.startswith("__") and method.endswith("_getter"):
            name = method[2 : -len("_getter")]
            cls.properties[name] = Property(name, function, cls.methods.get(f"__{name}_setter"))


def _is_preamble(statement: ast.stmt) -> bool:
    """The lines that old files begin with: `op_version_set = 1` and imports."""
    match statement:
        case ast.Import() | ast.Assign(targets=[ast.Name(id="op_version_set")]):
            return True
    return False


def _at(range: SourceRange | None) -> str:
    return "" if range is None else f":\n{range.highlight()}"
