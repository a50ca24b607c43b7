"""Modules and functions that PyTorch's own TorchScript compiled, where a module or function being scripted uses them.

They have no Python source any more. They are asked to save themselves, and what their archive in memory
holds takes their place, with their own tensors: parameters, buffers and other tensor attributes stay the same objects
on both sides, also where lists, dicts and tuples hold them. Numbers, strings and containers are copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from flambeau import ir
from flambeau.api import walk_modules
from flambeau.errors import ScriptError
from flambeau.ir import Function, ScriptObject
from flambeau.python.names import type_name
from flambeau.python.unit import services, unit
from flambeau.python.wrappers import script_value_of

_Originals: TypeAlias = "dict[int, tuple[Tensor, Tensor]]"
"""Copies, by identity, and what they are copies of."""
_functions: WeakKeyDictionary[object, Function] = WeakKeyDictionary()


def is_foreign_module(module: object) -> bool:
    """Whether PyTorch scripted, traced or loaded it."""
    return any(c.__name__ == "ScriptModule" and c.__module__.startswith("torch.") for c in type(module).__mro__)


def is_foreign_function(function: object) -> bool:
    """Whether PyTorch scripted or traced it."""
    cls = type(function)
    return cls.__name__ == "ScriptFunction" and cls.__module__.partition(".")[0] == "torch"


def native_module(module: nn.Module) -> nn.Module:
    """flambeau's module in place of one that PyTorch compiled."""
    made = _loaded(module)
    root = _object_of(made)
    originals: _Originals = {}
    _share(module, root, {}, originals)
    for _, ours in walk_modules(root):
        ours.slots[:] = [_with_originals(value, originals) for value in ours.slots]
    return made


def native_function(function: object) -> Function | None:
    """The function that PyTorch compiled, as one of flambeau's; None for anything else."""
    if not is_foreign_function(function):
        return None
    made = _functions.get(function)
    if made is None:
        made = _functions[function] = _function_in(_loaded(function), str(getattr(function, "qualified_name", "")))
    return made


def _object_of(wrapper: nn.Module) -> ScriptObject:
    return cast("ScriptObject", script_value_of(wrapper))


def _loaded(compiled: Any) -> nn.Module:
    try:
        saved = compiled.save_to_buffer()
    except RuntimeError as error:
        raise ScriptError(f"a '{type_name(compiled)}' was compiled by PyTorch and cannot be saved: {error}") from None
    return services.load(saved)


def _share(theirs: nn.Module, ours: ScriptObject, parameters: dict[int, nn.Parameter], originals: _Originals) -> None:
    """Put the tensors of PyTorch's module in the places of their copies, and note which took whose.

    What PyTorch loaded has plain tensors as parameters: `parameters` are what was made of these.
    """
    for slot, attribute in enumerate(ours.type.attributes):
        held = ours.slots[slot]
        if isinstance(held, ScriptObject) and held.type.is_module:
            _share(getattr(theirs, attribute.name), held, parameters, originals)
            continue
        tensor = getattr(theirs, attribute.name, None)
        if not isinstance(held, Tensor) or not isinstance(tensor, Tensor):
            continue
        if attribute.kind == "parameter" and not isinstance(tensor, nn.Parameter):
            tensor = parameters.setdefault(id(tensor), nn.Parameter(tensor, tensor.requires_grad))
        originals[id(held)] = held, tensor
        ours.slots[slot] = tensor


def _with_originals(value: object, originals: _Originals) -> object:
    """A value in which no list, dict or tuple holds a copy that an original took the place of."""
    if isinstance(value, Tensor):
        _, original = originals.get(id(value), (value, value))
        return original
    if isinstance(value, list):
        value[:] = [_with_originals(item, originals) for item in value]
    elif isinstance(value, dict):
        value.update({key: _with_originals(item, originals) for key, item in value.items()})
    elif isinstance(value, tuple):
        return tuple(_with_originals(item, originals) for item in value)
    return value


def _function_in(placeholder: nn.Module, name: str) -> Function:
    """The function that an archive holds as the `forward` of a module without state."""
    method = _object_of(placeholder).type.methods["forward"]
    graph = ir.copy_graph(method.graph)
    graph.param_node.erase_output(0)
    schema = replace(method.schema, arguments=method.schema.arguments[1:])
    return Function(unit.compilation_unit.free_name(name or "__torch__.forward"), graph, schema)
