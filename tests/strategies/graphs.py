"""Graphs for property tests.

`graphs()` makes graphs that run: numbers, tensors, lists and tuples, writes in place and views, branches and loops,
all well typed, and no operation that can fail. `arguments(draw, graph)` makes inputs for one, `observe(graph,
arguments)` says all that a caller can see of a run. `decorated_graphs()` makes graphs that need not mean anything but
use every part of the text form: names, places, scopes, attributes of all kinds, subgraphs, constants of all types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from flambeau import ir
from flambeau.ir import BOOL, FLOAT, INT, STRING, TENSOR, Block, Graph, ListType, TupleType, Type, Value

INTS, TENSORS = ListType(INT), ListType(TENSOR)
PAIR = TupleType((INT, TENSOR))
TYPES: tuple[Type, ...] = (INT, BOOL, FLOAT, TENSOR, INTS, TENSORS, PAIR)

OPERATIONS: tuple[tuple[str, tuple[Type, ...], Type], ...] = (
    ("aten::add", (INT, INT), INT),
    ("aten::sub", (INT, INT), INT),
    ("aten::mul", (INT, INT), INT),
    ("aten::neg", (INT,), INT),
    ("aten::lt", (INT, INT), BOOL),
    ("aten::eq", (INT, INT), BOOL),
    ("aten::__not__", (BOOL,), BOOL),
    ("aten::__and__", (BOOL, BOOL), BOOL),
    ("aten::__or__", (BOOL, BOOL), BOOL),
    ("aten::Int", (BOOL,), INT),
    ("aten::Float", (INT,), FLOAT),
    ("aten::add", (FLOAT, FLOAT), FLOAT),
    ("aten::sub", (FLOAT, FLOAT), FLOAT),
    ("aten::mul", (FLOAT, FLOAT), FLOAT),
    ("aten::lt", (FLOAT, FLOAT), BOOL),
    ("aten::mul", (TENSOR, TENSOR), TENSOR),
    ("aten::mul", (TENSOR, INT), TENSOR),
    ("aten::relu", (TENSOR,), TENSOR),
    ("aten::neg", (TENSOR,), TENSOR),
    ("aten::t", (TENSOR,), TENSOR),
    ("aten::detach", (TENSOR,), TENSOR),
    ("aten::mul_", (TENSOR, INT), TENSOR),
    ("aten::relu_", (TENSOR,), TENSOR),
    ("aten::neg_", (TENSOR,), TENSOR),
    ("prim::NumToTensor", (INT,), TENSOR),
    ("aten::len", (INTS,), INT),
    ("aten::len", (TENSORS,), INT),
    ("aten::append", (INTS, INT), INTS),
    ("aten::append", (TENSORS, TENSOR), TENSORS),
    ("aten::add", (INTS, INTS), INTS),
    ("aten::add_", (TENSORS, TENSORS), TENSORS),
    ("aten::list", (TENSORS,), TENSORS),
    ("prim::ListConstruct", (INT, INT), INTS),
    ("prim::ListConstruct", (TENSOR,), TENSORS),
    ("prim::ListConstruct", (TENSOR, TENSOR), TENSORS),
    ("prim::TupleConstruct", (INT, TENSOR), PAIR),
)
"""(kind, types of the inputs, type of the result); none of them can fail on the values that the graphs make."""


LITERALS: dict[Type, st.SearchStrategy[Any]] = {
    INT: st.integers(-3, 3),
    BOOL: st.booleans(),
    FLOAT: st.sampled_from([0.0, -0.0, 1.0, 2.5, -1.0]),
}


class _Maker:
    """Draws one graph. `scope` holds the values that may be read, by type; tensors are all scalars or 2 by 2."""

    def __init__(self, draw: Any, size: int) -> None:
        self.draw = draw
        self.size = size
        self.graph = Graph()
        self.scope: dict[Type, list[Value]] = {t: [] for t in TYPES}

    def define(self, value: Value) -> Value:
        self.scope[value.type].append(value)
        return value

    def constant(self, type: Type) -> Value:
        match type:
            case ir.TENSOR:
                number = self.constant(INT)
                return self.define(self.graph.insert("prim::NumToTensor", (number,), (TENSOR,)).output)
            case ListType(element):
                items = [self.value(element)]
                return self.define(self.graph.insert("prim::ListConstruct", items, (type,)).output)
            case TupleType(elements):
                items = [self.value(e) for e in elements]
                return self.define(self.graph.insert("prim::TupleConstruct", items, (type,)).output)
        return self.define(ir.insert_constant(self.graph, self.draw(LITERALS[type])))

    def value(self, type: Type) -> Value:
        known = self.scope[type]
        if not known or self.draw(st.integers(0, 4)) == 0:
            return self.constant(type)
        return self.draw(st.sampled_from(known))

    def fill(self, block: Block, depth: int, count: int) -> None:
        with self.graph.inserting_at(block):
            for _ in range(count):
                self.statement(depth)

    def statement(self, depth: int) -> None:
        choice = self.draw(st.integers(0, 11))
        if choice == 0 and depth:
            self.branch(depth)
        elif choice == 1 and depth:
            self.loop(depth)
        elif choice == 2:
            self.take_apart()
        else:
            kind, inputs, result = self.draw(st.sampled_from(OPERATIONS))
            values = [self.value(t) for t in inputs]
            self.define(self.graph.insert(kind, values, (result,)).output)

    def take_apart(self) -> None:
        if self.draw(st.booleans()):
            node = self.graph.insert("prim::TupleUnpack", (self.value(PAIR),), PAIR.elements)
        else:
            first = ir.insert_constant(self.graph, 0)
            element = self.draw(st.sampled_from((INT, TENSOR)))
            node = self.graph.insert("aten::__getitem__", (self.value(ListType(element)), first), (element,))
        for output in node.outputs:
            self.define(output)

    def nested(self, block: Block, depth: int, results: list[Type], extra: int = 0) -> None:
        """Fill a sub-block, whose values are not visible outside, and return values of these types."""
        saved = {t: list(values) for t, values in self.scope.items()}
        for value in block.inputs:
            if value.type in self.scope:
                self.define(value)
        with self.graph.inserting_at(block):
            for _ in range(self.draw(st.integers(0, 4)) + extra):
                self.statement(depth - 1)
            for type in results:
                block.add_output(self.value(type))
        self.scope = saved

    def branch(self, depth: int) -> None:
        results = self.draw(st.lists(st.sampled_from(TYPES), max_size=3))
        node = self.graph.insert("prim::If", (self.value(BOOL),), results)
        for _ in range(2):
            self.nested(node.add_block(), depth, results)
        for output in node.outputs:
            self.define(output)

    def loop(self, depth: int) -> None:
        carried = self.draw(st.lists(st.sampled_from(TYPES), max_size=3))
        trips = ir.insert_constant(self.graph, self.draw(st.integers(0, 3)))
        condition = self.value(BOOL)
        node = self.graph.insert("prim::Loop", (trips, condition, *map(self.value, carried)), carried)
        body = node.add_block()
        for type in (INT, *carried):
            body.add_input(type=type)
        self.nested(body, depth, [BOOL, *carried])
        for output in node.outputs:
            self.define(output)

    def make(self) -> Graph:
        for index, type in enumerate(self.draw(st.lists(st.sampled_from(TYPES), max_size=4))):
            self.define(self.graph.add_input(f"in_{index}", type))
        self.fill(self.graph.block, 2, self.draw(st.integers(0, self.size)))
        for _ in range(self.draw(st.integers(1, 4))):
            self.graph.add_output(self.value(self.draw(st.sampled_from(TYPES))))
        return self.graph


@st.composite
def graphs(draw: Any, size: int = 12) -> Graph:
    """A graph that runs without failing."""
    return _Maker(draw, size).make()


def arguments(draw: Any, graph: Graph) -> list[object]:
    """Inputs for a graph of `graphs()`; tensors may be shared between them."""
    import torch

    pool = [torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[0.0, 4.0], [-1.0, 2.0]])]

    def value(type: Type) -> object:
        match type:
            case ir.TENSOR:
                return draw(st.sampled_from(pool))
            case ListType(element):
                return [value(element) for _ in range(draw(st.integers(1, 3)))]
            case TupleType(elements):
                return tuple(map(value, elements))
        return draw({INT: st.integers(-3, 3), BOOL: st.booleans(), FLOAT: st.floats(-2, 2)}[type])

    return [value(v.type) for v in graph.inputs]


def observe(graph: Graph, inputs: list[object], run: Callable[..., Sequence[object]] | None = None) -> object:
    """All that a caller sees: results and inputs afterwards, bit for bit, and which of them share memory or are one.

    `run` executes the graph; the interpreter if it is not given.
    """
    import copy

    from flambeau.runtime import interpret

    given = copy.deepcopy(inputs)  # sharing within the inputs is kept
    results = (run or interpret)(graph, given)
    seen: dict[object, int] = {}

    def identity(key: object) -> int:
        return seen.setdefault(key, len(seen))

    def show(value: Any) -> object:
        if ir.is_tensor(value):
            memory = identity(("memory", value.untyped_storage().data_ptr()))
            return (str(value.dtype), tuple(value.shape), value.stride(), value.contiguous().numpy().tobytes(), memory)
        if isinstance(value, list):
            return ("list", identity(("list", id(value))), [show(v) for v in value])
        if isinstance(value, tuple):
            return tuple(map(show, value))
        return (type(value).__name__, value.hex() if isinstance(value, float) else value)

    return [show(v) for v in (*given, *results)]


# --- text


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}(\.[0-9]{1,2}|\.[a-z]{1,3}){0,2}", fullmatch=True)
TEXTS = st.text(max_size=6)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(), st.complex_numbers())
ENUM = ir.EnumType("__torch__.Color", INT, (("RED", 1), ("BLUE", 2)))
NAMED_TUPLE = TupleType((INT, STRING), "__torch__.Pair", ("number", "word"), ("none",))

SIMPLE_TYPES = st.sampled_from(
    [INT, FLOAT, BOOL, STRING, TENSOR, ir.COMPLEX, ir.DEVICE, ir.NONE, ir.ANY, ir.NUMBER, ENUM, NAMED_TUPLE]
)
TENSOR_TYPES = st.builds(
    lambda scalar, sizes, device, grad: ir.TensorType(
        scalar, sizes, None if sizes is None else ir.contiguous_strides(sizes), device, grad
    ),
    st.sampled_from([ir.ScalarType.Float, ir.ScalarType.Long, ir.ScalarType.Bool]),
    st.one_of(st.none(), st.lists(st.integers(0, 5), max_size=3).map(tuple)),
    st.sampled_from([None, "cpu", "cuda:1"]),
    st.sampled_from([None, False, True]),
)
ANY_TYPES = st.recursive(
    st.one_of(SIMPLE_TYPES, TENSOR_TYPES),
    lambda inner: st.one_of(
        inner.map(ListType),
        inner.map(ir.optional),
        inner.map(ir.FutureType),
        st.lists(inner, max_size=3).map(lambda e: TupleType(tuple(e))),
        st.builds(ir.DictType, st.sampled_from([INT, STRING]), inner),
        st.lists(SIMPLE_TYPES, min_size=1, max_size=3).map(ir.union),
    ),
    max_leaves=4,
)


def constants(draw: Any) -> tuple[object, Type]:
    """A value and the type of its constant."""
    return draw(
        st.one_of(
            st.tuples(st.integers(-(2**63), 2**63 - 1), st.just(INT)),
            st.tuples(st.floats(), st.just(FLOAT)),
            st.tuples(st.complex_numbers(), st.just(ir.COMPLEX)),
            st.tuples(st.booleans(), st.just(BOOL)),
            st.tuples(TEXTS, st.just(STRING)),
            st.tuples(st.none(), st.sampled_from([ir.NONE, ir.optional(INT), ir.optional(TENSOR)])),
            st.tuples(st.lists(st.integers(-5, 5), max_size=3), st.just(INTS)),
            st.tuples(st.lists(st.floats(), max_size=3), st.just(ListType(FLOAT))),
            st.tuples(st.lists(TEXTS, max_size=2), st.just(ListType(STRING))),
            st.tuples(
                st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=2), st.just(ListType(ir.optional(INT)))
            ),
            st.tuples(st.tuples(st.integers(0, 9), TEXTS), st.just(TupleType((INT, STRING)))),
            st.tuples(st.tuples(st.floats()), st.just(TupleType((FLOAT,)))),
            st.tuples(st.just(()), st.just(TupleType(()))),
            st.tuples(st.dictionaries(TEXTS, st.floats(), max_size=2), st.just(ir.DictType(STRING, FLOAT))),
            st.tuples(st.just(ir.EnumValue(ENUM, "RED", 1)), st.just(ENUM)),
            st.tuples(st.sampled_from([ir.Device("cpu"), ir.Device("cuda", 1)]), st.just(ir.DEVICE)),
            tensor_constants(),
        )
    )


@st.composite
def tensor_constants(draw: Any) -> tuple[object, Type]:
    import numpy

    sizes = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    dtype = draw(st.sampled_from(["int64", "float32", "float64", "bool"]))
    count = int(numpy.prod(sizes, dtype=int))
    numbers = draw(st.lists(st.integers(-999, 999), min_size=count, max_size=count))
    scale = draw(st.sampled_from([1.0, 1.5, 1e-7]))
    tensor = ir.TensorData.from_numpy((numpy.array(numbers, dtype="float64") * scale).astype(dtype).reshape(sizes))
    return tensor, ir.tensor_type_of(tensor)


@st.composite
def decorated_graphs(draw: Any, depth: int = 2) -> Graph:
    """A graph that uses every part of the text form."""
    graph = Graph()
    values = [graph.add_input(name, draw(ANY_TYPES)) for name in draw(st.lists(NAMES, max_size=3))]
    values += [graph.add_input(type=draw(ANY_TYPES)) for _ in range(draw(st.integers(0, 1)))]
    _decorate(draw, graph, graph.block, values, depth)
    return graph


def _decorate(draw: Any, graph: Graph, block: Block, visible: list[Value], depth: int) -> None:
    visible = list(visible)
    for _ in range(draw(st.integers(0, 4))):
        node = _decorated_node(draw, graph, visible, depth)
        block.append(node)
        for _ in range(draw(st.integers(0, 2)) if depth and node.kind.startswith("with_") else 0):
            inner = node.add_block()
            inputs = [inner.add_input(type=draw(ANY_TYPES)) for _ in range(draw(st.integers(0, 2)))]
            _decorate(draw, graph, inner, [*visible, *inputs], depth - 1)
        visible += node.outputs
    for _ in range(draw(st.integers(0, 2)) if visible else 0):
        block.add_output(draw(st.sampled_from(visible)))


def _decorated_node(draw: Any, graph: Graph, visible: list[Value], depth: int) -> ir.Node:
    choice = draw(st.integers(0, 9))
    if choice < 4:
        value, type = constants(draw)
        return ir.create_constant(graph, value, type)
    inputs = draw(st.lists(st.sampled_from(visible), max_size=3)) if visible else []
    if choice == 4:
        node = graph.create("prim::PythonOp", inputs, 1).set_attribute(
            "name", "s", draw(NAMES.filter(str.isidentifier))
        )
        return node.set_attribute("scalar_args", "ival", tuple(draw(st.lists(st.integers(0, 9), max_size=2))))
    kind = draw(st.sampled_from(["mine::op", "prim::Print", "with_::blocks", "prim::FusionGroup", "prim::isinstance"]))
    node = graph.create(kind, inputs, draw(st.lists(ANY_TYPES, max_size=2)))
    for output in node.outputs:
        if draw(st.booleans()):
            output.set_debug_name(draw(NAMES))
    if kind == "prim::FusionGroup" and depth:
        node.set_attribute("Subgraph", "g", draw(decorated_graphs(depth=depth - 1)))
    for name in draw(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=3)):
        node.set_attribute(name, *draw(ATTRIBUTES))
    if draw(st.integers(0, 3)) == 0:
        node.scope = draw(st.sampled_from(["__module.a", "M::f/N::g"]))
    if draw(st.booleans()):
        line, column = draw(st.integers(1, 99)), draw(st.integers(0, 99))
        source = ir.Source("", draw(st.sampled_from(["m.py", "/a b/c.py", "<string>", ""])), line, column)
        node.range = source.range(0, 0)
    return node


ATTRIBUTES = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("f"), st.floats()),
    st.tuples(st.just("c"), st.complex_numbers()),
    st.tuples(st.just("s"), TEXTS),
    st.tuples(st.just("is"), st.lists(st.integers(-9, 9), max_size=3)),
    st.tuples(st.just("fs"), st.lists(st.floats(), max_size=3)),
    st.tuples(st.just("ss"), st.lists(TEXTS, max_size=3)),
    st.tuples(st.just("cs"), st.lists(st.complex_numbers(), max_size=2)),
    st.tuples(st.just("ty"), ANY_TYPES),
    st.tuples(st.just("tys"), st.lists(ANY_TYPES, min_size=1, max_size=3)),
    st.tuples(st.just("ival"), st.one_of(st.none(), st.booleans(), st.tuples(st.integers(0, 3), TEXTS))),
)
