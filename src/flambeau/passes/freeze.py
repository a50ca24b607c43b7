"""Make a module's attributes part of its program.

    %w : Tensor = prim::GetAttr[name="weight"](%fc)   ->   %self.fc.weight : Float(3, 4, ...) =
    prim::Constant[value=<Tensor>]()

The result is a new module of a new class, with the methods that are kept (`forward`, and those in `preserved`), all
calls inlined. Attributes that no method assigns or writes to in place, and that share no memory with one that is,
become constants; the rest stay, in submodules that have nothing else. The module given is not changed; tensors are
shared with it.

Kept as attributes as well: those in `preserved`, parameters if asked for, objects that are no modules, sparse tensors,
and everything in modules that methods do more with than read attributes of them (pass them on, choose between them).

Not done here: folding of batch norm into convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from flambeau.errors import ObjectError, UnsupportedError
from flambeau.ir import (
    UNSET,
    AliasDb,
    Argument,
    ClassType,
    CompilationUnit,
    Function,
    FunctionSchema,
    Graph,
    InterfaceType,
    Layout,
    Node,
    ScriptObject,
    TensorData,
    TensorType,
    Value,
    copy_graph,
    create_constant,
    is_mutable_type,
    is_tensor,
    mangled,
)

from .dead_code_elimination import eliminate_dead_code
from .inlining import inline_calls
from .lower_simple_tuples import lower_simple_tuples
from .pass_manager import run
from .pipelines import optimize_frozen
from .subgraphs import with_subgraphs

NOT_IN_EVAL_MODE = (
    "Freezing is currently only implemented for modules in eval mode. "
    "Please call .eval() on your module before freezing."
)


def freeze_module(
    module: ScriptObject,
    preserved: Sequence[str] = (),
    *,
    preserve_parameters: bool = False,
    optimize: Callable[[Graph], None] = optimize_frozen,
    unit: CompilationUnit | None = None,
) -> ScriptObject:
    """A frozen copy of a module. ObjectError if it is in training mode, or has nothing of a name in `preserved`.

    The new class is added to `unit`, if one is given, under a free name.
    """
    training = module.type.find_slot("training")
    if training is not None and module.slots[training] is not False:
        raise ObjectError(NOT_IN_EVAL_MODE)
    if module.type.forward_hooks or module.type.forward_pre_hooks:
        raise UnsupportedError("freezing a module that has hooks")
    freezer = _Freezer(module, tuple(preserved), preserve_parameters)
    freezer.find_assignments()
    # Flags such as `training` first: branches that they exclude do not count as writing to the rest.
    for immutable_only in (True, False):
        if not immutable_only:
            freezer.find_writes()
        freezer.replace_attributes(immutable_only=immutable_only)
        for graph in freezer.graphs.values():
            optimize(graph)
    return freezer.rebuilt(unit)


@final
@dataclass(slots=True)
class _Users:
    """What the kept methods do with one module object."""

    module: ScriptObject
    path: str
    changed: set[str] = field(default_factory=set)
    """Attributes that are assigned or written to."""
    is_opaque: bool = False
    """More is done with it than reading and assigning attributes."""


@final
class _Freezer:
    """One freezing, step by step."""

    def __init__(self, root: ScriptObject, preserved: tuple[str, ...], preserve_parameters: bool) -> None:
        self.root = root
        self._preserve_parameters = preserve_parameters
        methods = [n for n in dict.fromkeys(("forward", *preserved)) if n in root.type.methods]
        self._attributes = [n for n in preserved if n not in methods]
        for name in self._attributes:
            if root.type.find_slot(name) is None:
                raise ObjectError(f"Unknown name: {name}")
        if not methods and not self._attributes:
            raise ObjectError(f"'{root.type.qualified_name}' has no method 'forward' and no name to preserve was given")
        self.graphs = {name: copy_graph(root.type.methods[name].graph) for name in methods}
        self._schemas = {name: root.type.methods[name].schema for name in methods}
        self._objects: dict[Value, ScriptObject] = {}
        self._users: dict[int, _Users] = {id(root): _Users(root, "self", set(self._attributes))}
        for graph in self.graphs.values():
            self._inline(graph)

    # --- preparation

    def _inline(self, graph: Graph) -> None:
        """Inline all calls; those through interfaces too, as the object behind each attribute is known."""
        again = True
        while again:
            run(graph, inline_calls, lower_simple_tuples, eliminate_dead_code)
            again = False
            self._objects[graph.inputs[0]] = self.root
            for node in graph.walk():
                if node.kind == "prim::GetAttr" and (target := self._find_module(node)) is not None:
                    self._objects[node.output] = target
                    if isinstance(node.output.type, InterfaceType) and not _is_assigned(graph, node):
                        node.output.type = target.type
                        again = True

    def _find_module(self, node: Node) -> ScriptObject | None:
        """The module that a GetAttr gives, if it is known and always the same."""
        owner = self._objects.get(node.input)
        if owner is None:
            return None
        name = node.string_attribute("name")
        slot = owner.type.find_slot(name)
        found = None if slot is None else owner.slots[slot]
        if not isinstance(found, ScriptObject) or not found.type.is_module:
            return None
        self._users.setdefault(id(found), _Users(found, f"{self._users[id(owner)].path}.{name}"))
        return found

    # --- what changes

    def find_assignments(self) -> None:
        """Note what is assigned, and what becomes of modules."""
        for graph in self.graphs.values():
            for current in with_subgraphs(graph):
                for node in current.walk():
                    self._look_at(node)
                for value in self._returned(current):
                    if value in self._objects:
                        self._users[id(self._objects[value])].is_opaque = True
        self._spread_opaque()

    def find_writes(self) -> None:
        """Note what is written to in place."""
        for graph in self.graphs.values():
            self._find_writes(graph)
        self._spread_over_memory()

    def _returned(self, graph: Graph) -> Iterable[Value]:
        yield from graph.outputs
        for node in graph.walk():
            for block in node.blocks:
                yield from block.outputs

    def _look_at(self, node: Node) -> None:
        for index, value in enumerate(node.inputs):
            target = self._objects.get(value)
            if target is None:
                continue
            users = self._users[id(target)]
            if node.kind == "prim::SetAttr" and index == 0:
                users.changed.add(node.string_attribute("name"))
            elif node.kind != "prim::GetAttr":
                users.is_opaque = True

    def _find_writes(self, graph: Graph) -> None:
        facts = AliasDb(graph, closed_modules=True)
        for node in graph.walk():
            owner = self._objects.get(node.inputs[0]) if node.kind == "prim::GetAttr" else None
            if owner is not None and node.output not in self._objects and is_mutable_type(node.output.type):
                if facts.has_writers(node.output):
                    self._users[id(owner)].changed.add(node.string_attribute("name"))

    def _spread_opaque(self) -> None:
        """Everything in a module that is passed on may change."""
        pending = [users.module for users in self._users.values() if users.is_opaque]
        seen: set[int] = set()
        while pending:
            module = pending.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            users = self._users.setdefault(id(module), _Users(module, "self"))
            users.is_opaque = True
            users.changed.update(a.name for a in module.type.attributes)
            pending += [s for s in module.slots if isinstance(s, ScriptObject) and s.type.is_module]

    def _spread_over_memory(self) -> None:
        """Attributes that share memory with one that changes change too."""
        changed = {
            key
            for users in self._users.values()
            for name in users.changed
            for key in _memory_of(_value_of(users.module, name))
        }
        for users in self._users.values():
            for attribute, value in zip(users.module.type.attributes, users.module.slots, strict=True):
                if not changed.isdisjoint(_memory_of(value)):
                    users.changed.add(attribute.name)

    # --- replacement

    def replace_attributes(self, *, immutable_only: bool) -> None:
        for graph in self.graphs.values():
            for node in list(graph.walk()):
                owner = self._objects.get(node.inputs[0]) if node.kind == "prim::GetAttr" else None
                if owner is None or node.output in self._objects:
                    continue
                if not immutable_only or not is_mutable_type(node.output.type):
                    self._replace(node, self._users[id(owner)])

    def _replace(self, node: Node, users: _Users) -> None:
        name = node.string_attribute("name")
        attribute = users.module.type.find_attribute(name)
        if attribute is None or name in users.changed:
            return
        if self._preserve_parameters and attribute.kind == "parameter":
            return
        value = _without_gradient(_value_of(users.module, name))
        if isinstance(value, ScriptObject) or value is UNSET or not _is_strided(value):
            return
        known = None if isinstance(attribute.type, TensorType) and is_tensor(value) else node.output.type
        try:
            constant = create_constant(node.graph, value, known)
        except ValueError:  # a value that cannot be a constant
            return
        constant.copy_metadata(node).insert_before(node)
        constant.output.set_debug_name(f"{users.path}.{name}")
        node.output.replace_all_uses_with(constant.output)
        node.destroy()

    # --- the result

    def rebuilt(self, unit: CompilationUnit | None) -> ScriptObject:
        """The new module: of the old attributes those that are still used, or preserved."""
        used: dict[int, set[str]] = {id(self.root): set(self._attributes)}
        for graph in self.graphs.values():
            for node in graph.walk():
                owner = self._objects.get(node.inputs[0]) if node.kind in ("prim::GetAttr", "prim::SetAttr") else None
                if owner is not None:
                    used.setdefault(id(owner), set()).add(node.string_attribute("name"))
        made: dict[int, ScriptObject] = {}
        result = self._copy(self.root, used, made, unit)
        for name, graph in self.graphs.items():
            for value in [v for v in self._objects if v.graph is graph and v.node.owning_block is not None]:
                value.type = made[id(self._objects[value])].type
            function = Function(f"{result.type.qualified_name}.{name}", graph, self._schema_of(name, result.type))
            result.type.add_method(name, function)
        return result

    def _schema_of(self, name: str, owner: ClassType) -> FunctionSchema:
        schema = self._schemas[name]
        arguments = (Argument(schema.arguments[0].name, owner), *schema.arguments[1:])
        return FunctionSchema(schema.name, schema.overload_name, arguments, schema.returns)

    def _copy(
        self,
        module: ScriptObject,
        used: dict[int, set[str]],
        made: dict[int, ScriptObject],
        unit: CompilationUnit | None,
    ) -> ScriptObject:
        if id(module) in made:
            return made[id(module)]
        users = self._users.get(id(module))
        if users is not None and users.is_opaque:
            made[id(module)] = module
            return module
        old = module.type
        name = mangled(old.qualified_name, 0) if unit is None else unit.free_name(old.qualified_name)
        new = ClassType(name, is_module=True, constants=dict(old.constants))
        if unit is not None:
            unit.add_type(new)
        result = made[id(module)] = ScriptObject(new, [])
        for attribute, value in zip(old.attributes, module.slots, strict=True):
            if attribute.name in used.get(id(module), ()):
                if isinstance(value, ScriptObject) and value.type.is_module and id(value) in self._users:
                    value = self._copy(value, used, made, unit)
                type = value.type if isinstance(value, ScriptObject) and value.type.is_module else attribute.type
                new.add_attribute(attribute.name, type, attribute.kind)
                result.slots.append(value)
        return result


def _is_assigned(graph: Graph, read: Node) -> bool:
    """Whether the attribute that a node reads is assigned somewhere in the graph."""
    name = read.string_attribute("name")
    return any(n.string_attribute("name") == name for n in graph.find_nodes("prim::SetAttr"))


def _value_of(module: ScriptObject, name: str) -> object:
    slot = module.type.find_slot(name)
    return UNSET if slot is None else module.slots[slot]


def _memory_of(value: object) -> set[object]:
    """What identifies the memory of all tensors, lists and objects in a value."""
    found: set[object] = set()
    pending = [value]
    while pending:
        current: Any = pending.pop()
        if is_tensor(current):
            found.add(_storage_of(current))
        elif isinstance(current, (list, tuple)):
            found |= {id(current)} if isinstance(current, list) else set()
            pending += current
        elif isinstance(current, dict):
            found.add(id(current))
            pending += current.values()
        elif isinstance(current, ScriptObject):
            found.add(id(current))
    return found


def _is_strided(value: Any) -> bool:
    """Whether all tensors in a value are elements in memory and strides: PyTorch reads no others as constants."""
    if is_tensor(value):
        layout = value.layout
        return layout is Layout.Strided or (str(layout) == "torch.strided" and not value.is_nested)
    if isinstance(value, (list, tuple)):
        return all(map(_is_strided, value))
    return not isinstance(value, dict) or all(map(_is_strided, value.values()))


def _storage_of(tensor: Any) -> object:
    if isinstance(tensor, TensorData):
        return id(tensor.storage or tensor)
    try:
        address = tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # tensors without storage
        return id(tensor)
    return ("address", address) if address else id(tensor)


def _without_gradient(value: Any) -> object:
    """The value with its tensors cut off from what they were computed from."""
    if isinstance(value, TensorData) or not is_tensor(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(_without_gradient, value))
        if isinstance(value, dict):
            return {key: _without_gradient(item) for key, item in value.items()}
        return value
    detached: object = value.detach()
    return detached
