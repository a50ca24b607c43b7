"""Objects of script classes, as a user holds them.

`Object` has explicit operations (`getattr`, `get_method`, ...), so that no attribute of a script can hide one of them.
`Instance` is what calls return: the attributes, properties, methods and operators of its class by their own names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, final

from flambeau.api.calls import assignable, invoke
from flambeau.api.copying import Memo, deep_copy, shallow_copy
from flambeau.api.functions import Method
from flambeau.errors import ObjectError
from flambeau.ir import UNSET, ClassType, CompilationUnit, Property, ScriptObject
from flambeau.runtime import to_python

__all__ = ["Instance", "Object"]

AnyObject = TypeVar("AnyObject", bound="Object")


class Object:
    """An object of a script class. Two of these are equal if they stand for the same object."""

    __slots__ = ("__weakref__", "_object", "_unit")

    def __init__(self, script_object: ScriptObject, compilation_unit: CompilationUnit | None = None) -> None:
        self._object = script_object
        self._unit = compilation_unit

    @property
    def script_object(self) -> ScriptObject:
        """The object itself, as running scripts see it."""
        return self._object

    @property
    def compilation_unit(self) -> CompilationUnit | None:
        """Where its class is defined, if known."""
        return self._unit

    @property
    def type(self) -> ClassType:
        return self._object.type

    @property
    def qualified_name(self) -> str:
        return self.type.qualified_name

    # --- attributes

    def hasattr(self, name: str) -> bool:
        """Whether it has an attribute of that name (constants and properties are not attributes)."""
        return self.type.find_slot(name) is not None

    def getattr(self, name: str) -> object:
        """The value of an attribute, a constant or a property, in Python's types; AttributeError if there is none.

        Lists, dicts and tuples are copies: to change one, assign it.
        """
        slot = self.type.find_slot(name)
        if slot is not None:
            value = self._object.slots[slot]
            if value is UNSET:
                raise AttributeError(f"attribute '{name}' of {self.qualified_name} was never assigned")
            return to_python(value, self.type.attributes[slot].type)
        if name in self.type.constants:
            return self.type.constants[name]
        prop = self.type.properties.get(name)
        if prop is not None:
            return invoke(prop.getter, self._object)
        raise AttributeError(f"{self.qualified_name} does not have a field with name '{name}'")

    def setattr(self, name: str, value: object) -> None:
        """Assign an attribute or a property; ObjectError unless the value converts to its type."""
        attribute = self.type.find_attribute(name)
        if attribute is not None:
            self._object.set(name, assignable(value, attribute))
            return
        if name in self.type.constants:
            raise ObjectError(f"Can't set constant '{name}' which has value:{self.type.constants[name]}")
        prop = self.type.properties.get(name)
        if prop is not None and prop.setter is not None:
            invoke(prop.setter, self._object, value)
            return
        if prop is not None:
            raise ObjectError(f"property '{name}' of {self.qualified_name} cannot be assigned")
        raise ObjectError(f"{self.qualified_name} does not have an attribute with name '{name}'")

    # --- methods

    def has_method(self, name: str) -> bool:
        return name in self.type.methods

    def find_method(self, name: str) -> Method | None:
        """The method of that name, or None."""
        function = self.type.methods.get(name)
        return None if function is None else Method(function, self)

    def get_method(self, name: str) -> Method:
        """The method of that name; ObjectError if there is none."""
        method = self.find_method(name)
        if method is None:
            raise ObjectError(f"Method '{name}' is not defined.")
        return method

    def methods(self) -> Iterator[Method]:
        return (Method(function, self) for function in self.type.methods.values())

    def method_names(self) -> list[str]:
        return list(self.type.methods)

    def properties(self) -> list[Property]:
        return list(self.type.properties.values())

    # What PyTorch calls these on the objects behind scripted modules, which programs do ask.
    _has_method = has_method
    _get_method = get_method
    _method_names = method_names

    # --- copies, comparison

    def copy(self: AnyObject) -> AnyObject:
        """Another object with the same values in its attributes."""
        return type(self)(shallow_copy(self._object), self._unit)

    def deepcopy(self: AnyObject, memo: Memo | None = None) -> AnyObject:
        """Another object that shares nothing mutable with this one."""
        return type(self)(deep_copy(self._object, memo), self._unit)

    __copy__ = copy
    __deepcopy__ = deepcopy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and self._object is other._object

    def __hash__(self) -> int:
        return hash(self._object)

    def __flambeau_script_value__(self) -> ScriptObject:
        return self._object

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.qualified_name}>"


@final
class Instance:
    """An object of a script class that behaves as one: `x.attribute`, `x.method()`, `x + y`, `len(x)`, ...

    Operators that the class does not define are not supported, except comparison, hashing and truth, which are those of
    any Python object then.
    """

    __slots__ = ("__weakref__", "_object")
    _object: Object

    def __init__(self, script_object: ScriptObject) -> None:
        object.__setattr__(self, "_object", Object(script_object))

    def __getattr__(self, name: str) -> object:
        method = self._object.find_method(name)
        return self._object.getattr(name) if method is None else method

    def __setattr__(self, name: str, value: object) -> None:
        self._object.setattr(name, value)

    def __dir__(self) -> list[str]:
        kind = self._object.type
        names = [a.name for a in kind.attributes]
        return sorted({*names, *kind.constants, *kind.properties, *kind.methods, *object.__dir__(self)})

    def __flambeau_script_value__(self) -> ScriptObject:
        return self._object.script_object

    def __copy__(self) -> Instance:
        return Instance(shallow_copy(self._object.script_object))

    def __deepcopy__(self, memo: Memo) -> Instance:
        return Instance(deep_copy(self._object.script_object, memo))

    def __repr__(self) -> str:
        return f"<{self._object.qualified_name} object>"

    def __str__(self) -> str:
        method = self._object.find_method("__str__")
        return repr(self) if method is None else str(method())

    def __eq__(self, other: object) -> bool:
        method = self._object.find_method("__eq__")
        if method is not None:
            return bool(method(other))
        return isinstance(other, Instance) and self._object == other._object

    def __ne__(self, other: object) -> bool:
        method = self._object.find_method("__ne__")
        return not self == other if method is None else bool(method(other))

    def __hash__(self) -> int:
        return hash(self._object)

    def __bool__(self) -> bool:
        method = self._object.find_method("__bool__") or self._object.find_method("__len__")
        return True if method is None else bool(method())


def _forwarded(name: str) -> Callable[..., object]:
    def operator(self: Instance, *args: object) -> object:
        method = self._object.find_method(name)
        if method is not None:
            return method(*args)
        if name in _BINARY:
            return NotImplemented
        raise TypeError(f"'{self._object.qualified_name}' object has no {name}")

    operator.__name__ = name
    return operator


_BINARY = frozenset(
    f"__{name}__" for name in ("add", "sub", "mul", "truediv", "mod", "pow", "and", "or", "xor", "lt", "le", "gt", "ge")
)
_OTHERS = ("neg", "len", "iter", "contains", "getitem", "setitem", "call", "int", "float", "enter", "exit")

for _name in (*_BINARY, *(f"__{name}__" for name in _OTHERS)):
    setattr(Instance, _name, _forwarded(_name))
