"""Calls of the dispatcher's operators in generated code: the cheapest form, with constants in PyTorch's own terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.ir import NOT_CONSTANT, Node, constant_value
from flambeau.runtime.nodes import runtime_value
from flambeau.runtime.registry import dispatcher_operator_of, load_tensor_backend

__all__ = ["tensor_call"]


def tensor_call(node: Node, operands: Sequence[str], bind: Callable[[str, object], str]) -> str | None:
    """The expression that calls the operator of a node; None if it is not one of the dispatcher's.

    `operands` spell the node's inputs; `bind` puts an object into the code's globals and returns its name there.
    """
    operator = dispatcher_operator_of(node)
    if operator is None or len(operands) != len(operator.schema.arguments):
        return None
    constants = [constant_value(v) for v in node.inputs]
    form = load_tensor_backend().call_form(operator, constants, [v.type for v in node.inputs])

    def spelled(index: int) -> str:
        convert = form.conversions.get(index)
        if convert is None:
            return operands[index]
        if constants[index] is NOT_CONSTANT:
            return f"{bind('convert', convert)}({operands[index]})"
        return bind("c", convert(runtime_value(constants[index])))

    arguments = [spelled(i) for i in form.positional] + [f"{name}={spelled(i)}" for name, i in form.keywords]
    call = f"{bind('t', form.function)}({', '.join(arguments)})"
    return f"list({call})" if form.gives_tuple else call
