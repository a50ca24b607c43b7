"""The memory model of alias analysis: what values may refer to, as sets of locations found by constraints.

A `Location` is an object that may change or hold others: the storage of a tensor, a list, a tuple, an object of a
class. A `Variable` is a set of locations: what a value, or a field of a location, may refer to. `Memory` holds
inclusion constraints between variables and keeps them satisfied as sets grow, so that the order in which nodes are
looked at does not matter (loops, fields written after they are read).

An *escaped* location is known to code that the analysis does not see. Any escaped location may be read, written, and
handed back where a value of its family is expected; one *wildcard* location a family stands for everything unseen. Sets
that would become larger than `LIMIT` give up and escape, which bounds the time to a constant a constraint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, final

from flambeau.ir import types as t
from flambeau.ir.class_types import ClassType, EnumType, FunctionType
from flambeau.ir.type_memo import remembered_by_type
from flambeau.ir.types import Type

LIMIT = 64

Family: TypeAlias = "Type | str"
"""Locations of different families never share memory."""
Key: TypeAlias = "int | Family"
"""What identifies memory to queries: the number of a location nobody else knows, or the family of an escaped one."""
Field: TypeAlias = "str | int"
"""An attribute's name, a tuple's index, or `ELEMENTS`."""

ANYTHING = "anything"
"""All that has escaped, of any family."""
UNKNOWN = "unknown"
"""All memory, escaped or not: what a value may refer to that the analysis has not seen."""
ELEMENTS = ""

_IMMUTABLE = frozenset({t.INT, t.FLOAT, t.COMPLEX, t.BOOL, t.STRING, t.NONE, t.NUMBER, t.DEVICE, t.STREAM, t.QSCHEME})
_IMMUTABLE_ALSO = frozenset({t.SCALAR_TYPE, t.LAYOUT, t.MEMORY_FORMAT, t.SYM_INT, t.SYM_FLOAT, t.SYM_BOOL, t.ANY_ENUM})


@remembered_by_type
def families(given: Type) -> frozenset[Family]:
    """The families that values of a type belong to; empty if they neither change nor hold anything that does."""
    match given:
        case t.TensorType():
            return frozenset({t.TENSOR})
        case t.OptionalType() | t.UnionType():
            return frozenset().union(*map(families, given.contained))
        case t.TupleType():
            return frozenset({t.unshaped(given)}) if any(map(families, given.elements)) else frozenset()
        case t.ListType() | t.DictType() | t.FutureType() | t.AwaitType() | t.RRefType():
            return frozenset({t.unshaped(given)})
        case ClassType():
            return frozenset({given})
        case EnumType() | FunctionType():
            return frozenset()
        case t.PrimitiveType() if given in _IMMUTABLE or given in _IMMUTABLE_ALSO:
            return frozenset()
        case t.PrimitiveType() if given is t.GENERATOR:
            return frozenset({given})
        case _:  # Any, interfaces, lists of anything, storages, Python objects, type variables
            return frozenset({ANYTHING})


def is_mutable_type(given: Type) -> bool:
    """Whether values of a type can change, or hold values that can."""
    return bool(families(given))


@final
class Location:
    """An object; `families` are those it may belong to (several, for a fresh value of a union type)."""

    __slots__ = ("escaped", "families", "fields", "is_closed", "number", "reach", "type")

    def __init__(self, number: int, type: Type, escaped: bool = False, is_closed: bool = False) -> None:
        self.number = number
        self.type = type
        self.families = families(type)
        self.fields: dict[Field, Variable] = {}
        self.escaped = escaped
        self.is_closed = is_closed
        """Its fields hold objects that nothing else refers to, made when first asked for."""
        self.reach: frozenset[Key] | None = None


@final
class Variable:
    """A set of locations, with what must happen when it grows."""

    __slots__ = ("copies", "escapes", "loads", "points", "stores")

    def __init__(self) -> None:
        self.points: dict[Location, None] = {}
        self.copies: list[Variable] = []
        self.loads: list[tuple[Field, Type, Variable]] = []
        self.stores: list[tuple[Field, Type, Variable]] = []
        self.escapes = False


@final
class Memory:
    """All locations and constraints of one analysis."""

    def __init__(self) -> None:
        self._locations = 0
        self._wildcards: dict[Family, Location] = {}
        self._anything = False
        self._grown: list[tuple[Variable, Location]] = []

    # --- making

    def fresh(self, type: Type, *, is_closed: bool = False) -> Location:
        """A new object that nothing else refers to."""
        self._locations += 1
        return Location(self._locations, type, is_closed=is_closed)

    def wildcards(self, type: Type) -> Iterator[Location]:
        """The locations that an unseen value of a type may be."""
        for family in families(type):
            if family not in self._wildcards:
                self._locations += 1
                self._wildcards[family] = Location(self._locations, t.ANY if isinstance(family, str) else family, True)
                self._anything = self._anything or family == ANYTHING
            yield self._wildcards[family]

    def field(self, location: Location, name: Field, type: Type) -> Variable:
        """What a field of a location may hold; `type` is the field's."""
        variable = location.fields.get(name)
        if variable is None:
            variable = location.fields[name] = Variable()
            if location.escaped:
                self._open_field(variable, type)
            elif location.is_closed and families(type):
                self._include(variable, self.fresh(type, is_closed=True))
        return variable

    # --- constraints

    def add(self, variable: Variable, location: Location) -> None:
        """The variable may refer to the location."""
        self._include(variable, location)
        self._settle()

    def add_wildcard(self, variable: Variable, type: Type) -> None:
        """The variable may refer to anything unseen of a type."""
        for location in self.wildcards(type):
            self._include(variable, location)
        self._settle()

    def copy(self, source: Variable, target: Variable) -> None:
        """`target` may refer to whatever `source` may."""
        self._flow(source, target)
        self._settle()

    def load(self, container: Variable, name: Field, type: Type, target: Variable) -> None:
        """`target` may refer to what a field, of that type, of anything in `container` may hold."""
        container.loads.append((name, type, target))
        for location in tuple(container.points):
            self._flow(self.field(location, name, type), target)
        self._settle()

    def store(self, container: Variable, name: Field, type: Type, source: Variable) -> None:
        """A field, of that type, of anything in `container` may hold whatever `source` may refer to."""
        container.stores.append((name, type, source))
        for location in tuple(container.points):
            self._flow(source, self.field(location, name, type))
        self._settle()

    def escape(self, variable: Variable) -> None:
        """Code that is not seen gets to know what the variable refers to."""
        self._escape(variable)
        self._settle()

    def _flow(self, source: Variable, target: Variable) -> None:
        if source is target:
            return
        source.copies.append(target)
        for location in tuple(source.points):
            self._include(target, location)

    def _include(self, variable: Variable, location: Location) -> None:
        if location in variable.points:
            return
        if len(variable.points) >= LIMIT and not location.escaped:
            self._escape(variable)
            self._escape_location(location)
            for wildcard in self.wildcards(location.type):
                self._include(variable, wildcard)
            return
        variable.points[location] = None
        self._grown.append((variable, location))

    def _settle(self) -> None:
        while self._grown:
            variable, location = self._grown.pop()
            if variable.escapes:
                self._escape_location(location)
            for target in variable.copies:
                self._include(target, location)
            for name, type, target in variable.loads:
                self._flow(self.field(location, name, type), target)
            for name, type, source in variable.stores:
                self._flow(source, self.field(location, name, type))

    def _escape(self, variable: Variable) -> None:
        if not variable.escapes:
            variable.escapes = True
            for location in tuple(variable.points):
                self._escape_location(location)

    def _escape_location(self, location: Location) -> None:
        pending = [location]
        while pending:
            current = pending.pop()
            if current.escaped:
                continue
            current.escaped = True
            self._anything = self._anything or ANYTHING in current.families
            for name, variable in current.fields.items():
                self._open_field(variable, field_type(current.type, name), pending)

    def _open_field(self, variable: Variable, type: Type, pending: list[Location] | None = None) -> None:
        """A field of an escaped location: what it holds escapes too, and it may hold anything unseen."""
        if not variable.escapes:
            variable.escapes = True
            if pending is None:
                for location in tuple(variable.points):
                    self._escape_location(location)
            else:
                pending.extend(variable.points)
        for wildcard in self.wildcards(type):
            self._include(variable, wildcard)

    # --- questions, once all constraints are in

    def keys(self, variable: Variable) -> frozenset[Key]:
        """The memory that the variable may refer to, not counting what is held by it."""
        return frozenset().union(*map(self._keys_of, variable.points)) if variable.points else frozenset()

    def reach(self, variable: Variable) -> frozenset[Key]:
        """The memory that the variable may refer to, and all that is held by that, at any depth."""
        return frozenset().union(*map(self._reach_of, variable.points)) if variable.points else frozenset()

    def held(self, variable: Variable) -> frozenset[Key]:
        """The memory held by what the variable refers to, at any depth, without that itself."""
        inner = (f for location in variable.points for f in location.fields.values())
        return frozenset().union(*map(self.reach, inner))

    def _keys_of(self, location: Location) -> frozenset[Key]:
        if not location.escaped:
            return frozenset({location.number})
        return frozenset({ANYTHING}) if self._anything else frozenset(location.families)

    def _reach_of(self, location: Location) -> frozenset[Key]:
        if location.reach is None:
            found: set[Key] = set()
            seen = {location}
            pending = [location]
            while pending:
                current = pending.pop()
                found |= self._keys_of(current)
                if current.escaped:
                    found |= self._unseen_reach(current.type)
                for variable in current.fields.values():
                    fresh = [inner for inner in variable.points if inner not in seen]
                    seen.update(fresh)
                    pending += fresh
            location.reach = frozenset(found)
        return location.reach

    def _unseen_reach(self, type: Type) -> frozenset[Key]:
        if self._anything:
            return frozenset({ANYTHING})
        return frozenset(held_families(type))


def field_type(container: Type, name: Field) -> Type:
    """The type of a field of a container; Any where it is not known."""
    match container:
        case t.ListType(element) | t.FutureType(element) | t.AwaitType(element) | t.RRefType(element):
            return element
        case t.DictType(_, value):
            return value
        case t.TupleType(elements) if isinstance(name, int) and name < len(elements):
            return elements[name]
        case ClassType() if isinstance(name, str):
            found = container.find_attribute(name)
            return t.ANY if found is None else found.type
        case _:
            return t.ANY


def held_families(given: Type) -> set[Family]:
    """The families of all that a value of a type may hold, at any depth, its own included."""
    found: set[Family] = set()
    seen: set[Type] = set()
    pending: list[Type] = [given]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        found |= families(current)
        if isinstance(current, ClassType):
            if not current.attributes:  # a class of which only the name is known may hold anything
                found.add(ANYTHING)
            pending += (a.type for a in current.attributes)
        pending += current.contained
    return found


def intersects(a: Iterable[Key], b: Iterable[Key]) -> bool:
    """Whether two sets of keys have memory in common."""
    first, second = frozenset(a), frozenset(b)
    if UNKNOWN in first or UNKNOWN in second:
        return bool(first and second)
    if ANYTHING in first and any(not isinstance(key, int) for key in second):
        return True
    if ANYTHING in second and any(not isinstance(key, int) for key in first):
        return True
    return not first.isdisjoint(second)
