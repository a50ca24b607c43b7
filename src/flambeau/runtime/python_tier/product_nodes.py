"""Products in specialised graphs, by what they come to: `addmm` and `bmm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.ir import Node
from flambeau.passes import KNOWN_RANK, UNIT_LEFT_OUT
from flambeau.runtime.python_tier.specialized_nodes import write_attempt
from flambeau.runtime.registry import load_tensor_backend

if TYPE_CHECKING:
    from flambeau.runtime.python_tier.writer import Writer

__all__ = ["write_linear", "write_matmul"]


def write_linear(writer: Writer, node: Node) -> bool:
    """A linear layer whose transposed weight is there, or which may need a dimension that was left out."""
    needs_unit = node.has_attribute(UNIT_LEFT_OUT)
    if node.kind == "aten::linear" and not needs_unit:
        return False
    backend = load_tensor_backend()
    with writer.computing(node, simple=(0, 1, 2)) as ([name], operands):
        tensor, weight, bias, *transposed = (o.text for o in operands)
        if transposed:
            call = f"{writer.bind('addmm', backend.add_product)}({bias}, {tensor}, {transposed[0]})"
        else:
            call = f"{writer.bind('linear', backend.linear)}({tensor}, {weight}, {bias})"
        if needs_unit:
            whole = f"{writer.bind('linear', backend.linear)}({tensor}.unsqueeze(0), {weight}, {bias}).squeeze(0)"
            call = f"{call} if {tensor}.is_contiguous() else {whole}"
        writer.line(f"{name} = {call}", node)
    return True


def write_matmul(writer: Writer, node: Node) -> bool:
    """The product of two stacks of matrices; `bmm` is it at half the cost where none is to be repeated."""
    if not node.has_attribute(KNOWN_RANK):
        return False
    with writer.computing(node, simple=(0, 1)) as ([name], operands):
        one, other = (o.operand for o in operands)
        write_attempt(writer, node, name, f"{one}.bmm({other})", f"{one}.matmul({other})")
    return True
