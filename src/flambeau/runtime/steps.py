"""The iterations of a loop that is recorded at once, and their backward passes, as graphs and as code.

A step takes rows, what the loop carries, and what stays; it gives what is carried and appended. Its backward pass takes
gradients of some of the outputs and what the step keeps, and gives gradients of some of the inputs. How graphs come
from steps is in `flambeau.passes.autodiff`; here they are made as small as sizes that are known allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from flambeau.errors import UnsupportedError
from flambeau.ir import INT, Device, Graph, ListType, Node, Type, Value, copy_graph, create_constant
from flambeau.passes import simplify
from flambeau.passes.autodiff import differentiate
from flambeau.runtime.interpreter import evaluate_node
from flambeau.runtime.registry import load_tensor_backend

__all__ = ["BackwardPass", "Key", "Step", "backward_pass", "forward_pass", "values_of"]

Compile: TypeAlias = "Callable[[Graph], Callable[..., Any]]"
Key: TypeAlias = "tuple[int, int]"
"""Which value of a step something is: the number of its node, -1 for inputs, and which output of that."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One iteration of a loop."""

    graph: Graph
    rows: tuple[int, ...]
    """Which row of each list the first iteration takes: those are the first inputs."""
    carried: tuple[int, ...]
    """Which output is what, of the values that are carried: those are the next inputs."""
    appended: tuple[int, ...]
    """Which outputs are appended to lists."""
    compile: Compile


@final
@dataclass(frozen=True, slots=True, eq=False)
class BackwardPass:
    """The backward pass of a step for the gradients of certain outputs and inputs."""

    run: Callable[..., Any]
    """Takes gradients of the outputs, then what was kept; gives gradients of `inputs`, several as a tuple."""
    kept: tuple[Key, ...]
    inputs: tuple[int, ...]


def values_of(graph: Graph, inputs: Sequence[object]) -> dict[Value, Any]:
    """All values of a straight-line graph."""
    values: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes():
        if node.blocks:
            raise UnsupportedError(f"{node.kind} is not straight-line")
        values.update(zip(node.outputs, evaluate_node(node, [values[v] for v in node.inputs]), strict=True))
    return values


def forward_pass(step: Step, kept: Sequence[Key]) -> Callable[..., Any]:
    """Code that gives, after the outputs, what is kept besides inputs and outputs."""
    graph = copy_graph(step.graph)
    nodes = list(graph.nodes())
    for node, offset in kept:
        graph.add_output(nodes[node].outputs[offset])
    return step.compile(graph)


def backward_pass(step: Step, values: Mapping[Key, Any], given: Sequence[int], wanted: Sequence[int]) -> BackwardPass:
    """The backward pass of a step whose `values` are such as these; UnsupportedError if it has none."""
    found = differentiate(step.graph, wanted=wanted, given=given)
    if found.differentiated != tuple(given):
        raise UnsupportedError("an output depends on nothing that requires gradients")
    order = {node: i for i, node in enumerate(found.forward.nodes())}
    backward = found.backward
    for index in reversed(range(len(wanted))):
        if not found.reached[index]:
            backward.return_node.remove_input(index)
    samples = {v: values[_key(found.forward.outputs[i], order)] for v, i in zip(backward.inputs, given, strict=False)}
    kept: list[Key] = []
    parameters = list(backward.inputs)[len(given) :]
    for parameter, value in zip(parameters, list(found.forward.outputs)[found.outputs :], strict=True):
        if value.node.kind == "aten::size" and len(value.node.inputs) == 1:
            sizes = list(values[_key(value.node.inputs[0], order)].shape)
            parameter.replace_all_uses_with(_before_all(backward, sizes, ListType(INT)))
        else:
            samples[parameter] = values[_key(value, order)]
            _write_zeros(backward, parameter, samples[parameter])
            if parameter.has_uses:
                kept.append(_key(value, order))
        if not parameter.has_uses:
            backward.param_node.erase_output(parameter.offset)
    simplify(backward)
    _leave_out_sums(backward, values_of(backward, [samples[v] for v in backward.inputs]))
    inputs = tuple(w for w, reached in zip(wanted, found.reached, strict=True) if reached)
    return BackwardPass(step.compile(backward), tuple(kept), inputs)


def _key(value: Value, order: Mapping[Node, int]) -> Key:
    return order.get(value.node, -1), value.offset


def _before_all(graph: Graph, constant: object, type: Type | None = None) -> Value:
    return graph.prepend_node(create_constant(graph, constant, type)).output


def _write_zeros(backward: Graph, parameter: Value, sample: Any) -> None:
    """Where nothing but the size of a tensor matters, do without it."""
    for node in [use.user for use in parameter.uses if use.user.kind == "aten::zeros_like"]:
        number = load_tensor_backend().enumeration_number(sample.dtype)
        constants = (list(sample.shape), number, None, Device("cpu"), None)
        types = (ListType(INT), None, None, None, None)
        given = [_before_all(backward, c, t) for c, t in zip(constants, types, strict=True)]
        made = backward.create("aten::zeros", given).copy_metadata(node).insert_before(node)
        node.replace_all_uses_with(made)
        node.destroy()


def _leave_out_sums(backward: Graph, values: Mapping[Value, Any]) -> None:
    """Sum only gradients of what has been broadcast."""
    for node in backward.find_nodes("aten::_grad_sum_to_size"):
        sizes = values[node.inputs[1]]
        if sizes is None or list(values[node.inputs[0]].shape) == list(sizes):
            node.output.replace_all_uses_with(node.inputs[0])
    simplify(backward)
