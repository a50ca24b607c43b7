"""What a program is at one moment, to tell later whether it still is the same.

Anybody may edit a graph or a class at any time. Whoever keeps what was made of a program (its text) asks a snapshot
before using it again. Nobody has to announce edits, and none can be forgotten: all that a text can depend on is
compared itself, in loops that run in C. That takes a small part of the time of printing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter, is_
from typing import Any, TypeAlias, final

from .class_types import ClassType, InterfaceType
from .function import Function
from .graph import Block, Graph
from .node import Node
from .types import NamedType

_Look: TypeAlias = "Callable[[], Iterable[Any]]"


@final
class ProgramSnapshot:
    """Definitions as they are now: classes with their methods and hooks, functions, interfaces.

    (Other types, schemas and source ranges never change.) All of it is kept alive.
    """

    def __init__(self, definitions: Iterable[NamedType | Function]) -> None:
        self._equal: list[tuple[_Look, object]] = []
        """What to look at, and what it has to be equal to: here equal things are written alike."""
        self._identical: list[tuple[_Look, list[object]]] = []
        """What to look at, and which objects must be there: 1 equals True, and comparing types may take long."""
        functions: dict[Function, None] = {}
        classes: list[ClassType] = []
        interfaces: list[InterfaceType] = []
        for definition in definitions:
            if isinstance(definition, ClassType):
                classes.append(definition)
                hooks = definition.forward_hooks, definition.forward_pre_hooks
                functions |= dict.fromkeys(chain(definition.methods.values(), *hooks))
            elif isinstance(definition, InterfaceType):
                interfaces.append(definition)
            elif isinstance(definition, Function):
                functions[definition] = None
        self._watch_classes(classes)
        self._watch_fields(interfaces, "qualified_name", "is_module")
        self._watch_lists(interfaces, "methods", identical=True)
        self._watch_fields(list(functions), "qualified_name", "_graph")
        self._watch_objects(list(functions), "_schema")
        self._watch_nodes([node for function in functions for node in _all_nodes(function.graph)])
        self._watch_texts(a.default for f in functions for a in f.schema.arguments if a.has_default)

    @property
    def holds(self) -> bool:
        """Whether all of it is as it was."""
        return all(look() == seen for look, seen in self._equal) and all(
            all(map(is_, look(), seen)) for look, seen in self._identical
        )

    def _watch_classes(self, classes: list[ClassType]) -> None:
        attributes = [attribute for cls in classes for attribute in cls.attributes]
        self._watch_fields(classes, "qualified_name", "is_module")
        self._watch_lists(classes, "attributes", identical=True)
        self._watch_fields(attributes, "name", "kind")
        self._watch_objects(attributes, "type")
        for name in ("constants", "methods"):
            self._watch_table(classes, name)
        for name in ("forward_hooks", "forward_pre_hooks"):
            self._watch_lists(classes, name)
        self._watch_texts(value for cls in classes for value in cls.constants.values())

    def _watch_nodes(self, nodes: list[Node]) -> None:
        # The order follows from `_next`, and what a node calls from the rest, unless it was stated (`_operator`).
        self._watch_fields(nodes, "kind", "range", "_next", "_operator")
        for name in ("_inputs", "_outputs", "_blocks"):
            self._watch_lists(nodes, name)
        self._watch_table(nodes, "_attributes")
        attributes = chain.from_iterable(node._attributes.values() for node in nodes if node._attributes)
        self._watch_texts(attribute.value for attribute in attributes if attribute.kind == "ival")
        values = list(chain.from_iterable(map(attrgetter("_outputs"), nodes)))
        self._watch_fields(values, "_name")
        self._watch_objects(values, "type")
        # Nodes that stand in no block read values too, and how often a value is read decides how it is written.
        self._watch_lengths(values, "_uses")

    def _watch_fields(self, owners: list[Any], *names: str) -> None:
        read = attrgetter(*names)
        self._equal.append((lambda: list(map(read, owners)), list(map(read, owners))))

    def _watch_objects(self, owners: list[Any], name: str) -> None:
        read = attrgetter(name)
        self._identical.append((lambda: map(read, owners), list(map(read, owners))))

    def _watch_lists(self, owners: list[Any], name: str, *, identical: bool = False) -> None:
        read = attrgetter(name)
        if identical:
            self._watch_lengths(owners, name)
            seen = list(chain.from_iterable(map(read, owners)))
            self._identical.append((lambda: chain.from_iterable(map(read, owners)), seen))
        else:
            self._equal.append((lambda: list(map(read, owners)), list(map(list, map(read, owners)))))

    def _watch_table(self, owners: list[Any], name: str) -> None:
        """A dictionary of each owner."""
        read = attrgetter(name)
        self._watch_lists(owners, name, identical=True)  # the keys
        values = list(chain.from_iterable(map(dict.values, map(read, owners))))
        self._identical.append((lambda: chain.from_iterable(map(dict.values, map(read, owners))), values))

    def _watch_lengths(self, owners: list[Any], name: str) -> None:
        read = attrgetter(name)
        self._equal.append((lambda: list(map(len, map(read, owners))), list(map(len, map(read, owners)))))

    def _watch_texts(self, constants: Iterable[object]) -> None:
        """What could be changed in place, spelled."""
        containers = [value for value in constants if isinstance(value, (list, dict, tuple))]
        self._equal.append((lambda: list(map(repr, containers)), list(map(repr, containers))))


def _all_nodes(graph: Graph) -> Iterator[Node]:
    """All nodes of a graph and of those that are attributes of its nodes, with the ends of all blocks."""
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        yield from _ends(current.block)
        for node in current.walk():
            yield node
            for block in node._blocks:
                yield from _ends(block)
            for attribute in node._attributes.values():
                if attribute.kind == "g":
                    graphs.append(attribute.value)  # type: ignore[arg-type]  # as its kind says
                elif attribute.kind == "gs":
                    graphs += attribute.value  # type: ignore[arg-type]


def _ends(block: Block) -> tuple[Node, Node]:
    return block.param_node, block.return_node
