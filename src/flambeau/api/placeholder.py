"""A function as a module, which is what archives hold: `__torch__.PlaceholderModule` with the function as `forward`."""

from __future__ import annotations

from dataclasses import replace

from flambeau import ir
from flambeau.ir import Argument, ClassType, ScriptObject

__all__ = ["placeholder_module"]

_NAME = "__torch__.PlaceholderModule"


def placeholder_module(function: ir.Function) -> ScriptObject:
    """A module whose `forward` does what the function does, on a copy of its graph."""
    owner = ClassType(_NAME, is_module=True)
    owner.add_attribute("training", ir.BOOL)
    graph = ir.copy_graph(function.graph)
    graph.param_node.insert_output(0, owner).set_debug_name("self")
    arguments = (Argument("self", owner), *function.schema.arguments)
    schema = replace(function.schema, name="forward", arguments=arguments)
    owner.add_method("forward", ir.Function(f"{_NAME}.forward", graph, schema))
    return ScriptObject(owner, [True])
