"""A graph as the source of one Python function.

Values are local variables, `prim::If` and `prim::Loop` are Python's own statements, operators are calls of functions
that are bound beforehand, and simple ones are expressions. Constants that have a literal are written as such. A value
that may hold a tensor is deleted as soon as nothing reads it any more, so that memory is freed when eager code would
free it.

Each line stands for one node at most; `nodes` maps lines to nodes, for tracebacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import final

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STRING,
    Block,
    ClassType,
    EnumType,
    Function,
    Graph,
    Node,
    TupleType,
    Value,
    constant_value,
    is_constant,
)
from flambeau.runtime.integers import INT_MAX, INT_MIN, wrapped
from flambeau.runtime.nodes import is_custom_class, runtime_constant
from flambeau.runtime.python_tier.inline import EXPRESSIONS, STATEMENTS, WRAPPING
from flambeau.runtime.python_tier.int_bounds import IntBounds, overflow_condition
from flambeau.runtime.python_tier.tensor_calls import tensor_call
from flambeau.runtime.registry import kernel_of_node

_INDENT = "  "
_MAX_NESTING = 90
"""Python's own compiler refuses more than 100 levels of indentation."""
_SMALL = frozenset({INT, FLOAT, BOOL, STRING, NONE})


@final
@dataclass(slots=True)
class Source:
    """Generated code: its text, the node that each line carries out, and the names that it expects to be bound."""

    lines: list[str] = field(default_factory=list)
    nodes: list[Node | None] = field(default_factory=list)
    bindings: dict[str, object] = field(default_factory=dict)
    callees: dict[str, Function] = field(default_factory=dict)
    """Names that stand for the compiled forms of other functions."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def source_of(graph: Graph, name: str = "compiled") -> Source:
    """The source of a function of that name that runs the graph: inputs as arguments, outputs as its result."""
    return _Writer(graph).write(name)


@final
class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._source = Source()
        self._names: dict[Value, str] = {}
        self._bound: dict[object, str] = {}
        self._level = 0
        self._holders: dict[str, int] = {}
        """For each variable of the code, how many values that go by its name are alive."""
        self._dying: dict[Node, list[Value]] = {}
        self._bounds = IntBounds()

    def write(self, name: str) -> Source:
        parameters = [self._define(v) for v in self._graph.inputs]
        self._line(f"def {name}({', '.join(parameters)}):")
        self._level += 1
        self._body(self._graph.block)
        outputs = [self._operand(v) for v in self._graph.outputs]
        match outputs:
            case []:
                self._line("return None")
            case [single]:
                self._line(f"return {single}")
            case _:
                self._line(f"return ({', '.join(outputs)})")
        return self._source

    # --- names

    def _define(self, value: Value) -> str:
        name = f"v{len(self._names)}"
        self._names[value] = name
        self._holders[name] = 1
        return name

    def _operand(self, value: Value) -> str:
        name = self._names.get(value)
        if name is None:
            if not is_constant(value):
                raise UnsupportedError(f"%{value.debug_name} is read before it is defined")
            name = self._names[value] = self._constant(value)
        return name

    def _operands(self, node: Node) -> list[str]:
        return [self._operand(v) for v in node.inputs]

    def _constant(self, value: Value) -> str:
        constant = runtime_constant(value.node)
        if constant is None or isinstance(constant, (bool, str)):
            return repr(constant)
        if isinstance(constant, int):
            return repr(constant) if constant >= 0 else f"({constant!r})"
        if isinstance(constant, float) and math.isfinite(constant):
            return repr(constant) if math.copysign(1.0, constant) > 0 else f"({constant!r})"
        return self._bind("c", constant)

    def _bind(self, prefix: str, value: object) -> str:
        """A name for an object that the code needs."""
        key = (prefix, id(value))
        name = self._bound.get(key)
        if name is None:
            name = self._bound[key] = f"{prefix}{len(self._source.bindings)}"
            self._source.bindings[name] = value
        return name

    # --- lines

    def _line(self, text: str, node: Node | None = None) -> None:
        if self._level > _MAX_NESTING:
            raise UnsupportedError("control flow is nested too deeply")
        self._source.lines.append(_INDENT * self._level + text)
        self._source.nodes.append(node)

    # --- blocks

    def _body(self, block: Block) -> None:
        """The statements of a block, with what dies after each."""
        self._find_last_uses(block)
        opened: list[str] = []
        for node in block:
            match node.kind:
                case "prim::Constant":
                    continue
                case "prim::If":
                    self._if(node)
                case "prim::Loop":
                    self._loop(node)
                case "prim::Enter":
                    opened.append(self._enter(node))
                case "prim::Exit":
                    self._exit(node, opened)
                case _:
                    self._simple(node)
            self._delete(self._dying.pop(node, ()))
        if opened:
            raise UnsupportedError("a prim::Enter without prim::Exit in the same block")

    def _find_last_uses(self, block: Block) -> None:
        """For each value that a block defines and that may hold a tensor: the node after which it dies."""
        for value in (*block.inputs, *(o for n in block for o in n.outputs if n.kind != "prim::Constant")):
            if value.type in _SMALL or isinstance(value.type, EnumType):
                continue
            if value.node is self._graph.param_node:
                continue
            last = _last_user(value, block)
            if last is not None:
                self._dying.setdefault(last, []).append(value)

    def _delete(self, values: Iterable[Value]) -> None:
        """Let values die: a variable is deleted with the last of the values that go by its name."""
        dead: list[str] = []
        for value in values:
            name = self._names.get(value)
            if name is None or name not in self._holders:
                continue
            self._holders[name] -= 1
            if self._holders[name] == 0:
                dead.append(name)
        if dead:
            self._line(f"del {', '.join(dead)}")

    # --- control flow

    def _if(self, node: Node) -> None:
        condition = self._operand(node.inputs[0])
        results = [self._define(v) for v in node.outputs]
        self._line(f"if {condition}:", node)
        self._branch(node.blocks[0], results)
        other = node.blocks[1]
        if results or not other.is_empty:
            self._line("else:")
            self._branch(other, results)

    def _branch(self, block: Block, results: Sequence[str]) -> None:
        self._level += 1
        start = len(self._source.lines)
        self._body(block)
        self._assign(results, [self._operand(v) for v in block.outputs])
        if len(self._source.lines) == start:
            self._line("pass")
        self._level -= 1

    def _assign(self, targets: Sequence[str], values: Sequence[str]) -> None:
        pairs = [(t, v) for t, v in zip(targets, values, strict=True) if t != v]
        if pairs:
            self._line(f"{', '.join(t for t, _ in pairs)} = {', '.join(v for _, v in pairs)}")

    def _loop(self, node: Node) -> None:
        body = node.blocks[0]
        index, *inner = body.inputs
        limit, condition, *initial = node.inputs
        results = [self._define(v) for v in node.outputs]
        self._names.update(zip(inner, results, strict=True))
        self._holders.update(dict.fromkeys(results, 2))
        self._assign(results, [self._operand(v) for v in initial])
        self._delete(self._moved_in(node))
        endless = constant_value(limit) == INT_MAX and not index.has_uses
        counted = constant_value(condition) is True and constant_value(body.outputs[0]) is True
        counter = self._define(index)
        if counted and not endless:
            self._line(f"for {counter} in range({self._operand(limit)}):", node)
            self._loop_body(body, results, body.outputs[1:])
            self._holders.update(dict.fromkeys(results, 1))
            return
        flag = f"w{len(self._names)}"
        self._line(f"{flag} = {self._operand(condition)}")
        if endless:
            self._line(f"while {flag}:", node)
        else:
            self._line(f"{counter} = 0")
            self._line(f"while {flag} and {counter} < {self._operand(limit)}:", node)
        self._loop_body(body, [flag, *results], body.outputs, "" if endless else f"{counter} += 1")
        self._holders.update(dict.fromkeys(results, 1))

    def _moved_in(self, node: Node) -> list[Value]:
        """The values that die with a loop and of which it takes nothing but the initial carried value."""
        dying = self._dying.get(node, [])
        moved = [v for v in dying if all(use.user is node for use in v.uses)]
        self._dying[node] = [v for v in dying if v not in moved]
        return moved

    def _loop_body(self, body: Block, targets: Sequence[str], values: Sequence[Value], last: str = "") -> None:
        self._level += 1
        start = len(self._source.lines)
        self._body(body)
        self._assign(targets, [self._operand(v) for v in values])
        if last:
            self._line(last)
        if len(self._source.lines) == start:
            self._line("pass")
        self._level -= 1

    def _enter(self, node: Node) -> str:
        manager = self._operand(node.inputs[0])
        self._call_kernel(node, [manager])
        self._line("try:")
        self._level += 1
        return manager

    def _exit(self, node: Node, opened: list[str]) -> None:
        if not opened:
            raise UnsupportedError("a prim::Exit without prim::Enter in the same block")
        manager = opened.pop()
        leave = self._bind("k", kernel_of_node(node))
        self._line("pass")
        self._level -= 1
        self._line("except BaseException:")
        self._level += 1
        self._line(f"{leave}({manager})", node)
        self._line("raise")
        self._level -= 1
        self._line(f"{leave}({manager})", node)
        for output in node.outputs:
            if output.has_uses:
                self._line(f"{self._define(output)} = None")

    # --- nodes

    def _simple(self, node: Node) -> None:
        write = _WRITERS.get(node.kind)
        if write is not None and write(self, node):
            return
        operator = node.operator
        name = operator.qualified_name if operator is not None else ""
        operands = self._operands(node)
        if name in WRAPPING:
            self._wrapping(node, WRAPPING[name].format(*operands))
            return
        if name in STATEMENTS:
            self._line(STATEMENTS[name].format(*operands), node)
            if node.output.has_uses:
                self._cast(node)
            return
        expression = EXPRESSIONS[name](node, operands) if name in EXPRESSIONS else None
        if expression is None:
            self._call_kernel(node, operands)
        elif (branch := _branch_on(node)) is not None:
            self._names[node.output] = expression
            self._dying.setdefault(branch, []).extend(self._dying.pop(node, ()))
        else:
            if node.kind == "aten::__derive_index":
                self._bounds.same(node.output, node.inputs[0], extra=1)
            self._store(node, expression)

    def _wrapping(self, node: Node, expression: str) -> None:
        result = self._define(node.output)
        self._line(f"{result} = {expression}", node)
        condition = overflow_condition(node, result, self._bounds, INT_MIN, INT_MAX)
        if condition is not None:
            self._line(f"if {condition}: {result} = {self._bind('wrapped', wrapped)}({result})", node)

    def _call_kernel(self, node: Node, operands: Sequence[str]) -> None:
        call = tensor_call(node, operands, self._bind)
        if call is None:
            call = f"{self._bind('k', kernel_of_node(node))}({', '.join(operands)})"
        self._store(node, call)

    def _store(self, node: Node, expression: str) -> None:
        match node.outputs:
            case []:
                self._line(expression, node)
            case [output] if not output.has_uses:
                self._line(expression, node)
            case [output]:
                self._line(f"{self._define(output)} = {expression}", node)
            case outputs:
                self._line(f"{', '.join(self._define(o) for o in outputs)} = {expression}", node)

    # --- nodes that have a spelling of their own

    def _tuple(self, node: Node) -> bool:
        type = node.output.type
        if isinstance(type, TupleType) and type.field_names is not None:
            return False
        inner = ", ".join(self._operands(node))
        self._store(node, f"({inner},)" if len(node.inputs) == 1 else f"({inner})")
        return True

    def _list(self, node: Node) -> bool:
        self._store(node, f"[{', '.join(self._operands(node))}]")
        return True

    def _dict(self, node: Node) -> bool:
        operands = self._operands(node)
        pairs = (f"{k}: {v}" for k, v in zip(operands[::2], operands[1::2], strict=True))
        self._store(node, "{" + ", ".join(pairs) + "}")
        return True

    def _unpack_tuple(self, node: Node) -> bool:
        source = self._operand(node.inputs[0])
        targets = [self._define(o) for o in node.outputs]
        if targets:
            self._line(f"{', '.join(targets)}{',' if len(targets) == 1 else ''} = {source}", node)
        return True

    def _tuple_index(self, node: Node) -> bool:
        self._store(node, f"{self._operand(node.inputs[0])}[{self._operand(node.inputs[1])}]")
        return True

    def _cast(self, node: Node) -> bool:
        """The same value under another type: the same variable."""
        name = self._operand(node.inputs[0])
        self._names[node.output] = name
        if name in self._holders:
            self._holders[name] += 1
        return True

    def _get_attribute(self, node: Node) -> bool:
        slot = _slot(node)
        if slot is None:
            return False
        self._store(node, f"{self._operand(node.inputs[0])}.slots[{slot}]")
        return True

    def _set_attribute(self, node: Node) -> bool:
        slot = _slot(node)
        if slot is None:
            return False
        holder, value = self._operands(node)
        self._line(f"{holder}.slots[{slot}] = {value}", node)
        return True

    def _call_function(self, node: Node) -> bool:
        function = constant_value(node.inputs[0])
        if not isinstance(function, Function):
            return False
        self._call(node, function, [self._operand(v) for v in node.inputs[1:]])
        return True

    def _call_method(self, node: Node) -> bool:
        owner = node.inputs[0].type
        method = owner.methods.get(node.string_attribute("name")) if isinstance(owner, ClassType) else None
        if method is None or is_custom_class(owner):
            return False
        self._call(node, method, self._operands(node))
        return True

    def _call(self, node: Node, function: Function, operands: Sequence[str]) -> None:
        key = ("f", id(function))
        name = self._bound.get(key)
        if name is None:
            name = self._bound[key] = f"f{len(self._source.callees)}"
            self._source.callees[name] = function
        self._store(node, f"{name}({', '.join(operands)})")


_WRITERS: dict[str, Callable[[_Writer, Node], bool]] = {
    "prim::TupleConstruct": _Writer._tuple,
    "prim::ListConstruct": _Writer._list,
    "prim::DictConstruct": _Writer._dict,
    "prim::TupleUnpack": _Writer._unpack_tuple,
    "prim::TupleIndex": _Writer._tuple_index,
    "prim::unchecked_cast": _Writer._cast,
    "prim::GetAttr": _Writer._get_attribute,
    "prim::SetAttr": _Writer._set_attribute,
    "prim::CallFunction": _Writer._call_function,
    "prim::CallMethod": _Writer._call_method,
}
"""Kinds that are written in their own way; a writer that answers False leaves the node to its kernel."""


def _branch_on(node: Node) -> Node | None:
    """The `prim::If` right behind a node, if nothing but its condition reads the result: it can be written there."""
    if node.output.type is not BOOL or node.output.use_count != 1:
        return None
    ((user, _),) = node.output.uses
    following = node.next
    while following.kind == "prim::Constant":
        following = following.next
    return user if user is following and user.kind == "prim::If" else None


def _slot(node: Node) -> int | None:
    owner = node.inputs[0].type
    if not isinstance(owner, ClassType) or is_custom_class(owner):
        return None
    return owner.find_slot(node.string_attribute("name"))


def _last_user(value: Value, block: Block) -> Node | None:
    """The node of `block` in or under which a value is read last; None if the block's own outputs read it."""
    last: Node | None = None
    for use in value.uses:
        node: Node | None = use.user
        while node is not None and node.owning_block is not block:
            node = node.owning_block.owning_node if node.owning_block is not None else None
        if node is None or node is block.return_node:
            return None
        if last is None or last.is_before(node):
            last = node
    if last is None and value.node is not block.param_node:
        return value.node
    return last
