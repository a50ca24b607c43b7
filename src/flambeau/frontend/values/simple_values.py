"""Sugared values that are values of the graph, or are made of them: `SimpleValue`, tuples of anything, constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import Reconsider
from ..diagnostics.messages import type_name
from ..matching.conversions import unpack_tuple
from .sugared import Arg, SugaredValue
from .value_attributes import find_attribute, no_attribute, set_class_attribute

if TYPE_CHECKING:
    from ..emitter import Emitter
    from ..environment import Frame


@final
@dataclass(frozen=True, slots=True, eq=False)
class SimpleValue(SugaredValue):
    """A value of the graph. What it can do depends on its type."""

    value: ir.Value

    @property
    def kind(self) -> str:
        return "value"

    @property
    def is_first_class(self) -> bool:
        return True

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return self.value

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        given = self.value.type
        if isinstance(given, ir.TupleType):
            emitter.graph.current_range = range
            return [SimpleValue(part) for part in unpack_tuple(emitter.graph, self.value)]
        if isinstance(given, ir.ListType):
            if size_hint is None:
                raise ScriptError("cannot statically infer the expected size of a list in this context", range)
            node = emitter.insert("prim::ListUnpack", (self.value,), (given.element,) * size_hint, range)
            return [SimpleValue(part) for part in node.outputs]
        if isinstance(given, ir.TensorType) and size_hint is not None and emitter.infers:
            parts = emitter.builtin(range, "aten::unbind", self.value, 0)
            return SimpleValue(parts).as_tuple(emitter, range, size_hint)
        raise ScriptError(f"{type_name(given)} cannot be used as a tuple", range)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        found = find_attribute(emitter, range, self.value, name)
        if found is None:
            raise no_attribute(self.value.type, name, range)
        return found

    def has_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> bool:
        match self.value.type:
            case ir.ClassType() as owner:
                return owner.find_attribute(name) is not None or name in owner.methods or name in owner.properties
            case ir.InterfaceType() as interface:
                return interface.method_schema(name) is not None
            case ir.TupleType(field_names=names) if names is not None:
                return name in names
            case _:
                raise ScriptError(
                    "hasattr's first argument must be an object or NamedTuple, got "
                    f"{type_name(self.value.type)} instead",
                    range,
                )

    def set_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str, value: ir.Value) -> None:
        set_class_attribute(emitter, range, self.value, name, value)

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        match self.value.type:
            case ir.ClassType(is_module=True) | ir.InterfaceType(is_module=True):
                method = self.attribute(emitter, range, "forward")
            case ir.ClassType() | ir.InterfaceType():
                method = self.attribute(emitter, range, "__call__")
            case ir.NONE if emitter.infers:
                # As in Python, where a run never gets there.
                raised = "'NoneType' object is not callable", "builtins.TypeError"
                inputs = [emitter.constant(part, range) for part in raised]
                emitter.insert("prim::RaiseException", inputs, (), range)
                return SimpleValue(emitter.uninitialized(ir.TENSOR, range))
            case _:
                raise ScriptError(f"cannot call a {self.kind}", range)
        return method.call(emitter, range, args, kwargs, n_binders)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        match self.value.type:
            case ir.ListType() | ir.TensorType() | ir.STRING:
                return self
            case ir.DictType():
                return SimpleValue(emitter.builtin(range, "aten::keys", self.value))
            case ir.TupleType():
                return SugaredTuple(tuple(self.as_tuple(emitter, range)))
            case _:
                raise ScriptError(f"'{type_name(self.value.type)}' object is not iterable", range)

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        match self.value.type:
            case ir.ListType() | ir.TensorType() | ir.DictType() | ir.STRING:
                return emitter.builtin(range, "aten::len", self.value)
            case ir.TupleType(elements):
                return emitter.constant(len(elements), range)
            case ir.ClassType():
                return emitter.method(range, self.value, "__len__")
            case _:
                raise ScriptError(f"'{type_name(self.value.type)}' object is not iterable", range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        match self.value.type:
            case ir.ListType() | ir.DictType() | ir.STRING:
                return SimpleValue(emitter.builtin(range, "aten::__getitem__", self.value, index))
            case ir.TensorType():
                return SimpleValue(emitter.builtin(range, "aten::select", self.value, 0, index))
            case ir.TupleType() as given:
                return SimpleValue(tuple_item(emitter, range, self.value, given, index))
            case ir.ClassType(is_module=True) if hint is not None:
                node = emitter.insert("prim::ModuleContainerIndex", (self.value, index), (hint,), range)
                return SimpleValue(node.output)
            case ir.ClassType():
                method = self.attribute(emitter, range, "__getitem__")
                return method.call(emitter, range, [Arg(SimpleValue(index), range)], [])
            case _:
                raise ScriptError(f"'{type_name(self.value.type)}' object is not subscriptable", range)

    def contains(self, emitter: Emitter, range: ir.SourceRange, item: ir.Value) -> ir.Value:
        if isinstance(self.value.type, (ir.ClassType, ir.InterfaceType)):
            return emitter.method(range, self.value, "__contains__", item)
        return emitter.builtin(range, "aten::__contains__", self.value, item)


def tuple_item(
    emitter: Emitter, range: ir.SourceRange, value: ir.Value, given: ir.TupleType, index: ir.Value
) -> ir.Value:
    """Emit `tuple[index]`: the index must be known, unless all elements are of one type."""
    position = ir.constant_value(index)
    if index.type is not ir.INT:
        raise ScriptError("tuple index must be an integer", range)
    if isinstance(position, int):
        length = len(given.elements)
        if not -length <= position < length:
            raise ScriptError(f"Tuple index out of range. Tuple is length {length} and index is {position}", range)
        return emitter.insert("prim::TupleIndex", (value, index), (given.elements[position],), range).output
    if not given.elements or any(element != given.elements[0] for element in given.elements):
        raise ScriptError(
            f"Cannot index into a {type_name(given)} with a non-integer literal because we cannot resolve the "
            "output type",
            range,
        )
    return emitter.insert("prim::TupleIndex", (value, index), (given.elements[0],), range).output


@final
@dataclass(frozen=True, slots=True, eq=False)
class SugaredTuple(SugaredValue):
    """A tuple whose elements need not be values of the graph. Loops over it are unrolled."""

    elements: tuple[SugaredValue, ...]
    places: tuple[ir.SourceRange, ...] = ()
    """Where the elements are written, if it was a literal."""

    @property
    def kind(self) -> str:
        return "tuple"

    @property
    def is_first_class(self) -> bool:
        return all(element.is_first_class for element in self.elements)

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        places = self.places or (range,) * len(self.elements)
        values = [element.as_value(emitter, place) for element, place in zip(self.elements, places, strict=True)]
        return emitter.make_tuple(values, range)

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        return list(self.elements)

    def escaped(self, frame: Frame) -> SugaredValue:
        return SugaredTuple(tuple(element.escaped(frame) for element in self.elements), self.places)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        return SimpleValue(self.as_value(emitter, range)).attribute(emitter, range, name)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return self

    @property
    def static_length(self) -> int | None:
        return len(self.elements)

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return emitter.constant(len(self.elements), range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        position = ir.constant_value(index)
        if not isinstance(position, int):
            if self.is_first_class:
                return SimpleValue(self.as_value(emitter, range)).item(emitter, range, index, hint)
            raise ScriptError(
                "Expected integer literal for index but got a variable or non-integer. ModuleList/Sequential "
                "indexing is "
                "only supported with integer literals. For example, 'i = 4; self.layers[i](x)' will fail because i is "
                "not a literal. Enumeration is supported, e.g. 'for index, v in enumerate(self): out = v(inp)'",
                range,
            )
        length = len(self.elements)
        if not -length <= position < length:
            raise ScriptError(f"Tuple index out of range. Tuple is length {length} and index is {position}", range)
        return self.elements[position]

    def slice(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        start: ir.Value | None,
        stop: ir.Value | None,
        step: ir.Value | None,
    ) -> SugaredValue:
        return SugaredTuple(self.elements[constant_slice(range, start, stop, step)])


def constant_slice(
    range: ir.SourceRange, start: ir.Value | None, stop: ir.Value | None, step: ir.Value | None
) -> slice:
    """The slice that constant bounds describe; ScriptError if a bound is not known at compile time."""
    bounds = [None if bound is None else ir.constant_value(bound) for bound in (start, stop, step)]
    if any(not isinstance(bound, int) and bound is not None for bound in bounds):
        raise ScriptError("tuple slice indices must be integer constants", range)
    if bounds[2] == 0:
        raise ScriptError("slice step cannot be zero", range)
    return slice(*bounds)


class ReadValue(SugaredValue):
    """Base of what becomes a value of the graph when it is read: whatever is asked of it is asked of that value."""

    __slots__ = ()

    @property
    def is_first_class(self) -> bool:
        return True

    def read(self, emitter: Emitter, range: ir.SourceRange) -> SimpleValue:
        """Emit the reading."""
        return SimpleValue(self.as_value(emitter, range))

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        return self.read(emitter, range).as_tuple(emitter, range, size_hint)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        return self.read(emitter, range).attribute(emitter, range, name)

    def has_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> bool | ir.Value:
        return self.read(emitter, range).has_attribute(emitter, range, name)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        return self.read(emitter, range).iterate(emitter, range)

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return self.read(emitter, range).length(emitter, range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        return self.read(emitter, range).item(emitter, range, index, hint)

    def slice(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        start: ir.Value | None,
        stop: ir.Value | None,
        step: ir.Value | None,
    ) -> SugaredValue:
        return self.read(emitter, range).slice(emitter, range, start, stop, step)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ConstantValue(ReadValue):
    """A Python value that is known at compile time; a constant of the graph where it is used as a value.

    `type` states its type where the value does not tell it, as for an empty list.
    """

    constant: object
    type: ir.Type | None = None

    @property
    def kind(self) -> str:
        return "value"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        return emitter.constant(self.constant, range, self.type)

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        if isinstance(self.constant, tuple):
            types = self.type.elements if isinstance(self.type, ir.TupleType) else (None,) * len(self.constant)
            return [ConstantValue(part, type) for part, type in zip(self.constant, types, strict=True)]
        return self.read(emitter, range).as_tuple(emitter, range, size_hint)

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        return self.read(emitter, range).call(emitter, range, args, kwargs, n_binders)

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        if isinstance(self.constant, tuple):
            return SugaredTuple(tuple(self.as_tuple(emitter, range)))
        return self.read(emitter, range).iterate(emitter, range)


@final
@dataclass(frozen=True, slots=True, eq=False)
class SliceValue(SugaredValue):
    """`slice(start, stop, step)`, to be used as an index."""

    bounds: tuple[ir.Value | None, ir.Value | None, ir.Value | None]

    @property
    def kind(self) -> str:
        return "slice"

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        problem = ScriptError("slice cannot be used as a value", range)
        if emitter.counted_loops:
            # Unrolled, the loop may choose between slices at compile time.
            raise Reconsider(problem, emitter.counted_loops[0])
        raise problem
