"""Calls of the dispatcher's operators in generated code: the cheapest form, with constants in PyTorch's own terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.ir import NOT_CONSTANT, Node, Operator, Value, constant_value
from flambeau.runtime.nodes import runtime_value
from flambeau.runtime.registry import dispatcher_operator_of, load_tensor_backend

__all__ = ["tensor_call"]


def tensor_call(
    node: Node,
    operands: Sequence[str],
    bind: Callable[[str, object], str],
    operator: Operator | None = None,
    inputs: Sequence[Value] | None = None,
) -> str | None:
    """The expression that calls the operator of a node; None if it is not one of the dispatcher's.

    `operands` spell the node's inputs; `bind` puts an object into the code's globals and returns its name there.
    `operator` and `inputs`: others than the node's own.
    """
    operator = operator or dispatcher_operator_of(node)
    inputs = node.inputs if inputs is None else inputs
    if operator is None or len(operands) != len(operator.schema.arguments):
        return None
    constants = [_known(v) for v in inputs]
    form = load_tensor_backend().call_form(operator, constants, [v.type for v in inputs])

    # Lists of constants are made once: no operator changes a list that it is given.
    def spelled(index: int) -> str:
        convert = form.conversions.get(index)
        if convert is None:
            known = constants[index]
            return bind("c", known) if isinstance(known, list) and known else operands[index]
        if constants[index] is NOT_CONSTANT:
            return f"{bind('convert', convert)}({operands[index]})"
        return bind("c", convert(runtime_value(constants[index])))

    positional = [spelled(i) for i in form.positional]
    if form.method in _TAKES_SIZES and len(positional) == 2:
        positional[1] = _without_brackets(inputs[1], operands[1], positional[1])
    arguments = positional + [f"{name}={spelled(i)}" for name, i in form.keywords]
    if form.method and form.positional[:1] == (0,):
        call = f"{arguments[0]}.{form.method}({', '.join(arguments[1:])})"
    else:
        call = f"{bind('t', form.function)}({', '.join(arguments)})"
    return f"list({call})" if form.gives_tuple and not _only_taken_apart(node.output) else call


_TAKES_SIZES = frozenset({"view", "reshape", "expand", "permute", "repeat"})
"""Methods that take sizes one by one, at half the cost of a list of them."""


def _without_brackets(sizes: Value, text: str, spelled: str) -> str:
    """The elements of a list, if it is written where it is used."""
    if sizes.node.kind != "prim::ListConstruct" or not sizes.node.inputs:
        return spelled
    return text[1:-1] if text.startswith("[") and sizes.use_count == 1 else spelled


def _only_taken_apart(value: Value) -> bool:
    """Whether it makes no difference that a value is a tuple where TorchScript has a list."""
    return all(use.user.kind in ("prim::ListUnpack", "aten::__getitem__", "aten::len") for use in value.uses)


def _known(value: Value) -> object:
    """A constant, or a list of constants that nobody but the call reads."""
    node = value.node
    if node.kind == "prim::ListConstruct" and value.use_count == 1:
        elements = [constant_value(v) for v in node.inputs]
        return NOT_CONSTANT if any(e is NOT_CONSTANT for e in elements) else elements
    return constant_value(value)
