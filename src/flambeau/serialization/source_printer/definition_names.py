"""The names that definitions go by in an archive, and the order in which they were first referred to."""

from __future__ import annotations

from typing import final

from flambeau.ir import (
    BOUND_CLASSES,
    Function,
    FunctionType,
    NamedType,
    TupleType,
    Type,
    is_bound,
    mangled,
)


@final
class DefinitionNames:
    """Hands out qualified names; types of one name (from different compilation units) are told apart by mangling.

    It knows of none of those who ask, so that nothing of an archive being written is left to the garbage collector.
    """

    def __init__(self) -> None:
        self.definitions: list[NamedType | Function] = []
        """What has been referred to, in that order, which is the order of printing."""
        self._names: dict[object, str] = {}
        self._taken: set[str] = set()

    def reference(self, named: NamedType | Function) -> str:
        """The qualified name that a definition goes by in the archive; the definition is printed too."""
        key: object = named
        if isinstance(named, FunctionType):
            named = key = named.function
        elif isinstance(named, TupleType):
            key = (named.qualified_name, named.elements, named.field_names)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._free_name(named.qualified_name)
            if not is_bound(named):
                self.definitions.append(named)
        return name

    def annotation(self, type: Type) -> str:
        """The Python text of a type; the named types in it are printed too."""
        return type.annotation(self.reference)

    def _free_name(self, wanted: str) -> str:
        if wanted.startswith(BOUND_CLASSES):
            return wanted
        name, index = wanted, 0
        while name in self._taken:
            name, index = mangled(wanted, index), index + 1
        self._taken.add(name)
        return name
