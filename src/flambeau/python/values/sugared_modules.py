"""Modules in scripts: `self` of a module's method, and the submodules reached from it.

Attributes are looked up in the module's description, in TorchScript's order: submodules, slots, methods, constants, the
methods of containers and walks over submodules, overloads, functions and operators held as attributes, members of the
Python class. Containers of modules are known at compile time: loops over them are unrolled, indices must be
constants.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, final

from torch import nn

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedError
from flambeau.frontend import (
    Arg,
    BuiltinFunction,
    Choice,
    ConstantValue,
    FunctionValue,
    LateAttribute,
    MethodValue,
    Signature,
    SimpleValue,
    SugaredTuple,
    SugaredValue,
    constant_slice,
    known_value,
    raise_unless_unrolled,
    similar,
    widened,
)
from flambeau.ir import SourceRange, Value
from flambeau.python import markers
from flambeau.python.functions.python_calls import PythonFunctionValue
from flambeau.python.functions.specialization import Callee, inlined
from flambeau.python.modules.attribute_requests import request_attribute, request_contents
from flambeau.python.modules.methods import find_method, find_overloads, find_property, specialized_method
from flambeau.python.modules.module_hooks import call_with_hooks, define_hooks
from flambeau.python.modules.module_types import ModuleDescription, own_call, type_of_submodule
from flambeau.python.modules.script_methods import function_behind
from flambeau.python.places import at
from flambeau.python.unit import services
from flambeau.python.values.class_objects import ClassObject
from flambeau.python.values.python_objects import PythonValue
from flambeau.python.values.sugared_classes import class_value_attribute

if TYPE_CHECKING:
    from flambeau.frontend import Emitter

_INDEX_HINT = (
    "Expected integer literal for index but got a variable or non-integer. ModuleList/Sequential indexing is only "
    "supported with integer literals. For example, 'i = 4; self.layers[i](x)' will fail because i is not a literal. "
    "Enumeration is supported, e.g. 'for index, v in enumerate(self): out = v(inp)'"
)
_KEY_HINT = (
    "Unable to extract string literal index. ModuleDict indexing is only supported with string literals. For example, "
    "'i = \"a\"; self.layers[i](x)' will fail because i is not a literal. Enumeration of ModuleDict is supported, e.g. "
    "'for k, v in self.items(): ...'"
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ModuleValue(SugaredValue):
    """A module: the graph's value for it, and its description."""

    value: Value
    description: ModuleDescription

    @property
    def kind(self) -> str:
        return "module"

    def as_value(self, emitter: Emitter, range: SourceRange) -> Value:
        return self.value

    @property
    def instance_class(self) -> type | None:
        return self.description.python_class

    @property
    def description_key(self) -> object | None:
        return self.description

    # --- attributes

    def attribute(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        found = self._find(emitter, range, name)
        if found is None:
            self.refuse(self._why_missing(name), range, similar(name, self._names))
        return found

    def has_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> bool | Value:
        d = self.description
        if name in d.late:
            return self._late(emitter, range, name).is_there(emitter, range)
        if name in d.attributes or name in d.submodules or name in d.constants:
            return True
        if any(name in entries for entries in (d.functions, d.script_functions, d.builtins, d.objects, d.failed)):
            return True
        return hasattr(d.python_class, name)

    def set_attribute(self, emitter: Emitter, range: SourceRange, name: str, value: Value) -> None:
        if name in self.description.fixed:
            self.refuse(f"attribute '{name}' is assigned, and a constant elsewhere in the script", range)
        if name not in self.description.attributes and find_property(self.description, name) is None:
            if name in self.description.failed:
                request_attribute(emitter, self.description, name, value.type)
                self.refuse(self._why_missing(name), range)
        if name in self.description.late and ir.is_subtype(ir.NONE, value.type):
            self.refuse(
                f"attribute '{name}' is created outside of __init__ and may be given None, so that nothing tells "
                "whether it is there. Initialize it in __init__",
                range,
            )
        entry = self.description.attributes.get(name)
        if entry is not None and emitter.infers:
            value = widened(emitter.graph, value, entry.type)
        try:
            SimpleValue(self.value).set_attribute(emitter, range, name, value)
        except ScriptError:
            request_attribute(emitter, self.description, name, value.type)
            raise

    def submodule(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue:
        """The submodule in a slot."""
        entry = self.description.submodules[name]
        value = self._read(emitter, range, name, type_of_submodule(entry))
        return ModuleValue(value, entry) if isinstance(entry, ModuleDescription) else SimpleValue(value)

    def _read(self, emitter: Emitter, range: SourceRange, name: str, type: ir.Type) -> Value:
        """Emit the reading of a slot."""
        node = emitter.insert("prim::GetAttr", (self.value,), (type,), range).set_attribute("name", "s", name)
        return node.output.set_debug_name(f"_{name}" if name.isdigit() else name)

    def _find(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue | None:
        d = self.description
        if name == "__class__":
            return ClassObject.of(d.python_class, range)
        if name == "__call__":
            return self
        if name == "forward" and d.has_call:
            return services.own_forward(self, range)
        if name in d.submodules:
            return self.submodule(emitter, range, name)
        if name in d.fixed:
            return services.sugared(d.fixed[name], range)
        if name in d.late:
            return self._late(emitter, range, name)
        if name in d.attributes:
            return emitter.sugar(self._read_attribute(emitter, range, name))
        if name in d.empty and emitter.infers:
            request_contents(d, name, d.empty[name])
        if name in d.class_type.methods:
            return self._method(name) or MethodValue.of(self.value, name)
        if name in d.constants:
            return ConstantValue(d.constants[name])
        if name in _VIEWS and _is_own(d.python_class, name):
            return ModuleView(self, name)
        return self._find_callable(emitter, range, name) or self._find_member(emitter, range, name)

    def _read_attribute(self, emitter: Emitter, range: SourceRange, name: str) -> Value:
        d = self.description
        value = self._read(emitter, range, name, d.attributes[name].type)
        if name in d.empty:
            emitter.empty_attributes[value] = partial(request_contents, d, name)
        if name in d.guessed:
            emitter.guessed_attributes.add(value)
        if name in d.numbers:
            emitter.former_numbers.add(value)
        return value

    def _late(self, emitter: Emitter, range: SourceRange, name: str) -> LateAttribute:
        d = self.description
        value = self._read(emitter, range, name, d.attributes[name].type)
        return LateAttribute(value, d.late[name], f"'{d.python_class.__name__}' object has no attribute '{name}'")

    def _find_callable(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue | None:
        d = self.description
        with at(range):
            overloads = find_overloads(d, name)
            if overloads:
                return MethodValue.of(self.value, *(f.name for f in overloads))
            if name in d.aliases:
                found: SugaredValue = self
                for part in d.aliases[name].split("."):
                    found = found.attribute(emitter, range, part)
                return found
            if name in d.functions:
                return services.sugared(d.functions[name], range)
            if name in d.objects:
                found = services.sugared(d.objects[name], range)
                why = self._why_missing(name) if name in d.failed else ""
                return replace(found, why=why) if isinstance(found, PythonValue) else found
            if name in d.script_functions:
                return FunctionValue.of(d.script_functions[name])
            if name in d.builtins:
                return BuiltinFunction(d.builtins[name])
            return None if name in d.failed else self._method(name)

    def _method(self, name: str) -> SugaredValue | None:
        """A method that the Python class defines."""
        d = self.description
        member = inspect.getattr_static(d.python_class, name, None)
        if not isinstance(member, FunctionType) or markers.is_ignored(member) or name in d.overloads:
            return None
        return ModuleMethod(self, name, member)

    def _find_member(self, emitter: Emitter, range: SourceRange, name: str) -> SugaredValue | None:
        d = self.description
        if name in d.failed:
            return None
        with at(range):
            made = find_property(d, name)
        if made is not None:
            return self._property(emitter, range, name, made.getter)
        member = inspect.getattr_static(d.python_class, name, None)
        if inspect.isfunction(member) and markers.is_ignored(member):
            return PythonFunctionValue(member, self.value)
        return class_value_attribute(d.python_class, name, range)

    def _names(self) -> list[str]:
        d = self.description
        held = (*d.attributes, *d.submodules, *d.constants, *d.functions, *d.builtins, *d.objects)
        return [*held, *(name for name in dir(d.python_class) if not name.startswith("_"))]

    def _property(self, emitter: Emitter, range: SourceRange, name: str, getter: ir.Function) -> SugaredValue:
        """What a property gives; by its body, where the instance may decide it."""
        function = getattr(inspect.getattr_static(self.description.python_class, name, None), "fget", None)
        if emitter.infers and self.description.fixed and isinstance(function, FunctionType):
            title = f"{self.description.class_type.name}.{name}"
            with contextlib.suppress(ScriptError, UnsupportedError):
                return inlined(emitter, range, function, title, self)
        return MethodValue.of(self.value, getter.name).call(emitter, range, [], [])

    def _why_missing(self, name: str) -> str:
        d = self.description
        hint = d.failed.get(name, "")
        if not hint and name in vars(d.python_class):
            hint = (
                f"'{name}' is defined as a class attribute which currently is not supported. Consider converting "
                "this to an instance attribute."
            )
        if not hint and name in d.ignored:
            hint = "(This attribute exists on the Python module, but it is in `__jit_ignored_attributes__`.)"
        return f"Module '{d.class_type.name}' has no attribute '{name}' {hint}"

    # --- calls

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        description = self.description
        own = own_call(description.python_class) if description.has_call else None
        if own is not None:
            return ModuleMethod(self, "forward", own).call(emitter, range, args, kwargs, n_binders)
        forward = self.attribute(emitter, range, "forward")
        if not (description.hooks or description.pre_hooks):
            return forward.call(emitter, range, args, kwargs, n_binders)
        with at(range):
            define_hooks(description)
        return call_with_hooks(emitter, range, self.value, description, forward, [*args, *kwargs])

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        cls = self.description.python_class
        if any(hasattr(cls, name) for name in ("__bool__", "__len__")) and self.static_length is None:
            return None
        return self.static_length is None or self.static_length > 0

    # --- containers

    def elements(self, emitter: Emitter, range: SourceRange) -> dict[str, SugaredValue]:
        """The submodules or parameters by name."""
        if self.description.container.startswith("parameter"):
            return self.parameters(emitter, range)
        return {name: self.submodule(emitter, range, name) for name in self.description.submodules}

    def parameters(self, emitter: Emitter, range: SourceRange, kind: str = "parameter") -> dict[str, SugaredValue]:
        """The module's own parameters (or buffers) by name; those that are None are left out."""
        entries = self.description.attributes.items()
        names = [n for n, entry in entries if entry.kind == kind and entry.type is not ir.NONE]
        return {name: self.attribute(emitter, range, name) for name in names}

    def iterate(self, emitter: Emitter, range: SourceRange) -> SugaredValue:
        match self.description.container:
            case "":
                own = self._own_method("__iter__")
                if own is None:
                    self.refuse(
                        "Only constant Sequential, ModuleList, ModuleDict, or ParameterList can be used as an iterable",
                        range,
                    )
                return own.call(emitter, range, [], []).iterate(emitter, range)
            case "dict" | "parameter dict":
                return _keys(self.elements(emitter, range))
            case _:
                return SugaredTuple(tuple(self.elements(emitter, range).values()))

    def as_tuple(self, emitter: Emitter, range: SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        return self.iterate(emitter, range).as_tuple(emitter, range, size_hint)

    @property
    def static_length(self) -> int | None:
        d = self.description
        if d.container.startswith("parameter"):
            return sum(entry.kind == "parameter" for entry in d.attributes.values())
        return len(d.submodules) if d.container else None

    def length(self, emitter: Emitter, range: SourceRange) -> Value:
        own = self._own_method("__len__")
        if own is not None:
            return own.call(emitter, range, [], []).as_value(emitter, range)
        if self.static_length is None:
            self.refuse(f"'{self.description.class_type.name}' object has no length", range)
        return emitter.constant(self.static_length, range)

    def item(self, emitter: Emitter, range: SourceRange, index: Value, hint: ir.Type | None = None) -> SugaredValue:
        own = self._own_method("__getitem__")
        if own is not None:
            return own.call(emitter, range, [Arg(SimpleValue(index), range)], [])
        key = known_value(emitter, index)
        if isinstance(key, bool):
            key = int(key)
        match self.description.container:
            case "":
                self.refuse(f"'{self.description.class_type.name}' object is not subscriptable", range)
            case "dict" | "parameter dict":
                return self._by_key(emitter, range, key, index, hint)
            case _:
                return self._by_position(emitter, range, key, index, hint)

    def _by_position(
        self, emitter: Emitter, range: SourceRange, key: object, index: Value, hint: ir.Type | None
    ) -> SugaredValue:
        elements = list(self.elements(emitter, range).values())
        if not isinstance(key, int):
            if isinstance(hint, ir.InterfaceType):
                return self._by_interface(emitter, range, index, hint)
            raise_unless_unrolled(emitter, ScriptError(_INDEX_HINT, range))
            if index.type is not ir.INT or not elements or not emitter.infers:
                self.refuse(_INDEX_HINT, range)
            return Choice(tuple(elements), index)
        if not -len(elements) <= key < len(elements):
            self.refuse(f"Index {key} is out of range for a container of {len(elements)} modules", range)
        return elements[key]

    def _by_key(
        self, emitter: Emitter, range: SourceRange, key: object, index: Value, hint: ir.Type | None
    ) -> SugaredValue:
        if not isinstance(key, str):
            if isinstance(hint, ir.InterfaceType):
                return self._by_interface(emitter, range, index, hint)
            raise_unless_unrolled(emitter, ScriptError(_KEY_HINT, range))
            if index.type is ir.STRING and emitter.infers:
                return self._by_unknown_key(emitter, range, index)
            self.refuse(_KEY_HINT, range)
        elements = self.elements(emitter, range)
        if key not in elements:
            self.refuse(f"Key Error, {key}", range)
        return elements[key]

    def _by_unknown_key(self, emitter: Emitter, range: SourceRange, key: Value) -> SugaredValue:
        elements = self.elements(emitter, range)
        names = emitter.make_list([emitter.constant(name, range) for name in elements], ir.STRING, range)
        return Choice(tuple(elements.values()), emitter.builtin(range, "aten::index", names, key))

    def _by_interface(self, emitter: Emitter, range: SourceRange, index: Value, hint: ir.InterfaceType) -> SugaredValue:
        for name, entry in self.description.submodules.items():
            with at(range):
                if isinstance(entry, ModuleDescription):
                    for method in hint.methods:
                        find_method(entry, method.name)
            why = ir.why_not_implements(type_of_submodule(entry), hint)
            if why is not None:
                self.refuse(f"Attribute {name} is not of annotated type {hint.annotation()}: {why}", range)
        return SimpleValue(emitter.insert("prim::ModuleContainerIndex", (self.value, index), (hint,), range).output)

    def slice(
        self, emitter: Emitter, range: SourceRange, start: Value | None, stop: Value | None, step: Value | None
    ) -> SugaredValue:
        if self.description.container not in ("list", "parameter list"):
            self.refuse("Slicing is only supported for ModuleList and Sequential", range)
        found = self.iterate(emitter, range).slice(emitter, range, start, stop, step)
        is_called = emitter.infers and issubclass(self.description.python_class, nn.Sequential)
        return SequentialSlice(found) if is_called and isinstance(found, SugaredTuple) else found

    def contains(self, emitter: Emitter, range: SourceRange, item: Value) -> Value:
        own = self._own_method("__contains__")
        if own is not None:
            return own.call(emitter, range, [Arg(SimpleValue(item), range)], []).as_value(emitter, range)
        if self.description.container not in ("dict", "parameter dict"):
            self.refuse("`in` is only supported for ModuleDict and ParameterDict", range)
        key, names = ir.constant_value(item), list(self.elements(emitter, range))
        if isinstance(key, str):
            return emitter.constant(key in names, range)
        values = emitter.make_list([emitter.constant(name, range) for name in names], ir.STRING, range)
        return emitter.builtin(range, "aten::__contains__", values, item)

    def _own_method(self, name: str) -> SugaredValue | None:
        """A special method that the user's class defines; those of PyTorch's containers are known here."""
        member = function_behind(self.description.python_class, name)
        if member is None or member.__module__.startswith("torch.nn."):
            return None
        return None if find_method(self.description, name) is None else MethodValue.of(self.value, name)


@final
@dataclass(frozen=True, slots=True, eq=False)
class SequentialSlice(SugaredValue):
    """A slice of a Sequential, which is one too: called, it calls its modules one after the other."""

    modules: SugaredTuple

    @property
    def kind(self) -> str:
        return "module"

    @property
    def static_length(self) -> int | None:
        return self.modules.static_length

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return bool(self.modules.elements)

    def as_tuple(self, emitter: Emitter, range: SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        return list(self.modules.elements)

    def iterate(self, emitter: Emitter, range: SourceRange) -> SugaredValue:
        return self.modules

    def length(self, emitter: Emitter, range: SourceRange) -> Value:
        return self.modules.length(emitter, range)

    def item(self, emitter: Emitter, range: SourceRange, index: Value, hint: ir.Type | None = None) -> SugaredValue:
        return self.modules.item(emitter, range, index, hint)

    def slice(
        self, emitter: Emitter, range: SourceRange, start: Value | None, stop: Value | None, step: Value | None
    ) -> SugaredValue:
        return SequentialSlice(SugaredTuple(self.modules.elements[constant_slice(range, start, stop, step)]))

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) != 1 or kwargs:
            self.refuse("a slice of a Sequential takes one argument", range)
        given = args[0]
        for module in self.modules.elements:
            given = Arg(module.call(emitter, range, [given], []), range)
        return given.sugared


@final
@dataclass(frozen=True, slots=True, eq=False)
class ModuleMethod(SugaredValue):
    """A method of a module's class, bound to the module: it is compiled for the types that calls give it."""

    module: ModuleValue
    name: str
    function: FunctionType

    @property
    def kind(self) -> str:
        return "method"

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return True

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        module, name, description = self.module, self.name, self.module.description

        def plain() -> SugaredValue:
            with at(range):
                find_method(description, name)
            return MethodValue.of(module.value, name)

        def specialized(signature: Signature, key: str) -> SugaredValue:
            with at(range):
                made = specialized_method(description, name, self.function, signature, key)
            return MethodValue.of(module.value, made.name)

        title = f"{description.class_type.name}.{name}"
        return Callee(self.function, title, module, plain, specialized).call(emitter, range, args, kwargs, n_binders)


def _is_own(cls: type, name: str) -> bool:
    """Whether a method is PyTorch's own, not one that the user defined under that name."""
    return str(getattr(getattr(cls, name, None), "__module__", "")).startswith("torch.nn.")


def _keys(elements: Mapping[str, SugaredValue]) -> SugaredTuple:
    return SugaredTuple(tuple(ConstantValue(name) for name in elements))


def _pairs(elements: Mapping[str, SugaredValue]) -> SugaredTuple:
    return SugaredTuple(tuple(SugaredTuple((ConstantValue(name), value)) for name, value in elements.items()))


def _values(elements: Mapping[str, SugaredValue]) -> SugaredTuple:
    return SugaredTuple(tuple(elements.values()))


@final
@dataclass(frozen=True, slots=True, eq=False)
class ModuleView(SugaredValue):
    """A method of `nn.Module` that walks the module: `children`, `named_modules`, `items`, ..."""

    module: ModuleValue
    name: str

    @property
    def kind(self) -> str:
        return "module dict method"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if args or kwargs:
            self.refuse(f"{self.name}() takes no arguments in a script", range)
        collect, present = _VIEWS[self.name]
        return present(collect(self.module, emitter, range))


Elements = dict[str, SugaredValue]


def _children(module: ModuleValue, emitter: Emitter, range: SourceRange) -> Elements:
    return {name: module.submodule(emitter, range, name) for name in module.description.submodules}


def _modules(module: ModuleValue, emitter: Emitter, range: SourceRange) -> Elements:
    found: Elements = {"": module}
    for name, child in _children(module, emitter, range).items():
        below = _modules(child, emitter, range) if isinstance(child, ModuleValue) else {"": child}
        found.update((f"{name}.{path}" if path else name, value) for path, value in below.items())
    return found


def _tensors(kind: str) -> Callable[[ModuleValue, Emitter, SourceRange], Elements]:
    def collect(module: ModuleValue, emitter: Emitter, range: SourceRange) -> Elements:
        found: Elements = {}
        for path, part in _modules(module, emitter, range).items():
            if isinstance(part, ModuleValue):
                own = part.parameters(emitter, range, kind)
                found.update((f"{path}.{name}" if path else name, value) for name, value in own.items())
        return found

    return collect


_Collect = Callable[[ModuleValue, "Emitter", SourceRange], Elements]
_VIEWS: dict[str, tuple[_Collect, Callable[[Elements], SugaredTuple]]] = {
    "keys": (ModuleValue.elements, _keys),
    "values": (ModuleValue.elements, _values),
    "items": (ModuleValue.elements, _pairs),
    "children": (_children, _values),
    "named_children": (_children, _pairs),
    "modules": (_modules, _values),
    "named_modules": (_modules, _pairs),
    "parameters": (_tensors("parameter"), _values),
    "named_parameters": (_tensors("parameter"), _pairs),
    "buffers": (_tensors("buffer"), _values),
    "named_buffers": (_tensors("buffer"), _pairs),
}
"""Methods of `nn.Module` and its containers: what they go through, and what of it they give."""
