"""Replace calls of functions and methods by the bodies of what they call.

    %y : Tensor = prim::CallFunction(%f, %x)    ->    %y : Tensor = aten::relu(%x)

The inlined nodes remember the call (`Node.call`), for tracebacks. Calls through interfaces stay, and so do calls of
functions that do not return exactly one value. Callees' graphs are not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from flambeau.ir import (
    ClassType,
    Function,
    Graph,
    InlinedCall,
    Node,
    Value,
    appended,
    constant_value,
    copy_graph,
    copy_node,
    insert_constant,
    insert_graph,
    is_bound,
    is_mutable_type,
    value_key,
)

from .pass_manager import GraphPass, graph_pass
from .shared_facts import forget_alias_facts

MAX_DEPTH = 200
"""Calls within calls beyond this many stay calls (only recursion gets there)."""

FEW_NODES = 250
"""Bodies with fewer nodes are inlined as they are: simplifying them with their caller costs less."""

MOST_NODES = 400
"""Bodies with more nodes are called; what a call costs is nothing beside what they do, and a program of many layers
would have as many copies of them to compile."""

_CALLS = frozenset({"prim::CallFunction", "prim::CallMethod"})


@graph_pass("inline")
def inline_calls(graph: Graph) -> bool:
    """Inline all calls, and those in what was inlined."""
    return _Inliner().inline(graph, 0)


def graph_of_function(function: Function) -> Graph:
    """The graph of a function, as it is now."""
    return function.graph


def inline_specialised(
    graph: Graph, before: GraphPass, after: GraphPass, graph_of: Callable[[Function], Graph] = graph_of_function
) -> bool:
    """Inline all calls, of bodies that are simplified first; `graph_of` says what a callee's graph is.

    A body is a copy of the callee's graph for the constants that it is called with, prepared by `before`, which may
    decide branches and with them spare calls, inlined into, and settled by `after`. Calls of one function with the same
    constants share the work, which makes it depend on the size of the source more than on that of the inlined graph.
    Bodies that are large then are not inlined: they become functions of their own, which the calls call.
    """
    if not any(node.kind in _CALLS or node.has_attribute("Subgraph") for node in graph.walk()):
        return False
    decided = before(graph)
    return _Inliner(before, after, graph_of).inline(graph, 0) or decided


def _nothing(graph: Graph) -> bool:
    return False


_BodyKey: TypeAlias = "tuple[Function, tuple[Hashable, ...]]"
_ANY_VALUE = ("any value",)
"""Stands for an argument that is not constant."""


class _Inliner:
    """Inlines into one graph; each callee is inlined once into a copy that serves all its calls."""

    def __init__(
        self,
        before: GraphPass | None = None,
        after: GraphPass | None = None,
        graph_of: Callable[[Function], Graph] = graph_of_function,
    ) -> None:
        self._graph_of = graph_of
        self._specialises = before is not None
        self._before = before or _nothing
        self._after = after or _nothing
        self._bodies: dict[_BodyKey, Graph] = {}
        self._large: dict[Graph, Function] = {}
        self._open: set[Function] = set()

    def inline(self, graph: Graph, depth: int) -> bool:
        changed = False
        for node in list(graph.walk()):
            if node.kind in _CALLS:
                changed |= self._inline_call(graph, node, depth)
            elif node.has_attribute("Subgraph"):
                changed |= self.inline(node.graph_attribute(), depth)
        if changed:
            forget_alias_facts()  # they know nothing of what was inlined
        return changed

    def _inline_call(self, graph: Graph, node: Node, depth: int) -> bool:
        callee = callee_of(node)
        if callee is None or callee in self._open or depth >= MAX_DEPTH:
            return False
        arguments = list(node.inputs[1:] if node.kind == "prim::CallFunction" else node.inputs)
        body = self._body(callee, arguments, depth)
        if len(body.outputs) != 1:
            return False
        if self._specialises and body in self._large:
            return _redirect(graph, node, self._large[body], arguments)
        _replace(graph, node, callee, body, arguments)
        return True

    def _body(self, callee: Function, arguments: list[Value], depth: int) -> Graph:
        constants = tuple(map(_constant_key, arguments)) if self._specialises else ()
        known = self._bodies.get((callee, constants))
        if known is not None:
            return known
        self._open.add(callee)
        body = copy_graph(self._graph_of(callee))
        if self._specialises:
            _bind_constants(body, arguments)
        self._before(body)
        self.inline(body, depth + 1)
        size = sum(1 for _ in body.walk())
        if size > FEW_NODES and self._after(body):
            size = sum(1 for _ in body.walk())
        self._open.discard(callee)
        self._bodies[(callee, constants)] = body
        if self._specialises and size > MOST_NODES:
            self._large[body] = Function(callee.qualified_name, body)
            self._large[body].is_optimized = True
        return body


def _constant_key(argument: Value) -> Hashable:
    """What tells constant arguments apart; the same for all others, and for constants that can change."""
    if argument.node.kind != "prim::Constant" or is_mutable_type(argument.type):
        return _ANY_VALUE
    return (argument.type, value_key(constant_value(argument)))


def _bind_constants(body: Graph, arguments: list[Value]) -> None:
    """Let a body read copies of the arguments that are constants, as its own."""
    for inner, argument in zip(body.inputs, arguments, strict=True):
        if inner.has_uses and _constant_key(argument) != _ANY_VALUE:
            copy = copy_node(argument.node, body, {})
            copy.output.set_debug_name("")
            body.prepend_node(copy)
            inner.replace_all_uses_with(copy.output)


def callee_of(node: Node) -> Function | None:
    """The function that a node calls, where that is known before the program runs."""
    if node.kind == "prim::CallFunction":
        function = constant_value(node.inputs[0])
        return function if isinstance(function, Function) else None
    if node.kind == "prim::CallMethod":
        owner = node.inputs[0].type
        if not isinstance(owner, ClassType) or is_bound(owner):
            return None
        return owner.methods.get(node.string_attribute("name"))
    return None


def _replace(graph: Graph, node: Node, callee: Function, body: Graph, arguments: list[Value]) -> None:
    with graph.inserting_at(node):
        (result,) = insert_graph(graph, body, arguments, on_node=_caller_noter(node, callee))
    output = node.output
    if output.has_debug_name and result.node.kind != "prim::Param":
        result.set_debug_name(output.debug_name)
    output.replace_all_uses_with(result)
    function = node.inputs[0].node if node.kind == "prim::CallFunction" else None
    node.destroy()
    if function is not None and not function.has_uses:
        function.destroy()


def _redirect(graph: Graph, node: Node, target: Function, arguments: list[Value]) -> bool:
    """Call another function in place of the one that a node calls."""
    with graph.inserting_at(node):
        function = insert_constant(graph, target)
        call = graph.insert("prim::CallFunction", (function, *arguments), (node.output.type,)).copy_metadata(node)
    name = node.output.debug_name if node.output.has_debug_name else ""
    node.replace_all_uses_with(call)
    former = node.inputs[0].node if node.kind == "prim::CallFunction" else None
    node.destroy()
    if former is not None and not former.has_uses:
        former.destroy()
    if name:
        call.output.set_debug_name(name)
    return True


def _caller_noter(node: Node, callee: Function) -> Callable[[Node], None]:
    method = node.kind == "prim::CallMethod"
    instance = node.inputs[0] if method else None
    call = InlinedCall(
        callee.name,
        node.range,
        node.call,
        instance_type=str(instance.type) if instance is not None else "",
        instance_name=_instance_name(instance) if instance is not None else "",
    )

    whole: dict[int, InlinedCall] = {id(None): call}

    def note(inner: Node) -> None:
        known = whole.get(id(inner.call))
        if known is None:
            known = whole[id(inner.call)] = appended(inner.call, call)
        inner.call = known

    return note


def _instance_name(instance: Value) -> str:
    if instance.node.kind == "prim::GetAttr":
        return instance.node.string_attribute("name")
    return "SELF" if instance.node.kind == "prim::Param" else ""
