"""Graphs under construction: one for the traced function, and one for each call of a submodule in it.

A submodule's call becomes a method of that submodule, which the graph around it calls. Values cross the borders between
graphs as the program uses them:

    a value from outside is captured: it becomes an input of the graph, and of each graph on the way in a value from
    inside of a call that is over escapes: it becomes an output of the call, and of each call on the way out a
    parameter or buffer is read from the module where it is used, if it lies in that module

What is never read again is taken out at the end (`finishing`), so nothing is captured or returned without need.
"""

from __future__ import annotations

from typing import final

from flambeau.ir import TENSOR, ClassType, Graph, Node, Type, Value, base_name

SCOPE_ROOT = "__module"
"""The name of the traced module in the scopes of nodes."""


@final
class Scope:
    """A graph under construction. `path` names the module whose method it is, from the traced module on."""

    def __init__(
        self,
        module_type: ClassType | None = None,
        path: str = "",
        method: str = "forward",
        parent: Scope | None = None,
        call: Node | None = None,
    ) -> None:
        self.graph = Graph()
        self.module_type = module_type
        self.path = path
        self.method = method
        self.parent = parent
        self.call = call
        """The node in the parent's graph that calls it."""
        self.attribute_nodes: dict[str, Node] = {}
        """The reads of attributes, by path from this module on, in the order of first use. They are in no block yet."""
        self.constants: dict[int, Value] = {}
        """Tensors that are constants here, by identity."""
        self.children: dict[Node, Scope] = {}
        """The scopes of the calls in this graph, by their nodes."""
        self.captured: dict[Value, Value] = {}
        """The inputs that stand for values of the parent's graph."""
        self.escaped: dict[Value, Value] = {}
        """The results of `call`, by the values here that they stand for."""
        self.self_value = None if module_type is None else self.graph.add_input("self", module_type)
        self.head = self.graph.param_node
        """The last of the reads of attributes, once they are in their place."""
        self._depth: int = 0 if parent is None else parent._depth + 1
        self.graph.current_scope = "" if parent is None else scope_name(path)

    # --- submodules

    def enter(self, module_type: ClassType, path: str, method: str, receiver: Value) -> Scope:
        """Begin the call of a method of a module that `receiver` stands for."""
        call = self.graph.insert("prim::CallMethod", [receiver], 0).set_attribute("name", "s", method)
        child = self.children[call] = Scope(module_type, path, method, self, call)
        return child

    # --- attributes

    def owns(self, path: str) -> bool:
        """Whether an attribute, or the module at that path, is this module or lies in it."""
        return self.self_value is not None and (not self.path or path == self.path or path.startswith(f"{self.path}."))

    def attribute(self, path: str) -> Value:
        """The value of a module, parameter or buffer in this module, by its path from the traced module on."""
        if self.self_value is None:
            raise ValueError("a function has no attributes")
        if path == self.path:
            return self.self_value
        return self._read(path[len(self.path) + 1 :] if self.path else path)

    def _read(self, relative: str) -> Value:
        known = self.attribute_nodes.get(relative)
        if known is not None:
            return known.output
        owner_path, _, name = relative.rpartition(".")
        owner = self._read(owner_path) if owner_path else self.self_value
        if owner is None or not isinstance(owner.type, ClassType):
            raise ValueError(f"'{owner_path}' is no module")
        attribute = owner.type.find_attribute(name)
        type: Type = TENSOR if attribute is None else attribute.type
        node = self.graph.create("prim::GetAttr", [owner], [type]).set_attribute("name", "s", name)
        node.scope, node.range = "", None
        node.output.set_debug_name(f"_{name}" if name[:1].isdigit() else name)
        self.attribute_nodes[relative] = node
        return node.output

    # --- values from other graphs

    def is_around(self, other: Scope | None) -> bool:
        """Whether it is `other`, or `other` is called from in it."""
        while other is not None and other._depth > self._depth:
            other = other.parent
        return other is self

    def capture(self, value: Value) -> Value:
        """The input that stands for a value of the parent's graph."""
        known = self.captured.get(value)
        if known is None:
            known = self.captured[value] = self.graph.add_input("", value.type)
            if value.has_debug_name:
                known.set_debug_name(base_name(value.debug_name))
            if self.call is not None:
                self.call.add_input(value)
        return known

    def escape(self, value: Value) -> Value:
        """The result of the call that stands for a value of this graph."""
        known = self.escaped.get(value)
        if known is None and self.call is not None:
            self.graph.add_output(value)
            known = self.escaped[value] = self.call.add_output(value.type)
            if value.has_debug_name:
                known.set_debug_name(base_name(value.debug_name))
        if known is None:
            raise ValueError("a value of the traced function itself does not escape")
        return known


def trail(value: Value, home: Scope, target: Scope) -> list[Value]:
    """A value of `home` and what stands for it in each scope on the way to `target`, which comes last."""
    found = [value]
    while not home.is_around(target) and home.parent is not None:
        found.append(home.escape(found[-1]))
        home = home.parent
    way: list[Scope] = []
    scope: Scope | None = target
    while scope is not None and scope is not home:
        way.append(scope)
        scope = scope.parent
    for inner in reversed(way):
        found.append(inner.capture(found[-1]))
    return found


def attribute_for(target: Scope, paths: list[str]) -> Value | None:
    """What stands in `target` for an attribute that lies at any of some paths; None if no scope has it."""
    scope: Scope | None = target
    while scope is not None:
        for path in paths:
            if scope.owns(path):
                return trail(scope.attribute(path), scope, target)[-1]
        scope = scope.parent
    return None


def scope_name(path: str) -> str:
    """The scope of a module's nodes: the modules from the traced one down, each with its whole path."""
    atoms = path.split(".")
    return "/".join(f"{SCOPE_ROOT}.{'.'.join(atoms[: i + 1])}" for i in range(len(atoms)))
