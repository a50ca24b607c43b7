"""Scripted modules as `torch.nn.Module`s: for optimizers, `state_dict`, `to`, hooks, and all code that takes modules.

One place holds the state, the slots of the underlying `ScriptObject`. Parameters, buffers, submodules and the
`training` flag are views of it (`module_views`), so nothing can get out of step. Submodules that are shared are one
Python object.

More of `nn.Module` works here than on PyTorch's scripted modules (hooks, `requires_grad_`, `get_submodule`, ...). What
does not: adding or deleting parameters, buffers and submodules, and pickling (`save` writes archives).

Classes may derive from `ScriptModule`; see `script_methods`. Their objects have no program before their `__init__` has
ended, and are plain modules until then.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, cast
from weakref import WeakValueDictionary

from torch import Tensor, nn
from torch.nn.modules import module as _nn_module

from flambeau import settings
from flambeau.api import ArchiveTarget, Constants, Function, GraphExecutorState, Memo, Method, Module
from flambeau.errors import ObjectError, UnsupportedError
from flambeau.ir import UNSET, ScriptObject, demangled
from flambeau.python.archives.saving import ExtraFiles, save_archive
from flambeau.python.frames import resolver_of_frame, self_value_of
from flambeau.python.functions.opaque import make_opaque
from flambeau.python.functions.script_function import NotPicklableError
from flambeau.python.markers import is_attribute_marker
from flambeau.python.modules.left_in_python import find_member, original_class
from flambeau.python.modules.module_types import MethodText
from flambeau.python.modules.module_views import ModuleView, TensorView, replace_submodule
from flambeau.python.namespaces import ABSENT
from flambeau.python.unit import services, unit

if TYPE_CHECKING:
    from flambeau.frontend import Resolver
    from flambeau.ir import CompilationUnit, Graph

__all__ = ["ScriptModule", "wrap_module"]

_CONTAINERS: dict[type, str] = {
    nn.ModuleList: "list",
    nn.Sequential: "list",
    nn.ModuleDict: "dict",
    nn.ParameterList: "parameter list",
    nn.ParameterDict: "parameter dict",
}
"""Classes whose scripted modules behave as the containers they are."""
_CONTAINER_NAMES = {f"__torch__.{c.__module__}.{c.__name__}": kind for c, kind in _CONTAINERS.items()}
"""The same by the qualified name of the scripted class, for modules that were loaded."""

_wrappers: WeakValueDictionary[int, ScriptModule] = WeakValueDictionary()
"""The wrapper of each object that has one, by the object's id (a wrapper keeps its object alive)."""
_wrapping = threading.RLock()
_NOT_INITIALIZED = "ScriptModule has not been initialized, did you forget to call super's init?"


def wrap_module(script_object: ScriptObject, compilation_unit: CompilationUnit | None = None) -> ScriptModule:
    """The `ScriptModule` of an object; always the same one while it is in use."""
    return _wrapped(Module(script_object, compilation_unit))


def _wrapped(module: Module) -> ScriptModule:
    with _wrapping:
        known = _wrappers.get(id(module.script_object))
        return ScriptModule(module) if known is None else known


class _Forward:
    """`forward`, looked up when first used; an instance attribute of that name goes before it."""

    def __get__(self, owner: ScriptModule | None, cls: type) -> object:
        return self if owner is None else owner.__getattr__("forward")


class _CompiledAfterInit(type):
    """Makes an object of a derived class a compiled one, once its `__init__` has run."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        if "_c" not in vars(made) and settings.JIT.value:
            made._compile()
        return made


class ScriptModule(nn.Module, metaclass=_CompiledAfterInit):
    """A module whose code is a TorchScript program. Made by `flambeau.script` and `flambeau.load`.

    Classes derived from it are compiled as their objects are made: the methods marked with `script_method`.
    """

    _c: Module
    """What the wrapper stands for, without PyTorch's view of it."""
    __jit_unused_properties__ = ("code", "code_with_constants", "graph", "inlined_graph", "original_name", "training")

    def __init__(self, module: Module | None = None) -> None:
        super().__init__()
        if module is not None:
            self._stand_for(module)

    def _stand_for(self, module: Module) -> None:
        state = vars(self)
        state["_c"] = module
        state["_is_derived"] = False
        state.pop("training", None)
        state["_parameters"] = TensorView(module.script_object, "parameter")
        state["_buffers"] = TensorView(module.script_object, "buffer")
        state["_modules"] = ModuleView(module, _wrapped)
        for table, hooks in (
            (state["_forward_pre_hooks"], module.type.forward_pre_hooks),
            (state["_forward_hooks"], module.type.forward_hooks),
        ):
            for index, hook in enumerate(hooks):
                table[index] = Function(hook)
        _wrappers[id(module.script_object)] = self

    def _compile(self) -> None:
        """Make the program of an object of a derived class, which has been an ordinary module so far."""
        if "_parameters" not in vars(self):
            raise RuntimeError(_NOT_INITIALIZED)
        import_module("flambeau.python.scripting")  # what loading archives does without
        held = list(self._modules.values())
        made = services.script_object(self)
        state = vars(self)
        for name in ("__attribute_types__", "__method_texts__", *(a.name for a in made.type.attributes)):
            state.pop(name, None)
        for table in ("_forward_pre_hooks", "_forward_hooks"):
            state[table].clear()
        self._stand_for(Module(made, unit.compilation_unit))
        state["_is_derived"] = True
        for name in self._modules:  # from now on they are kept here, where submodules are of derived classes too
            _ = self._modules[name]
        del held

    # --- calling

    forward: Callable[..., Any] = cast("Callable[..., Any]", _Forward())

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or _nn_module._global_forward_hooks
            or _nn_module._global_forward_pre_hooks
            or _nn_module._global_backward_hooks
            or _nn_module._global_backward_pre_hooks
        ):
            return super().__call__(*args, **kwargs)
        return self.forward(*args, **kwargs)

    def _script_method(self, name: str) -> Method:
        """A method, which is an attribute of the wrapper from then on; ObjectError if there is none of that name."""
        method = vars(self)[name] = self._c.get_method(name)
        return method

    # --- attributes

    @property
    def training(self) -> bool:
        """The module's own flag, which its code reads; a module without one (a frozen one) is not in training."""
        module: Module | None = vars(self).get("_c")
        slot = None if module is None else module.type.find_slot("training")
        if module is None or slot is None:
            return bool(vars(self).get("training", False))
        return bool(module.script_object.slots[slot])

    @training.setter
    def training(self, mode: bool) -> None:
        module = vars(self).get("_c")
        if module is None or module.type.find_slot("training") is None:
            vars(self)["training"] = bool(mode)
        else:
            module.setattr("training", bool(mode))

    def __getattr__(self, name: str) -> Any:
        module = vars(self).get("_c")
        if module is None:
            return self._without_program(name)
        kind = module.type
        slot = kind.find_slot(name)
        if slot is not None:
            value = module.script_object.slots[slot]
            if isinstance(value, Tensor):
                return value
            if isinstance(value, ScriptObject) and value.type.is_module:
                return self._modules[name]
            if value is not UNSET:
                return module.getattr(name)
        elif name in kind.methods:
            return self._script_method(name)
        elif name in kind.constants or name in kind.properties:
            return module.getattr(name)
        elif name in ("keys", "items", "values") and self._container() == "dict":
            return getattr(self._modules, name)
        member = find_member(self, module, name)
        if member is not ABSENT:
            return member
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _without_program(self, name: str) -> Any:
        """An attribute while `__init__` runs."""
        if "_parameters" not in vars(self):
            raise RuntimeError(_NOT_INITIALIZED)
        return super().__getattr__(name)

    def _set_without_program(self, name: str, value: Any) -> None:
        if is_attribute_marker(value):
            vars(self).setdefault("__attribute_types__", {})[name] = value.type
            value = value.value
        super().__setattr__(name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_c" not in vars(self):
            self._set_without_program(name, value)
            return
        if name == "_is_full_backward_hook":  # what kind of hooks PyTorch keeps here; the program's own is never read
            object.__setattr__(self, name, value)
            return
        module = self._c
        kind = module.type
        slot = kind.find_slot(name)
        if slot is not None:
            held = module.script_object.slots[slot]
            if isinstance(held, ScriptObject) and held.type.is_module:
                replace_submodule(module.script_object, name, value)
            else:
                module.setattr(name, value)
        elif name in kind.constants or name in kind.properties:
            module.setattr(name, value)
        elif isinstance(value, nn.Module):
            replace_submodule(module.script_object, name, value)
        elif isinstance(value, nn.Parameter):
            self._parameters[name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if "_c" not in vars(self):
            super().__delattr__(name)
            return
        kind = self._c.type
        if kind.find_slot(name) is not None or (name in kind.methods and name not in vars(self)):
            raise ObjectError("cannot delete methods or parameters of a script module")
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        if "_c" not in vars(self):
            return list(super().__dir__())  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
        kind = self._c.type
        names = [a.name for a in kind.attributes if a.name.isidentifier()]
        return sorted({*names, *kind.constants, *kind.properties, *kind.methods, *object.__dir__(self)})

    # --- program text

    @property
    def original_name(self) -> str:
        """The name of the class that the module was scripted from."""
        return self._c.original_name

    @property
    def graph(self) -> Graph:
        """The graph of `forward`."""
        return self._c.graph

    @property
    def inlined_graph(self) -> Graph:
        """The graph of `forward` with everything it calls in place."""
        return self._c.inlined_graph

    @property
    def code(self) -> str:
        """The source of `forward`."""
        return self._c.code

    @property
    def code_with_constants(self) -> tuple[str, Constants]:
        """The source of `forward`, and the constants that it names."""
        return self._c.code_with_constants

    def graph_for(self, /, *args: object, **kwargs: object) -> Graph:
        """The optimised graph of `forward` for these arguments."""
        return self._c.forward.graph_for(*args, **kwargs)

    def get_debug_state(self) -> GraphExecutorState:
        """What is prepared for running `forward`."""
        return self._c.forward.get_debug_state()

    def define(self, source: str, resolver: Resolver | None = None) -> None:
        """Compile more methods from source text, which all modules of this type get.

        Free names in the text mean what they mean in the code that calls this, or what `resolver` says.
        """
        resolver = resolver or resolver_of_frame(sys._getframe(1))
        if "_c" not in vars(self):
            vars(self).setdefault("__method_texts__", []).append(MethodText(source, resolver))
            return
        with unit.lock:
            self._c.define(source, resolver, self_value_of(self._c.script_object))

    # --- files

    def save(
        self,
        f: ArchiveTarget,
        extra_files: ExtraFiles | None = None,
        *,
        _extra_files: ExtraFiles | None = None,
    ) -> None:
        """Write an archive, which `flambeau.load` and `torch.jit.load` read."""
        save_archive(self._c.script_object, f, extra_files or _extra_files)

    def save_to_buffer(
        self,
        extra_files: ExtraFiles | None = None,
        *,
        _extra_files: ExtraFiles | None = None,
    ) -> bytes:
        """The bytes of an archive."""
        buffer = io.BytesIO()
        save_archive(self._c.script_object, buffer, extra_files or _extra_files)
        return buffer.getvalue()

    # --- what `nn.Module` does

    def extra_repr(self) -> str:
        if vars(self).get("_is_derived", True):  # the name of the class says it all
            return ""
        return f"original_name={self.original_name}"

    def _apply(self, fn: Any, recurse: bool = True) -> ScriptModule:
        # `nn.Module` may have to replace a parameter, and only knows how to if it is a `Parameter`.
        held = cast("MutableMapping[str, Tensor]", self._parameters)
        for name, value in list(held.items()):
            if not isinstance(value, nn.Parameter) and value.is_leaf:
                held[name] = nn.Parameter(value, value.requires_grad)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
        return self

    def _replicate_for_data_parallel(self) -> ScriptModule:
        replica = ScriptModule(self._c.copy())
        vars(replica)["_is_replica"] = True
        return replica

    def __copy__(self) -> ScriptModule:
        return ScriptModule(self._c.copy())

    def __deepcopy__(self, memo: Memo) -> ScriptModule:
        return _wrapped(self._c.deepcopy(memo))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotPicklableError(
            f"Tried to serialize object {self._c.qualified_name} which does not have a __getstate__ method defined!"
        )

    def __flambeau_script_value__(self) -> ScriptObject | None:
        module = vars(self).get("_c")
        return None if module is None else module.script_object

    # --- containers

    def _container(self) -> str:
        original = original_class(self._c.script_object)
        if original is None:
            return _CONTAINER_NAMES.get(demangled(self._c.qualified_name), "")
        return next((kind for c, kind in _CONTAINERS.items() if issubclass(original, c)), "")

    def _members(self) -> dict[str, object]:
        return dict(self._parameters if self._container().startswith("parameter") else self._modules)

    def _special(self, name: str) -> Method | None:
        method = self._c.find_method(name)
        if method is None and not self._container():
            raise UnsupportedError(f"'{self.original_name}' has no method '{name}'")
        return method

    def __len__(self) -> int:
        method = self._special("__len__")
        return len(self._members()) if method is None else cast("int", method())

    def __iter__(self) -> Iterator[Any]:
        method = self._special("__iter__")
        if method is not None:
            return iter(cast("list[object]", method()))
        members = self._members()
        return iter(members if self._container().endswith("dict") else members.values())

    def __contains__(self, item: object) -> bool:
        method = self._special("__contains__")
        if method is not None:
            return bool(method(item))
        members = self._members()
        return item in members if self._container().endswith("dict") else any(item is m for m in members.values())

    def __getitem__(self, key: Any) -> Any:
        method = self._special("__getitem__")
        if method is not None:
            return method(key)
        members = self._members()
        if self._container().endswith("dict"):
            return members[key]
        return list(members.values())[key]

    def __bool__(self) -> bool:
        module = vars(self).get("_c")
        method = None if module is None else module.find_method("__bool__")
        return True if method is None else bool(method())


make_opaque(ScriptModule.__call__)
