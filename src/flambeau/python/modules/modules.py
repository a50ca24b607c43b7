"""From an `nn.Module` to a `ScriptObject`: the object tree, with its methods compiled.

Parameters and buffers are the module's own tensors. A submodule that stands in several places is one object there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import final

import torch
from torch import nn

from flambeau.errors import FlambeauError, ScriptError, UnsupportedError
from flambeau.frontend import notes
from flambeau.ir import ClassType, InterfaceType, ScriptObject, TensorType, Type, why_not_implements
from flambeau.python import markers
from flambeau.python.modules.attribute_requests import Requests, forget_requests, granted
from flambeau.python.modules.left_in_python import remember_original
from flambeau.python.modules.methods import compile_methods, find_method
from flambeau.python.modules.module_types import Walk, checked, own_call
from flambeau.python.names import type_name
from flambeau.python.types.conversion import ConversionError, to_script
from flambeau.python.unit import unit
from flambeau.python.wrappers import script_value_of


@final
class ModuleTree:
    """A module and its submodules being scripted: `root` is the result, `objects` what each module became."""

    def __init__(self, module: nn.Module) -> None:
        self._walk = Walk()
        self.objects: dict[int, ScriptObject] = {}
        with unit.lock:
            self.root = self._compiled(module)

    def _compiled(self, module: nn.Module) -> ScriptObject:
        """The object tree. What does not compile as TorchScript reads it is tried again with the attributes that no
        method changes as constants, so that branches which these decide are left out; then with `training` as one; at
        last as TorchScript reads it, with undefined Tensors for defaults that are None.

        Where classes have a `__call__` of their own, all that comes first with these taken for `forward`, which is not
        how TorchScript reads them.
        """
        if any(own_call(type(part)) is not None for part in _with_submodules(module)):
            for fixes in (False, True):
                with suppress(ScriptError, UnsupportedError):
                    return self._compiled_with(module, fixes=fixes, calls=True)
        problem: FlambeauError | None = None
        for fixes, fixes_mode in ((False, False), (True, False), (True, True), (False, False)):
            is_last = problem is not None and not fixes
            try:
                return self._compiled_with(module, fixes=fixes, fixes_mode=fixes_mode, is_last=is_last)
            except (ScriptError, UnsupportedError) as error:
                problem = error if problem is None or fixes else problem
        raise problem or ScriptError(f"'{type_name(module)}' cannot be compiled")

    def _compiled_with(
        self, module: nn.Module, *, fixes: bool, fixes_mode: bool = False, calls: bool = False, is_last: bool = False
    ) -> ScriptObject:
        """The object tree in one of these ways, with the attributes that methods turn out to need."""
        forget_requests()
        assigned: Requests = {}
        while True:
            walk = Walk(fixes=fixes, fixes_mode=fixes_mode, calls=calls, assigned=assigned)
            try:
                return self._compiled_once(module, walk, is_last=is_last)
            except (ScriptError, UnsupportedError):
                walk.forget()
                more = granted(assigned)
                if more is None:
                    raise
                assigned = more
                unit.failures.clear()

    def _compiled_once(self, module: nn.Module, walk: Walk, *, is_last: bool) -> ScriptObject:
        self._walk, self.objects = walk, {}
        former = unit.infers_at_once, unit.none_is_tensor
        unit.infers_at_once = unit.infers_at_once or walk.fixes
        unit.none_is_tensor = is_last
        try:
            root = checked(walk.prepared(module))
            notes.went_beyond = notes.read_numbers = False
            unit.fixes_defaults = walk.fixes
            compile_methods(walk.describe(root), is_root=True)
            unit.fixes_defaults = False
            made = self._object(root)
            if not walk.fixes and not is_last and notes.went_beyond and notes.read_numbers:
                raise ScriptError("a tensor is assigned to a variable that holds a number")
            return made
        finally:
            unit.infers_at_once, unit.none_is_tensor = former
            unit.fixes_defaults = False

    def _object(self, module: nn.Module) -> ScriptObject:
        module = self._walk.native(self._walk.prepared(module))
        known = self.objects.get(id(module))
        if known is not None:
            return known
        scripted = script_value_of(module)
        if isinstance(scripted, ScriptObject):
            self.objects[id(module)] = scripted
            return scripted
        description = self._walk.describe(module)
        compile_methods(description, is_root=False)
        made = ScriptObject(description.class_type)
        self.objects[id(module)] = made
        remember_original(made, module)
        for name, entry in description.attributes.items():
            made.set(name, None if name in description.late else attribute_value(module, name, entry.type))
        for name, submodule in description.submodules.items():
            made.set(name, self._submodule(name, getattr(module, name), submodule))
        return made

    def _submodule(self, name: str, module: nn.Module, entry: object) -> ScriptObject:
        if isinstance(entry, InterfaceType):
            description = self._walk.describe(checked(self._walk.prepared(module)))
            for method in entry.methods:
                compiled = find_method(description, method.name)
                if compiled is not None:
                    compiled.ensure_defined()
            _check_interface(name, description.class_type, entry)
        return self._object(module)


def _with_submodules(module: nn.Module) -> Iterator[nn.Module]:
    """A module and all below it, of those whose `__init__` ran."""
    pending, seen = [module], {id(module)}
    while pending:
        part = pending.pop()
        yield part
        below = [m for m in vars(part).get("_modules", {}).values() if m is not None and id(m) not in seen]
        seen.update(map(id, below))
        pending += below


def _check_interface(name: str, given: ClassType, wanted: InterfaceType) -> None:
    reason = why_not_implements(given, wanted)
    if reason is not None:
        raise ScriptError(
            f"Could not cast attribute '{name}' to type {wanted.qualified_name}: Object of type "
            f"{given.qualified_name} is not compatible with interface {wanted.qualified_name}\n{reason}"
        )


def attribute_value(module: nn.Module, name: str, wanted: Type) -> object:
    """An attribute as a slot of that type holds it; ScriptError if it does not fit."""
    value = getattr(module, name)
    if markers.is_attribute_marker(value):
        value = value.value
    if isinstance(wanted, TensorType) and isinstance(value, (bool, int, float)):
        value = torch.tensor(value)
    try:
        return to_script(value, wanted)
    except ConversionError as error:
        raise ScriptError(
            f"Could not cast attribute '{name}' of '{type_name(module)}' to type {wanted.annotation()}: {error.message}"
        ) from None
