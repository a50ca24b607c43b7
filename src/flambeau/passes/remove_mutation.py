"""Replace changes of lists and tensors by what makes the changed value at once, where nobody sees the difference.

    %l = prim::ListConstruct(%a)             ->   %l = prim::ListConstruct(%a, %b)
    = aten::append(%l, %b)

    %x = aten::conv2d(...)                   ->   %x = aten::conv2d(...)
    %y = aten::relu_(%x)                          %y = aten::relu(%x), also for readers of %x

Lists: `append`, `insert` and item assignment at constant places, of a list that is written out in the same block and
that nothing has read or aliased before. Tensors: functions of one tensor that give the same with and without the
underscore, of a tensor that the node before made and of which there is no other alias then. (Arithmetic is left alone:
`x += y` keeps the dtype and the shape of `x`, which `x + y` need not.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flambeau.ir import AliasDb, Graph, Node, Value, constant_value, match_operator

from .pass_manager import graph_pass
from .shared_facts import alias_facts
from .subgraphs import with_subgraphs

_ACTIVATIONS = frozenset(
    f"aten::{name}_"
    for name in (
        *("relu", "hardtanh", "leaky_relu", "silu", "hardswish", "hardsigmoid", "elu", "celu", "selu", "mish", "neg"),
        "relu6",
    )
)
"""They fail for the same tensors as the forms that give a new one, and keep the dtype."""


@graph_pass("remove_list_mutation")
def remove_list_mutation(graph: Graph) -> bool:
    """Make lists with the elements that are put into them right after."""
    changed = False
    for current in with_subgraphs(graph):
        facts = alias_facts(current)
        for node in list(current.walk()):
            if node.kind in _LIST_EDITS and node.inputs[0].node.kind == "prim::ListConstruct":
                changed |= _join(node, facts)
    return changed


@graph_pass("remove_tensor_mutation")
def remove_tensor_mutation(graph: Graph) -> bool:
    """Let activations give new tensors in place of changing one that was just made."""
    changed = False
    for current in with_subgraphs(graph):
        facts = alias_facts(current)
        for node in list(current.walk()):
            if node.kind in _ACTIVATIONS and _is_first_reader(node, facts):
                _make_functional(node)
                changed = True
    return changed


@graph_pass("remove_mutation")
def remove_mutation(graph: Graph) -> bool:
    """Both."""
    lists = remove_list_mutation(graph)
    return remove_tensor_mutation(graph) or lists


# --- lists


def _join(node: Node, facts: AliasDb) -> bool:
    """Put an element into the list's construction, if nothing between could see that."""
    made = node.inputs[0].node
    elements = _LIST_EDITS[node.kind](list(made.inputs), node)
    if elements is None or made.owning_block is not node.owning_block:
        return False
    if not facts.move_before(made, node):
        return False
    made.set_inputs(elements)
    for output in node.outputs:
        output.replace_all_uses_with(made.output)
    node.destroy()
    return True


def _appended(elements: list[Value], node: Node) -> list[Value] | None:
    return [*elements, node.inputs[1]]


def _inserted(elements: list[Value], node: Node) -> list[Value] | None:
    index = constant_value(node.inputs[1])
    if not isinstance(index, int) or not -len(elements) <= index <= len(elements):
        return None
    elements.insert(index, node.inputs[2])
    return elements


def _assigned(elements: list[Value], node: Node) -> list[Value] | None:
    index = constant_value(node.inputs[1])
    if not isinstance(index, int) or not -len(elements) <= index < len(elements):
        return None
    elements[index] = node.inputs[2]
    return elements


_Edit: TypeAlias = "Callable[[list[Value], Node], list[Value] | None]"
_LIST_EDITS: dict[str, _Edit] = {"aten::append": _appended, "aten::insert": _inserted, "aten::_set_item": _assigned}


# --- tensors


def _is_first_reader(node: Node, facts: AliasDb) -> bool:
    """Whether the tensor was made in this block, by something that keeps no alias, and read by nothing before."""
    value = node.inputs[0]
    maker = value.node
    if maker.owning_block is not node.owning_block or maker.kind in ("prim::Param", "prim::Constant"):
        return False
    if maker.operator is None or maker.operator.schema.is_mutable or len(maker.outputs) != 1:
        return False
    if any(user is not node and user.is_before(node) for user, _ in value.uses):
        return False
    others = [*maker.inputs, *node.graph.inputs]
    return not facts.may_alias_unseen(value) and not facts.may_contain_alias(value, others)


def _make_functional(node: Node) -> None:
    graph, value = node.graph, node.inputs[0]
    fresh = graph.create(node.kind.removesuffix("_"), list(node.inputs), (node.output.type,)).copy_metadata(node)
    fresh.insert_before(node)
    fresh.set_operator(match_operator(fresh))
    value.replace_all_uses_after(node, fresh.output)
    name = node.output.debug_name if node.output.has_debug_name else ""
    node.output.replace_all_uses_with(fresh.output)
    node.destroy()
    if name:
        fresh.output.set_debug_name(name)
