"""From the graphs of a recording to functions: what nobody reads goes, calls get their results, methods are made.

A graph is swept from its end to its beginning: when a call is reached, all that could read its results has been seen,
so the results that are left are the ones that the callee must return; the callee is finished then, and what it does
not need of its inputs is not passed. A node stays if something reads it, if it writes to memory or does something
else besides computing, or if it is a call of a submodule (so that each module keeps its `forward`).

Requires: no value of a graph is used in another.  Cost: linear.
"""

from __future__ import annotations

from flambeau import ir
from flambeau.errors import TracingError
from flambeau.ir import Argument, Function, FunctionSchema, Graph, Node, TupleType, Value, may_have_side_effects
from flambeau.python.tracing.dead_writes import writes_in_vain
from flambeau.python.tracing.recorder import Recorder
from flambeau.python.tracing.scopes import Scope

_CALLS = frozenset({"prim::CallFunction", "prim::CallMethod"})


def finish(recorder: Recorder, qualified_name: str) -> Function:
    """The function of the traced call, after methods of submodules have been made from the calls in it."""
    if recorder.scope is not recorder.root:
        raise TracingError("the trace ended within the call of a submodule")
    root = recorder.root
    if root.self_value is not None and root.module_type is not None:
        qualified_name = f"{root.module_type.qualified_name}.{root.method}"
    _copy_written_constants(recorder)
    finished: list[Scope] = []
    _sweep(root, finished)
    for scope in reversed(finished):
        if scope.module_type is not None:
            name = f"{scope.module_type.qualified_name}.{scope.method}"
            scope.module_type.add_method(scope.method, _function(name, scope))
    return _function(qualified_name, root)


def _copy_written_constants(recorder: Recorder) -> None:
    """Give each run of the function its own copy of constants that it writes to."""
    for constant in recorder.written_constants:
        graph = constant.graph
        nothing = ir.create_constant(graph, None).insert_after(constant.node)
        copied = graph.create("aten::clone", [], [constant.type]).insert_after(nothing)
        constant.replace_all_uses_with(copied.output)
        copied.set_inputs([constant, nothing.output])


def _sweep(scope: Scope, finished: list[Scope]) -> None:
    graph = scope.graph
    graph.current_range = None
    _place_attributes(scope)
    for node in reversed(list(graph.nodes())):
        child = scope.children.get(node)
        if child is not None:
            _finish_call(node, child, finished)
        elif not node.has_uses and (not _has_effects(node) or writes_in_vain(node)):
            node.destroy()


def _place_attributes(scope: Scope) -> None:
    """Put the reads of attributes at the beginning, the last one used first, as TorchScript's traces have them."""
    placed: set[str] = set()
    for path in reversed(scope.attribute_nodes):
        atoms = path.split(".")
        for end in range(1, len(atoms) + 1):
            prefix = ".".join(atoms[:end])
            if prefix not in placed:
                placed.add(prefix)
                scope.head = scope.attribute_nodes[prefix].insert_after(scope.head)


def _has_effects(node: Node) -> bool:
    if node.kind in _CALLS:
        return True
    operator = node.operator
    if operator is not None:
        return operator.has_side_effects or operator.schema.is_mutable
    return may_have_side_effects(node.kind)


def _finish_call(call: Node, child: Scope, finished: list[Scope]) -> None:
    for index in reversed(range(len(call.outputs))):
        if not call.outputs[index].has_uses:
            call.erase_output(index)
            child.graph.return_node.remove_input(index)
    finished.append(child)
    _sweep(child, finished)
    for index in reversed(range(1, len(child.graph.inputs))):
        if not child.graph.inputs[index].has_uses:
            child.graph.param_node.erase_output(index)
            call.remove_input(index)
    _return_one_value(call, child.graph)


def _return_one_value(call: Node, graph: Graph) -> None:
    """Make the callee return a tuple for several results, and None for none."""
    results = list(graph.outputs)
    if len(results) == 1:
        call.outputs[0].type = ir.unshaped(results[0].type)
        return
    if not results:
        graph.add_output(ir.insert_constant(graph, None))
        call.add_output(ir.NONE)
        return
    packed = graph.insert("prim::TupleConstruct", results, [TupleType(tuple(v.type for v in results))]).output
    graph.return_node.set_inputs([packed])
    unpack = call.graph.create("prim::TupleUnpack", [], [v.type for v in results]).insert_after(call)
    for old, new in zip(call.outputs, unpack.outputs, strict=True):
        _take_over(old, new)
    for index in reversed(range(len(results))):
        call.erase_output(index)
    unpack.add_input(call.add_output(TupleType(tuple(ir.unshaped(v.type) for v in results))))


def _take_over(old: Value, new: Value) -> None:
    name = old.debug_name if old.has_debug_name else ""
    old.replace_all_uses_with(new)
    if name:
        old.set_debug_name("")
        new.set_debug_name(name)


def _function(qualified_name: str, scope: Scope) -> Function:
    graph = scope.graph
    graph.current_scope = ""
    arguments = tuple(
        Argument(v.debug_name if v.has_debug_name else f"argument_{i}", ir.unshaped(v.type))
        for i, v in enumerate(graph.inputs)
    )
    returns = tuple(Argument("", ir.unshaped(v.type)) for v in graph.outputs)
    name = qualified_name.rpartition(".")[2]
    return Function(qualified_name, graph, FunctionSchema(name, "", arguments, returns))


__all__ = ["finish"]
