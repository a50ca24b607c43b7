"""The types of empty lists and dicts, from what the program puts into them.

    sizes = []                     a List[Tensor] to TorchScript, which then refuses the int
    sizes.append(x.shape[0])       here: a List[int]

An operation that does not fit starts the compilation over, with that type for the literal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import Reconsider, Subject
from ..folding import CHANGING

if TYPE_CHECKING:
    from ..emitter import Emitter


def reconsider_literal(
    emitter: Emitter, problem: ScriptError, operator: str, container: ir.Value | None, args: Sequence[ir.Value]
) -> None:
    """If an operation failed on what was an empty literal, raise that it is of the type that the operation needs."""
    if container is None:
        container, args = (args[0], args[1:]) if args else (None, args)
    if container is None or not emitter.assumptions.inferring:
        return
    subject = literal_of(emitter, container)
    wanted = _wanted(operator, args)
    if wanted is not None and container in emitter.empty_attributes:
        emitter.empty_attributes[container](wanted)
    if subject is not None and wanted is not None:
        raise Reconsider(problem, subject, wanted)


def literal_of(emitter: Emitter, value: ir.Value) -> Subject | None:
    """Where the empty literal stands that a variable was given first; None if it was given something else."""
    made = emitter.environment.origin(value)
    if made in emitter.literals:
        return emitter.literals[made]
    node = value.node
    if node.kind != "prim::Load":
        return None
    first = emitter.environment.first_value(node.string_attribute("name"))
    return None if first is None else emitter.literals.get(first)


def elements_of(emitter: Emitter, value: ir.Value) -> list[ir.Value] | None:
    """The elements of a list that was written as a literal, if nothing can have changed it; else None."""
    made = emitter.environment.origin(value)
    if made.node.kind != "prim::ListConstruct" or not isinstance(made.type, ir.ListType):
        return None
    for node in emitter.graph.walk():
        if node.kind in CHANGING and emitter.environment.origin(node.inputs[0]) is made:
            return None
    return list(made.node.inputs)


def _wanted(operator: str, args: Sequence[ir.Value]) -> ir.Type | None:
    types = [ir.unshaped(arg.type) for arg in args]
    match operator.removeprefix("aten::"), types:
        case "append", [element]:
            return ir.ListType(element)
        case "insert", [_, element]:
            return ir.ListType(element)
        case "extend" | "add_" | "add", [ir.ListType() as other]:
            return other
        case "_set_item" | "setdefault", [key, value] if key in (ir.INT, ir.STRING, ir.FLOAT, ir.BOOL):
            return ir.DictType(key, value)
        case "update", [ir.DictType() as other]:
            return other
        case _:
            return None
