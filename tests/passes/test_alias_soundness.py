"""What alias analysis rules out never happens: values that share memory in a run were said to be able to."""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import ir
from flambeau.ir import AliasDb, Graph, Node, Value
from flambeau.runtime import interpret
from tests.strategies.graphs import arguments, graphs

pytest.importorskip("torch")


def sharing(graph: Graph, inputs: list[object]) -> list[list[Value]]:
    """Groups of values that were one list, or tensors over one storage, at any time of a run."""
    held: dict[object, dict[Value, None]] = defaultdict(dict)
    alive: list[object] = []  # so that no address is used twice

    def note(value: Value, content: object) -> None:
        alive.append(content)
        if ir.is_tensor(content):
            held["tensor", content.untyped_storage().data_ptr()][value] = None  # type: ignore[attr-defined]
        elif isinstance(content, list):
            held["list", id(content)][value] = None

    def trace(node: Node, contents: Sequence[object]) -> None:
        for value, content in zip(node.outputs, contents, strict=True):
            note(value, content)

    given_inputs = copy.deepcopy(inputs)
    for value, content in zip(graph.inputs, given_inputs, strict=True):
        note(value, content)
    interpret(graph, given_inputs, trace)
    return [list(group) for group in held.values()]


@given(graph=graphs(), data=st.data())
def test_sharing_is_foreseen(graph: Graph, data: st.DataObject) -> None:
    facts = AliasDb(graph)
    for group in sharing(graph, arguments(data.draw, graph)):
        for a, b in itertools.combinations(group, 2):
            assert facts.may_alias(a, b), f"%{a.debug_name} and %{b.debug_name} were the same\n{graph}{facts.dump()}"


def test_the_check_itself_sees_sharing() -> None:
    import torch

    graph = ir.parse(
        "graph(%x : Tensor, %l : Tensor[]):\n  %v : Tensor = aten::t(%x)\n  %r : Tensor = aten::relu(%x)\n"
        "  %k : Tensor[] = aten::append(%l, %r)\n  return (%v, %k)\n"
    )
    groups = sharing(graph, [torch.zeros(2, 2), []])
    assert [{v.debug_name for v in group} for group in groups] == [{"x", "v"}, {"l", "k"}, {"r"}]
