"""Kinds of nodes that are written in their own way: values constructed and taken apart, attributes, calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from flambeau.ir import ClassType, Function, ListType, Node, TupleType, constant_value
from flambeau.passes import KNOWN_RANK
from flambeau.runtime.instances import named_tuple_class
from flambeau.runtime.nodes import is_custom_class, makes_bound_object
from flambeau.runtime.python_tier.control import is_native_range
from flambeau.runtime.python_tier.product_nodes import write_linear, write_matmul
from flambeau.runtime.python_tier.recorded_loops import write_is_recorded, write_record_loop, write_take_recorded
from flambeau.runtime.python_tier.specialized_nodes import (
    write_append,
    write_chunk,
    write_cut_once,
    write_index,
    write_into,
    write_look_at_carried,
    write_loop_memory,
    write_number,
    write_pieces,
    write_scalar_tensor,
    write_transpose,
    write_unbind,
)
from flambeau.runtime.registry import kernel_of_node

if TYPE_CHECKING:
    from flambeau.runtime.python_tier.writer import Writer

__all__ = ["WRITERS"]

KindWriter: TypeAlias = "Callable[[Writer, Node], bool]"
"""Writes a node, or answers False: its kernel is called then."""


def _construct(writer: Writer, node: Node, template: Callable[[list[str]], str]) -> bool:
    parts = writer.take_all(node.inputs, raisers=1)
    writer.result(node, writer.combined(node, template([p.text for p in parts]), parts))
    return True


def _tuple(writer: Writer, node: Node) -> bool:
    given = node.output.type
    if isinstance(given, TupleType) and given.field_names is not None and given.qualified_name:
        name = writer.bind(given.name, named_tuple_class(given.name, given.field_names))
        return _construct(writer, node, lambda parts: f"{name}({', '.join(parts)})")
    return _construct(writer, node, lambda parts: f"({', '.join(parts)}{',' if len(parts) == 1 else ''})")


def _list(writer: Writer, node: Node) -> bool:
    return _construct(writer, node, lambda parts: f"[{', '.join(parts)}]")


def _dict(writer: Writer, node: Node) -> bool:
    def template(parts: list[str]) -> str:
        pairs = (f"{k}: {v}" for k, v in zip(parts[::2], parts[1::2], strict=True))
        return "{" + ", ".join(pairs) + "}"

    return _construct(writer, node, template)


def _unpack_tuple(writer: Writer, node: Node) -> bool:
    source = writer.take(node.inputs[0])
    if node.has_uses:
        names = [writer.variable_for(o) for o in node.outputs]
        writer.line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {source.text}", source.raiser or node)
        for output, name in zip(node.outputs, names, strict=True):
            writer.assigned(output, name)
    writer.executed([source])
    return True


def _unpack_list(writer: Writer, node: Node) -> bool:
    """The kernel only says that the list has another length."""
    (value,) = node.inputs
    if len(node.outputs) < 2 or not node.has_uses or not isinstance(value.type, ListType):
        return False
    (source,) = writer.take_all((value,), simple=(0,))
    names = [writer.variable_for(o) for o in node.outputs]
    kernel = writer.bind("k", kernel_of_node(node))
    fits = node.has_attribute(KNOWN_RANK)
    text = source.text if fits else f"{source.text} if len({source.text}) == {len(names)} else {kernel}({source.text})"
    writer.line(f"{', '.join(names)} = {text}", node)
    for output, name in zip(node.outputs, names, strict=True):
        writer.assigned(output, name)
    writer.executed([source])
    return True


def _tuple_index(writer: Writer, node: Node) -> bool:
    index = constant_value(node.inputs[1])
    if not isinstance(index, int):
        return False
    whole = writer.take(node.inputs[0])
    writer.result(node, writer.combined(node, f"{whole.operand}[{index}]", [whole]))
    return True


def _cast(writer: Writer, node: Node) -> bool:
    """The same value under another type."""
    waiting = writer.pending.pop(node.inputs[0], None)
    if waiting is None:
        writer.alias(node.output, node.inputs[0])
        return True
    expression = writer.combined(node, waiting.text, [waiting])
    expression.is_atom, expression.bounds = waiting.is_atom, waiting.bounds
    writer.result(node, expression)
    return True


def _slot(node: Node) -> int | None:
    owner = node.inputs[0].type
    if not isinstance(owner, ClassType) or is_custom_class(owner):
        return None
    return owner.find_slot(node.string_attribute("name"))


def _get_attribute(writer: Writer, node: Node) -> bool:
    slot = _slot(node)
    if slot is None:
        return False
    holder = writer.take(node.inputs[0])
    expression = writer.combined(node, f"{holder.operand}.slots[{slot}]", [holder])
    expression.reads_state = True
    writer.result(node, expression)
    return True


def _set_attribute(writer: Writer, node: Node) -> bool:
    slot = _slot(node)
    if slot is None:
        return False
    writer.settle(keep=node.inputs)
    holder, value = writer.take_all(node.inputs, raisers=1)
    writer.line(f"{holder.operand}.slots[{slot}] = {value.text}", value.raiser or node)
    writer.executed([holder, value])
    return True


def _call_function(writer: Writer, node: Node) -> bool:
    function = constant_value(node.inputs[0])
    if not isinstance(function, Function):
        return False
    writer.call(node, writer.callee(function), node.inputs[1:])
    return True


def _call_method(writer: Writer, node: Node) -> bool:
    if makes_bound_object(node):
        _make_bound_object(writer, node)
        return True
    owner = node.inputs[0].type
    method = owner.methods.get(node.string_attribute("name")) if isinstance(owner, ClassType) else None
    if method is None or is_custom_class(owner):
        return False
    writer.call(node, writer.callee(method))
    return True


def _make_bound_object(writer: Writer, node: Node) -> None:
    """The variable of what a node created gets the object."""
    writer.settle(keep=node.inputs)
    made, *arguments = writer.take_all(node.inputs)
    operands = ", ".join(["None", *(a.text for a in arguments)])
    writer.line(f"{made.operand} = {writer.bind('k', kernel_of_node(node))}({operands})", node)
    writer.stand_for(node.output, None)
    writer.executed([made, *arguments])


def _range_length(writer: Writer, node: Node) -> bool:
    """The length of a range that a loop iterates over is not computed."""
    return is_native_range(node)


def _derive_index(writer: Writer, node: Node) -> bool:
    """The numbers of such a range are the loop's own variable."""
    loop = node.inputs[0].node.owning_block
    owner = None if loop is None else loop.owning_node
    return owner is not None and owner.kind == "prim::Loop" and writer.is_stored(node.output)


WRITERS: Mapping[str, KindWriter] = MappingProxyType(
    {
        "prim::TupleConstruct": _tuple,
        "prim::ListConstruct": _list,
        "prim::DictConstruct": _dict,
        "prim::TupleUnpack": _unpack_tuple,
        "prim::ListUnpack": _unpack_list,
        "prim::TupleIndex": _tuple_index,
        "prim::unchecked_cast": _cast,
        "prim::unchecked_unwrap_optional": _cast,
        "prim::GetAttr": _get_attribute,
        "prim::SetAttr": _set_attribute,
        "prim::CallFunction": _call_function,
        "prim::CallMethod": _call_method,
        "aten::__range_length": _range_length,
        "aten::__derive_index": _derive_index,
        "aten::chunk": write_chunk,
        "aten::linear": write_linear,
        "aten::matmul": write_matmul,
        "aten::transpose": write_transpose,
        "aten::unbind": write_unbind,
        "aten::scalar_tensor": write_scalar_tensor,
        "prim::IndexTensor": write_index,
        "prim::LoopMemory": write_loop_memory,
        "prim::LookAtCarried": write_look_at_carried,
        "prim::Into": write_into,
        "prim::Pieces": write_pieces,
        "prim::CutOnce": write_cut_once,
        "aten::append": write_append,
        "prim::NumberAt": write_number,
        "prim::TransposedLinear": write_linear,
        "prim::RecordLoop": write_record_loop,
        "prim::LoopIsRecorded": write_is_recorded,
        "prim::TakeRecorded": write_take_recorded,
    }
)
