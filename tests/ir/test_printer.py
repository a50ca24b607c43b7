"""The text of graphs, against the text that PyTorch prints for the same graphs."""

from __future__ import annotations

from typing import Any

import pytest

from flambeau import ir

torch = pytest.importorskip("torch")

CONSTANTS: list[object] = [
    *(1, -5, 2**62, 1.5, 2.0, 1e100, -0.0, 0.1, 1e10, 12345678.9, 1e15, 1e16, 1.2345678901234568e17, 1e-7),
    *(float("nan"), float("inf"), -float("inf"), 1 + 2j, 3j, True, False, None, (), (1,), (1, "a"), (None, 1)),
    *("", "a'\"\\\n\t\x00\x7f", [1, 2], [1.5, 2.0], [True, False], ["a", "b'"], {"a": 1}, {1: 2.0}, [[1], [2]]),
    *([(1, "a")], {"a": [1.0]}, torch.device("cpu"), torch.device("cuda:1")),
]
TENSORS = [
    *(torch.tensor(3), torch.tensor(0.1), torch.tensor(True), torch.tensor(1 + 2j), torch.tensor(1e-10)),
    *(torch.tensor([1, 2, 3]), torch.zeros(2, 2), torch.arange(6.0).reshape(2, 3).t(), torch.tensor([])),
    *(torch.zeros(3, 4), torch.tensor([1.5]), torch.zeros(2, dtype=torch.bfloat16), torch.tensor(2**40)),
    *(torch.zeros(2)[:, None].expand(2, 3), torch.tensor([1e6, 1e-6]), torch.zeros(1, 2, 3), torch.tensor([0.5, 2])),
]


@pytest.mark.parametrize("value", [*CONSTANTS, *TENSORS, [torch.zeros(1)], {"a": torch.ones(1)}, (torch.ones(2), 1)])
def test_constants(value: Any) -> None:
    theirs = torch._C.Graph()
    theirs.insertConstant(value)
    ours = ir.Graph()
    ir.insert_constant(ours, value)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("value", TENSORS)
def test_tensors_without_torch(value: Any) -> None:
    if value.dtype is torch.bfloat16:
        pytest.skip("NumPy has no such type")
    mine = ir.TensorData.from_numpy(value.numpy())
    torch_graph, our_graph = ir.Graph(), ir.Graph()
    ir.insert_constant(torch_graph, value.contiguous())
    ir.insert_constant(our_graph, mine)
    assert str(our_graph) == str(torch_graph)


def test_empty_containers_say_their_type() -> None:
    graph = ir.Graph()
    ir.insert_constant(graph, [], ir.ListType(ir.INT))
    ir.insert_constant(graph, {}, ir.DictType(ir.STRING, ir.INT))
    ir.insert_constant(graph, [1, None], ir.ListType(ir.optional(ir.INT)))
    assert str(graph) == (
        "graph():\n"
        "  %0 : int[] = prim::Constant[value=annotate(List[int], [])]()\n"
        "  %1 : Dict(str, int) = prim::Constant[value=annotate(Dict[str, int],{})]()\n"
        "  %2 : int?[] = prim::Constant[value=annotate(List[Optional[int]], [1, None])]()\n"
        "  return ()\n"
    )


def attributes(graph: Any, node: Any) -> None:
    node.i_("i", 3)
    node.f_("f", 1.0)
    node.s_("s", "x")
    node.is_("is", [1, 2])
    node.fs_("fs", [1.0, 2.5])
    node.ss_("ss", ["a", "b"])
    node.t_("t", torch.zeros(2))
    node.ts_("ts", [torch.zeros(2)])
    node.ty_("ty", torch._C.ListType.ofInts())
    node.tys_("tys", [torch._C.IntType.get(), torch._C.ListType.ofTensors()])
    node.ival_("iv", [1, 2])
    node.is_("empty", [])


def test_attributes_and_subgraphs() -> None:
    theirs = torch._C.Graph()
    x = theirs.addInput("x")
    inner = torch._C.Graph()
    inner.registerOutput(inner.addInput())
    node = theirs.create("foo::bar", [x], 2)
    theirs.appendNode(node)
    attributes(theirs, node)
    for kind in ("prim::FusionGroup", "prim::DifferentiableGraph", "prim::fork"):
        group = theirs.create(kind, [x], 1)
        theirs.appendNode(group)
        group.g_("Subgraph", inner)
        group.i_("a", 1)

    ours = ir.Graph()
    y = ours.add_input("x")
    sub = ir.Graph()
    sub.add_output(sub.add_input())
    made = ours.insert("foo::bar", [y], 2)
    made.set_attribute("i", "i", 3).set_attribute("f", "f", 1.0).set_attribute("s", "s", "x")
    made.set_attribute("is", "is", [1, 2]).set_attribute("fs", "fs", [1.0, 2.5]).set_attribute("ss", "ss", ["a", "b"])
    made.set_attribute("t", "t", torch.zeros(2)).set_attribute("ts", "ts", [torch.zeros(2)])
    made.set_attribute("ty", "ty", ir.ListType(ir.INT))
    made.set_attribute("tys", "tys", [ir.INT, ir.ListType(ir.TENSOR)])
    made.set_attribute("iv", "ival", [1, 2]).set_attribute("empty", "is", [])
    for kind in ("prim::FusionGroup", "prim::DifferentiableGraph", "prim::fork"):
        group = ours.insert(kind, [y], 1)
        group.set_attribute("Subgraph", "g", sub).set_attribute("a", "i", 1)
    assert str(ours) == str(theirs)
    assert str(ir.parse(str(ours))) == str(theirs)


PROGRAMS = """
def loops(x, n: int):
    out: List[int] = []
    for i in range(n):
        if i > 3:
            x = x + i
            out.append(i)
        else:
            print("small", x, 1.5, None, 3j)
    while n > 0:
        n = n - 1
    return x, out

def named(x: Dict[str, List[Tensor]], o: Optional[Tensor]) -> Tuple[Tensor, Union[int, str, None]]:
    if o is not None:
        return o, 1
    return x["a"][0], "s"

def raising(x: int):
    assert x > 1, "too small"
    if x > 2:
        raise ValueError("x")
    return x
"""


@pytest.mark.parametrize("name", ["loops", "named", "raising"])
def test_whole_programs_are_read_and_printed_as_they_are(name: str) -> None:
    unit = torch.jit.CompilationUnit(PROGRAMS)
    text = str(getattr(unit, name).graph)
    graph = ir.parse(text)
    assert str(graph) == text
    assert ir.check(graph) == []


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.LSTM(3, 4, 2, bidirectional=True),
        torch.nn.MultiheadAttention(8, 2),
        torch.nn.TransformerEncoderLayer(8, 2, 16),
        torch.nn.BatchNorm2d(3),
    ],
    ids=lambda m: type(m).__name__,
)
def test_whole_modules_are_read_and_printed_as_they_are(module: Any) -> None:
    scripted = torch.jit.script(module.eval())
    graphs = [scripted._c._get_method(name).graph for name in scripted._c._method_names()]
    if "forward" in scripted._c._method_names():
        graphs.append(torch.jit.freeze(scripted).graph)
    for text in map(str, graphs):
        graph = ir.parse(text)
        assert str(graph) == text
        assert ir.check(graph) == []


def test_traced_graphs_have_scopes_and_shapes() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    text = str(torch.jit.trace(module, torch.zeros(2, 3)).inlined_graph)
    assert ", scope: " in text
    assert "Float(2, 4" in text
    assert str(ir.parse(text)) == text


def test_without_ranges() -> None:
    graph = ir.parse("graph(%x : int):\n  %1 : int = aten::neg(%x) # a.py:1:2\n  return (%1)\n")
    assert "a.py:1:2" in str(graph)
    assert ir.print_graph(graph, show_ranges=False) == ("graph(%x : int):\n  %1 : int = aten::neg(%x)\n  return (%1)\n")


def test_one_node_and_one_block() -> None:
    graph = ir.parse(
        "graph(%c : bool, %x : int):\n  %y : int = prim::If(%c)\n    block0():\n      -> (%x)\n    block1():\n"
        "      %z : int = aten::neg(%x)\n      -> (%z)\n  return (%y)\n"
    )
    (node,) = graph.nodes()
    assert str(node) == (
        "%y : int = prim::If(%c)\n  block0():\n    -> (%x)\n  block1():\n    %z : int = aten::neg(%x)\n    -> (%z)\n"
    )
    assert str(node.blocks[1]) == "%z : int = aten::neg(%x)\n-> (%z)\n"


def test_generated_code_shows_the_place_it_came_from() -> None:
    original = ir.Source("y = -x\n", "user.py").range(4, 6)
    generated = ir.Source("  _0 = torch.neg(x)\n", "code/m.py", original=ir.OriginalRanges((0,), (original,)))
    graph = ir.Graph()
    graph.insert("aten::neg", [graph.add_input("x", ir.INT)], [ir.INT]).range = generated.range(5, 10)
    assert "# user.py:1:4" in str(graph)
