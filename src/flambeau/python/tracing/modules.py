"""The modules of a trace: an object with a type of its own for each `nn.Module`, and where each parameter lies.

A traced module has parameters, buffers, submodules, the `training` flag, and what it holds of script objects; of the
Python class only the name is left. Modules share no types, as each has its own methods. A submodule that stands in
several places is one object. Submodules that are scripted already are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from torch import Tensor, nn

from flambeau import ir
from flambeau.api import walk_modules
from flambeau.ir import ClassType, CompilationUnit, ScriptObject
from flambeau.python.modules.module_types import checked
from flambeau.python.names import qualified_name
from flambeau.python.tracing.failures import HookedModuleError
from flambeau.python.wrappers import script_value_of


@final
class TracedModules:
    """A module and all below it, with an object for each. `unit` is where their types are entered."""

    def __init__(self, module: nn.Module, unit: CompilationUnit) -> None:
        self._unit = unit
        self._objects: dict[int, ScriptObject] = {}
        self._types: dict[str, ClassType] = {}
        self._paths: dict[int, str] = {}
        self._script_paths: dict[ScriptObject, str] = {}
        self._tensors: dict[int, tuple[Tensor, list[str]]] = {}
        self._modules: list[nn.Module] = []
        """The modules whose identities are keys here."""
        self._reserved: dict[ClassType, int] = {}
        self._state: list[tuple[str, nn.Module, dict[str, Tensor | None]]] = []
        self._attributes: list[tuple[str, nn.Module, dict[str, object]]] = []
        self.root = self._object(module, "")

    def reassigned_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers that have become other tensors since, by path."""
        for path, module, tensors in self._state:
            for name, before in tensors.items():
                now = module._buffers.get(name)
                if now is not None and now is not before:
                    yield _joined(path, name), now

    def reassigned_attributes(self) -> Iterator[tuple[str, Tensor]]:
        """The plain attributes that have become other tensors since, by path."""
        for path, module, before in self._attributes:
            for name, now in vars(module).items():
                if isinstance(now, Tensor) and now is not before.get(name):
                    yield _joined(path, name), now

    def take_note(self) -> None:
        """A recording begins: what modules hold now is what they held before it."""
        self._state = [(self._paths[id(m)], m, dict(m._buffers)) for m in self._modules]
        self._attributes = [(self._paths[id(m)], m, dict(vars(m))) for m in self._modules]

    @property
    def root_type(self) -> ClassType:
        return self.root.type

    @property
    def objects(self) -> list[ScriptObject]:
        """The objects made, each after those of its submodules."""
        return [self._objects[id(module)] for module in self._modules]

    def object_of(self, module: nn.Module) -> ScriptObject:
        """What a module became."""
        return self._objects[id(module)]

    def path_of(self, module: nn.Module) -> str | None:
        """The path of a submodule that is traced when it is called; "" for the root, None for any other module."""
        return self._paths.get(id(module))

    def path_of_object(self, script_object: ScriptObject) -> str | None:
        """The path of a submodule that was scripted before."""
        return self._script_paths.get(script_object)

    def paths_of(self, tensor: Tensor) -> list[str]:
        """Where a tensor is a parameter or buffer."""
        known = self._tensors.get(id(tensor))
        return [] if known is None else known[1]

    def type_at(self, path: str) -> ClassType:
        """The type of a module by its path."""
        return self._types[path]

    def next_method(self, type: ClassType) -> str:
        """The name for one more recorded call: `forward`, then `forward1`, ..."""
        number = self._reserved.get(type, 0)
        while (name := f"forward{number or ''}") in type.methods:
            number += 1
        self._reserved[type] = number + 1
        return name

    # --- making objects

    def _object(self, module: nn.Module, path: str) -> ScriptObject:
        known = self._objects.get(id(module))
        if known is not None:
            return known
        scripted = script_value_of(module)
        if isinstance(scripted, ScriptObject):
            self._objects[id(module)] = scripted
            self._add_scripted(scripted, path)
            return scripted
        self._check(module)
        children = {
            name: self._object(child, _joined(path, name))
            for name, child in module._modules.items()
            if child is not None
        }
        made = _new_object(module, children, self._unit)
        self._objects[id(module)] = made
        self._paths[id(module)] = path
        self._types[path] = made.type
        self._modules.append(module)
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                self._tensors.setdefault(id(tensor), (tensor, []))[1].append(_joined(path, name))
        return made

    def _check(self, module: nn.Module) -> None:
        checked(module)
        if module._backward_hooks:
            raise HookedModuleError(f"Modules that have backward hooks assigned can't be compiled: {module}")

    def _add_scripted(self, root: ScriptObject, path: str) -> None:
        for inner, module in walk_modules(root):
            found = ".".join(filter(None, (path, inner)))
            self._script_paths.setdefault(module, found)
            for attribute, value in zip(module.type.attributes, module.slots, strict=False):
                if isinstance(value, Tensor) and attribute.kind != "attribute":
                    known = self._tensors.setdefault(id(value), (value, []))
                    known[1].append(_joined(found, attribute.name))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _new_object(module: nn.Module, children: dict[str, ScriptObject], unit: CompilationUnit) -> ScriptObject:
    made = ClassType(unit.free_name(qualified_name(type(module))), is_module=True)
    values: list[object] = []
    for tensors, kind in ((module._parameters, "parameter"), (module._buffers, "buffer")):
        for name, tensor in tensors.items():
            if tensor is not None:
                made.add_attribute(name, ir.TENSOR, "parameter" if kind == "parameter" else "buffer")
                values.append(tensor)
    made.add_attribute("training", ir.BOOL)
    made.add_attribute("_is_full_backward_hook", ir.optional(ir.BOOL))
    values += [module.training, None]
    for name, value in vars(module).items():
        held = script_value_of(value)
        if isinstance(held, ScriptObject) and made.find_slot(name) is None:
            made.add_attribute(name, held.type)
            values.append(held)
    for name, child in children.items():
        made.add_attribute(name, child.type)
        values.append(child)
    unit.add_type(made)
    return ScriptObject(made, values)
