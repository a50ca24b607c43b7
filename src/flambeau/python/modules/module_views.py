"""`_parameters`, `_buffers` and `_modules` of a scripted module: views of its slots.

`torch.nn.Module` does all its work (moving, `state_dict`, walking) through these three mappings. Here they hold
nothing: the slots of the `ScriptObject` are the only place where a value is, so what a script assigns is what Python
sees, and the other way. Entries can be replaced, never added or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, TypeVar, final

from torch import Tensor, nn

from flambeau.api import Module, Object, named_slots, named_submodules
from flambeau.errors import ObjectError
from flambeau.ir import AttributeKind, ScriptObject, is_subtype
from flambeau.python.wrappers import script_value_of

if TYPE_CHECKING:
    from flambeau.python.modules.script_module import ScriptModule

__all__ = ["ModuleView", "TensorView", "replace_submodule"]

V = TypeVar("V")


class _View(MutableMapping[str, V]):
    def __delitem__(self, name: str) -> None:
        raise ObjectError("cannot delete methods or parameters of a script module")

    def copy(self) -> dict[str, V]:
        return dict(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


@final
class TensorView(_View[Tensor]):
    """The parameters, or the buffers, of one module; those that are None are not in it."""

    __slots__ = ("_kind", "_object")

    def __init__(self, script_object: ScriptObject, kind: AttributeKind) -> None:
        self._object = script_object
        self._kind = kind

    def __getitem__(self, name: str) -> Tensor:
        slot = self._object.type.find_slot(name)
        if slot is not None and self._object.type.attributes[slot].kind == self._kind:
            value = self._object.slots[slot]
            if isinstance(value, Tensor):
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: Tensor) -> None:
        attribute = self._object.type.find_attribute(name)
        if attribute is None or attribute.kind != self._kind:
            raise ObjectError(f"Can't add a new parameter after ScriptModule construction. Tried to add '{name}'")
        Object(self._object).setattr(name, value)

    def __iter__(self) -> Iterator[str]:
        for attribute, value in named_slots(self._object):
            if attribute.kind == self._kind and isinstance(value, Tensor):
                yield attribute.name

    def __len__(self) -> int:
        return sum(1 for _ in self)


@final
class ModuleView(_View[nn.Module]):
    """The submodules of one module, each wrapped once."""

    __slots__ = ("_module", "_wrap", "_wrapped")

    def __init__(self, module: Module, wrap: Callable[[Module], ScriptModule]) -> None:
        self._module = module
        self._wrap = wrap
        self._wrapped: dict[str, tuple[ScriptObject, ScriptModule]] = {}

    def __getitem__(self, name: str) -> ScriptModule:
        found = submodule(self._module.script_object, name)
        if found is None:
            raise KeyError(name)
        known = self._wrapped.get(name)
        if known is None or known[0] is not found:
            known = found, self._wrap(Module(found, self._module.compilation_unit))
            self._wrapped[name] = known
        return known[1]

    def __setitem__(self, name: str, value: nn.Module) -> None:
        replace_submodule(self._module.script_object, name, value)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in named_submodules(self._module.script_object))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def submodule(owner: ScriptObject, name: str) -> ScriptObject | None:
    """The module that an attribute holds, or None."""
    slot = owner.type.find_slot(name)
    value = None if slot is None else owner.slots[slot]
    return value if isinstance(value, ScriptObject) and value.type.is_module else None


def replace_submodule(owner: ScriptObject, name: str, value: object) -> None:
    """Put a scripted module in the place of another; ObjectError unless it is one of the attribute's type."""
    scripted = script_value_of(value)
    attribute = owner.type.find_attribute(name)
    if not isinstance(scripted, ScriptObject) or not scripted.type.is_module:
        raise ObjectError(
            "Cannot re-assign modules in a ScriptModule with non-scripted module, tried to replace existing module "
            f"'{name}': {value!r}"
        )
    if attribute is None:
        raise ObjectError(f"{owner.type.qualified_name} does not have an attribute with name '{name}'")
    if not is_subtype(scripted.type, attribute.type):
        raise ObjectError(
            f"Expected a value of type '{attribute.type}' for field '{name}', but found "
            f"'{scripted.type.qualified_name}'"
        )
    owner.set(name, scripted)
