"""Replace calls of functions and methods by the bodies of what they call.

    %y : Tensor = prim::CallFunction(%f, %x)    ->    %y : Tensor = aten::relu(%x)

The inlined nodes remember the call (`Node.call`), for tracebacks. Calls through interfaces stay, and so do calls of
functions that do not return exactly one value. Callees' graphs are not changed.
"""

from __future__ import annotations

from collections.abc import Callable

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
    insert_graph,
    is_bound,
)

from .pass_manager import graph_pass

MAX_DEPTH = 200
"""Calls within calls beyond this many stay calls (only recursion gets there)."""


@graph_pass("inline")
def inline_calls(graph: Graph) -> bool:
    """Inline all calls, and those in what was inlined."""
    return _Inliner().inline(graph, 0)


class _Inliner:
    """Inlines into one graph; each callee is inlined once into a copy that serves all its calls."""

    def __init__(self) -> None:
        self._bodies: dict[Function, Graph] = {}
        self._open: set[Function] = set()

    def inline(self, graph: Graph, depth: int) -> bool:
        changed = False
        for node in list(graph.walk()):
            if node.has_attribute("Subgraph"):
                changed |= self.inline(node.graph_attribute(), depth)
            callee = _callee(node)
            if callee is None or callee in self._open or depth >= MAX_DEPTH:
                continue
            body = self._body(callee, depth)
            if len(body.outputs) != 1:
                continue
            _replace(graph, node, callee, body)
            changed = True
        return changed

    def _body(self, callee: Function, depth: int) -> Graph:
        known = self._bodies.get(callee)
        if known is not None:
            return known
        self._open.add(callee)
        body = copy_graph(callee.graph)
        self.inline(body, depth + 1)
        self._open.discard(callee)
        self._bodies[callee] = body
        return body


def _callee(node: Node) -> Function | None:
    if node.kind == "prim::CallFunction":
        function = constant_value(node.inputs[0])
        return function if isinstance(function, Function) else None
    if node.kind == "prim::CallMethod":
        owner = node.inputs[0].type
        if not isinstance(owner, ClassType) or is_bound(owner):
            return None
        return owner.methods.get(node.string_attribute("name"))
    return None


def _replace(graph: Graph, node: Node, callee: Function, body: Graph) -> None:
    arguments = list(node.inputs[1:] if node.kind == "prim::CallFunction" else node.inputs)
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

    def note(inner: Node) -> None:
        inner.call = appended(inner.call, call)

    return note


def _instance_name(instance: Value) -> str:
    if instance.node.kind == "prim::GetAttr":
        return instance.node.string_attribute("name")
    return "SELF" if instance.node.kind == "prim::Param" else ""
