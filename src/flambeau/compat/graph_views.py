"""Graphs, blocks, nodes and values of `torch._C`, as views of flambeau's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast, get_args

from flambeau import ir as program
from flambeau.compat.type_views import Type, type_view
from flambeau.compat.views import View, each, iterated, shown
from flambeau.errors import OperatorError

__all__ = ["AliasDb", "Block", "Graph", "Node", "Use", "Value"]


class Value(View):
    """A value."""

    __slots__ = ()
    ir: program.Value

    def node(self) -> Node:
        return Node(self.ir.node)

    def type(self) -> Type:
        return type_view(self.ir.type)

    def setType(self, type: Type) -> Value:
        self.ir.type = shown(type)
        return self

    def setTypeAs(self, other: Value) -> Value:
        self.ir.type = other.ir.type
        return self

    def inferTypeFrom(self, value: object) -> None:
        self.ir.type = program.tensor_type_of(value)

    def isCompleteTensor(self) -> bool:
        return isinstance(self.ir.type, program.TensorType) and self.ir.type.is_complete

    def requires_grad(self) -> bool | None:
        return self.ir.type.requires_grad if isinstance(self.ir.type, program.TensorType) else None

    def requiresGrad(self) -> bool:
        return self.requires_grad() is not False

    def debugName(self) -> str:
        return self.ir.debug_name

    def setDebugName(self, name: str) -> Value:
        self.ir.set_debug_name(name)
        return self

    def copyMetadata(self, other: Value) -> Value:
        self.ir.copy_metadata(other.ir)
        return self

    def offset(self) -> int:
        return self.ir.offset

    def unique(self) -> int:
        return self.ir.unique

    def uses(self) -> list[Use]:
        return [Use(use) for use in self.ir.uses]

    def replaceAllUsesWith(self, other: Value) -> None:
        self.ir.replace_all_uses_with(other.ir)

    def replaceAllUsesAfterNodeWith(self, node: Node, other: Value) -> None:
        self.ir.replace_all_uses_after(node.ir, other.ir)

    def toIValue(self) -> object:
        """The value of a constant; None for what is none."""
        found = program.constant_value(self.ir)
        return None if found is program.NOT_CONSTANT else found

    def __repr__(self) -> str:
        return f"{self.ir.debug_name} defined in ({self.ir.node})"

    __str__ = __repr__


class Use(View):
    """One place where a value is read."""

    __slots__ = ()
    by_value = True

    @property
    def user(self) -> Node:
        return Node(self.ir.user)

    @property
    def offset(self) -> int:
        return int(self.ir.offset)

    def isAfter(self, other: Use) -> bool:
        return bool(self.ir.user.is_after(other.ir.user))


class _Nodes(View):
    """What blocks and graphs have in common."""

    __slots__ = ()

    def inputs(self) -> Iterator[Value]:
        return iterated(Value, list(self.ir.inputs))

    def outputs(self) -> Iterator[Value]:
        return iterated(Value, list(self.ir.outputs))

    def findNode(self, kind: str, recurse: bool = True) -> Node | None:
        found = self.ir.find_nodes(kind, recurse)
        return Node(found[0]) if found else None

    def findAllNodes(self, kind: str, recurse: bool = True) -> list[Node]:
        return each(Node, self.ir.find_nodes(kind, recurse))

    def registerOutput(self, value: Value) -> int:
        return int(self.ir.add_output(value.ir))


class Block(_Nodes):
    """A block."""

    __slots__ = ()
    ir: program.Block

    def nodes(self) -> Iterator[Node]:
        return iterated(Node, self.ir)

    def owningNode(self) -> Node | None:
        return None if self.ir.owning_node is None else Node(self.ir.owning_node)

    def paramNode(self) -> Node:
        return Node(self.ir.param_node)

    def returnNode(self) -> Node:
        return Node(self.ir.return_node)

    def addInputToBlock(self) -> Value:
        return Value(self.ir.add_input())

    def addNode(self, kind: str, inputs: Iterable[Value] = ()) -> Node:
        return Node(self.ir.append(self.ir.graph.create(kind, [v.ir for v in inputs])))


class Graph(_Nodes):
    """A graph; `Graph()` is an empty one."""

    __slots__ = ()
    ir: program.Graph

    def __init__(self, given: program.Graph | None = None) -> None:
        super().__init__(program.Graph() if given is None else given)

    def nodes(self) -> Iterator[Node]:
        return iterated(Node, self.ir.nodes())

    def block(self) -> Block:
        return Block(self.ir.block)

    def copy(self) -> Graph:
        return Graph(program.copy_graph(self.ir))

    def lint(self) -> None:
        program.verify(self.ir)

    def str(self, print_source_ranges: bool = True) -> str:
        return str(self.ir)

    def alias_db(self, isFrozen: bool = False, descend_function_calls: bool = False) -> AliasDb:
        return AliasDb(program.AliasDb(self.ir, closed_modules=isFrozen))

    def dump_alias_db(self) -> None:
        """Nothing is printed; `alias_db().dump()` is the text."""

    def param_node(self) -> Node:
        return Node(self.ir.param_node)

    def return_node(self) -> Node:
        return Node(self.ir.return_node)

    # --- building

    def addInput(self, name: Any = "") -> Value:
        return Value(self.ir.add_input(name))

    def eraseInput(self, index: int) -> None:
        self.ir.param_node.erase_output(index)

    def eraseOutput(self, index: int) -> None:
        self.ir.return_node.remove_input(index)

    def permuteInputs(self, order: Sequence[int]) -> None:
        self.ir.param_node.permute_outputs(order)

    def makeMultiOutputIntoTuple(self) -> None:
        results = list(self.ir.outputs)
        if len(results) != 1:
            with self.ir.inserting_at(self.ir.block):
                packed = self.ir.insert(
                    "prim::TupleConstruct", results, [program.TupleType(tuple(v.type for v in results))]
                )
            self.ir.return_node.set_inputs([packed.output])

    def create(self, kind: Any, *given: Any) -> Node:
        """`create(kind)`, `create(kind, count)`, `create(kind, inputs)`, `create(kind, inputs, count)`."""
        inputs = given[0] if given and not isinstance(given[0], int) else ()
        count = given[-1] if given and isinstance(given[-1], int) else 1
        return Node(self.ir.create(kind, [v.ir for v in inputs], count))

    def createClone(self, node: Node, mapped: Any) -> Node:
        values = {value: mapped(Value(value)).ir for value in node.ir.inputs}
        return Node(program.copy_node(node.ir, self.ir, values))

    def insert(self, kind: Any, args: Sequence[object], kwargs: Mapping[Any, object] | None = None) -> Value:
        """Insert a call of an operator; arguments that are no values become constants."""
        named = dict(kwargs or {})
        for operator in program.operators_named(kind):
            arguments = operator.schema.arguments
            given = [*args, *(named.get(a.name, a.default) for a in arguments[len(args) :])]
            if len(given) != len(arguments) or any(isinstance(g, program.Missing) for g in given):
                continue
            values = [g.ir if isinstance(g, Value) else program.insert_constant(self.ir, g) for g in given]
            if program.accepts(operator.schema, values):
                return Value(self.ir.insert(kind, values, program.result_types(operator.schema, values)).output)
            for value in values:
                if not value.has_uses and value.node.kind == "prim::Constant":
                    value.node.destroy()
        raise OperatorError(f"no overload of {kind} takes these arguments")

    def insertConstant(self, value: object) -> Value:
        return Value(program.insert_constant(self.ir, value))

    def insertNode(self, node: Node) -> Node:
        return Node(self.ir.insert_node(node.ir))

    def appendNode(self, node: Node) -> Node:
        return Node(self.ir.append_node(node.ir))

    def prependNode(self, node: Node) -> Node:
        return Node(self.ir.prepend_node(node.ir))

    def insertGraph(self, callee: Graph, inputs: Sequence[Value]) -> list[Value]:
        return each(Value, program.insert_graph(self.ir, callee.ir, [v.ir for v in inputs]))

    def insertPoint(self) -> Node:
        return Node(self.ir.insert_point)

    def setInsertPoint(self, place: Node | Block) -> None:
        self.ir.set_insert_point(place.ir)

    def insert_point_guard(self, place: Node | Block) -> AbstractContextManager[None]:
        return self.ir.inserting_at(place.ir)


class Node(View):
    """A node."""

    __slots__ = ()
    ir: program.Node

    def kind(self) -> str:
        return self.ir.kind

    def schema(self) -> str:
        operator = self.ir.operator
        return "(no schema)" if operator is None else str(operator.schema)

    def matches(self, schema: str) -> bool:
        operator = self.ir.operator
        return operator is not None and str(operator.schema) == str(program.parse_schema(schema))

    def isNondeterministic(self) -> bool:
        return not program.is_deterministic(self.ir)

    def scopeName(self) -> str:
        return self.ir.scope

    getModuleHierarchy = scopeName

    def sourceRange(self) -> str:
        return "" if self.ir.range is None else str(self.ir.range)

    def owningBlock(self) -> Block | None:
        return None if self.ir.owning_block is None else Block(self.ir.owning_block)

    # --- inputs, outputs, blocks

    def inputs(self) -> Iterator[Value]:
        return iterated(Value, list(self.ir.inputs))

    def outputs(self) -> Iterator[Value]:
        return iterated(Value, list(self.ir.outputs))

    def blocks(self) -> Iterator[Block]:
        return iterated(Block, list(self.ir.blocks))

    def input(self) -> Value:
        return self._only(self.ir.inputs, "input")

    def output(self) -> Value:
        return self._only(self.ir.outputs, "output")

    def _only(self, values: Sequence[program.Value], what: str) -> Value:
        if len(values) != 1:
            raise RuntimeError(f"{self.ir.kind} has {len(values)} {what}s, not one")
        return Value(values[0])

    def inputsAt(self, index: int) -> Value:
        return Value(self.ir.inputs[index])

    def outputsAt(self, index: int) -> Value:
        return Value(self.ir.outputs[index])

    def inputsSize(self) -> int:
        return len(self.ir.inputs)

    def outputsSize(self) -> int:
        return len(self.ir.outputs)

    def hasMultipleOutputs(self) -> bool:
        return len(self.ir.outputs) > 1

    def namedInput(self, name: str) -> Value:
        return Value(self.ir.named_input(name))

    def mustBeNone(self) -> bool:
        return any(v.type is program.NONE for v in self.ir.outputs) and len(self.ir.outputs) == 1

    def hasUses(self) -> bool:
        return self.ir.has_uses

    def addInput(self, value: Value) -> Value:
        return Value(self.ir.add_input(value.ir))

    def addOutput(self) -> Value:
        return Value(self.ir.add_output())

    def addBlock(self) -> Block:
        return Block(self.ir.add_block())

    def replaceInput(self, index: int, value: Value) -> None:
        self.ir.replace_input(index, value.ir)

    def replaceInputWith(self, old: Value, new: Value) -> None:
        self.ir.replace_input_with(old.ir, new.ir)

    def removeInput(self, index: int) -> None:
        self.ir.remove_input(index)

    def removeAllInputs(self) -> None:
        self.ir.remove_all_inputs()

    def eraseOutput(self, index: int) -> None:
        self.ir.erase_output(index)

    def replaceAllUsesWith(self, other: Node) -> None:
        self.ir.replace_all_uses_with(other.ir)

    # --- place

    def prev(self) -> Node:
        return Node(self.ir.previous)

    def next(self) -> Node:
        return Node(self.ir.next)

    def insertBefore(self, place: Node) -> Node:
        return Node(self.ir.insert_before(place.ir))

    def insertAfter(self, place: Node) -> Node:
        return Node(self.ir.insert_after(place.ir))

    def moveBefore(self, place: Node) -> None:
        self.ir.move_before(place.ir)

    def moveAfter(self, place: Node) -> None:
        self.ir.move_after(place.ir)

    def isBefore(self, other: Node) -> bool:
        return self.ir.is_before(other.ir)

    def isAfter(self, other: Node) -> bool:
        return self.ir.is_after(other.ir)

    def destroy(self) -> None:
        self.ir.destroy()

    def copyMetadata(self, other: Node) -> Node:
        self.ir.copy_metadata(other.ir)
        return self

    def findNode(self, kind: str, recurse: bool = True) -> Node | None:
        found = self.findAllNodes(kind, recurse)
        return found[0] if found else None

    def findAllNodes(self, kind: str, recurse: bool = True) -> list[Node]:
        return [Node(node) for block in self.ir.blocks for node in block.find_nodes(kind, recurse)]

    # --- attributes

    def attributeNames(self) -> list[str]:
        return list(self.ir.attributes)

    def hasAttribute(self, name: str) -> bool:
        return self.ir.has_attribute(name)

    def hasAttributes(self) -> bool:
        return bool(self.ir.attributes)

    def kindOf(self, name: str) -> str:
        self.ir.attribute(name)
        return self.ir.attributes[name].kind

    def removeAttribute(self, name: str) -> Node:
        self.ir.remove_attribute(name)
        return self

    def copyAttributes(self, other: Node) -> Node:
        self.ir.copy_attributes(other.ir)
        return self


def _reader(kind: program.AttributeKindName) -> Any:
    def read(self: Node, name: str) -> object:
        value = self.ir.attribute(name)
        if self.ir.attributes[name].kind != kind:
            raise RuntimeError(f"attribute '{name}' of {self.ir.kind} is of kind {self.ir.attributes[name].kind}")
        if kind in ("g", "ty"):
            return Graph(cast("program.Graph", value)) if kind == "g" else type_view(value)
        if kind in ("gs", "tys"):
            view: Any = Graph if kind == "gs" else type_view
            return [view(item) for item in cast("Sequence[object]", value)]
        return list(value) if isinstance(value, tuple) and kind.endswith("s") and len(kind) > 1 else value

    return read


def _writer(kind: program.AttributeKindName) -> Any:
    def write(self: Node, name: str, value: object) -> Node:
        self.ir.set_attribute(name, kind, shown(value))
        return self

    return write


_KINDS: tuple[program.AttributeKindName, ...] = get_args(program.AttributeKindName)
_BY_NAME: dict[str, program.AttributeKindName] = {**{kind: kind for kind in _KINDS}, "z": "t", "zs": "ts"}
for _name, _kind in _BY_NAME.items():
    setattr(Node, _name, _reader(_kind))
    setattr(Node, f"{_name}_", _writer(_kind))


class AliasDb(View):
    """What may alias in a graph."""

    __slots__ = ()
    ir: program.AliasDb

    def may_contain_alias(self, first: Value | Sequence[Value], second: Value | Sequence[Value]) -> bool:
        return self.ir.may_contain_alias(shown(first), shown(second))

    def has_writers(self, value: Value | Node) -> bool:
        return self.ir.has_writers(value.ir)

    def move_after_topologically_valid(self, node: Node, place: Node) -> bool:
        return self.ir.move_after(node.ir, place.ir)

    def move_before_topologically_valid(self, node: Node, place: Node) -> bool:
        return self.ir.move_before(node.ir, place.ir)

    def dump(self) -> str:
        return self.ir.dump()

    def to_graphviz_str(self) -> str:
        return self.ir.to_graphviz()
