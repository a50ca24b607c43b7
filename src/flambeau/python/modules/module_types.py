"""What an `nn.Module` is to the compiler: its attributes with their types, constants, submodules, and the rest by name.

`Walk.describe(module)` looks at the object once. Everything that compilation asks about a module is in the description,
nothing is asked of the object: so modules with equal descriptions share one type, and their methods are compiled
once.

Slots of the type come in TorchScript's order: parameters, buffers, submodules that are None, then plain attributes as
the object's `__dict__` has them, and the submodules last. An attribute whose value has no TorchScript type is no
error unless it is used; the description keeps the reason.
"""

from __future__ import annotations

import enum
import functools
import inspect
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Literal, TypeAlias, final

import torch
from torch import nn

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import Resolver
from flambeau.ir import ClassType, Function, InterfaceType, ScriptObject, Type
from flambeau.python import markers
from flambeau.python.builtin_functions import find_builtin
from flambeau.python.modules.assignments import assigned_attributes, reached_assignments
from flambeau.python.modules.foreign import is_foreign_module, native_function, native_module
from flambeau.python.modules.left_in_python import original_class
from flambeau.python.names import qualified_name, type_name
from flambeau.python.namespaces import Namespace, namespace_of_class
from flambeau.python.types import constants, evidence
from flambeau.python.types.annotations import AnnotationReader
from flambeau.python.types.type_inference import NotInferred, infer_type
from flambeau.python.unit import unit
from flambeau.python.wrappers import script_value_of

Container: TypeAlias = Literal["", "list", "dict", "parameter list", "parameter dict"]

_CONTAINERS: tuple[tuple[type, Container], ...] = (
    (nn.ModuleDict, "dict"),
    (nn.ModuleList, "list"),
    (nn.Sequential, "list"),
    (nn.ParameterList, "parameter list"),
    (nn.ParameterDict, "parameter dict"),
)

_NOT_ATTRIBUTES = frozenset(
    {
        "_version",
        "_parameters",
        "_buffers",
        "_non_persistent_buffers_set",
        "_backward_hooks",
        "_backward_pre_hooks",
        "_forward_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_modules",
        "_initializing",
        "dump_patches",
    }
)
"""What `nn.Module` keeps on each object for itself."""


_EMPTY: tuple[Type, Type] = (ir.ListType(ir.TENSOR), ir.DictType(ir.STRING, ir.TENSOR))


@final
@dataclass(frozen=True, slots=True, eq=False)
class MethodText:
    """The source text of methods, and what the names in it mean."""

    text: str
    resolver: Resolver


@final
@dataclass(frozen=True, slots=True)
class AttributeEntry:
    """A slot that is no submodule."""

    type: Type
    kind: ir.AttributeKind = "attribute"


@final
@dataclass(slots=True, eq=False)
class ModuleDescription:
    """All that the compiler knows of a module. `type` is assigned once, when no equal description is known yet."""

    python_class: type
    container: Container
    attributes: dict[str, AttributeEntry] = field(default_factory=dict)
    submodules: dict[str, SubmoduleEntry] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    functions: dict[str, Callable[..., object]] = field(default_factory=dict)
    """Python functions held as attributes, compiled when they are called."""
    script_functions: dict[str, Function] = field(default_factory=dict)
    """Scripted functions held as attributes."""
    builtins: dict[str, str] = field(default_factory=dict)
    """Operators held as attributes."""
    overloads: dict[str, tuple[Callable[..., object], ...]] = field(default_factory=dict)
    """Methods with declared overloads, and the declarations."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Attributes that hold methods of the module or of a submodule, with the path to that."""
    objects: dict[str, object] = field(default_factory=dict)
    """Other attributes that mean something by themselves: classes, partially applied functions."""
    late: dict[str, Type] = field(default_factory=dict)
    """Attributes that methods create, with the types that they have then."""
    empty: dict[str, Type] = field(default_factory=dict)
    """Attributes that are empty lists or dicts, with the type that they are taken for first."""
    guessed: set[str] = field(default_factory=set)
    """Attributes whose types are what methods assign to them."""
    numbers: set[str] = field(default_factory=set)
    """Attributes that are numbers and become tensors."""
    failed: dict[str, str] = field(default_factory=dict)
    """Attributes that cannot be used in a script, and why."""
    ignored: frozenset[str] = frozenset()
    has_call: bool = False
    """Whether the class has a `__call__` of its own, which is compiled as `forward`, for that is what archives call."""
    hooks: tuple[Callable[..., object], ...] = ()
    pre_hooks: tuple[Callable[..., object], ...] = ()
    definitions: tuple[MethodText, ...] = ()
    """Methods given as text while a module was made; they are of that module only."""
    type: ClassType | None = None
    fixed: dict[str, object] = field(default_factory=dict)
    """Attributes that are read as the constants that they are now, though they have slots."""
    specialized: dict[tuple[str, str], Function] = field(default_factory=dict)
    """The versions of methods for argument types that they do not declare, by name and signature."""
    examples: int = field(default_factory=evidence.session)
    """The example inputs that types were taken from; 0 for none."""
    is_compiled: bool = False
    """Whether the methods that modules start from have been compiled."""

    def key(self) -> Hashable:
        """Equal for modules that can share a type."""
        return (
            self.container,
            tuple(self.attributes.items()),
            tuple(self.submodules.items()),
            # As text, since 1 is not True is not 1.0 here.
            repr(list(self.constants.items())),
            tuple(self.functions.items()),
            tuple(self.script_functions.items()),
            tuple(self.builtins.items()),
            tuple(self.overloads.items()),
            tuple((name, id(value)) for name, value in self.objects.items()),
            tuple(self.failed),
            tuple(self.late.items()),
            self.ignored,
            tuple(map(id, (*self.hooks, None, *self.pre_hooks))),
            self.examples,
            tuple(self.aliases.items()),
            repr(list(self.fixed.items())),
            tuple(map(id, self.definitions)),
            self.has_call,
        )

    @property
    def class_type(self) -> ClassType:
        """The type; ValueError before it is made."""
        if self.type is None:
            raise ValueError(f"the module type of '{self.python_class.__name__}' is not made yet")
        return self.type


SubmoduleEntry: TypeAlias = "ModuleDescription | ClassType | InterfaceType"
"""A module to be scripted, one that is scripted already, or one that is used through an interface."""


def type_of_submodule(entry: SubmoduleEntry) -> ClassType | InterfaceType:
    """The type of the slot."""
    return entry.class_type if isinstance(entry, ModuleDescription) else entry


@final
class Walk:
    """One walk over a module and its submodules: what each was described as, and which modules stand for others."""

    def __init__(
        self,
        *,
        fixes: bool = False,
        fixes_mode: bool = False,
        calls: bool = False,
        assigned: Mapping[tuple[type, str], Type] | None = None,
    ) -> None:
        self.fixes = fixes
        self.fixes_mode = fixes_mode
        self.calls = calls
        """Whether a module whose class has a `__call__` of its own is called by that."""
        self.assigned = assigned or {}
        """Types that attributes need for what methods assign to them, by class and name."""
        self._made: list[ModuleDescription] = []
        self.descriptions: dict[int, ModuleDescription] = {}
        self._under_way: set[int] = set()
        self._prepared: dict[int, nn.Module] = {}

    def describe(self, module: nn.Module) -> ModuleDescription:
        """The description of a module with its type, taken from an earlier module where that one's is equal."""
        key = id(module)
        if key in self.descriptions:
            return self.descriptions[key]
        if key in self._under_way:
            raise ScriptError(f"'{type_name(module)}' is a submodule of itself")
        self._under_way.add(key)
        described = _Describer(module, self).description
        description = _shared(described)
        if description is described:
            self._made.append(description)
        self._under_way.discard(key)
        self.descriptions[key] = description
        return description

    def forget(self) -> None:
        """Make the types that this walk made as if they had never been tried."""
        for description in self._made:
            if description.type is not None:
                unit.compilation_unit.types.pop(description.type.qualified_name, None)
            known = unit.module_types.get(description.python_class, {})
            for key in [key for key, entry in known.items() if entry is description]:
                del known[key]

    def native(self, module: nn.Module) -> nn.Module:
        """flambeau's module in place of a submodule that PyTorch compiled; any other module as it is."""
        if not is_foreign_module(module):
            return module
        if id(module) not in self._prepared:
            self._prepared[id(module)] = native_module(module)
        return self._prepared[id(module)]

    def prepared(self, module: nn.Module) -> nn.Module:
        """The module to compile in place of another, if that one says so by `__prepare_scriptable__`."""
        prepare = getattr(module, "__prepare_scriptable__", None)
        if not callable(prepare):
            return module
        if id(module) not in self._prepared:
            made = prepare()
            if not isinstance(made, nn.Module):
                raise ScriptError(f"__prepare_scriptable__ of '{type_name(module)}' did not return a module")
            self._prepared[id(module)] = made
        return self._prepared[id(module)]


def description_of(scripted: ScriptObject) -> ModuleDescription | None:
    """What a module that was scripted here was described as; None for those that were loaded or traced."""
    cls = original_class(scripted)
    known = {} if cls is None else unit.module_types.get(cls, {})
    return next((d for d in known.values() if d.type is scripted.type), None)


def _shared(description: ModuleDescription) -> ModuleDescription:
    """The description with its type: that of an earlier module if one is equal."""
    known = unit.module_types.setdefault(description.python_class, {})
    key = description.key()
    if key not in known:
        description.type = _make_type(description)
        known[key] = description
    return known[key]


def _make_type(description: ModuleDescription) -> ClassType:
    name = unit.compilation_unit.free_name(qualified_name(description.python_class))
    made = ClassType(name, is_module=True, doc=description.python_class.__doc__ or "")
    for attribute, entry in description.attributes.items():
        made.add_attribute(attribute, entry.type, entry.kind)
    for attribute, submodule in description.submodules.items():
        made.add_attribute(attribute, type_of_submodule(submodule))
    made.constants.update(description.constants)
    unit.compilation_unit.add_type(made)
    return made


class _Describer:
    """Fills in the description of one module."""

    def __init__(self, module: nn.Module, walk: Walk) -> None:
        self._module = module
        self._walk = walk
        cls = type(module)
        self._namespace = namespace_of_class(cls)
        self._annotations = _class_annotations(module)
        container: Container = next((name for kind, name in _CONTAINERS if isinstance(module, kind)), "")
        self.description = ModuleDescription(cls, container, ignored=markers.ignored_attributes(module))
        self._add_tensors(module._parameters, "parameter")
        self._add_tensors(module._buffers, "buffer")
        self._add_submodules()
        self._add_constants()
        self.description.overloads = dict(_overloaded_methods(cls, self.description.ignored))
        for name, value in vars(module).items():
            if not (name in _NOT_ATTRIBUTES or name.startswith("__") or self._is_known(name)):
                self._add_attribute(name, value)
        self._widen_attributes(cls)
        self.description.hooks = tuple(module._forward_hooks.values())
        self.description.pre_hooks = tuple(module._forward_pre_hooks.values())
        self.description.definitions = tuple(vars(module).get("__method_texts__", ()))
        is_hooked = self.description.hooks or self.description.pre_hooks
        self.description.has_call = walk.calls and not is_hooked and own_call(cls) is not None

    def _is_known(self, name: str) -> bool:
        d = self.description
        return name in d.attributes or name in d.submodules or name in d.constants or name in d.ignored

    def _infer(self, name: str, value: object) -> Type | NotInferred:
        if name in self._annotations and self._annotations[name] != nn.Module.__annotations__["forward"]:
            return self._narrowed(name, self._annotated(name, self._annotations[name]), value)
        if markers.is_attribute_marker(value):
            return self._annotated(name, value.type)  # type: ignore[attr-defined]  # the marker has it
        return infer_type(value)

    def _narrowed(self, name: str, annotated: Type | NotInferred, value: object) -> Type | NotInferred:
        """Of a Union that no method assigns, the member that the value is of."""
        if not isinstance(annotated, ir.UnionType) or name in assigned_attributes(type(self._module)):
            return annotated
        inferred = infer_type(value)
        fits = not isinstance(inferred, NotInferred) and ir.is_subtype(inferred, annotated)
        return inferred if fits else annotated

    def _annotated(self, name: str, annotation: object) -> Type | NotInferred:
        try:
            return AnnotationReader(self._namespace).of_object(annotation)
        except ScriptError as error:
            return NotInferred(str(error))

    def _add_tensors(self, tensors: Mapping[str, torch.Tensor | None], kind: ir.AttributeKind) -> None:
        for name, value in tensors.items():
            if name in self.description.ignored:
                continue
            inferred = self._infer(name, value)
            if isinstance(inferred, NotInferred):
                inferred = ir.NONE if value is None else ir.TENSOR
            self.description.attributes[name] = AttributeEntry(inferred, kind)

    def _add_submodules(self) -> None:
        for name, value in self._module._modules.items():
            if name in self.description.ignored:
                continue
            if value is None:
                self.description.attributes[name] = AttributeEntry(ir.NONE)
                continue
            annotated = self._infer(name, None) if name in self._annotations else None
            value = self._walk.native(value)
            scripted = script_value_of(value)
            if isinstance(annotated, InterfaceType):
                self.description.submodules[name] = annotated
            elif isinstance(scripted, ScriptObject):
                # Methods that nothing has called yet are still to be compiled, from the Python class.
                self.description.submodules[name] = description_of(scripted) or scripted.type
            else:
                self.description.submodules[name] = self._walk.describe(checked(self._walk.prepared(value)))

    def _add_constants(self) -> None:
        module, known = self._module, self.description
        declared = getattr(module, "__constants__", ())
        final_names = (n for n, annotation in self._annotations.items() if _is_final(annotation, self._namespace))
        for name in dict.fromkeys([*declared, *final_names]):
            kind = self._kind_of(name)
            if kind is not None:
                warnings.warn(
                    f"'{name}' was found in ScriptModule constants,  but it is a non-constant {kind}. "
                    "Consider removing it.",
                    stacklevel=2,
                )
            elif not hasattr(module, name):
                warnings.warn(
                    f"'{name}' was found in ScriptModule constants, but was not actually set in __init__. Consider "
                    "removing it.",
                    stacklevel=2,
                )
            elif name not in known.attributes:
                known.constants[name] = constants.final_constant(type(module).__name__, name, getattr(module, name))

    def _kind_of(self, name: str) -> str | None:
        module = self._module
        if name in module._modules and module._modules[name] is not None:
            return "submodule"
        if name in module._buffers:
            return "buffer"
        return "parameter" if name in module._parameters else None

    def _add_attribute(self, name: str, value: object) -> None:
        description = self.description
        value = markers.original_function(value)
        if self._is_fixed(name, value):
            description.fixed[name] = value
        scripted = script_value_of(value) or native_function(value)
        builtin = find_builtin(value)
        if isinstance(scripted, Function):
            description.script_functions[name] = scripted
        elif inspect.isfunction(value):
            description.functions[name] = value
        elif isinstance(value, MethodType) and self._path_to(value.__self__) is not None:
            description.aliases[name] = f"{self._path_to(value.__self__)}.{value.__name__}".lstrip(".")
        elif builtin is not None:
            description.builtins[name] = builtin
        else:
            inferred = self._infer(name, value if scripted is None else scripted)
            if isinstance(inferred, NotInferred) and isinstance(value, (type, functools.partial)):
                description.objects[name] = value
            elif isinstance(inferred, NotInferred) and self._walk.fixes:
                description.objects[name] = value
                description.failed[name] = self._why_failed(name, value, inferred.reason)
            elif isinstance(inferred, NotInferred):
                description.failed[name] = self._why_failed(name, value, inferred.reason)
            else:
                description.attributes[name] = AttributeEntry(inferred)
            if isinstance(value, (list, dict)) and not value and name in description.failed:
                description.empty[name] = _EMPTY[isinstance(value, dict)]

    def _widen_attributes(self, cls: type) -> None:
        """Give attributes the types that methods need, and make those that only methods create."""
        d = self.description
        for (owner, name), type in self._walk.assigned.items():
            if owner is not cls:
                continue
            former = d.attributes.get(name)
            d.guessed.add(name)
            if former is not None and isinstance(type, ir.TensorType) and not isinstance(former.type, ir.TensorType):
                d.numbers.add(name)
            if former is None and not hasattr(self._module, name):
                d.late[name] = type
                type = ir.optional(type)
            d.attributes[name] = AttributeEntry(type, "attribute" if former is None else former.kind)
            for entries in (d.failed, d.objects, d.fixed):
                entries.pop(name, None)

    def _path_to(self, owner: object) -> str | None:
        """The name of the submodule that an object is; empty for the module itself, None for anything else."""
        if owner is self._module:
            return ""
        found = (name for name, child in self._module._modules.items() if child is owner and child is not None)
        return next(found, None)

    def _is_fixed(self, name: str, value: object) -> bool:
        """Whether an attribute is a constant of this object: how it was configured."""
        if not self._walk.fixes:
            return False
        cls = type(self._module)
        if name in (reached_assignments(cls) if self._walk.fixes_mode else assigned_attributes(cls)):
            return False
        if (type(self._module), name) in self._walk.assigned:
            return False
        if name == "training":
            return self._walk.fixes_mode
        if name in self._annotations:
            declared, inferred = self._infer(name, value), infer_type(value)
            if isinstance(declared, NotInferred) or isinstance(inferred, NotInferred):
                return False
            if not ir.is_subtype(inferred, declared):
                return False
        return constants.is_plain_data(value) or (
            isinstance(value, enum.Enum) and not isinstance(infer_type(value), NotInferred)
        )

    def _why_failed(self, name: str, value: object, reason: str) -> str:
        guess = (
            ""
            if name in self._annotations
            else "Its type was inferred; try adding a type annotation for the attribute."
        )
        return (
            "(This attribute exists on the Python module, but we failed to convert Python type: "
            f"'{type_name(value)}' to a TorchScript type. {reason.rstrip('.')}. {guess})"
        )


def own_call(cls: type) -> FunctionType | None:
    """The `__call__` of a class of modules, or of a base class, that is not PyTorch's; None if there is none."""
    member = inspect.getattr_static(cls, "__call__", None)
    if not isinstance(member, FunctionType) or member.__module__.partition(".")[0] in ("torch", "flambeau"):
        return None
    return member


def checked(module: nn.Module) -> nn.Module:
    """The module; ScriptError if its `__init__` did not run or left parameters without shape, or PyTorch made it."""
    if is_foreign_module(module):
        raise ScriptError(
            f"a '{type_name(module)}' was compiled by PyTorch and has no Python source to compile; "
            "flambeau.from_torch converts it"
        )
    if "_parameters" not in vars(module):
        raise ScriptError(f"'{type_name(module)}' has not been initialized, did you forget to call 'super()'?")
    for kind, tensors in (("parameters", module._parameters), ("buffers", module._buffers)):
        for name, value in tensors.items():
            if value is not None and nn.parameter.is_lazy(value):
                raise ScriptError(
                    f"'{type_name(module)}' has uninitialized {kind} {name}. Did you forget to run a forward pass?"
                )
    return module


def _class_annotations(module: nn.Module) -> Mapping[str, object]:
    """The annotations of the class, or of the nearest base class that has any, and those of the object."""
    found = inspect.get_annotations(type(module)) or _inherited_annotations(type(module))
    return {**found, **vars(module).get("__attribute_types__", {})}


def _inherited_annotations(cls: type) -> Mapping[str, object]:
    for base in cls.__bases__:
        found = inspect.get_annotations(base) or _inherited_annotations(base)
        if found:
            return found
    return {}


def _is_final(annotation: object, namespace: Namespace) -> bool:
    if isinstance(annotation, str):
        head = annotation.partition("[")[0].strip()
        return head.rpartition(".")[2] == "Final"
    return "typing.Final" in str(annotation).partition("[")[0]


def _overloaded_methods(cls: type, ignored: frozenset[str]) -> Iterator[tuple[str, tuple[Callable[..., object], ...]]]:
    for name in sorted(markers.overloaded_method_names() - ignored):
        member = getattr(cls, name, None)
        if inspect.isfunction(member):
            overloads = markers.method_overloads_of(member, cls)
            if overloads:
                yield name, overloads
