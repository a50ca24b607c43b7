"""The types that a program defines: classes (modules among them), interfaces, enums, and functions as values.

Classes and interfaces are compared by identity: two of one name may live in different compilation units. A class is
filled in while it is compiled; afterwards it does not change, but for modules that `define` more methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from .types import NamedType, Rename, Type

if TYPE_CHECKING:
    from .function import Function
    from .schema import FunctionSchema

AttributeKind: TypeAlias = Literal["attribute", "parameter", "buffer"]


@final
@dataclass(slots=True)
class ClassAttribute:
    """One slot of a class: its name, type, and what it is to `nn.Module`."""

    name: str
    type: Type
    kind: AttributeKind = "attribute"


@final
@dataclass(frozen=True, slots=True)
class Property:
    """A property: the methods that read and write it."""

    name: str
    getter: Function
    setter: Function | None = None


@final
@dataclass(slots=True, eq=False)
class ClassType(NamedType):
    """A TorchScript class or module type. Its objects hold one value per attribute, in the order of `attributes`."""

    qualified_name: str
    is_module: bool = False
    attributes: list[ClassAttribute] = field(default_factory=list)
    constants: dict[str, object] = field(default_factory=dict)
    """Values fixed at compile time (`Final`), by name."""
    methods: dict[str, Function] = field(default_factory=dict)
    static_methods: dict[str, Function] = field(default_factory=dict)
    properties: dict[str, Property] = field(default_factory=dict)
    forward_pre_hooks: list[Function] = field(default_factory=list)
    forward_hooks: list[Function] = field(default_factory=list)
    doc: str = ""
    unsupported: dict[str, str] = field(default_factory=dict)
    """Why names that the Python class has mean nothing to scripts."""
    printed: object = field(default=None, repr=False)
    """The place of what is remembered of the class's text in archives; it is of no use to any other class."""
    _slots: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._slots = {a.name: i for i, a in enumerate(self.attributes)}

    def add_attribute(self, name: str, type: Type, kind: AttributeKind = "attribute") -> int:
        """Add a slot and return its index; ValueError if the name is taken."""
        if name in self._slots or name in self.constants:
            raise ValueError(f"attribute '{name}' is already defined on '{self.qualified_name}'")
        self._slots[name] = len(self.attributes)
        self.attributes.append(ClassAttribute(name, type, kind))
        return self._slots[name]

    def add_method(self, name: str, function: Function) -> None:
        """Add a method; ValueError if the name is taken."""
        if name in self.methods:
            raise ValueError(f"method '{name}' already defined.")
        self.methods[name] = function

    def find_slot(self, name: str) -> int | None:
        """The index of an attribute, or None."""
        return self._slots.get(name)

    def find_attribute(self, name: str) -> ClassAttribute | None:
        """The attribute of that name, or None."""
        slot = self._slots.get(name)
        return None if slot is None else self.attributes[slot]

    def method_schema(self, name: str) -> FunctionSchema | None:
        """The schema of a method, or None."""
        function = self.methods.get(name)
        return None if function is None else function.schema

    def __str__(self) -> str:
        return self.qualified_name

    def __repr__(self) -> str:
        return f"ClassType({self.qualified_name!r})"

    def annotation(self, rename: Rename | None = None) -> str:
        return rename(self) if rename else self.qualified_name


@final
@dataclass(slots=True, eq=False)
class InterfaceType(NamedType):
    """A set of method schemas; any class that has them all is a subtype."""

    qualified_name: str
    is_module: bool = False
    methods: list[FunctionSchema] = field(default_factory=list)

    def method_schema(self, name: str) -> FunctionSchema | None:
        """The schema of a method, or None."""
        return next((m for m in self.methods if m.name == name), None)

    def __str__(self) -> str:
        return f"InterfaceType<{self.name}>"

    def annotation(self, rename: Rename | None = None) -> str:
        return rename(self) if rename else self.qualified_name


@final
@dataclass(frozen=True, slots=True)
class EnumType(NamedType):
    """An enum class; `members` are its names with their values, all of one type.

    What only a Python class tells does not tell one type from another: `texts` are what `str(member)` and
    `f"{member}"` are in Python, in the order of the members (none for classes of archives), and `mixes_in_value` is
    whether members are values themselves, as those of a `class Mode(str, Enum)` are strings.
    """

    qualified_name: str
    value_type: Type
    members: tuple[tuple[str, object], ...]
    texts: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    mixes_in_value: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"Enum<{self.qualified_name}>"

    def annotation(self, rename: Rename | None = None) -> str:
        return rename(self) if rename else self.qualified_name


@final
@dataclass(frozen=True, slots=True)
class FunctionType(NamedType):
    """The type of one function used as a value; compared by the function's identity."""

    function: Function

    @property
    def qualified_name(self) -> str:  # type: ignore[override]  # derived from the function
        return self.function.qualified_name

    def __str__(self) -> str:
        return "Function"

    def annotation(self, rename: Rename | None = None) -> str:
        return rename(self) if rename else self.qualified_name
