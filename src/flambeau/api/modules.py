"""Modules as a user holds them, without PyTorch: their members, state, methods, and text.

`Module` is what scripting and loading produce; `flambeau.python.ScriptModule` makes a `torch.nn.Module` of it. Where
the archive was read without PyTorch its tensors are `TensorData`, and everything but running works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, final

from flambeau.api.compiling import define_methods
from flambeau.api.dumping import dump
from flambeau.api.members import modules_bottom_up, named_members, named_slots, named_submodules, walk_modules
from flambeau.api.objects import Instance, Object
from flambeau.api.services import ArchiveTarget, write
from flambeau.errors import ObjectError
from flambeau.ir import CompilationUnit, ScriptObject
from flambeau.runtime import register_outward

if TYPE_CHECKING:
    from flambeau.api.functions import Constants, Method
    from flambeau.frontend import Resolver, SugaredFactory
    from flambeau.ir import AttributeKind, Graph

__all__ = ["Module"]


@final
class Module(Object):
    """An object of a module type.

    Walks visit each submodule and each tensor once, under the first path that leads to it.
    """

    __slots__ = ()

    def __init__(self, script_object: ScriptObject, compilation_unit: CompilationUnit | None = None) -> None:
        if not script_object.type.is_module:
            raise ObjectError(f"{script_object.type.qualified_name} is not a module type")
        super().__init__(script_object, compilation_unit)

    @property
    def original_name(self) -> str:
        """The name of the class that it was made from."""
        return self.type.name

    # --- members

    def named_parameters(self, recurse: bool = True) -> Iterator[tuple[str, object]]:
        return named_members(self.script_object, "parameter", recurse)

    def parameters(self, recurse: bool = True) -> Iterator[object]:
        return (value for _, value in self.named_parameters(recurse))

    def named_buffers(self, recurse: bool = True) -> Iterator[tuple[str, object]]:
        return named_members(self.script_object, "buffer", recurse)

    def buffers(self, recurse: bool = True) -> Iterator[object]:
        return (value for _, value in self.named_buffers(recurse))

    def named_attributes(self, recurse: bool = True) -> Iterator[tuple[str, object]]:
        """Every attribute that is set (parameters, buffers and submodules too), as running scripts see its value."""
        for path, module in walk_modules(self.script_object) if recurse else [("", self.script_object)]:
            for attribute, value in named_slots(module):
                yield f"{path}.{attribute.name}" if path else attribute.name, value

    def attributes(self, recurse: bool = True) -> Iterator[object]:
        return (value for _, value in self.named_attributes(recurse))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules, each once."""
        seen: set[ScriptObject] = set()
        for name, child in named_submodules(self.script_object):
            if child not in seen:
                seen.add(child)
                yield name, Module(child, self.compilation_unit)

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it."""
        for path, found in walk_modules(self.script_object, prefix):
            yield path, Module(found, self.compilation_unit)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def kind_of(self, name: str) -> AttributeKind | None:
        """What an attribute is to `nn.Module`; None if there is none of that name."""
        attribute = self.type.find_attribute(name)
        return None if attribute is None else attribute.kind

    # --- state

    def is_training(self) -> bool:
        """Whether it is in training mode; a module without that attribute (a frozen one) is not."""
        slot = self.type.find_slot("training")
        return slot is not None and bool(self.script_object.slots[slot])

    def train(self, mode: bool = True) -> Module:
        """Set the training mode of this module and all below it."""
        for _, module in walk_modules(self.script_object):
            if module.type.find_slot("training") is not None:
                module.set("training", bool(mode))
        return self

    def eval(self) -> Module:
        return self.train(False)

    def apply(self, function: Callable[[Module], object]) -> Module:
        """Call a function with each module below this one, submodules first, and with this one last."""
        for module in modules_bottom_up(self.script_object):
            function(Module(module, self.compilation_unit))
        return self

    # --- methods

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        """Run `forward`. (Hooks that were compiled into the type run where scripts call the module, not here.)"""
        return self.forward(*args, **kwargs)

    @property
    def forward(self) -> Method:
        return self.get_method("forward")

    @property
    def graph(self) -> Graph:
        """The graph of `forward`."""
        return self.forward.graph

    @property
    def inlined_graph(self) -> Graph:
        """The graph of `forward` with everything it calls in place."""
        return self.forward.inlined_graph

    @property
    def code(self) -> str:
        """The source of `forward`."""
        return self.forward.code

    @property
    def code_with_constants(self) -> tuple[str, Constants]:
        """The source of `forward`, and the constants that it names."""
        return self.forward.code_with_constants

    def define(self, source: str, resolver: Resolver | None = None, self_value: SugaredFactory | None = None) -> None:
        """Compile more methods from TorchScript source. They belong to the type, so to all modules of that type.

        `resolver` says what further names mean, `self_value` what `self` does, if more than its type says.
        """
        define_methods(self.type, source, resolver, self.compilation_unit, self_value)

    # --- text and files

    def dump_to_str(self, code: bool = True, attributes: bool = True, parameters: bool = True) -> str:
        """The module and all below it as text: values of parameters and attributes, and graphs of methods."""
        return dump(self.script_object, code=code, attributes=attributes, parameters=parameters)

    def save(self, target: ArchiveTarget, extra_files: Mapping[str, str | bytes] | None = None) -> None:
        """Write an archive. (Tensors of PyTorch are written by `flambeau.save`.)"""
        write(self.script_object, target, extra_files)


def _wrapped(value: object) -> object:
    """What a running script's object is to Python, unless `flambeau.python` says otherwise."""
    if not isinstance(value, ScriptObject):
        return value
    return Module(value) if value.type.is_module else Instance(value)


register_outward(ScriptObject, _wrapped)
