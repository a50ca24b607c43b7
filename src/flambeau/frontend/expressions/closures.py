"""Functions inside functions, and `fork`, which runs one elsewhere.

A closure is a node with a block, compiled like a function body; it reads the variables around it where it stands.
`fork` refers to one, and `lift_forks` turns the pair into what the runtime executes:

    %c = prim::Closure()                     %f : Future(Tensor) = prim::fork_0(%x)
      block0():                       ->     with prim::fork_0 = graph(%x : Tensor):
        ...%x...                               ...%x...
    %f = prim::forkClosure(%c)

The source text in archives spells a forked function as a local `def` without parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from flambeau import ir
from flambeau.errors import ScriptError

from ..emitter import Emitter, Results
from ..results import finish_body
from ..syntax import statement
from ..values.special import SpecialForm, special_form
from ..values.sugared import Arg, SugaredValue
from .calls import keyword_arguments, positional_arguments
from .local_functions import local_function

_FUTURES: dict[str, tuple[str, Callable[[ir.Type], ir.Type]]] = {
    "fork": ("prim::forkClosure", ir.FutureType),
    "awaitable": ("prim::awaitableClosure", ir.AwaitType),
}
_LIFTED = {"prim::forkClosure": "prim::fork", "prim::awaitableClosure": "prim::awaitable"}


@final
@dataclass(frozen=True, slots=True, eq=False)
class ClosureValue(SugaredValue):
    """A local function without parameters: the output of its `prim::Closure`. It can only be forked."""

    closure: ir.Value

    @property
    def kind(self) -> str:
        return "closure"


@statement(ast.FunctionDef)
def emit_local_definition(emitter: Emitter, node: ast.FunctionDef) -> None:
    range_ = emitter.range(node)
    if not emitter.definition.serialized:
        made: SugaredValue = local_function(emitter, node)
        for decorator in reversed(node.decorator_list):
            place = emitter.range(decorator)
            made = emitter.sugared(decorator).call(emitter, place, [Arg(made, place)], [])
        emitter.environment.assign(node.name, made, range_)
        return
    if node.args.args or node.args.vararg or node.args.kwonlyargs:
        raise emitter.unsupported(node)

    def emit_body(block: ir.Block) -> None:
        declared = None if node.returns is None else emitter.resolve_type(node.returns)
        outer, emitter.results = emitter.results, Results(declared)
        emitter.statements(node.body)
        finish_body(emitter, block, range_)
        emitter.results = outer

    closure = emit_closure(emitter, range_, emit_body)
    emitter.environment.assign(node.name, ClosureValue(closure), range_)


def emit_closure(emitter: Emitter, range: ir.SourceRange, emit_body: Callable[[ir.Block], None]) -> ir.Value:
    """Emit a `prim::Closure`; `emit_body` fills its block and gives it one output."""
    node = emitter.insert("prim::Closure", (), (ir.NONE,), range)
    block = node.add_block()
    kind, emitter.loop_kind = emitter.loop_kind, "none"
    emitter.environment.push(block)
    with emitter.graph.inserting_at(block):
        emit_body(block)
    emitter.environment.pop()
    emitter.loop_kind = kind
    return node.output


@special_form("fork", "awaitable")
def emit_fork(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    if not node.args or isinstance(node.args[0], ast.Starred):
        raise emitter.error(node, f"Expected at least one argument to {form.name}()")
    range_ = emitter.range(node)
    callee = emitter.sugared(node.args[0])
    args = positional_arguments(emitter, node.args[1:])
    kwargs = keyword_arguments(emitter, node.keywords)

    def emit_call(block: ir.Block) -> None:
        block.add_output(callee.call(emitter, range_, args, kwargs).as_value(emitter, range_))

    if isinstance(callee, ClosureValue):
        if args or kwargs:
            raise ScriptError("a local function that is forked takes no arguments", range_)
        closure = callee.closure
    else:
        closure = emit_closure(emitter, range_, emit_call)
    kind, future = _FUTURES[form.name]
    (result,) = closure.node.blocks[0].outputs
    return emitter.sugar(emitter.insert(kind, (closure,), (future(result.type),), range_).output)


def lift_forks(graph: ir.Graph) -> None:
    """Turn forks of closures into forks of graphs, and drop the closures."""
    for node in list(graph.walk()):
        if node.kind in _LIFTED:
            _lift(graph, node)
    for node in graph.find_nodes("prim::Closure"):
        if not node.has_uses:
            node.destroy()


def _lift(graph: ir.Graph, fork: ir.Node) -> None:
    block = fork.input.node.blocks[0]
    lifted = ir.Graph()
    lifted.op_version = graph.op_version
    values: dict[ir.Value, ir.Value] = {}
    captured = _captured(block)
    for value in captured:
        values[value] = lifted.add_input(type=value.type)
        if value.has_debug_name:
            values[value].set_debug_name(value.debug_name)
    ir.copy_block(block, lifted.block, values)
    made = graph.create(_LIFTED[fork.kind], captured, (fork.output.type,), fork.range)
    made.set_attribute("Subgraph", "g", lifted).insert_before(fork)
    if fork.output.has_debug_name:
        made.output.set_debug_name(ir.base_name(fork.output.debug_name))
    fork.output.replace_all_uses_with(made.output)
    fork.destroy()
    lift_forks(lifted)


def _captured(block: ir.Block) -> list[ir.Value]:
    """The values that a block reads and does not define, in order of first reading.

    Constants are among them: what is cheap to repeat is left to later passes.
    """
    inner: set[ir.Value] = set(block.inputs)
    found: dict[ir.Value, None] = {}
    for node in block.walk():
        inner.update(node.outputs)
        for nested in node.blocks:
            inner.update(nested.inputs)
    for node in block.walk():
        found.update(dict.fromkeys(value for value in node.inputs if value not in inner))
        for nested in node.blocks:
            found.update(dict.fromkeys(value for value in nested.outputs if value not in inner))
    found.update(dict.fromkeys(value for value in block.outputs if value not in inner))
    return list(found)
