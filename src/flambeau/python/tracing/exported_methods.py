"""Methods that a traced module exports: they are compiled from their source, beside the methods that are traced.

    class Net(nn.Module):
        def forward(self, x): ...           # traced

        @torch.jit.export
        def mask(self, n: int): ...         # compiled

A traced type has no attributes but tensors and submodules. A module that exports methods gets all those that a
scripted one has, and so do the modules below it, which its methods may use. Where an exported method calls one that
was traced, it calls the trace.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from torch import nn

from flambeau.ir import ScriptObject
from flambeau.python.markers import Modifier, modifier_of
from flambeau.python.modules.methods import exported_methods, find_method
from flambeau.python.modules.module_types import ModuleDescription, SubmoduleEntry, Walk
from flambeau.python.modules.modules import attribute_value
from flambeau.python.tracing.modules import TracedModules
from flambeau.python.wrappers import script_value_of

__all__ = ["compile_exported_methods"]


def compile_exported_methods(root: nn.Module, modules: TracedModules) -> None:
    """Add the exported methods of a module, and of all below it, to the types of their traces."""
    if not any(map(_exports, root.modules())):
        return
    walk = Walk()
    described = [_describe(module, walk, modules) for module in _exporting(root)]
    for description in described:
        for name in exported_methods(description):
            method = find_method(description, name)  # the trace, if it was traced
            if method is not None:
                method.ensure_defined()


def _exports(module: nn.Module) -> bool:
    members = (value for cls in type(module).__mro__ for value in vars(cls).values())
    return any(modifier_of(value) is Modifier.EXPORT for value in members)


def _exporting(root: nn.Module) -> Iterator[nn.Module]:
    return (module for module in root.modules() if _exports(module) and script_value_of(module) is None)


def _describe(module: nn.Module, walk: Walk, modules: TracedModules) -> ModuleDescription:
    """What the compiler is to know of a traced module: its own attributes, and the traces of its submodules."""
    scripted = walk.describe(module)
    made = modules.object_of(module)
    submodules: dict[str, SubmoduleEntry] = {}
    for name, entry in scripted.submodules.items():
        child = getattr(module, name)
        traced = isinstance(entry, ModuleDescription) and script_value_of(child) is None
        submodules[name] = _describe(child, walk, modules) if traced else entry
    _add_attributes(made, module, scripted)
    return dataclasses.replace(scripted, type=made.type, submodules=submodules, is_compiled=False)


def _add_attributes(made: ScriptObject, module: nn.Module, scripted: ModuleDescription) -> None:
    for name, entry in scripted.attributes.items():
        if made.type.find_slot(name) is None:
            made.type.add_attribute(name, entry.type, entry.kind)
            made.slots.append(attribute_value(module, name, entry.type))
    made.type.constants.update(scripted.constants)
