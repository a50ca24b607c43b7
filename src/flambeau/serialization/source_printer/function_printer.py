"""Graphs as Python source: statements, and which values become part of an expression.

A value is written in place where it is read if it is read once, has no name of its own, and stands right before its
reader in order of evaluation; else it is assigned to a variable. Expressions longer than about half a line are
assigned too, with everything that the same statement evaluates before them, so that the order of evaluation stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import final

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    Block,
    FunctionSchema,
    Graph,
    Node,
    OptionalType,
    SourceRange,
    UnionType,
    Value,
    constant_of,
    constant_value,
    is_constant,
)

from .expressions import Context, attribute_access, first_optional, first_starred, spell
from .literals import LiteralPrinter
from .names import ValueNames, identifier_from, is_identifier
from .text import Piece, Text, glued, listed

INT_MAX = (1 << 63) - 1
"""The trip count of a loop that only its condition ends."""

_LONG = 40
_MAX_INLINE_DEPTH = 32
_NEVER_INLINED = frozenset(
    {
        "prim::isinstance",
        # What has no expression of its own.
        *("prim::TupleUnpack", "prim::ListUnpack", "prim::Enter", "prim::Exit"),
        *("prim::ModuleContainerIndex", "prim::Param", "prim::fork", "prim::awaitable"),
    }
)
_NEVER_INLINED_INTO = frozenset({"prim::fork", "prim::awaitable", "rpc_async", "rpc_sync", "rpc_remote"})


@dataclass(slots=True)
class _Operand:
    text: Piece
    value: Value
    is_expression: bool


@dataclass(slots=True)
class _Statement:
    """The operands of the statement being written, outermost expression first, each in order of evaluation."""

    frames: list[list[_Operand]] = field(default_factory=list)


@final
class FunctionPrinter:
    """Writes the body of one function at a given indentation."""

    def __init__(self, context: Context, literals: LiteralPrinter, names: ValueNames, output: Text) -> None:
        self._context = context
        self._literals = literals
        self._names = names
        self._out = output
        self._level = 0
        self._inlined: set[Value] = set()

    # --- a function

    def print_function(
        self,
        name: str,
        graph: Graph,
        schema: FunctionSchema,
        level: int,
        *,
        show_self_type: bool = True,
    ) -> None:
        """Write `def name(...) -> T:` and the body, indented by `level` steps."""
        self._level = level
        self._names.begin_function()
        for value, argument in zip(graph.inputs, schema.arguments, strict=True):
            self._names.of[value] = self._names.fresh(identifier_from(argument.name))
        self._indent()
        parameters = self._signature(graph, schema, show_self_type)
        self._out.add(f"def {name}({parameters}) -> {self._context.annotation(schema.return_type)}:\n")
        self._level += 1
        self._print_long_constants(graph.block)
        self._print_body(graph.block)
        self._level -= 1

    def _signature(self, graph: Graph, schema: FunctionSchema, show_first_type: bool) -> str:
        parameters: list[str] = []
        required = first_optional(schema)
        starred = first_starred(schema)
        for index, (value, argument) in enumerate(zip(graph.inputs, schema.arguments, strict=True)):
            if index == starred:
                parameters.append("*")
            text = self._names.of.get(value) or ""
            if index > 0 or show_first_type:
                text += f": {self._context.annotation(argument.type)}"
            if argument.has_default and index >= required:
                default = argument.default
                if argument.broadcast is not None and not isinstance(default, (list, tuple, NoneType)):
                    default = [default] * argument.broadcast
                text += f"={self._literals.text(default, argument.type)}"
            parameters.append(text)
        return ",\n    ".join(parameters)

    def _print_long_constants(self, block: Block) -> None:
        """Bind the constants that are too long to be written in place, in order of first use."""
        for value in _constants_in_order_of_use(block):
            if self._names.of.get(value) is not None:
                continue
            text = self._constant_text(value)
            if self._is_long(text):
                self._assign(value, text, value.node.range)

    def _constant_text(self, value: Value) -> str:
        return self._literals.text(constant_of(value.node), value.type)

    def _is_long(self, text: Piece) -> bool:
        return len(text) + 2 * self._level >= _LONG

    # --- blocks and statements

    def _print_body(self, block: Block, result: Sequence[str] | None = None) -> None:
        """Write the statements of a block, then `return`, or the assignment of its outputs to the names in `result`."""
        self._plan_inlining(block)
        opened = 0
        wrote = False
        for node in block:
            kind, outputs = node.kind, node.outputs
            if kind == "prim::Constant" or (len(outputs) == 1 and outputs[0] in self._inlined):
                continue
            if kind == "prim::Exit":
                if not wrote:
                    self._line("pass")
                self._level -= 1
                opened -= 1
                wrote = True
                continue
            _STATEMENTS.get(kind, FunctionPrinter._print_expression_statement)(self, node)
            wrote = kind != "prim::Enter"
            if not wrote:
                self._level += 1
                opened += 1
        self._level -= opened
        if result is None:
            self._print_return(block)
        elif result:
            self._print_assignment_of_outputs(result, block)
        elif not wrote:
            self._line("pass")

    def _print_return(self, block: Block) -> None:
        outputs = block.outputs
        if len(outputs) > 1:
            raise UnsupportedError("Exportable methods must have a single return value; this graph returns several")
        if not outputs:
            self._line("return None")
            return
        operands = self._operands(block.return_node)
        self._indent()
        self._out.add(Text("return ", block.return_node.range), operands[0], "\n")

    def _print_assignment_of_outputs(self, names: Sequence[str], block: Block) -> None:
        operands = self._operands(block.return_node)
        shown = operands[len(operands) - len(names) :]
        if len(names) == 1 and names[0] == str(shown[0]):
            return
        owner = block.owning_node
        if owner is not None and (owner.kind == "prim::Loop" or len(names) > 1):
            # The first name that a loop assigns can be its condition, a bool: the outputs are the last ones.
            given, wanted = block.outputs[-len(names) :], owner.outputs[-len(names) :]
            unnamed = len(names) - len(wanted)
            widened = map(self._widened, shown[unnamed:], given[unnamed:], wanted)
            shown = [*shown[:unnamed], *widened]
        self._indent()
        self._out.add(listed(f"{', '.join(names)} = ", shown, "\n"))

    def _widened(self, text: Piece, given: Value, wanted: Value) -> Piece:
        """A value assigned where no annotation can stand: PyTorch unites it with the name's type of before."""
        if not isinstance(wanted.type, UnionType) or given.type == wanted.type:
            return text
        return glued(f"unchecked_cast({self._context.annotation(wanted.type)}, ", text, ")")

    def _print_expression_statement(self, node: Node) -> None:
        text = spell(self._context, node, self._operands(node))
        outputs = node.outputs
        if len(outputs) == 1 and isinstance(text, str):
            self._out.add_line("  " * self._level, f"{self._names.define(outputs[0])} = ", text, node.range)
            return
        targets = ", ".join(self._names.define(v) for v in outputs) + " = " if outputs else ""
        self._print_assignment(targets, text, node.range)

    def _print_assignment(self, targets: str, text: Piece, range: SourceRange | None) -> None:
        if isinstance(text, str):
            self._out.add_line("  " * self._level, targets, text, range)
        else:
            self._out.add("  " * self._level, targets, text.mark(range), "\n")

    def _assign(self, value: Value, text: Piece, range: SourceRange | None = None) -> None:
        self._print_assignment(f"{self._names.define(value)} = ", text, range)

    # --- control flow

    def _print_if(self, node: Node) -> None:
        condition = self._operands(node)[0]
        names = [self._names.define(v) for v in node.outputs]
        annotate = len(names) == 1 and isinstance(node.outputs[0].type, (OptionalType, UnionType))
        self._indent()
        self._out.add(Text("if ", node.range), condition, ":\n")
        for index, block in enumerate(node.blocks):
            if index == 1:
                self._line("else:")
            targets = names
            if annotate and index == 0:
                targets = [f"{names[0]} : {self._context.annotation(node.outputs[0].type)}"]
            self._level += 1
            self._print_body(block, targets)
            self._level -= 1

    def _print_loop(self, node: Node) -> None:
        body = node.blocks[0]
        is_while = constant_value(node.inputs[0]) == INT_MAX
        if not is_while and not self._runs_all_trips(node):
            raise UnsupportedError(
                "a loop has both a trip count and a condition; canonicalise it first (CanonicalizeModifiedLoops)"
            )
        operands = self._operands(node)
        index = body.inputs[0]
        carried = [self._names.define(v) for v in node.outputs]
        for name, value, inner, text in zip(carried, node.inputs[2:], body.inputs[1:], operands[2:], strict=True):
            self._names.of[inner] = name
            annotated = value.type != inner.type or isinstance(inner.type, (OptionalType, UnionType))
            typed = f": {self._context.annotation(inner.type)}" if annotated else ""
            self._indent()
            self._out.add(f"{name}{typed} = ", text, "\n")
        if is_while:
            flag = self._names.define(index)
            self._indent()
            self._out.add(f"{flag} = ", operands[1], "\n")
            self._line(f"while {flag}:", node.range)
            targets = [flag, *carried]
        else:
            name = self._names.define(index)
            self._indent()
            self._out.add(Text(f"for {name} in range(", node.range), operands[0], "):\n")
            targets = carried
        self._level += 1
        self._print_body(body, targets)
        self._level -= 1

    def _runs_all_trips(self, node: Node) -> bool:
        return constant_value(node.inputs[1]) is True and constant_value(node.blocks[0].outputs[0]) is True

    def _print_enter(self, node: Node) -> None:
        manager = self._operands(node)[0]
        self._indent()
        self._out.add(Text("with ", node.range), manager)
        if node.outputs and node.output.has_uses:
            self._out.add(f" as {self._names.define(node.output)}")
        self._out.add(":\n")

    def _print_closure(self, node: Node) -> None:
        """A fork: a local function for the forked graph, and the call that starts it."""
        word = node.kind.removeprefix("prim::")
        base = "__forked_function" if word == "fork" else "__awaitable_function"
        operands = self._operands(node)
        subgraph = node.graph_attribute()
        for value, operand in zip(subgraph.inputs, operands, strict=True):
            self._names.of[value] = str(operand)
        name = self._names.fresh(base)
        self._line(f"def {name}():")
        self._level += 1
        self._print_body(subgraph.block)
        self._level -= 1
        self._assign(node.output, f"{word}({name})", node.range)

    # --- other statements

    def _refuse_closure(self, node: Node) -> None:
        raise UnsupportedError("closures are not exportable")

    def _print_unpack(self, node: Node) -> None:
        source = self._operands(node)[0]
        targets = "".join(f"{self._names.define(v)}, " for v in node.outputs)
        self._indent()
        if node.outputs:
            self._out.add(Text(f"{targets}= ", node.range))
        self._out.add(source, "\n")

    def _print_set_attribute(self, node: Node) -> None:
        holder, value = self._operands(node)
        name = node.string_attribute("name")
        if not is_identifier(name):
            raise UnsupportedError(
                f"an assignment to the attribute '{name}', which is no identifier, cannot be written"
            )
        self._indent()
        self._out.add(attribute_access(holder, name), Text(" = ", node.range), value, "\n")

    def _print_container_index(self, node: Node) -> None:
        container, index = self._operands(node)
        name = self._names.define(node.output)
        self._indent()
        self._out.add(f"{name} : {self._context.annotation(node.output.type)} = ", container, "[", index, "]\n")

    # --- expressions

    def _plan_inlining(self, block: Block) -> None:
        """Find the values that are written in place: walk backwards through each statement's tree of operands."""
        node = block.return_node
        while True:
            node = self._plan_tree(node)
            if node is block.param_node:
                return

    def _plan_tree(self, root: Node) -> Node:
        """Plan the statement that ends with `root`; returns the last node of the statement before."""
        cursor = _before(root)
        if not any(read.node is cursor and self._can_inline(read, root) for read in root.inputs):
            return cursor  # most statements read variables only
        stack: list[tuple[Node, Iterator[Value]]] = [(root, reversed(root.inputs))]
        while stack:
            reader, operands = stack[-1]
            value = next(operands, None)
            if value is None:
                stack.pop()
            elif value.node is cursor and len(stack) <= _MAX_INLINE_DEPTH and self._can_inline(value, reader):
                self._inlined.add(value)
                cursor = _before(cursor)
                stack.append((value.node, reversed(value.node.inputs)))
        return cursor

    def _can_inline(self, value: Value, reader: Node) -> bool:
        if value.use_count != 1 or (value.has_debug_name and reader.kind != "prim::Return"):
            return False
        node = value.node
        if len(node.outputs) != 1 or node.blocks or node.kind in _NEVER_INLINED:
            return False
        (use,) = value.uses
        return reader.kind not in _NEVER_INLINED_INTO and not (reader.kind == "prim::Loop" and use.offset >= 2)

    def _operands(self, node: Node, statement: _Statement | None = None) -> list[Piece]:
        """The texts of a node's inputs; expressions that are too long are assigned to variables first."""
        inputs = node.inputs
        if self._inlined.isdisjoint(inputs):
            names = self._names.of
            return [names.get(value) or self._constant(value) for value in inputs]
        statement = statement or _Statement()
        frame: list[_Operand] = []
        statement.frames.append(frame)
        for value in inputs:
            if value in self._inlined:
                text = spell(self._context, value.node, self._operands(value.node, statement))
                marked = Text(text, value.node.range) if isinstance(text, str) else text.mark(value.node.range)
                frame.append(_Operand(marked, value, True))
                if self._is_long(marked):
                    self._materialise(statement)
            else:
                frame.append(_Operand(self._name_or_constant(value), value, False))
        statement.frames.pop()
        return [operand.text for operand in frame]

    def _materialise(self, statement: _Statement) -> None:
        """Assign every expression that the statement has evaluated so far to a variable, in order."""
        for frame in statement.frames:
            for operand in frame:
                if operand.is_expression:
                    self._assign(operand.value, operand.text)
                    operand.text = self._name_or_constant(operand.value)
                    operand.is_expression = False

    def _name_or_constant(self, value: Value) -> Piece:
        return self._names.of.get(value) or self._constant(value)

    def _constant(self, value: Value) -> Piece:
        if is_constant(value):
            return Text(self._constant_text(value), value.node.range)
        raise UnsupportedError(f"value %{value.debug_name} is read before it is written")

    # --- lines

    def _indent(self) -> None:
        self._out.add("  " * self._level)

    def _line(self, text: str, range: SourceRange | None = None) -> None:
        self._indent()
        self._out.add(Text(text, range), "\n")


_STATEMENTS: dict[str, Callable[[FunctionPrinter, Node], None]] = {
    "prim::If": FunctionPrinter._print_if,
    "prim::Loop": FunctionPrinter._print_loop,
    "prim::TupleUnpack": FunctionPrinter._print_unpack,
    "prim::ListUnpack": FunctionPrinter._print_unpack,
    "prim::SetAttr": FunctionPrinter._print_set_attribute,
    "prim::Enter": FunctionPrinter._print_enter,
    "prim::fork": FunctionPrinter._print_closure,
    "prim::awaitable": FunctionPrinter._print_closure,
    "prim::ModuleContainerIndex": FunctionPrinter._print_container_index,
    "prim::Closure": FunctionPrinter._refuse_closure,
}
"""By kind, what is more than an expression."""


def _before(node: Node) -> Node:
    """The node before one, constants passed over."""
    node = node.previous
    while node.kind == "prim::Constant":
        node = node.previous
    return node


def _constants_in_order_of_use(block: Block) -> Iterator[Value]:
    seen: set[Value] = set()
    stack: list[Iterator[Node]] = [_nodes_with_return(block)]
    while stack:
        for node in stack[-1]:
            for value in node.inputs:
                if value.node.kind == "prim::Constant" and value not in seen:
                    seen.add(value)
                    yield value
            if node.blocks or node.has_attribute("Subgraph"):
                stack += map(_nodes_with_return, reversed(_inner_blocks(node)))
                break
        else:
            stack.pop()


def _inner_blocks(node: Node) -> list[Block]:
    if node.has_attribute("Subgraph"):
        return [*node.blocks, node.graph_attribute().block]
    return list(node.blocks)


def _nodes_with_return(block: Block) -> Iterator[Node]:
    yield from block
    yield block.return_node
