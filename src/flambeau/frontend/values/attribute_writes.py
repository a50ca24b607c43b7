"""What may change attributes of objects: assignments to them, and calls of functions that make some.

What a condition said of an attribute (`attributes`) is forgotten wherever something of these may have changed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from flambeau import ir

if TYPE_CHECKING:
    from ..emitter import Emitter


def forget_written(emitter: Emitter, written: frozenset[str] | None) -> None:
    """Note that attributes of these names may have been changed; all of them, if None."""
    if not emitter.environment.knows_attributes:
        return
    if written is None:
        emitter.environment.forget_attributes(lambda _: True)
    elif written:
        emitter.environment.forget_attributes(lambda path: not written.isdisjoint(path.split(".")[1:]))


def forget_called(emitter: Emitter, function: ir.Function | None) -> None:
    """Note that a function was called; None for one that is not known."""
    if emitter.environment.knows_attributes:
        forget_written(emitter, None if function is None else written_attributes(function))


_written: WeakKeyDictionary[ir.Function, frozenset[str] | None] = WeakKeyDictionary()


def written_attributes(function: ir.Function) -> frozenset[str] | None:
    """The names of the attributes that a call may assign, of any object; None if that cannot be told."""
    if ir.is_bound(function):  # C++ code does not reach into scripts' objects
        return frozenset()
    if function not in _written:
        _written[function] = _written_in(function.graph)
    return _written[function]


def _written_in(graph: ir.Graph) -> frozenset[str] | None:
    names: frozenset[str] = frozenset()
    for node in graph.walk():
        written: frozenset[str] | None = frozenset()
        match node.kind:
            case "prim::SetAttr":
                written = frozenset({node.string_attribute("name")})
            case "prim::CallFunction":
                written = _written_by(ir.constant_value(node.inputs[0]))
            case "prim::CallMethod":
                written = _written_by_method(node.inputs[0].type, node.string_attribute("name"))
            case "prim::Enter" | "prim::Exit":
                written = _written_by_method(node.inputs[0].type, f"__{node.kind.removeprefix('prim::').lower()}__")
            case "prim::PythonOp" | "prim::awaitable_wait":
                written = None
            case _ if node.has_attribute("Subgraph"):
                written = _written_in(node.graph_attribute())
        if written is None:
            return None
        names |= written
    return names


def _written_by_method(owner: ir.Type, name: str) -> frozenset[str] | None:
    return _written_by(owner.methods.get(name)) if isinstance(owner, ir.ClassType) else None


def _written_by(callee: object) -> frozenset[str] | None:
    return written_attributes(callee) if isinstance(callee, ir.Function) else None
