"""Functions with the derivatives that `flambeau.passes.autodiff` finds, for PyTorch's autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from flambeau import ir, runtime
from flambeau.passes import simplify
from flambeau.passes.autodiff import Gradient, differentiate


def graph_of_call(operator: ir.Operator, arguments: Sequence[object]) -> tuple[ir.Graph, list[tuple[Tensor, int]]]:
    """A graph that calls an operator: tensors are inputs, all else is constant; also the tensors, each with the index
    of its argument."""
    graph, inputs, tensors = ir.Graph(), [], []
    for index, (argument, value) in enumerate(zip(operator.schema.arguments, arguments, strict=False)):
        if isinstance(value, Tensor):
            inputs.append(graph.add_input(argument.name))
            tensors.append((value, index))
        elif isinstance(value, list) and value and isinstance(value[0], Tensor):
            members = [graph.add_input(f"{argument.name}_{i}") for i in range(len(value))]
            tensors += [(member, index) for member in value]
            inputs.append(graph.insert("prim::ListConstruct", members, (ir.ListType(ir.TENSOR),)).output)
        else:
            known = None if argument.type is ir.NUMBER else argument.type
            inputs.append(ir.insert_constant(graph, value, known))
    output = graph.insert(operator.name, inputs, [r.type for r in operator.schema.returns]).output
    if isinstance(output.type, ir.ListType):
        given = [list(a) if isinstance(a, list) else a for a in arguments]
        name, overload = operator.name.removeprefix("aten::"), operator.overload_name or "default"
        count = len(getattr(getattr(torch.ops.aten, name), overload)(*given))
        for part in graph.insert("prim::ListUnpack", (output,), (ir.TENSOR,) * count).outputs:
            graph.add_output(part)
    else:
        graph.add_output(output)
    return graph, tensors


def differentiated(graph: ir.Graph, wanted: Sequence[int]) -> Callable[..., Any]:
    """The graph's function; its gradients with respect to the wanted inputs are those of its backward graph."""
    gradient = differentiate(graph, simplify, wanted)
    ir.verify(gradient.forward)
    ir.verify(gradient.backward)
    return lambda *inputs: _Differentiated.apply(gradient, *inputs)  # type: ignore[no-untyped-call]


class _Differentiated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Gradient, *inputs: Tensor) -> Any:
        results = runtime.interpret(gradient.forward, inputs)
        ctx.gradient, ctx.count = gradient, len(inputs)
        ctx.saved = results[gradient.outputs :]
        outputs = results[: gradient.outputs]
        fresh = [o.clone() if any(o is i for i in inputs) else o for o in outputs]
        return fresh[0] if len(fresh) == 1 else tuple(fresh)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # type: ignore[override]
        gradient = ctx.gradient
        given = [gradients[i] for i in gradient.differentiated]
        found = runtime.interpret(gradient.backward, [*given, *ctx.saved])
        by_input: list[Any] = [None] * (ctx.count + 1)
        for index, value in zip(gradient.wanted, found, strict=True):
            by_input[index + 1] = value
        return tuple(by_input)
