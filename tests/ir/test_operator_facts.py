"""Side effects, randomness and freshness of results, as PyTorch's own passes see them.

Each operator becomes a node of a PyTorch graph whose outputs nobody reads. If dead-code elimination keeps the node, it
has a side effect (or writes to an input); `isNondeterministic` and the alias analysis are asked directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flambeau import generated
from flambeau.ir.jit_operators import FAMILIES
from flambeau.ir.node_kinds import NODE_KINDS
from flambeau.ir.operators import AliasKind, Operator, operators_named

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    torch.__version__.partition("+")[0] != generated.pytorch_version(), reason="the table describes another PyTorch"
)

MORE_RANDOM = {
    "aten::_no_grad_normal_": "PyTorch has no tag on operators that are TorchScript's alone",
    "aten::_no_grad_uniform_": "PyTorch has no tag on operators that are TorchScript's alone",
}
NOT_ANALYSED = {"prim::BailOut": "PyTorch's alias analysis wants a template node before it"}


def concrete(given: Any, variable: Any) -> Any:
    """The type with `variable` for its type variables."""
    C = torch._C
    match given.kind():
        case "VarType":
            return variable
        case "ListType":
            return C.ListType(concrete(given.getElementType(), variable))
        case "OptionalType":
            return C.OptionalType(concrete(given.getElementType(), variable))
        case "DictType":
            return C.DictType(concrete(given.getKeyType(), variable), concrete(given.getValueType(), variable))
        case "TupleType":
            return C.TupleType([concrete(element, variable) for element in given.elements()])
        case "FutureType":
            return C.FutureType(concrete(given.getElementType(), variable))
        case "AwaitType":
            return C.AwaitType(concrete(given.getElementType(), variable))
        case "RRefType":
            return C.RRefType(concrete(given.getElementType(), variable))
    return given


def graph_of(op: Operator) -> tuple[Any, Any] | None:
    """A PyTorch graph of one call, and its node; None where the types of the inputs select another overload."""
    schema = next(s for s in torch._C._jit_get_schemas_for_operator(op.name) if s.overload_name == op.overload_name)
    graph = torch._C.Graph()
    returns_variable = any(result.type.kind() == "VarType" for result in schema.returns)
    variable = torch._C.TensorType.get() if returns_variable else torch._C.IntType.get()
    inputs = []
    for argument in schema.arguments:
        inputs.append(graph.addInput())
        inputs[-1].setType(concrete(argument.type, variable))
    if op.is_vararg:
        inputs.append(graph.addInput())
    node = graph.appendNode(graph.create(op.name, inputs, len(schema.returns)))
    return (graph, node) if node.schema() == str(op) else None


def operators() -> Iterator[Operator]:
    names = {*generated.names(), *(entry.name for family in FAMILIES.values() for entry in family)}
    for name in sorted(names):
        if not name.startswith("cuda::"):
            yield from operators_named(name)


def is_kept(op: Operator) -> bool | None:
    built = graph_of(op)
    if built is None:
        return None
    graph, _ = built
    torch._C._jit_pass_dce(graph)
    return len(list(graph.nodes())) == 1


def test_side_effects() -> None:
    """With one difference on purpose: what returns nothing and writes nothing is called for its effect."""
    different = {}
    compared = 0
    for op in operators():
        if op.schema.is_mutable:
            continue
        kept = is_kept(op)
        compared += kept is not None
        if kept is not None and kept != op.has_side_effects:
            different[op.qualified_name] = op
    assert compared > 2500
    assert [op for op in different.values() if not op.has_side_effects] == []
    assert [op for op in different.values() if op.schema.returns or op.schema.is_varret or op.is_jit_only] == []
    assert {"aten::_assert_async", "aten::_print", "aten::_backward"} <= different.keys()


@pytest.mark.parametrize("kind", sorted(k.kind for k in NODE_KINDS.values() if k.group in ("attributes", "calls")))
def test_side_effects_of_node_kinds(kind: str) -> None:
    graph = torch._C.Graph()
    value = graph.addInput()
    value.setType(torch._C.IntType.get())
    node = graph.appendNode(graph.create(kind, [value], 0 if kind == "prim::SetAttr" else 1))
    if kind in ("prim::fork", "prim::awaitable"):
        node.g_("Subgraph", torch._C.Graph())
    torch._C._jit_pass_dce(graph)
    kept = len(list(graph.nodes())) == 1
    assert kept == (NODE_KINDS[kind].effects and kind not in ("prim::fork", "prim::awaitable"))


def test_nondeterminism() -> None:
    different = set()
    for op in operators():
        built = graph_of(op)
        if built is not None and built[1].isNondeterministic() != op.is_nondeterministic:
            different.add(op.qualified_name)
    assert different == MORE_RANDOM.keys()


def test_dropout_is_deterministic_outside_of_training() -> None:
    for op in operators():
        trains = next((a.name for a in op.schema.arguments if a.name in ("train", "training")), None)
        if not op.is_nondeterministic or trains is None:
            continue
        built = graph_of(op)
        assert built is not None
        graph, node = built
        constant = graph.insertConstant(False)
        constant.node().moveBefore(node)
        index = op.schema.find_argument(trains)
        node.replaceInput(index, constant)
        assert node.isNondeterministic() == (op.deterministic_unless != trains), op


def test_results_are_fresh_where_the_schema_says_nothing() -> None:
    """For the hand-kept tables: an operator whose results may alias its arguments must be marked, or annotated."""
    compared = 0
    for op in operators():
        if not op.is_jit_only or op.alias_kind is not AliasKind.FROM_SCHEMA or op.name in NOT_ANALYSED:
            continue
        built = graph_of(op)
        if built is None:
            continue
        graph, node = built
        aliases = graph.alias_db()
        for result, output in zip(op.schema.returns, node.outputs(), strict=True):
            if result.alias is None:
                compared += 1
                assert not any(aliases.may_contain_alias(value, output) for value in node.inputs()), op
    assert compared > 500


def test_conservative_operators_write_to_everything() -> None:
    for op in operators():
        if op.alias_kind is AliasKind.CONSERVATIVE:
            built = graph_of(op)
            assert built is not None
            graph, node = built
            aliases = graph.alias_db()
            tensors = [value for value in node.inputs() if value.type().kind() == "TensorType"]
            assert all(aliases.has_writers(value) for value in tensors), op
