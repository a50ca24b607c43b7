"""Nodes and values: the operations of a graph and what they compute.

Inserting, removing and moving a node, `is_before`, and changing an input cost O(1) (amortised), `replace_all_uses_with`
O(uses).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast, final

from flambeau.errors import InvalidGraphError
from flambeau.ir import types as t
from flambeau.ir.attributes import Attribute, AttributeKindName, attribute
from flambeau.ir.types import Type

if TYPE_CHECKING:
    from flambeau.ir.call_stack import InlinedCall
    from flambeau.ir.graph import Block, Graph
    from flambeau.ir.operators import Operator
    from flambeau.ir.source import SourceRange

NUMERIC_SUFFIX = re.compile(r"^(.*)\.(\d+)$", re.DOTALL)


class _Services:
    """What graphs ask of files that build on this one; `flambeau.ir` fills it in."""

    match_operator: Callable[[Node], Operator | None]
    print_graph: Callable[[Graph], str]
    print_node: Callable[[Node], str]
    print_block: Callable[[Block], str]


services = _Services()


class Use(NamedTuple):
    """One reading of a value: input number `offset` of `user`."""

    user: Node
    offset: int


@final
class Value:
    """What a node or a block input computes; defined once. Edit through its methods and the graph's."""

    __slots__ = ("_name", "_uses", "node", "offset", "type", "unique")

    def __init__(self, node: Node, offset: int, type: Type, unique: int) -> None:
        self.node = node
        """The node that defines it (the parameter node of its block, for a block input)."""
        self.offset = offset
        """Its index among that node's outputs."""
        self.type: Type = type
        self.unique = unique
        """A number that no other value of the graph has; the name of a value that has no other."""
        self._name: str | None = None
        self._uses: dict[Use, None] = {}

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where it is read, oldest use first."""
        return tuple(self._uses)

    @property
    def has_uses(self) -> bool:
        return bool(self._uses)

    @property
    def use_count(self) -> int:
        return len(self._uses)

    @property
    def has_debug_name(self) -> bool:
        return self._name is not None

    @property
    def debug_name(self) -> str:
        """Its name, or its unique number as text."""
        return str(self.unique) if self._name is None else self._name

    def set_debug_name(self, name: str) -> Value:
        """Give it a name; "" takes the name away. A former owner of the name is renamed to `name.N`."""
        self.graph._name_value(self, name)
        return self

    def copy_metadata(self, other: Value) -> Value:
        """Take over type and name base of another value."""
        self.type = other.type
        if other._name is not None:
            self.set_debug_name(base_name(other._name))
        return self

    def replace_all_uses_with(self, other: Value) -> None:
        """Make every reader of this value read `other`."""
        if other is self:
            return
        uses = self._uses
        for use in uses:
            use.user._inputs[use.offset] = other
            use.user._operator = _UNRESOLVED
        other._uses.update(uses)
        self._uses = {}

    def replace_all_uses_after(self, node: Node, other: Value) -> None:
        """Make the readers that come after `node` read `other`."""
        for user, offset in self.uses:
            if user is not node and node.is_before(user):
                user.replace_input(offset, other)

    def __repr__(self) -> str:
        return f"%{self.debug_name} : {self.type}"


class _Unresolved:
    __slots__ = ()


_UNRESOLVED = _Unresolved()


@final
class Node:
    """One operation. `kind` is its qualified name, such as `aten::add` or `prim::If`.

    Created by `Graph.create`, put into a block by the `insert_*` and `append` methods; afterwards edited only through
    its methods.
    """

    __slots__ = (
        "_attributes",
        "_blocks",
        "_inputs",
        "_next",
        "_operator",
        "_outputs",
        "_position",
        "_previous",
        "call",
        "graph",
        "kind",
        "owning_block",
        "range",
        "scope",
    )

    def __init__(self, graph: Graph, kind: str) -> None:
        self.graph = graph
        self.kind = kind
        self.owning_block: Block | None = None
        """The block it stands in; None before it is inserted and after it is destroyed."""
        self.range: SourceRange | None = None
        """The place in the user's source."""
        self.scope: str = ""
        """The module scope, for traced graphs: atoms separated by `/`."""
        self.call: InlinedCall | None = None
        """The calls that were inlined to bring it here."""
        self._inputs: list[Value] = []
        self._outputs: list[Value] = []
        self._attributes: dict[str, Attribute] = {}
        self._blocks: list[Block] = []
        self._operator: Operator | _Unresolved | None = _UNRESOLVED
        self._previous: Node = self
        self._next: Node = self
        self._position = 0

    # --- reading

    @property
    def inputs(self) -> Sequence[Value]:
        """The values it reads. A view: do not edit."""
        return self._inputs

    @property
    def outputs(self) -> Sequence[Value]:
        """The values it defines. A view: do not edit."""
        return self._outputs

    @property
    def blocks(self) -> Sequence[Block]:
        """Its sub-blocks. A view: do not edit."""
        return self._blocks

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """Its attributes in order of insertion. A view: do not edit."""
        return self._attributes

    @property
    def input(self) -> Value:
        """Its only input."""
        (value,) = self._inputs
        return value

    @property
    def output(self) -> Value:
        """Its only output."""
        (value,) = self._outputs
        return value

    @property
    def operator(self) -> Operator | None:
        """The operator it calls, found by kind and the types of its inputs; None for kinds that have no schema."""
        if isinstance(self._operator, _Unresolved):
            self._operator = self.graph.resolve_operator(self)
        return self._operator

    @property
    def has_uses(self) -> bool:
        """Whether anything reads any of its outputs."""
        return any(o._uses for o in self._outputs)

    def has_attribute(self, name: str) -> bool:
        return name in self._attributes

    def attribute(self, name: str) -> object:
        """The value of an attribute; InvalidGraphError if it has none of that name."""
        if name not in self._attributes:
            raise InvalidGraphError(f"required keyword attribute '{name}' is undefined on {self.kind}")
        return self._attributes[name].value

    def string_attribute(self, name: str) -> str:
        """The value of an attribute of kind `s`."""
        value = self.attribute(name)
        if not isinstance(value, str):
            raise InvalidGraphError(f"attribute '{name}' of {self.kind} must be a string, not {value!r}")
        return value

    def graph_attribute(self, name: str = "Subgraph") -> Graph:
        """The value of an attribute of kind `g`."""
        value = self.attribute(name)
        if self._attributes[name].kind != "g":
            raise InvalidGraphError(f"attribute '{name}' of {self.kind} must be a graph, not {value!r}")
        return cast("Graph", value)

    def named_input(self, name: str) -> Value:
        """The input for the schema's argument of that name."""
        operator = self.operator
        index = None if operator is None else operator.schema.find_argument(name)
        if index is None:
            raise InvalidGraphError(f"{self.kind} has no argument '{name}'")
        return self._inputs[index]

    # --- attributes, inputs, outputs, blocks

    def set_attribute(self, name: str, kind: AttributeKindName, value: object) -> Node:
        self._attributes[name] = attribute(kind, value)
        return self

    def remove_attribute(self, name: str) -> None:
        del self._attributes[name]

    def copy_attributes(self, other: Node) -> Node:
        """Take over all attributes of another node (graphs in them are shared, not copied)."""
        self._attributes = dict(other._attributes)
        return self

    def set_operator(self, operator: Operator | None) -> Node:
        """State which overload it calls, where the creator knows."""
        self._operator = operator
        return self

    def add_input(self, value: Value) -> Value:
        value._uses[Use(self, len(self._inputs))] = None
        self._inputs.append(value)
        self._operator = _UNRESOLVED
        return value

    def insert_input(self, index: int, value: Value) -> None:
        """Insert an input; those from `index` on move up."""
        self._set_inputs([*self._inputs[:index], value, *self._inputs[index:]])

    def replace_input(self, index: int, value: Value) -> None:
        self._drop_use(index)
        self._inputs[index] = value
        value._uses[Use(self, index)] = None
        self._operator = _UNRESOLVED

    def replace_input_with(self, old: Value, new: Value) -> None:
        """Replace every input that is `old`."""
        for index, value in enumerate(self._inputs):
            if value is old:
                self.replace_input(index, new)

    def remove_input(self, index: int) -> None:
        self._set_inputs([*self._inputs[:index], *self._inputs[index + 1 :]])

    def remove_all_inputs(self) -> None:
        self._set_inputs([])

    def set_inputs(self, values: Iterable[Value]) -> None:
        """Replace all inputs."""
        self._set_inputs(list(values))

    def _set_inputs(self, values: list[Value]) -> None:
        for index in range(len(self._inputs)):
            self._drop_use(index)
        self._inputs = values
        for index, value in enumerate(values):
            value._uses[Use(self, index)] = None
        self._operator = _UNRESOLVED

    def _drop_use(self, index: int) -> None:
        del self._inputs[index]._uses[Use(self, index)]

    def add_output(self, type: Type = t.TENSOR) -> Value:
        value = self.graph._new_value(self, len(self._outputs), type)
        self._outputs.append(value)
        return value

    def insert_output(self, index: int, type: Type = t.TENSOR) -> Value:
        value = self.graph._new_value(self, index, type)
        self._outputs.insert(index, value)
        self._renumber_outputs()
        return value

    def erase_output(self, index: int) -> None:
        """Remove an output that nothing reads."""
        value = self._outputs[index]
        if value._uses:
            raise InvalidGraphError(f"cannot erase %{value.debug_name}: it has uses")
        self.graph._forget_value(value)
        del self._outputs[index]
        self._renumber_outputs()

    def permute_outputs(self, order: Sequence[int]) -> None:
        """Reorder the outputs: the new output i is the old output `order[i]`."""
        self._outputs = [self._outputs[i] for i in order]
        self._renumber_outputs()

    def permute_inputs(self, order: Sequence[int]) -> None:
        """Reorder the inputs: the new input i is the old input `order[i]`."""
        self._set_inputs([self._inputs[i] for i in order])

    def _renumber_outputs(self) -> None:
        for index, value in enumerate(self._outputs):
            value.offset = index

    def add_block(self) -> Block:
        block = self.graph.create_block(self)
        self._blocks.append(block)
        return block

    def erase_block(self, index: int) -> None:
        """Remove a sub-block with all that is in it."""
        self._blocks[index]._clear()
        del self._blocks[index]

    # --- order

    @property
    def next(self) -> Node:
        """The node after it (the return node, after the last)."""
        return self._next

    @property
    def previous(self) -> Node:
        """The node before it (the parameter node, before the first)."""
        return self._previous

    def insert_before(self, place: Node) -> Node:
        """Put this new node right before `place`."""
        return self.insert_after(place._previous)

    def insert_after(self, place: Node) -> Node:
        """Put this new node right after `place`."""
        if self.owning_block is not None:
            raise InvalidGraphError(f"{self.kind} is in a block already; use move_after")
        block = place.owning_block
        if block is None or place is block.return_node:
            raise InvalidGraphError(f"cannot insert {self.kind} after {place.kind}")
        self.owning_block = block
        self._previous, self._next = place, place._next
        place._next._previous = self
        place._next = self
        block._assign_position(self)
        return self

    def move_before(self, place: Node) -> None:
        if place is not self:
            self._unlink()
            self.insert_before(place)

    def move_after(self, place: Node) -> None:
        if place is not self:
            self._unlink()
            self.insert_after(place)

    def _unlink(self) -> None:
        if self.owning_block is None:
            raise InvalidGraphError(f"{self.kind} is in no block")
        self._previous._next = self._next
        self._next._previous = self._previous
        self._previous = self._next = self
        self.owning_block = None

    @property
    def innermost_loop(self) -> Node | None:
        """The `prim::Loop` that it stands in, directly or within branches; None outside of loops."""
        block = self.owning_block
        while block is not None and (owner := block.owning_node) is not None:
            if owner.kind == "prim::Loop":
                return owner
            block = owner.owning_block
        return None

    def is_before(self, other: Node) -> bool:
        """Whether it comes before `other`; a node comes before what is in its sub-blocks."""
        if self.owning_block is other.owning_block:
            return self._position < other._position
        mine, theirs = _path_of(self), _path_of(other)
        for a, b in zip(mine, theirs, strict=False):
            if a is not b:
                if a.owning_block is not b.owning_block:  # different sub-blocks of one node
                    siblings = (
                        a.owning_block.owning_node.blocks if a.owning_block and a.owning_block.owning_node else ()
                    )
                    return list(siblings).index(a.owning_block) < list(siblings).index(b.owning_block)  # type: ignore[arg-type]  # both are among them
                return a._position < b._position
        return len(mine) < len(theirs)

    def is_after(self, other: Node) -> bool:
        return other.is_before(self)

    def destroy(self) -> None:
        """Remove it from its block; nothing may read its outputs."""
        for output in self._outputs:
            if output._uses:
                raise InvalidGraphError(f"cannot destroy {self.kind}: %{output.debug_name} has uses")
        self._set_inputs([])
        for block in self._blocks:
            block._clear()
        self._blocks = []
        for output in self._outputs:
            self.graph._forget_value(output)
        self._outputs = []
        if self.owning_block is not None:
            self.graph._leave(self)
            self._unlink()

    def replace_all_uses_with(self, other: Node) -> None:
        """Make readers of each output read the same output of another node."""
        for mine, theirs in zip(self._outputs, other._outputs, strict=True):
            mine.replace_all_uses_with(theirs)

    def copy_metadata(self, other: Node) -> Node:
        """Take over source range, scope and inlined calls of another node."""
        self.range, self.scope, self.call = other.range, other.scope, other.call
        return self

    def __str__(self) -> str:
        return services.print_node(self)

    def __repr__(self) -> str:
        outputs = ", ".join(map(repr, self._outputs))
        inputs = ", ".join(f"%{v.debug_name}" for v in self._inputs)
        return f"{outputs} = {self.kind}({inputs})"


def _path_of(node: Node) -> list[Node]:
    """The nodes that enclose a node, from the outermost in, and the node itself."""
    path = [node]
    block = node.owning_block
    while block is not None and block.owning_node is not None:
        path.append(block.owning_node)
        block = block.owning_node.owning_block
    return path[::-1]


def base_name(name: str) -> str:
    """A debug name without its numeric suffix: `x` for `x.1`."""
    match = NUMERIC_SUFFIX.match(name)
    return match[1] if match else name
