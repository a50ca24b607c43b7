"""Where a graph finds what comes in: arguments, and attributes of those."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

from flambeau.ir import ClassType, Graph, Node, Value
from flambeau.runtime.nodes import is_custom_class

__all__ = ["Path", "incoming_values", "spelled", "value_at", "written_attributes"]

Path: TypeAlias = "tuple[int, ...]"
"""Where to find a value: the number of an argument, and the slots of attributes from there on."""


def incoming_values(graph: Graph, without: Collection[str] = ()) -> dict[Value, Path]:
    """Arguments and attributes that a graph reads, and where they are found; `without` attributes of certain names."""
    found: dict[Value, Path] = {v: (i,) for i, v in enumerate(graph.inputs)}
    for node in graph.walk():
        if node.kind == "prim::GetAttr" and node.string_attribute("name") not in without:
            slot, holder = _slot(node), found.get(node.inputs[0])
            if slot is not None and holder is not None:
                found[node.output] = (*holder, slot)
    return found


def written_attributes(graph: Graph) -> frozenset[str]:
    """The names of attributes that a graph assigns."""
    return frozenset(node.string_attribute("name") for node in graph.walk() if node.kind == "prim::SetAttr")


def spelled(path: Path) -> str:
    """The code that reads a value, where arguments are `a0`, `a1` and so on."""
    first, *slots = path
    return ".".join([f"a{first}", *(f"slots[{s}]" for s in slots)])


def value_at(path: Path, arguments: tuple[object, ...]) -> object:
    first, *slots = path
    found: Any = arguments[first]
    for slot in slots:
        found = found.slots[slot]
    return found


def _slot(node: Node) -> int | None:
    owner = node.inputs[0].type
    if not isinstance(owner, ClassType) or is_custom_class(owner):
        return None
    return owner.find_slot(node.string_attribute("name"))
