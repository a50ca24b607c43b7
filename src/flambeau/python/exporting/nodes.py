"""The nodes of an exported graph as nodes of ours: operators, sizes and arithmetic on them, `cond`.

    linear = torch.ops.aten.linear.default(x, w, b)      %linear = aten::linear(%x, %w, %b)
    n = torch.ops.aten.sym_size.int(x, 0)                %n = aten::size(%x, 0)
    m = n + 1                                            %m = aten::add(%n, 1)

A call that scripts do not know raises UnsupportedError with its name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, fx

from flambeau import ir
from flambeau.errors import UnsupportedError
from flambeau.ir import Argument, Graph, ListType, OptionalType, TensorType, Type, Value
from flambeau.python.types.constants import enumeration_number
from flambeau.runtime.aten import register_custom_operators

__all__ = ["Body"]

Known: TypeAlias = "Value | tuple[Known, ...] | fx.GraphModule"
"""What a node of an exported graph became: several results are a tuple, a graph for `cond` stays one."""

_OF_PYTHON: dict[Callable[..., Any], str] = {
    operator.add: "aten::add",
    operator.sub: "aten::sub",
    operator.mul: "aten::mul",
    operator.floordiv: "aten::floordiv",
    operator.truediv: "aten::div",
    operator.mod: "aten::remainder",
    operator.pow: "aten::pow",
    operator.neg: "aten::neg",
    operator.eq: "aten::eq",
    operator.ne: "aten::ne",
    operator.lt: "aten::lt",
    operator.le: "aten::le",
    operator.gt: "aten::gt",
    operator.ge: "aten::ge",
    operator.and_: "aten::__and__",
    operator.or_: "aten::__or__",
    torch.sym_not: "aten::__not__",
    torch.sym_max: "prim::max",
    torch.sym_min: "prim::min",
    torch.sym_float: "aten::Float",
    torch.sym_int: "aten::Int",
}
"""Functions of Python's that exported graphs call on sizes."""
_SIZES = {
    "aten::sym_size": "aten::size",
    "aten::sym_stride": "aten::stride",
    "aten::sym_numel": "aten::numel",
    "aten::sym_storage_offset": "aten::storage_offset",
}
_ONLY_FOR_COMPILERS = frozenset(
    {"aten::sym_constrain_range", "aten::sym_constrain_range_for_size", "aten::_assert_tensor_metadata"}
)
"""What exported graphs say of sizes and types that compilers may rely on; nothing is computed."""


@final
class Body:
    """Puts what one exported graph computes at the insert point of ours."""

    def __init__(self, graph: Graph, module: fx.GraphModule) -> None:
        self._graph = graph
        self._module = module
        self._values: dict[fx.Node, Known] = {}

    def run(self, inputs: Sequence[Known]) -> Any:
        """Emit all nodes; what the graph returns, with values where nodes were."""
        given = iter(inputs)
        for node in self._module.graph.nodes:
            if node.op == "output":
                return self.translated(node.args[0])
            if node.op == "placeholder":
                self._values[node] = next(given)
            elif node.op == "get_attr":
                self._values[node] = self._attribute(str(node.target))
            elif node.op == "call_function":
                self._values[node] = self._named(node, self._call(node))
            else:
                raise UnsupportedError(f"exported graphs with nodes of kind {node.op}")
        raise UnsupportedError("an exported graph without results")

    def translated(self, value: Any) -> Any:
        """A structure with values in the place of nodes."""
        if isinstance(value, fx.Node):
            return self._values[value]
        if isinstance(value, (list, tuple)):  # or classes of FX derived from them
            return (list if isinstance(value, list) else tuple)(map(self.translated, value))
        return value

    def _attribute(self, path: str) -> Known:
        value: Any = self._module
        for name in path.split("."):
            value = getattr(value, name)
        if isinstance(value, fx.GraphModule):
            return value
        if isinstance(value, Tensor):
            return ir.insert_constant(self._graph, value.detach())
        raise UnsupportedError(f"the constant '{path}' of an exported program, a {type(value).__name__}")

    def _named(self, node: fx.Node, made: Known) -> Known:
        if isinstance(made, Value) and made.node.kind != "prim::Constant" and not made.has_debug_name:
            made.set_debug_name(node.name)
        return made

    # --- calls

    def _call(self, node: fx.Node) -> Known:
        target: Any = node.target
        args, kwargs = self.translated(list(node.args)), {k: self.translated(v) for k, v in node.kwargs.items()}
        if target is operator.getitem:
            return self._item(args[0], args[1])
        if isinstance(target, torch._ops.OpOverload):
            return self._operator(target, args, kwargs)
        if target in _OF_PYTHON and not kwargs:
            return self._matched(_OF_PYTHON[target], [self._plain(a) for a in args])
        name = getattr(target, "_name", getattr(target, "__name__", target))
        if isinstance(target, torch._ops.HigherOrderOperator) and name == "cond":
            return self._cond(*args)
        raise UnsupportedError(f"exported programs that call {name}")

    def _item(self, container: Known, index: int) -> Known:
        if isinstance(container, tuple):
            return container[index]
        if isinstance(container, Value):
            return self._matched("aten::__getitem__", [container, self._plain(index)])
        raise UnsupportedError("exported programs that take items of graphs")

    def _operator(self, target: Any, args: list[Any], kwargs: Mapping[str, Any]) -> Known:
        name, overload = target._schema.name, target._schema.overload_name
        if name in _ONLY_FOR_COMPILERS:
            return ()
        if name in _SIZES:
            return self._matched(_SIZES[name], [self._plain(a) for a in args])
        known = ir.find_operator(f"{name}.{overload}" if overload else name)
        if known is None and not name.startswith(("aten::", "prim::")):
            register_custom_operators(name)
            known = ir.find_operator(f"{name}.{overload}" if overload else name)
        if known is None:
            raise UnsupportedError(f"exported programs that call {name}.{overload or 'default'}")
        formals = known.schema.arguments
        given = [args[i] if i < len(args) else kwargs.get(a.name, a.default) for i, a in enumerate(formals)]
        if any(isinstance(f.type, TensorType) and _is_number(g) for f, g in zip(formals, given, strict=True)):
            return self._of_number(name, known, given)
        values = [self._argument(a, g) for a, g in zip(formals, given, strict=True)]
        return self._inserted(name, values, ir.result_types(known.schema, values))

    def _of_number(self, name: str, known: ir.Operator, given: list[Any]) -> Known:
        """A call with a number where its overload takes a tensor: by the overload for numbers, or with a constant."""
        numbers = [self._plain(g) if _is_number(g) else None for g in given]
        for other in ir.operators_named(name):
            if len(other.schema.arguments) == len(given):
                values = [
                    n or self._argument(a, g) for n, a, g in zip(numbers, other.schema.arguments, given, strict=True)
                ]
                if ir.accepts(other.schema, values):
                    return self._inserted(name, values, ir.result_types(other.schema, values))
        values = [
            ir.insert_constant(self._graph, torch.tensor(g))
            if _is_number(g) and g is not None
            else self._argument(a, g)
            for a, g in zip(known.schema.arguments, given, strict=True)
        ]
        return self._inserted(name, values, ir.result_types(known.schema, values))

    def _matched(self, kind: str, values: Sequence[Value]) -> Value:
        """A call of the overload that takes these values."""
        for known in ir.operators_named(kind):
            missing = known.schema.arguments[len(values) :]
            if all(a.has_default for a in missing):
                padded = [*values, *(self._argument(a, a.default) for a in missing)]
                if ir.accepts(known.schema, padded):
                    made = self._inserted(kind, padded, ir.result_types(known.schema, padded))
                    if isinstance(made, Value):
                        return made
        raise UnsupportedError(f"exported programs that call {kind} on {', '.join(str(v.type) for v in values)}")

    def _inserted(self, kind: str, values: Sequence[Value], results: Sequence[Type]) -> Known:
        node = self._graph.insert(kind, values, results)
        return node.output if len(node.outputs) == 1 else tuple(node.outputs)

    def _cond(self, condition: Any, on_true: Any, on_false: Any, operands: Sequence[Known] = ()) -> Known:
        test = self._plain(condition)
        if isinstance(test.type, TensorType):
            test = self._matched("aten::Bool", [test])
        node = self._graph.insert("prim::If", [test], 0)
        for branch in (on_true, on_false):
            block = node.add_block()
            with self._graph.inserting_at(block):
                for value in Body(self._graph, branch).run(operands):
                    block.add_output(self._plain(value))
        return tuple(node.add_output(ir.unshaped(v.type)) for v in list(node.blocks[0].outputs))

    # --- arguments

    def _plain(self, value: Any) -> Value:
        """A value, or the constant for a number."""
        return value if isinstance(value, Value) else ir.insert_constant(self._graph, value)

    def _argument(self, argument: Argument, value: Any) -> Value:
        made = self._of_type(argument.type, value, argument.broadcast)
        if made is None:
            raise UnsupportedError(f"exported programs that pass {value!r} for '{argument}'")
        return made

    def _of_type(self, type: Type, value: Any, broadcast: int | None = None) -> Value | None:
        if isinstance(value, Value):
            return value
        if value is None:
            return ir.insert_constant(self._graph, None)
        if isinstance(type, OptionalType):
            type = type.element
        if isinstance(type, ListType):
            items = list(value) if isinstance(value, (list, tuple)) else [value] * (broadcast or 1)
            made = [self._of_type(type.element, item) for item in items]
            known = [m for m in made if m is not None]
            if len(known) != len(made):
                return None
            return self._graph.insert("prim::ListConstruct", known, [type]).output
        number = enumeration_number(value)
        if number is not None:
            return ir.insert_constant(self._graph, number)
        if type is ir.FLOAT and isinstance(value, int):
            value = float(value)
        elif type in (ir.INT, ir.NUMBER) and isinstance(value, bool):
            value = int(value)
        if not isinstance(value, (bool, int, float, complex, str, torch.device)):
            return None
        return ir.insert_constant(self._graph, value)


def _is_number(value: Any) -> bool:
    if isinstance(value, Value):
        return value.type in (ir.INT, ir.FLOAT, ir.NUMBER, ir.BOOL)
    return isinstance(value, (bool, int, float, complex))
