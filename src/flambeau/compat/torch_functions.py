"""Functions of `torch._C` under the drop-in: passes by name, switches, and what makes or looks at programs.

Three tables: passes that flambeau has, under `_jit_pass_<name>`; switches of PyTorch's executor and fusers, most of
which are remembered and change nothing; and functions. All other `torch._C._jit_*` functions raise UnsupportedError for
users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau import ir, passes, python, settings
from flambeau.compat.graph_views import AliasDb, Block, Graph, Node, Use, Value
from flambeau.compat.schema_views import Argument, FunctionSchema
from flambeau.compat.type_views import TYPE_CLASSES, Type, type_view
from flambeau.compat.views import View, shown
from flambeau.errors import OperatorError
from flambeau.python import ScriptFunction, ScriptModule
from flambeau.runtime import interpret

__all__ = ["CLASSES", "FUNCTIONS", "LEFT_ALONE", "SETTINGS", "pass_function", "switches"]

CLASSES: dict[str, type[View]] = {
    "AliasDb": AliasDb,
    "Argument": Argument,
    "FunctionSchema": FunctionSchema,
    "Graph": Graph,
    "Node": Node,
    "Block": Block,
    "Use": Use,
    "Value": Value,
    **TYPE_CLASSES,
}
"""Views by the names of the classes that they stand for."""

# --- passes

_RENAMED = {
    "dce_graph": "dce",
}
"""Passes of PyTorch's that have another name here."""


def pass_function(name: str) -> Callable[..., Any] | None:
    """The function `_jit_pass_<name>`; None if there is no such pass."""
    own = _OWN_PASSES.get(name)
    if own is not None:
        return own
    step = passes.PASSES.get(_RENAMED.get(name, name))
    if step is None:
        return None

    def apply(graph: Graph, *options: object, **more: object) -> bool:
        return passes.run(shown(graph), step)

    apply.__name__ = f"_jit_pass_{name}"
    apply.__doc__ = step.__doc__
    return apply


def _lint(graph: Graph) -> None:
    ir.verify(shown(graph))


def _canonicalize(graph: Graph, keep_unique_names: bool = True) -> Graph:
    """A copy of a graph with its values numbered in order."""
    copied = ir.copy_graph(shown(graph))
    passes.canonicalize(copied, keep_names=keep_unique_names)
    return Graph(copied)


def _remove_dropout(module: ScriptModule) -> None:
    for name in module._c.type.methods:
        passes.run(module._c.get_method(name).function.graph, passes.remove_dropout)


def _erase_shapes(graph: Graph) -> None:
    """Make tensor types say nothing of shapes."""
    given: ir.Graph = shown(graph)
    for value in (*given.inputs, *(v for node in given.walk() for v in _values_at(node))):
        value.type = ir.unshaped(value.type)


def _values_at(node: ir.Node) -> list[ir.Value]:
    return [*node.outputs, *(v for block in node.blocks for v in block.inputs)]


def _rewrite(pattern: str, replacement: str, graph: Graph, value_name_pairs: Sequence[tuple[str, str]] = ()) -> None:
    """Replace what matches one graph by another."""
    rewriter = ir.SubgraphRewriter()
    rewriter.register(pattern, replacement, value_name_pairs)
    rewriter.run(shown(graph))


def _rewrite_module(pattern: str, replacement: str, module: ScriptModule) -> None:
    for name in module._c.type.methods:
        _rewrite(pattern, replacement, Graph(module._c.get_method(name).function.graph))


_OWN_PASSES: dict[str, Callable[..., Any]] = {
    "canonicalize": _canonicalize,
    "custom_pattern_based_rewrite": _rewrite_module,
    "custom_pattern_based_rewrite_graph": _rewrite,
    "erase_shape_information": _erase_shapes,
    "lint": _lint,
    "remove_dropout": _remove_dropout,
}

# --- switches

_SWITCHES: tuple[tuple[str, str, object], ...] = (
    ("_jit_set_profiling_executor", "", True),
    ("_jit_set_profiling_mode", "", True),
    ("_jit_set_inline_everything_mode", "_jit_get_inline_everything_mode", False),
    ("_jit_set_texpr_fuser_enabled", "_jit_texpr_fuser_enabled", True),
    ("_jit_set_texpr_reductions_enabled", "_jit_texpr_reductions_enabled", False),
    ("_jit_set_texpr_dynamic_shape_enabled", "_jit_texpr_dynamic_shape_enabled", False),
    ("_jit_texpr_set_fallback_allowed", "_jit_texpr_fallback_allowed", False),
    ("_jit_set_te_must_use_llvm_cpu", "_jit_get_te_must_use_llvm_cpu", False),
    ("_jit_set_te_generate_block_code", "_jit_get_te_generate_block_code", False),
    ("_jit_set_te_cuda_pointwise_loop_levels", "_jit_get_te_cuda_pointwise_loop_levels", -1),
    ("_jit_set_te_cuda_pointwise_block_count", "_jit_get_te_cuda_pointwise_block_count", -1),
    ("_jit_set_te_cuda_pointwise_block_size", "_jit_get_te_cuda_pointwise_block_size", -1),
    ("_jit_override_can_fuse_on_cpu", "_jit_can_fuse_on_cpu", False),
    ("_jit_override_can_fuse_on_cpu_legacy", "_jit_can_fuse_on_cpu_legacy", False),
    ("_jit_override_can_fuse_on_gpu", "_jit_can_fuse_on_gpu", False),
    ("_jit_set_nvfuser_enabled", "_jit_nvfuser_enabled", False),
    ("_jit_set_nvfuser_guard_mode", "", True),
    ("_jit_set_nvfuser_horizontal_mode", "_jit_nvfuser_horizontal_mode", False),
    ("_jit_set_nvfuser_single_node_mode", "_jit_nvfuser_single_node_mode", False),
    ("_jit_set_llga_enabled", "_jit_llga_enabled", False),
    ("_jit_set_autocast_mode", "", True),
    ("_jit_set_tracer_state_warn", "_jit_get_tracer_state_warn", True),
    ("_jit_set_symbolic_shapes_test_mode", "_jit_symbolic_shapes_test_mode_enabled", False),
    ("_jit_set_logging_option", "_jit_get_logging_option", ""),
    ("_jit_set_logging_stream", "", "stderr"),
    ("_jit_set_utf8_decoding_ignore", "", False),
    ("_debug_set_autodiff_subgraph_inlining", "", True),
    ("_debug_set_fusion_group_inlining", "_debug_get_fusion_group_inlining", True),
    ("_jit_cat_wo_conditionals", "", True),
    ("_jit_opt_conditionals", "", False),
)
"""The function that sets each, the one that tells it, and what it is at first. Setting it gives the value before."""


class _Switch:
    def __init__(self, value: object) -> None:
        self.value = value

    def set(self, value: object) -> object:
        before, self.value = self.value, value
        return before

    def get(self, *_: object) -> object:
        return self.value


def _set_profiled_runs(runs: int) -> int:
    before = settings.PROFILED_RUNS.value
    settings.PROFILED_RUNS.set(runs)
    return before


def _profiled_runs() -> int:
    return settings.PROFILED_RUNS.value


def _set_bailout_depth(depth: int) -> int:
    return sum(count for _, count in python.set_fusion_strategy([("STATIC", depth)]))


def _set_optimized(is_optimized: bool) -> None:
    settings.TIER.set(None if is_optimized else "interpreter")


def _is_optimized(*_: object) -> bool:
    return settings.TIER.value != "interpreter"


SETTINGS: dict[str, Callable[..., object]] = {
    "_jit_set_bailout_depth": _set_bailout_depth,
    "_jit_set_num_profiled_runs": _set_profiled_runs,
    "_jit_get_num_profiled_runs": _profiled_runs,
    "_set_graph_executor_optimize": _set_optimized,
    "_get_graph_executor_optimize": _is_optimized,
}
"""Switches that are settings of flambeau's."""


def switches() -> dict[str, Callable[..., object]]:
    """The functions of all switches; those that change nothing are as at first."""
    made = dict(SETTINGS)
    for setter, getter, first in _SWITCHES:
        switch = _Switch(first)
        made[setter] = switch.set
        if getter:
            made[getter] = switch.get
    return made


# --- functions


def parse_ir(input: str, parse_tensor_constants: bool = False) -> Graph:
    """`torch._C.parse_ir`."""
    return Graph(ir.parse(input, parse_tensor_constants=parse_tensor_constants))


def parse_schema(schema: str, allow_typevars: bool = True) -> FunctionSchema:
    """`torch._C.parse_schema`."""
    return FunctionSchema(ir.parse_schema(schema))


def unify_type_list(types: Sequence[Type]) -> Type:
    """The type that values of all these types have."""
    joined = ir.unify_all(shown(list(types)))
    if joined is None:
        raise RuntimeError("the types cannot be unified: " + ", ".join(map(str, types)))
    return type_view(joined)


def create_function_from_graph(name: str, graph: Graph) -> ScriptFunction:
    """A function with a copy of a graph."""
    return ScriptFunction(ir.Function(name, ir.copy_graph(shown(graph))))


def interpret_graph(graph: Graph, inputs: Sequence[object]) -> object:
    """Run a graph as it is."""
    results = interpret(shown(graph), list(inputs))
    return results[0] if len(results) == 1 else tuple(results)


def all_schemas() -> list[FunctionSchema]:
    """The schemas of all operators."""
    return [FunctionSchema(o.schema) for name in ir.all_operator_names() for o in ir.operators_named(name)]


def schemas_for(name: str) -> list[FunctionSchema]:
    """The schemas of an operator's overloads."""
    return [FunctionSchema(o.schema) for o in ir.operators_named(name)]


def get_schema(name: str, overload: str) -> FunctionSchema:
    """The schema of one overload."""
    for operator in ir.operators_named(name):
        if operator.schema.overload_name == overload:
            return FunctionSchema(operator.schema)
    raise OperatorError(f"Found no matching schema: {name}.{overload}")


def is_script_object(value: object) -> bool:
    """Whether a value is an object of a script class or module."""
    return isinstance(value, ScriptModule) or type(value).__name__ in ("Instance", "ScriptObject")


def freeze_module(
    module: Any, preservedAttrs: Sequence[str] = (), freezeInterfaces: bool = True, preserveParameters: bool = False
) -> Any:
    """`torch._C._freeze_module`: takes and gives what scripted modules hold as `_c`."""
    wrapped = module if isinstance(module, ScriptModule) else python.wrap_module(module.script_object)
    return python.freeze(wrapped, list(preservedAttrs))._c


def nothing(*arguments: object) -> None:
    """Keeps nothing that would have to be cleared, calls no hooks."""


def no_hooks() -> tuple[None, None]:
    """There are no hooks."""
    return None, None


FUNCTIONS: dict[str, Callable[..., object]] = {
    "parse_ir": parse_ir,
    "parse_schema": parse_schema,
    "unify_type_list": unify_type_list,
    "_create_function_from_graph": create_function_from_graph,
    "_freeze_module": freeze_module,
    "_get_schema": get_schema,
    "_jit_clear_class_registry": nothing,
    "_jit_get_all_schemas": all_schemas,
    "_jit_get_emit_hooks": no_hooks,
    "_jit_get_schemas_for_operator": schemas_for,
    "_jit_interpret_graph": interpret_graph,
    "_jit_is_script_object": is_script_object,
    "_jit_set_emit_hooks": nothing,
}
"""The functions that users get; PyTorch's code goes on getting PyTorch's."""

LEFT_ALONE = frozenset(
    {
        "_jit_flatten",
        "_jit_unflatten",
        "_jit_get_custom_class_schemas",
        "_jit_get_operation",
        "_jit_has_cpp_tests",
        "_jit_init",
        "_jit_resolve_packet",
        "_jit_tree_views",
    }
)
"""Functions that take no programs: they stay PyTorch's for everybody."""
