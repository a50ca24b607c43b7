"""Writing a graph as one Python function.

Values are local variables, `prim::If` and `prim::Loop` are Python's own statements (see `control`), operators are
calls of functions that are bound beforehand, simple ones are expressions (`inline`). Constants that have a literal are
written as such. A value that may hold a tensor is deleted as soon as nothing reads it any more, so that memory is freed
no later than eager code would free it.

An expression that one node reads is not stored but waits (`pending`) until that node is written, if nothing that comes
between can change what it would give. Of several values that follow one another (what a loop carries, results of
branches) the later take over the variable of the earlier where nobody reads that any more (`wanted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import final

from flambeau.errors import InvalidGraphError, UnsupportedError
from flambeau.ir import INT, Block, Function, Graph, Node, Value, is_constant
from flambeau.passes import IF_FLOAT, REUSES
from flambeau.runtime.integers import INT_MAX, INT_MIN, wrapped
from flambeau.runtime.nodes import runtime_constant
from flambeau.runtime.operands import Operand
from flambeau.runtime.python_tier import (
    control,
    inline_strings,  # noqa: F401  # registers expressions
    kinds,
)
from flambeau.runtime.python_tier.expressions import Bounds, Expression, Names, literal, within_64_bits
from flambeau.runtime.python_tier.inline import STATEMENTS, Inline, inline_of
from flambeau.runtime.python_tier.int_bounds import result_bounds
from flambeau.runtime.python_tier.lifetimes import last_reader, may_hold_memory, read_after, same_loop
from flambeau.runtime.python_tier.source import Source
from flambeau.runtime.python_tier.specialized_nodes import write_reusing, write_with_number
from flambeau.runtime.python_tier.tensor_calls import tensor_call
from flambeau.runtime.registry import kernel_of_node

__all__ = ["Writer", "source_of"]

_INDENT = "  "
_MAX_NESTING = 90
"""Python's own compiler refuses more than 100 levels of indentation."""
_SMALL_INT = (1 << 30) - 1
"""Up to here CPython compares ints fast; larger ones are compared a second time."""
_WIDE = 1 << 126
"""Ints that are still to be wrapped are wrapped before they can get larger than this."""
_HOMOMORPHIC = frozenset({"aten::add", "aten::sub", "aten::mul", "aten::neg"})
"""Wrapping their result makes up for operands that were not wrapped."""
_LONGEST = 300
"""Expressions of more characters are stored: Python gives up on hundreds of nested parentheses."""


def source_of(graph: Graph, name: str = "compiled") -> Source:
    """The source of a function that runs the graph: inputs as arguments, outputs as its result."""
    return Writer(graph, name).write()


@final
class Writer:
    """The state of writing one graph. `control` and `kinds` use its methods; nobody else does."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.names = Names()
        self.source = Source(self.names.fresh(name if name.isidentifier() else "compiled"))
        self.level = 0
        self.loops = 0
        self.pending: dict[Value, Expression] = {}
        """Expressions that are not written yet, oldest first; each has one reader, in the same block."""
        self.wanted: dict[Value, str] = {}
        """The variables that values should go to, if their present holders are not read any more."""
        self.holders: dict[str, list[Value]] = {}
        """For each variable, the values alive that are read from it."""
        self.outer: frozenset[str] = frozenset()
        """The variables in use before the branch that is being written."""
        self._taken: list[Expression] = []
        """Expressions that the node under way has taken and that are not on a line yet: what they read may not die."""
        self._expressions: dict[Value, Expression] = {}
        self._dying: dict[Node, list[Value]] = {}
        self._bound: dict[object, str] = {}

    def write(self) -> Source:
        inputs = [self.new_variable(v) for v in self.graph.inputs]
        self.line(f"def {self.source.name}({', '.join(inputs)}):")
        self.level += 1
        self.body(self.graph.block)
        outputs = self.take_all(self.graph.outputs, raisers=1)
        texts = [o.text for o in outputs]
        result = texts[0] if len(texts) == 1 else f"({', '.join(texts)})" if texts else "None"
        self.line(f"return {result}", next((o.raiser for o in outputs if o.raiser is not None), None))
        deepest = max(len(line) - len(line.lstrip()) for line in self.source.lines)
        if deepest > _MAX_NESTING * len(_INDENT):
            raise UnsupportedError("control flow is nested too deeply")
        return self.source

    def body(self, block: Block) -> None:
        """Write the nodes of a block."""
        self._find_last_readers(block)
        opened: list[str] = []
        for node in block:
            mark = len(self._taken)
            match node.kind:
                case "prim::Constant":
                    continue
                case "prim::If":
                    control.write_if(self, node)
                case "prim::Loop":
                    control.write_loop(self, node)
                case "prim::Enter":
                    control.write_enter(self, node, opened)
                case "prim::Exit":
                    control.write_exit(self, node, opened)
                case _:
                    self._node(node)
            del self._taken[mark:]
            self.release(self._dying.pop(node, ()))
        if opened:
            raise UnsupportedError("a prim::Enter without prim::Exit in the same block")

    # --- lines

    def line(self, text: str, node: Node | None = None) -> None:
        self.source.lines.append(_INDENT * self.level + text)
        self.source.nodes.append(node)
        if node is not None:
            self.source.operands[node] = tuple(map(self._operand, node.inputs))

    def _operand(self, value: Value) -> Operand:
        """Where a value is to be found while its reader runs."""
        known = self._expressions.get(value)
        if known is not None and known.is_simple:
            return known.text
        if value.node.kind == "prim::ListConstruct":
            return tuple(map(self._operand, value.node.inputs))
        return ""

    def bind(self, prefix: str, value: object) -> str:
        """A name for an object that the code needs."""
        key = (prefix, id(value))
        name = self._bound.get(key)
        if name is None:
            name = self._bound[key] = self.names.fresh(prefix)
            self.source.bindings[name] = value
        return name

    def flag(self, prefix: str) -> str:
        """A name for a global of the code that is true until the code gives something up."""
        name = self.names.fresh(prefix)
        self.source.bindings[name] = True
        return name

    def callee(self, function: Function) -> str:
        """A name for the compiled form of a function."""
        key = ("callee", id(function))
        name = self._bound.get(key)
        if name is None:
            name = self._bound[key] = self.names.fresh(f"call_{function.name}")
            self.source.callees[name] = function
        return name

    # --- variables

    def stand_for(self, value: Value, result: object) -> None:
        """Let a value be an object that is known beforehand."""
        self._expressions[value] = Expression(self.bind("c", result), is_simple=True)

    def new_variable(self, value: Value, bounds: Bounds | None = None) -> str:
        """A variable of its own for a value."""
        return self.assigned(value, self.names.variable(value), bounds)

    def variable_for(self, value: Value, *, within: bool = True) -> str:
        """The variable that a value gets now: where it should go, if nobody reads that any more, or a new one.

        `within`: whether readers in the blocks of the value's node count.
        """
        wanted = self.wanted.pop(value, None)
        if wanted is None or not self.is_free(wanted, value.node, within=within):
            return self.names.variable(value)
        self.settle(lambda e: wanted in e.reads)
        return wanted

    def is_free(self, name: str, node: Node, *, within: bool = True) -> bool:
        """Whether a node may overwrite a variable: nothing that runs after it reads what is in there."""
        return all(
            same_loop(holder, node) and not read_after(holder, node, within=within)
            for holder in self.holders.get(name, ())
        )

    def assigned(self, value: Value, name: str, bounds: Bounds | None = None) -> str:
        """Note that a variable holds a value from now on, and no other."""
        expression = Expression(name, is_simple=True, reads=frozenset((name,)))
        if bounds is not None and within_64_bits(bounds):  # what was wrapped may be anywhere
            expression.bounds = bounds
        self._expressions[value] = expression
        self.holders[name] = [value]
        return name

    def is_stored(self, value: Value) -> bool:
        return value in self._expressions

    def alias(self, value: Value, other: Value) -> None:
        """Note that a value is another one under another type."""
        expression = self.read(other)
        self._expressions[value] = expression
        if expression.text in self.holders:
            self.holders[expression.text].append(value)

    def release(self, values: Iterable[Value]) -> None:
        """Let values die; a variable is deleted with the last of those that it holds."""
        dead: list[str] = []
        for value in values:
            name = self._expressions[value].text if value in self._expressions else ""
            holders = self.holders.get(name, [])
            reader = next((e for e in self._taken if name in e.reads), None)
            if reader is not None:
                reader.released.append(value)
            elif value in holders:
                holders.remove(value)
                if not holders:
                    dead.append(name)
                    del self.holders[name]
        if not dead:
            return
        self.settle(lambda e: not e.reads.isdisjoint(dead))
        own = [name for name in dead if name not in self.outer]
        if own:
            self.line(f"del {', '.join(own)}")
        for name in dead:
            if name in self.outer:  # there its former value is still to be deleted
                self.line(f"{name} = None")

    def executed(self, operands: Iterable[Expression]) -> None:
        """Note that the operands of the node under way are on a line now: what only they read dies."""
        done = list(operands)
        self._taken = [e for e in self._taken if all(e is not o for o in done)]
        self.release([v for o in done for v in o.released])

    def _find_last_readers(self, block: Block) -> None:
        for value in (*block.inputs, *(o for n in block for o in n.outputs if n.kind != "prim::Constant")):
            if may_hold_memory(value.type) and value.node is not self.graph.param_node:
                last = last_reader(value, block)
                if last is not None:
                    self._dying.setdefault(last, []).append(value)

    def dying_with(self, node: Node, is_moved: Callable[[Value], bool]) -> list[Value]:
        """Take those values out of the ones that die with a node."""
        dying = self._dying.get(node, [])
        moved = [v for v in dying if is_moved(v)]
        self._dying[node] = [v for v in dying if v not in moved]
        return moved

    # --- expressions

    def read(self, value: Value) -> Expression:
        """The code that reads a value that is stored, or a constant."""
        known = self._expressions.get(value)
        if known is None:
            if not is_constant(value):
                raise InvalidGraphError(f"%{value.debug_name} is read before it is defined")
            constant = runtime_constant(value.node)
            known = literal(constant) or Expression(self.bind("c", constant), is_simple=True)
            self._expressions[value] = known
        return known

    def take(self, value: Value) -> Expression:
        """The code of a value for its reader, which is being written."""
        if value in self.pending and not self.pending[value].is_wrapped:
            self._store_pending(value)
        (expression,) = self._take((value,))
        return expression

    def take_all(
        self, values: Sequence[Value], *, raisers: int = 0, wide: bool = False, simple: Sequence[int] = ()
    ) -> list[Expression]:
        """The code of all operands of a node.

        So many of them may raise (none, if the node may); the `simple` ones are variables or literals; `wide` if ints
        need not be wrapped.
        """
        for i, value in enumerate(values):
            waiting = self.pending.get(value)
            if waiting is not None and (i in simple or not (wide or waiting.is_wrapped)):
                self._store_pending(value)
        raising = [v for v in values if v in self.pending and self.pending[v].raiser is not None]
        for value in raising[: len(raising) - raisers]:
            self._store_pending(value)
        return self._take(values)

    def _take(self, values: Sequence[Value]) -> list[Expression]:
        taken = [self.pending.pop(v) if v in self.pending else self.read(v) for v in values]
        self._taken += taken
        return taken

    def _store_pending(self, value: Value) -> None:
        expression = self.pending.pop(value, None)
        if expression is not None:
            self.store(value, expression, value.node)

    def store(self, value: Value, expression: Expression, node: Node, name: str | None = None) -> Expression:
        """Write an expression to the variable of its value."""
        bounds = expression.bounds if value.type is INT else None
        self._taken.append(expression)
        variable = name or self.variable_for(value, within=value.node.kind != "prim::If")
        self.line(f"{variable} = {expression.text}", expression.raiser or node)
        if bounds is not None and not expression.is_wrapped:
            self.line(
                f"if {_overflow(variable, bounds)}: {variable} = {self.bind('wrapped', wrapped)}({variable})", node
            )
        self.assigned(value, variable, bounds)
        self.executed([expression])
        return self._expressions[value]

    def drop(self, value: Value) -> None:
        """Forget the expression of a value that nobody reads after all; if it may raise, it is still carried out."""
        expression = self.pending.pop(value, None)
        if expression is not None:
            if expression.raiser is not None:
                self.line(expression.text, expression.raiser)
            self.executed([expression])

    def settle(
        self,
        which: Callable[[Expression], bool] = lambda e: e.reads_state or e.raiser is not None,
        keep: Sequence[Value] = (),
    ) -> None:
        """Store the pending expressions that what comes next could disturb, but for those that it reads itself."""
        for value, expression in list(self.pending.items()):
            if value not in keep and which(expression):
                self._store_pending(value)

    def result(self, node: Node, expression: Expression) -> None:
        """Let an expression wait for its only reader, or store it."""
        value = node.output
        if not value.has_uses and expression.raiser is None:
            self.executed([expression])
            return
        if expression.raiser is not None:
            self.settle(lambda e: e.raiser is not None)
        if self._may_wait(value, expression):
            self.pending[value] = expression
        else:
            self.store(value, expression, node)

    def _may_wait(self, value: Value, expression: Expression) -> bool:
        if value.use_count != 1 or value in self.wanted or len(expression.text) > _LONGEST:
            return False
        reader = value.uses[0].user
        if reader.owning_block is not value.node.owning_block or reader.kind in ("prim::Enter", "prim::Exit"):
            return False
        if reader is self.graph.return_node:
            return True
        return not expression.released or not (reader.blocks or reader.kind == "prim::Return")

    def combined(self, node: Node, text: str, parts: Sequence[Expression]) -> Expression:
        """An expression made of others; what the node lets die is released with it."""
        released = [v for part in parts for v in part.released]
        self._taken = [e for e in self._taken if all(e is not part for part in parts)]
        return Expression(
            text,
            reads=frozenset().union(*(p.reads for p in parts)),
            reads_state=any(p.reads_state for p in parts),
            raiser=next((p.raiser for p in parts if p.raiser is not None), None),
            released=released + self._dying.pop(node, []),
        )

    @contextmanager
    def computing(
        self, node: Node, inputs: Sequence[Value] | None = None, simple: Sequence[int] = ()
    ) -> Iterator[tuple[list[str], list[Expression]]]:
        """Give the variables of a node's outputs, and its operands (or those of `inputs`), to write the lines that
        compute the ones from the others.
        """
        self.settle(keep=node.inputs)
        operands = self.take_all(node.inputs if inputs is None else inputs, simple=simple)
        names = [self.variable_for(o) for o in node.outputs]
        yield names, operands
        for output, name in zip(node.outputs, names, strict=True):
            self.assigned(output, name)
        self.executed(operands)

    # --- nodes

    def _node(self, node: Node) -> None:
        write = kinds.WRITERS.get(node.kind)
        if write is not None and write(self, node):
            return
        if node.has_attribute(REUSES) and write_reusing(self, node):
            return
        if node.has_attribute(IF_FLOAT) and write_with_number(self, node):
            return
        operator = node.operator
        name = operator.qualified_name if operator is not None else ""
        if name in STATEMENTS:
            self._statement(node, STATEMENTS[name])
        elif not self._inlined(node, name):
            self.call(node)

    def _statement(self, node: Node, template: str) -> None:
        self.settle(keep=node.inputs)
        operands = self.take_all(
            node.inputs, raisers=1 if node.kind == "aten::append" else 0, simple=(0,) if node.has_uses else ()
        )
        self.line(template.format(*(o.operand for o in operands)), node)
        for output in node.outputs:
            if output.has_uses:
                self.alias(output, node.inputs[0])
        self.executed(operands)

    def _inlined(self, node: Node, name: str) -> bool:
        """Write a node as an expression, if it has one."""
        wide = node.kind in _HOMOMORPHIC
        operands = [self.pending.get(v) or self.read(v) for v in node.inputs]
        inline = inline_of(name, node, operands)
        if inline is None:
            return False
        wide = wide and max(map(abs, result_bounds(node, [o.bounds for o in operands]))) <= _WIDE
        raisers = 0 if inline.raises else 1
        operands = self.take_all(node.inputs, raisers=raisers, wide=wide, simple=inline.simple)
        self.result(node, self._inline_expression(node, inline, operands))
        return True

    def _inline_expression(self, node: Node, inline: Inline, operands: list[Expression]) -> Expression:
        bounds = result_bounds(node, [o.bounds for o in operands])
        kernel = self.bind("k", kernel_of_node(node)) if "{k}" in inline.text else ""
        names = {name: self.bind(name, value) for name, value in inline.names.items()}
        text = inline.text.format(*(o.operand for o in operands), k=kernel, **names)
        expression = self.combined(node, text, operands)
        expression.is_atom = inline.is_atom
        expression.reads_state = expression.reads_state or inline.reads_state
        expression.raiser = node if inline.raises else expression.raiser
        if node.output.type is INT:
            expression.bounds = bounds
        return expression

    def call(self, node: Node, function: str = "", values: Sequence[Value] | None = None) -> None:
        """Write a node as a call: of a named function, or of its operator."""
        values = node.inputs if values is None else values
        self.settle(keep=values)
        operands = self.take_all(values)
        texts = [o.operand if i == 0 else o.text for i, o in enumerate(operands)]
        if function:
            text = f"{function}({', '.join(texts)})"
        else:
            text = tensor_call(node, texts, self.bind) or f"{self.bind('k', kernel_of_node(node))}({', '.join(texts)})"
        self.results(node, text)
        self.executed(operands)

    def results(self, node: Node, text: str) -> None:
        """Write the code that computes all outputs of a node."""
        if not node.has_uses:
            self.line(text, node)
            return
        names = [self.variable_for(o) for o in node.outputs]
        self.line(f"{', '.join(names)} = {text}", node)
        for output, name in zip(node.outputs, names, strict=True):
            self.assigned(output, name, result_bounds(node, []) if output.type is INT else None)


def _overflow(variable: str, bounds: Bounds) -> str:
    """When a variable has left 64 bits, as a condition: first against a limit that is compared fast."""
    if bounds[0] >= INT_MIN:
        return f"{variable} > {_SMALL_INT} and {variable} > {INT_MAX}"
    if bounds[1] <= INT_MAX:
        return f"{variable} < {-_SMALL_INT} and {variable} < {INT_MIN}"
    return f"not {-_SMALL_INT} <= {variable} <= {_SMALL_INT} and not {INT_MIN} <= {variable} <= {INT_MAX}"
