"""Python classes as script classes: the attributes that `__init__` assigns, methods, static methods, properties.

A class is compiled as a whole, `__init__` first, since that is what defines the attributes. Methods of base classes
count as the class's own: PyTorch's compiler sees a class's own body only, and what it accepts means the same here.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator
from types import MemberDescriptorType

from flambeau.errors import CollectedErrors, ScriptError, UnsupportedError
from flambeau.ir import ClassType, Function, NamedType, Property, SourceRange
from flambeau.python import markers
from flambeau.python.classes.dataclass_methods import GeneratedMethod, generated_methods, is_generated
from flambeau.python.classes.interfaces import interface_type
from flambeau.python.functions.functions import Compilation, default_arguments, function_of
from flambeau.python.functions.source_code import definition_of
from flambeau.python.names import qualified_name
from flambeau.python.namespaces import namespace_of, namespace_of_class
from flambeau.python.resolver import PythonResolver, evaluated_annotations
from flambeau.python.types.annotations import is_interface, is_named_tuple
from flambeau.python.types.named_types import enum_type, named_tuple_type
from flambeau.python.unit import services, unit


def class_type(cls: type, range: SourceRange | None = None) -> NamedType:
    """The type of a Python class: an enum, a named tuple or a script class, compiled now if it was not yet."""
    with unit.lock:
        known = unit.named_types.get(cls)
        if known is not None:
            return known
        if issubclass(cls, enum.Enum):
            return enum_type(cls, range)
        if is_named_tuple(cls):
            return named_tuple_type(cls, range)
        if is_interface(cls):
            return interface_type(cls)
        return _compile(cls)


def _compile(cls: type) -> ClassType:
    made = ClassType(unit.compilation_unit.free_name(qualified_name(cls)), doc=cls.__doc__ or "")
    unit.add_named_type(cls, made)
    try:
        inherited = _add_members(cls, made)
        _compile_methods([function for function in made.methods.values() if function.name not in inherited])
    except (ScriptError, UnsupportedError):
        unit.remove_named_type(cls, made)
        raise
    for name in inherited:
        _try_inherited(made, name)
    return made


def _compile_methods(methods: list[Function]) -> None:
    """Compile `__init__`, which says what the attributes are, and then the others."""
    collected = CollectedErrors()
    for function in sorted(methods, key=lambda f: f.name != "__init__"):
        if function.name == "__init__":
            function.ensure_defined()
        with collected:
            function.ensure_defined()
    collected.raise_if_any()


def _try_inherited(made: ClassType, name: str) -> None:
    """Compile a method of a base class; one that does not compile is left out, as PyTorch's compiler leaves out all."""
    try:
        made.methods[name].ensure_defined()
    except (ScriptError, UnsupportedError):
        del made.methods[name]


def _add_members(cls: type, made: ClassType) -> list[str]:
    """Enter the members of a class, uncompiled; gives the names of the methods that it inherits, or that a decorator
    wrote.
    """
    unused = markers.unused_properties(cls) | markers.ignored_attributes(cls)
    inherited: list[str] = []
    for generated in generated_methods(cls, made):
        made.add_method(generated.name, _generated_method(cls, made, generated))
        if generated.name != "__init__":
            inherited.append(generated.name)
    for name, member, owner in _members(cls):
        if isinstance(member, staticmethod):
            made.static_methods[name] = function_of(member.__func__)
        elif isinstance(member, property):
            if name not in unused and member.fget is not None and not markers.is_ignored(member.fget):
                _add_property(cls, made, name, member)
        elif inspect.isfunction(member) and not markers.is_ignored(member) and not is_generated(owner, name):
            made.add_method(name, _method(cls, made, member, name))
            if owner is not cls and name != "__init__":
                inherited.append(name)
        elif not name.startswith("__") and not isinstance(member, (classmethod, MemberDescriptorType)):
            made.unsupported[name] = (
                f"'{name}' is defined as a class attribute which currently is not supported. Consider converting this "
                "to an instance attribute."
            )
    return inherited


def _members(cls: type) -> Iterator[tuple[str, object, type]]:
    """The members of a class and of its bases that the user wrote, by name in order, with the class they stand in."""
    seen: dict[str, tuple[object, type]] = {}
    for base in reversed(cls.__mro__):
        if base is cls or base.__module__.partition(".")[0] not in ("builtins", "typing", "abc", "enum", "torch"):
            seen.update((name, (member, base)) for name, member in vars(base).items())
    for name, (member, owner) in sorted(seen.items()):
        yield name, member, owner


def _generated_method(cls: type, made: ClassType, generated: GeneratedMethod) -> Function:
    return Function(
        f"{made.qualified_name}.{generated.name}",
        define=Compilation(
            generated.definition,
            PythonResolver(namespace_of_class(cls).within(generated.names), services.sugared),
            defaults=generated.defaults,
            self_type=made,
            signature=generated.signature,
        ),
        lock=unit.lock,
    )


def _add_property(cls: type, made: ClassType, name: str, member: property) -> None:
    if member.fget is None:
        return
    getter = _method(cls, made, member.fget, f"__{name}_getter")
    setter = None if member.fset is None else _method(cls, made, member.fset, f"__{name}_setter")
    made.add_method(getter.name, getter)
    if setter is not None:
        made.add_method(setter.name, setter)
    made.properties[name] = Property(name, getter, setter)


def _method(cls: type, made: ClassType, python_function: Callable[..., object], name: str) -> Function:
    definition = definition_of(python_function)
    namespace = namespace_of(python_function).within({cls.__name__: cls})
    function = Function(
        f"{made.qualified_name}.{name}",
        define=Compilation(
            definition,
            PythonResolver(namespace, services.sugared, evaluated_annotations(definition, python_function)),
            defaults=default_arguments(python_function),
            self_type=made,
        ),
        lock=unit.lock,
    )
    function.doc = inspect.getdoc(python_function) or ""
    function.python_callable = python_function
    return function
