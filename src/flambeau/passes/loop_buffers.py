"""Let the iterations of a loop share the memory of a product that is cut into pieces.

    %y = prim::Loop(...)                                   %b : Any = prim::Buffer()
      block0(...):                                         %y = prim::Loop(...)
        %p : Tensor = aten::mm(%x, %w)                       block0(...):
        %q : Tensor = aten::add[reuses=0](%p, %v)    ->        %p : Tensor = prim::MmInto(%b, %x, %w)
        %l : Tensor[] = aten::chunk(%q, 4, 1)                  %q : Tensor = aten::add[reuses=0](%p, %v)
        %1, %2, %3, %4 = prim::ListUnpack(%l)                  %l : Tensor[] = prim::CutOnce[...](%b, %q)

As gates of recurrent cells are. The first iteration takes memory for the product and makes the pieces, which are views
of it; the others write to the same memory, so the views serve again. That is possible where the product has one size in
all iterations, and nothing keeps any of it or of the pieces when an iteration ends. Where what is between the two could
not be done in place after all, the pieces are cut anew.

The kinds that arise are for generated code only.
"""

from __future__ import annotations

from flambeau.ir import ANY, Graph, Node, Value

from .memory_reuse import REUSES, keeps_nothing
from .tensor_rules import UNARY

__all__ = ["share_loop_buffers"]


def share_loop_buffers(graph: Graph) -> list[Node]:
    """Introduce buffers, in a graph whose reuse of memory is marked; returns the nodes that write to them."""
    made: list[Node] = []
    for cut in [n for n in graph.walk() if n.kind == "aten::chunk"]:
        loop = _loop_of(cut)
        product = _product(cut, loop) if loop is not None and _keeps_no_piece(cut) else None
        if product is not None and loop is not None:
            made.append(_share(graph, loop, product, cut))
    return made


def _loop_of(node: Node) -> Node | None:
    """The loop that a node is in, directly."""
    block = node.owning_block
    loop = None if block is None else block.owning_node
    return loop if loop is not None and loop.kind == "prim::Loop" else None


def _keeps_no_piece(cut: Node) -> bool:
    if cut.output.use_count != 1 or any(v.node.kind != "prim::Constant" for v in cut.inputs[1:]):
        return False
    unpack = cut.output.uses[0].user
    if unpack.kind != "prim::ListUnpack" or unpack.owning_block is not cut.owning_block:
        return False
    # Results that are left in a piece are read by operators alone: so `memory_reuse` has it.
    return all(keeps_nothing(use.user) for piece in unpack.outputs for use in piece.uses)


def _product(cut: Node, loop: Node) -> Node | None:
    """The product in whose memory there is what is cut; None unless it has the same size in all iterations."""
    node = cut.inputs[0].node
    if not all(use.user is cut or keeps_nothing(use.user) for use in cut.inputs[0].uses):
        return None
    while node.has_attribute(REUSES) and node.owning_block is cut.owning_block:
        index = node.attribute(REUSES)
        node = node.inputs[index if isinstance(index, int) else 0].node
    if node.kind != "aten::mm" or node.owning_block is not cut.owning_block:
        return None
    return node if all(_has_one_size(v, loop) for v in node.inputs) else None


def _has_one_size(value: Value, loop: Node) -> bool:
    """Whether a tensor has the same size in all iterations."""
    while not value.node.is_before(loop):
        node = value.node
        is_row = node.kind in ("aten::select", "aten::unsqueeze") and node.inputs[1].node.kind == "prim::Constant"
        is_element = node.kind == "aten::__getitem__" and node.inputs[0].node.kind == "aten::unbind"
        is_unary = node.operator is not None and node.operator.qualified_name in UNARY
        if not (is_row or is_element or is_unary):
            return False
        value = node.inputs[0]
    return True


def _share(graph: Graph, loop: Node, product: Node, cut: Node) -> Node:
    buffer = graph.create("prim::Buffer", (), (ANY,)).copy_metadata(product).insert_before(loop)
    into = graph.create("prim::MmInto", (buffer.output, *product.inputs)).copy_metadata(product)
    into.insert_before(product).output.copy_metadata(product.output)
    product.replace_all_uses_with(into)
    product.destroy()
    once = graph.create("prim::CutOnce", (buffer.output, *cut.inputs), (cut.output.type,)).copy_metadata(cut)
    once.insert_before(cut).output.copy_metadata(cut.output)
    for name, given in cut.attributes.items():
        once.set_attribute(name, given.kind, given.value)
    cut.replace_all_uses_with(once)
    cut.destroy()
    return into
