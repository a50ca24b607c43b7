"""Loops that are recorded at once: `flambeau.passes` says which, the backend runs them or refuses to.

recorded = record(n, rows, h, c, w)
if recorded is not None:
  (h, c), appended = recorded
  outputs += appended[0]
else:
  for t in range(n): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flambeau.errors import InvalidGraphError
from flambeau.ir import Graph, Node
from flambeau.passes import APPENDED, CARRIED, ROWS, STEP
from flambeau.runtime.python_tier.specialized_nodes import GIVE_UP
from flambeau.runtime.registry import load_tensor_backend
from flambeau.runtime.steps import Step

if TYPE_CHECKING:
    from flambeau.runtime.python_tier.writer import Writer

__all__ = ["write_is_recorded", "write_record_loop", "write_take_recorded"]


def write_record_loop(writer: Writer, node: Node) -> bool:
    def compiled(graph: Graph) -> Callable[..., Any]:
        source = type(writer)(graph, "step").write()
        namespace: dict[str, Any] = dict(source.bindings)
        namespace[GIVE_UP] = lambda flag: namespace.update({flag: False})
        exec(compile(source.text, "<flambeau step>", "exec"), namespace)
        run: Callable[..., Any] = namespace[source.name]
        return run

    rows, carried, appended = (_numbers(node, name) for name in (ROWS, CARRIED, APPENDED))
    step = Step(node.graph_attribute(STEP), rows, carried, appended, compiled)
    recorder = writer.bind("record", load_tensor_backend().loop_recorder(step))
    with writer.computing(node, simple=range(len(node.inputs))) as ([name], operands):
        writer.line(f"{name} = {recorder}({', '.join(o.text for o in operands)})", node)
    return True


def _numbers(node: Node, name: str) -> tuple[int, ...]:
    found = node.attribute(name)
    if not isinstance(found, tuple):
        raise InvalidGraphError(f"{name} of {node.kind} is not a list of ints")
    return found


def write_is_recorded(writer: Writer, node: Node) -> bool:
    (record,) = writer.take_all(node.inputs, simple=(0,))
    writer.result(node, writer.combined(node, f"{record.text} is not None", [record]))
    return True


def write_take_recorded(writer: Writer, node: Node) -> bool:
    with writer.computing(node, simple=range(len(node.inputs))) as (names, operands):
        record, *lists = (o.text for o in operands)
        appended = writer.names.fresh("appended")
        writer.line(f"({', '.join(names)},), {appended} = {record}", node)
        for place, given in enumerate(lists):
            writer.line(f"{given} += {appended}[{place}]", node)
    return True
