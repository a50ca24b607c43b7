"""Types, their texts, subtyping and unification, against PyTorch's own."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import ir

torch = pytest.importorskip("torch")
C = torch._C

PRIMITIVES = [
    (ir.INT, C.IntType),
    (ir.FLOAT, C.FloatType),
    (ir.COMPLEX, C.ComplexType),
    (ir.BOOL, C.BoolType),
    (ir.STRING, C.StringType),
    (ir.NONE, C.NoneType),
    (ir.ANY, C.AnyType),
    (ir.NUMBER, C.NumberType),
    (ir.DEVICE, C.DeviceObjType),
    (ir.STREAM, C.StreamObjType),
    (ir.TENSOR, C.TensorType),
]
SIMPLE = [(ours, theirs.get()) for ours, theirs in PRIMITIVES]
Pair = tuple[ir.Type, Any]


def refined(*sizes: int, grad: bool = False) -> Pair:
    tensor = torch.zeros(sizes, requires_grad=grad)
    ours = ir.TensorType(ir.ScalarType.Float, sizes, ir.contiguous_strides(sizes), "cpu", grad)
    return ours, C.TensorType.create_from_tensor(tensor)


TENSORS = [refined(2, 3), refined(2, 4), refined(3), refined(), refined(2, 3, grad=True)]


def list_of(pair: Pair) -> Pair:
    return ir.ListType(pair[0]), C.ListType(pair[1])


def optional_of(pair: Pair) -> Pair:
    return ir.optional(pair[0]), C.OptionalType(pair[1])


def future_of(pair: Pair) -> Pair:
    return ir.FutureType(pair[0]), C.FutureType(pair[1])


def tuple_of(*pairs: Pair) -> Pair:
    return ir.TupleType(tuple(p[0] for p in pairs)), C.TupleType([p[1] for p in pairs])


def dict_of(key: Pair, value: Pair) -> Pair:
    return ir.DictType(key[0], value[0]), C.DictType(key[1], value[1])


def union_of(*pairs: Pair) -> Pair:
    return ir.union(p[0] for p in pairs), C.UnionType([p[1] for p in pairs])


INT, FLOAT, COMPLEX, BOOL, STRING, NONE, ANY, NUMBER, DEVICE, STREAM, TENSOR = SIMPLE
COMPOUND = [
    *map(list_of, (INT, TENSOR, ANY, TENSORS[0])),
    *map(optional_of, (INT, TENSOR, STRING, TENSORS[0], ANY)),
    *map(future_of, (INT, TENSOR, TENSORS[0])),
    *(tuple_of(), tuple_of(INT), tuple_of(INT, STRING), tuple_of(TENSOR, TENSORS[1]), tuple_of(optional_of(INT), ANY)),
    *(dict_of(STRING, INT), dict_of(INT, TENSOR), dict_of(STRING, TENSORS[0])),
    *(union_of(INT, STRING), union_of(INT, STRING, NONE), union_of(TENSOR, list_of(INT)), union_of(FLOAT, INT)),
    *(list_of(optional_of(INT)), optional_of(list_of(INT)), list_of(list_of(INT)), dict_of(STRING, list_of(INT))),
    *(future_of(optional_of(INT)), list_of(tuple_of(INT, TENSOR)), optional_of(tuple_of(INT, STRING))),
]
ALL = [*SIMPLE, *TENSORS, *COMPOUND]
shown = [str(ours) for ours, _ in ALL]
PAIRS = list(itertools.product(ALL, ALL))


def graph_text(theirs: Any) -> str:
    graph = C.Graph()
    graph.addInput("x").setType(theirs)
    return str(graph).partition("%x : ")[2].partition("):\n")[0]


@pytest.mark.parametrize(("ours", "theirs"), ALL, ids=shown)
def test_texts(ours: ir.Type, theirs: Any) -> None:
    assert ir.type_text(ours) == graph_text(theirs)
    assert ours.annotation() == theirs.annotation_str
    assert ours.kind == theirs.kind()


@pytest.mark.parametrize(("ours", "theirs"), ALL, ids=shown)
def test_text_is_read_back(ours: ir.Type, theirs: Any) -> None:
    """Strides of a tensor without dimensions, and shapes inside dicts, are not shown."""
    read = ir.parse_type(ir.type_text(ours))
    assert ir.type_text(read) == ir.type_text(ours)
    assert ir.unshaped(read) == ir.unshaped(ours)


def test_subtyping() -> None:
    """The same but for lists of tensors, where here what is known of the tensors does not count."""
    wrong = [
        f"{a} <: {b}: ours {ir.is_subtype(a, b)}, theirs {x.isSubtypeOf(y)}"
        for (a, x), (b, y) in PAIRS
        if ir.is_subtype(a, b) != x.isSubtypeOf(y) and ir.unshaped(a) != ir.unshaped(b)
    ]
    assert wrong == []


def unified(x: Any, y: Any) -> str | None:
    try:
        return graph_text(C.unify_type_list([x, y]))
    except RuntimeError:
        return None


def test_unification() -> None:
    """The same but for the spelling of `Union(int, str)?`, which here is `Union(int, NoneType, str)`."""
    wrong = []
    for (a, x), (b, y) in PAIRS:
        ours = ir.unify(a, b)
        text = None if ours is None else ir.type_text(ours)
        if isinstance(ours, ir.UnionType) and is_optional_union(unified(x, y), ours):
            continue
        if text != unified(x, y) and ir.OptionalType(ir.ANY) not in (a, b):
            wrong.append(f"{a} with {b}: ours {text}, theirs {unified(x, y)}")
    assert wrong == []


def is_optional_union(theirs: str | None, ours: ir.UnionType) -> bool:
    return theirs is not None and theirs.endswith(")?") and ir.parse_type(theirs) == ours


def test_unions_are_flat_and_ordered() -> None:
    members = [p for p in (*SIMPLE, *COMPOUND) if p[0] is not ir.ANY and p[0] is not ir.NUMBER]
    for a, b, c in itertools.islice(itertools.combinations(members, 3), 0, None, 7):
        ours = ir.union([a[0], b[0], c[0]])
        theirs = C.UnionType([a[1], b[1], c[1]]).annotation_str
        if isinstance(ours, ir.UnionType) and "[, " not in theirs:  # PyTorch misprints unions with all three numbers
            assert ours.annotation() == theirs


@given(st.permutations(range(len(COMPOUND))), st.integers(2, 4))
def test_union_does_not_depend_on_order(order: list[int], count: int) -> None:
    members = [ir.unshaped(COMPOUND[i][0]) for i in order[:count]]
    assert ir.union(members) == ir.union(members[::-1])
