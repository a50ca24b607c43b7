"""Methods of modules: which ones a module starts from, and how each is compiled when it is first asked for.

A method belongs to the type that modules with equal descriptions share. It is made from the Python class when some
code reaches it; what is never reached is never looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType

from torch import nn

from flambeau import ir
from flambeau.api import define_methods
from flambeau.errors import CollectedErrors, FlambeauError, ScriptError, UnsupportedError
from flambeau.frontend import Definition, Resolver, Signature, SugaredFactory, signature_of
from flambeau.ir import Function, Property
from flambeau.python import markers
from flambeau.python.classes.class_members import members_of_kind
from flambeau.python.functions.functions import Compilation, no_implementation
from flambeau.python.functions.parameter_search import ParameterSearch
from flambeau.python.functions.signatures import (
    default_arguments,
    guessed_signatures,
    observed_signature,
    overload_defaults,
)
from flambeau.python.functions.source_code import definition_of
from flambeau.python.modules.module_hooks import compile_hooks
from flambeau.python.modules.module_types import ModuleDescription, own_call
from flambeau.python.modules.script_methods import function_behind, script_method_names
from flambeau.python.modules.script_module import ScriptModule
from flambeau.python.resolver import resolver_of
from flambeau.python.unit import services, unit


def find_method(description: ModuleDescription, name: str) -> Function | None:
    """The method of that name, made from the Python class if it is not there yet; None if there is none to be
    compiled.
    """
    with unit.lock:
        known = description.class_type.methods.get(name)
        if known is not None:
            return known
        member = function_behind(description.python_class, name)
        if name == "forward" and description.has_call:
            member = own_call(description.python_class)
        if member is None or markers.is_ignored(member) or name in description.overloads:
            return None
        return _add_method(description, name, member)


def find_overloads(description: ModuleDescription, name: str) -> tuple[Function, ...]:
    """The methods `name__0`, `name__1`, ... of a method with declared overloads, or those that the class lists for the
    name in its `__overloads__`; empty if it has neither.
    """
    declarations = description.overloads.get(name, ())
    listed = markers.listed_overloads(description.python_class, name)
    with unit.lock:
        if listed:
            return tuple(method for method in (find_method(description, other) for other in listed) if method)
        return tuple(_overload(description, name, declared, i) for i, declared in enumerate(declarations))


def find_property(description: ModuleDescription, name: str) -> Property | None:
    """The property of that name, made from the Python class if it is not there yet."""
    with unit.lock:
        known = description.class_type.properties.get(name)
        if known is not None:
            return known
        cls = description.python_class
        member = inspect.getattr_static(cls, name, None)
        if not isinstance(member, property) or member.fget is None or name in _left_alone(cls):
            return None
        if markers.is_ignored(member.fget):
            return None
        getter = _accessor(description, f"__{name}_getter", member.fget)
        setter = None if member.fset is None else _accessor(description, f"__{name}_setter", member.fset)
        made = Property(name, getter, setter)
        description.class_type.properties[name] = made
        return made


def _accessor(description: ModuleDescription, name: str, function: Callable[..., object]) -> Function:
    return description.class_type.methods.get(name) or _add_method(description, name, function)


def _left_alone(cls: type) -> frozenset[str]:
    return markers.unused_properties(cls) | markers.ignored_attributes(cls)


def initial_methods(description: ModuleDescription) -> list[str]:
    """The methods that are compiled though nothing calls them: `forward` and the exported ones."""
    cls = description.python_class
    if issubclass(cls, ScriptModule):
        return script_method_names(cls)
    forward = getattr(cls, "forward", None)
    names = []
    if forward is not None and forward is not nn.Module.forward and not markers.is_ignored(forward):
        names.append("forward")
    names += exported_methods(description)
    return [name for name in dict.fromkeys(names) if name not in description.overloads]


def exported_methods(description: ModuleDescription) -> list[str]:
    """The methods that are marked with `@export`."""
    functions = members_of_kind(description.python_class, FunctionType)
    return [
        name
        for name, function in functions.items()
        if markers.modifier_of(function) is markers.Modifier.EXPORT and name not in description.ignored
    ]


def compile_methods(description: ModuleDescription, *, is_root: bool) -> None:
    """Compile the initial methods of a module, once for all modules of its type.

    The `forward` of a submodule that nothing called may fail to compile: it is then left out.
    """
    if description.is_compiled:
        return
    with unit.lock:
        for given in description.definitions:
            define_methods(
                description.class_type, given.text, given.resolver, unit.compilation_unit, _self_value(description)
            )
        collected = CollectedErrors()
        for name in initial_methods(description):
            method = find_method(description, name)
            if method is None:
                continue
            with collected:
                try:
                    method.ensure_defined()
                except FlambeauError as error:
                    if is_root or name != "forward":
                        raise
                    description.failed.setdefault(name, str(error))
        for name in description.overloads:
            for overload in find_overloads(description, name):
                with collected:
                    overload.ensure_defined()
        collected.raise_if_any()
        for name in members_of_kind(description.python_class, property):
            _try_property(description, name)
        compile_hooks(description)
        description.is_compiled = True


def _try_property(description: ModuleDescription, name: str) -> None:
    """Compile a property for users of the scripted module; one that does not compile is left out, or its setter."""
    owner = description.class_type
    try:
        found = find_property(description, name)
        if found is None:
            return
        found.getter.ensure_defined()
    except (ScriptError, UnsupportedError):
        made = owner.properties.pop(name, None)
        for function in (made.getter, made.setter) if made else ():
            if function is not None:
                owner.methods.pop(function.name, None)
        return
    if found.setter is not None:
        try:
            found.setter.ensure_defined()
        except (ScriptError, UnsupportedError):
            owner.properties[name] = Property(name, found.getter)
            owner.methods.pop(found.setter.name, None)


def _self_value(description: ModuleDescription) -> SugaredFactory:
    return lambda value: services.module_value(value, description)


def _add_method(description: ModuleDescription, name: str, python_function: Callable[..., object]) -> Function:
    definition = definition_of(python_function)
    owner = description.class_type
    resolver = resolver_of(python_function, definition, services.sugared)
    made = Function(
        f"{owner.qualified_name}.{name}",
        define=Compilation(
            definition,
            resolver,
            defaults=default_arguments(python_function),
            self_type=owner,
            self_value=_self_value(description),
            signature=_signature_of_setstate(description, definition, resolver)
            if name == "__setstate__"
            else lambda: observed_signature(python_function, is_method=True),
            forget=lambda: _forget(owner, made),
            guesses=lambda last, fixes_defaults: guessed_signatures(
                python_function, is_method=True, last=last, fixes_defaults=fixes_defaults
            ),
            search=lambda: ParameterSearch(python_function, is_method=True),
        ),
        lock=unit.lock,
    )
    made.doc = inspect.getdoc(python_function) or ""
    made.python_callable = python_function
    owner.add_method(name, made)
    return made


def _signature_of_setstate(
    description: ModuleDescription, definition: Definition, resolver: Resolver
) -> Signature | None:
    """That of a `__setstate__` without annotations: it takes what `__getstate__` returns."""
    declared = signature_of(definition, resolver, is_method=True)
    if any(argument.type is not ir.INFERRED_TENSOR for argument in declared.arguments):
        return None
    if len(declared.arguments) != 1:
        raise ScriptError(
            f"Expected 2 arguments to __setstate__, got: {len(declared.arguments) + 1}", definition.header_range()
        )
    getstate = find_method(description, "__getstate__")
    if getstate is None:
        raise ScriptError(
            "`__setstate__` defined but not `__getstate__`. You must have both defined on a ScriptModule to customize "
            "serialization.\nDid you forget to use `@torch.jit.export`?",
            definition.header_range(),
        )
    getstate.ensure_defined()
    return Signature((replace(declared.arguments[0], type=getstate.schema.return_type),), declared.return_type)


def inherited_method(description: ModuleDescription, name: str, function: FunctionType) -> Function:
    """A method of a base class under a name of its own."""
    with unit.lock:
        known = description.class_type.methods.get(name)
        return _add_method(description, name, function) if known is None else known


def specialized_method(
    description: ModuleDescription, name: str, python_function: FunctionType, signature: Signature, key: str
) -> Function:
    """The version of a method for other types than it declares."""
    with unit.lock:
        owner, versions = description.class_type, description.specialized
        known = versions.get((name, key))
        if known is not None:
            return known
        number = sum(method == name for method, _ in versions) + 1
        definition = definition_of(python_function)
        made = Function(
            f"{owner.qualified_name}.{name}__as_{number}",
            define=Compilation(
                definition,
                resolver_of(python_function, definition, services.sugared),
                defaults={},
                self_type=owner,
                self_value=_self_value(description),
                signature=signature,
                forget=lambda: _forget_version(description, made, (name, key)),
                infers=True,
            ),
            lock=unit.lock,
        )
        made.python_callable = python_function
        versions[name, key] = made
        owner.add_method(made.name, made)
        return made


def _forget_version(description: ModuleDescription, method: Function, key: tuple[str, str]) -> None:
    description.specialized.pop(key, None)
    _forget(description.class_type, method)


def _forget(owner: ir.ClassType, method: Function) -> None:
    """Make a method that did not compile as if it had never been tried."""
    owner.methods.pop(method.name, None)


def _overload(description: ModuleDescription, name: str, declaration: Callable[..., object], index: int) -> Function:
    owner = description.class_type
    known = owner.methods.get(f"{name}__{index}")
    if known is not None:
        return known
    implementation = inspect.getattr_static(description.python_class, name)
    if implementation is declaration:
        raise ScriptError(no_implementation("method", declaration))
    declared, definition = definition_of(declaration), definition_of(implementation)
    defaults = overload_defaults(implementation, declaration, declared)
    resolver = resolver_of(declaration, declared, services.sugared)
    made = Function(
        f"{owner.qualified_name}.{name}__{index}",
        define=Compilation(
            definition,
            resolver_of(implementation, definition, services.sugared),
            defaults=defaults,
            self_type=owner,
            self_value=_self_value(description),
            signature=signature_of(declared, resolver, is_method=True, defaults=defaults, is_overload=True),
            forget=lambda: _forget(owner, made),
        ),
        lock=unit.lock,
    )
    made.python_callable = implementation
    owner.add_method(made.name, made)
    return made
