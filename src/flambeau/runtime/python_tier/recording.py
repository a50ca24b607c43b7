"""Whether a run of a graph may record gradients, which are enabled: whether anything that comes in requires them.

If no argument and no attribute that a graph reads requires gradients, and the graph makes no tensor that does, nothing
is recorded. Scripts that prepare data or decode results are often called so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from flambeau.ir import ClassType, Graph, Node, Type, constant_value, is_immutable
from flambeau.runtime.python_tier.incoming import incoming_values, spelled

__all__ = ["GradientTest", "gradient_test"]

GradientTest: TypeAlias = "Callable[..., bool]"
"""Asks of the arguments of a call whether gradients may have to be recorded."""

_CONTAINERS = frozenset({"ListType", "DictType", "TupleType", "OptionalType", "UnionType"})


def gradient_test(graph: Graph) -> GradientTest | None:
    """The test for a graph; None if too little is known of what it reads."""
    incoming = incoming_values(graph)
    read = [node.output for node in graph.walk() if node.kind == "prim::GetAttr"]
    if any(value not in incoming for value in read) or any(map(_makes_what_requires_gradients, graph.walk())):
        return None
    tests: dict[str, None] = {}
    for value, path in incoming.items():
        if value.type.kind == "TensorType":
            tests[f"{spelled(path)}.requires_grad"] = None
        elif _holds_tensors(value.type):
            tests[f"required_in({spelled(path)})"] = None
        elif not (is_immutable(value.type) or isinstance(value.type, ClassType)):
            return None
    return _compiled(len(graph.inputs), tests)


def _makes_what_requires_gradients(node: Node) -> bool:
    arguments = () if node.operator is None else node.operator.schema.arguments
    return any(
        argument.name == "requires_grad" and constant_value(value) not in (False, None)
        for argument, value in zip(arguments, node.inputs, strict=False)
    )


def _holds_tensors(given: Type) -> bool:
    """Whether a type is that of containers which have, at the bottom, tensors or what cannot hold any."""
    if given.kind in _CONTAINERS:
        return all(_holds_tensors(inner) or is_immutable(inner) for inner in given.contained)
    return given.kind == "TensorType"


def _compiled(count: int, tests: Iterable[str]) -> GradientTest:
    parameters = ", ".join(f"a{i}" for i in range(count))
    lines = [
        f"def may_record({parameters}):",
        "  try:",
        f"    return {' or '.join(tests) or False}",
        "  except AttributeError:",  # something else than a tensor, which the run will complain about
        "    return True",
    ]
    namespace: dict[str, Any] = {"required_in": _required_in}
    exec(compile("\n".join(lines), "<flambeau gradients>", "exec"), namespace)
    test: GradientTest = namespace["may_record"]
    return test


def _required_in(value: Any) -> bool:
    """Whether a tensor in a value, which may be nested, requires gradients."""
    if isinstance(value, (list, tuple)):
        return any(map(_required_in, value))
    if isinstance(value, dict):
        return any(map(_required_in, value.values())) or any(map(_required_in, value))
    return getattr(value, "requires_grad", False) is True
