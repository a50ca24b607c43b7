"""Values of an archive: objects of its classes, with attributes of the types that the classes declare.

The declared types of attributes say what the pickle leaves open (`declared_types`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import (
    NONE,
    UNSET,
    ClassType,
    Device,
    EnumType,
    EnumValue,
    Function,
    Node,
    ScriptObject,
    TensorData,
    is_bound,
    is_subtype,
)
from flambeau.runtime import call_guarded

from .code.importer import Importer
from .declared_types import DeclaredTypes
from .limits import DEFAULT_LIMITS, Limits
from .load_guard import LoadGuard
from .pickles.described import has_stored_state
from .pickles.values import ValueBuilder


class ValueFactory(Protocol):
    """Makes the values that need PyTorch; without one, tensors stay `TensorData` and devices `Device`."""

    def tensor(self, data: TensorData) -> object:
        """A tensor; those that share memory come with the same storage."""

    def device(self, text: str) -> object:
        """A device such as `cuda:0`."""

    def bound_object(self, class_name: str, state: object) -> object:
        """An object of a class that C++ code binds, from what its `__getstate__` returned when it was saved."""

    def find_operators(self, name: str) -> bool:
        """Whether there are operators of a name that the operator table lacks; they are entered there."""

    def result_size(self, node: Node, operands: Sequence[object]) -> int | None:
        """The bytes of what a node makes of its inputs, without running it; None if that cannot be told."""


class PlainValues:
    """The values of a process that has no PyTorch."""

    def tensor(self, data: TensorData) -> object:
        return data

    def bound_object(self, class_name: str, state: object) -> object:
        raise ArchiveError(f"objects of the C++ class '{class_name}' need PyTorch")

    def find_operators(self, name: str) -> bool:
        return not name.startswith(("aten::", "prim::"))  # what libraries add, nobody here can know

    def result_size(self, node: Node, operands: Sequence[object]) -> int | None:
        return None

    def device(self, text: str) -> object:
        try:
            return Device.parse(text)
        except ValueError as error:
            raise ArchiveError(str(error)) from None


@final
class ObjectBuilder(ValueBuilder):
    """Builds objects of the classes that an importer finds.

    A class with `__getstate__` and `__setstate__` sets the state itself: the latter runs, as TorchScript, when
    `run_setstate` says so; otherwise the state is kept in `states` and the object stays empty.
    """

    def __init__(
        self,
        importer: Importer,
        factory: ValueFactory,
        limits: Limits = DEFAULT_LIMITS,
        *,
        run_setstate: bool,
        archive_size: int = 0,
    ) -> None:
        super().__init__()
        self._declared = DeclaredTypes(self.shared)
        self._guard = LoadGuard(limits, factory.result_size, archive_size)
        self._importer = importer
        self._factory = factory
        self._run_setstate = run_setstate
        self.states: dict[ScriptObject, object] = {}

    def find_class(self, qualified_name: str) -> object:
        return self._importer.complete_type(qualified_name)

    def new_object(self, cls: object) -> object:
        if not isinstance(cls, ClassType):
            raise ArchiveError(f"'{cls}' is no class that objects are made of")
        return ScriptObject(cls)

    def set_state(self, instance: object, state: object) -> object:
        if not isinstance(instance, ScriptObject):
            raise ArchiveError("a state is given to something that is no object")
        if is_bound(instance.type):
            return self._bound_object(instance, state)
        if self._declared.shared is not self.shared:
            self._declared = DeclaredTypes(self.shared)
        if has_stored_state(instance.type):
            self._set_state_by_method(instance, instance.type.methods["__setstate__"], state)
        elif isinstance(state, dict):
            self._set_attributes(instance, state)
        else:
            raise ArchiveError(f"the state of a '{instance.type}' must be a dict of its attributes")
        return instance

    def _bound_object(self, placeholder: ScriptObject, state: object) -> object:
        if self._run_setstate:
            return self._factory.bound_object(placeholder.type.qualified_name, state)
        self.states[placeholder] = state
        return placeholder

    def _set_attributes(self, instance: ScriptObject, state: dict[object, object]) -> None:
        if id(state) in self.shared:
            # Nobody writes that, and a few bytes for each object would fill the memory with attributes.
            raise ArchiveError(f"the attributes of a '{instance.type}' are those of another object")
        conformed = self._declared.conformed
        for slot, attribute in enumerate(instance.type.attributes):
            value = state.get(attribute.name, UNSET)
            if value is UNSET:
                raise ArchiveError(f"attribute '{attribute.name}' of '{instance.type}' is missing")
            try:
                instance.slots[slot] = conformed(value, attribute.type)
            except ArchiveError as error:
                raise ArchiveError(f"attribute '{attribute.name}' of '{instance.type}': {error.message}") from None

    def _set_state_by_method(self, instance: ScriptObject, setstate: Function, state: object) -> None:
        if not self._run_setstate:
            self.states[instance] = state
            return
        arguments = setstate.schema.arguments
        if len(arguments) != 2:
            raise ArchiveError(f"'{instance.type}.__setstate__' must take one argument besides self")
        try:
            with self._guard:
                call_guarded(setstate, (instance, self._declared.conformed(state, arguments[1].type)), self._guard)
        except (FlambeauError, RecursionError) as error:
            raise ArchiveError(f"'{instance.type}.__setstate__' fails: {error}") from error
        for slot, attribute in enumerate(instance.type.attributes):
            if instance.slots[slot] is not UNSET:
                continue
            if not is_subtype(NONE, attribute.type):
                raise ArchiveError(
                    f"The field '{attribute.name}' was left uninitialized after '__setstate__', but expected a value "
                    f"of type '{attribute.type}'"
                )
            instance.slots[slot] = None

    def enum_member(self, cls: object, value: object) -> object:
        if not isinstance(cls, EnumType):
            raise ArchiveError(f"'{cls}' is no enum")
        for name, member in cls.members:
            if type(member) is type(value) and member == value:
                return EnumValue(cls, name, value)
        raise ArchiveError(f"enum '{cls.qualified_name}' has no member of value {value!r}")

    def device(self, text: str) -> object:
        return self._factory.device(text)

    def tensor(self, data: TensorData) -> object:
        return self._factory.tensor(data)
