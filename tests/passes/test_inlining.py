"""Inlining: methods, the calls that inlined nodes remember, names as in PyTorch, recursion."""

from __future__ import annotations

from typing import Any

import pytest

from flambeau import ir
from flambeau.passes import inline_calls
from flambeau.passes.inlining import inline_specialised
from flambeau.testing import FileCheck, same_graphs


def linear_net() -> ir.ClassType:
    """Net.forward calls Layer.forward of its attribute `fc`, which calls a function."""
    relu = ir.Function("__torch__.act", ir.parse("graph(%x : Tensor):\n  %y : Tensor = aten::relu(%x)\n  return (%y)"))
    layer = ir.ClassType("__torch__.Layer", is_module=True)
    layer.add_attribute("weight", ir.TENSOR, "parameter")
    net = ir.ClassType("__torch__.Net", is_module=True)
    net.add_attribute("fc", layer)
    types = {t.qualified_name: t for t in (layer, net)}
    forward = ir.parse(
        'graph(%self : __torch__.Layer, %x : Tensor):\n  %w : Tensor = prim::GetAttr[name="weight"](%self)\n'
        '  %f : Function = prim::Constant[name="act"]()\n  %y : Tensor = aten::mul(%x, %w) # layer.py:2:4\n'
        "  %z : Tensor = prim::CallFunction(%f, %y) # layer.py:3:4\n  return (%z)",
        types.get,
        find_function=lambda name: relu,
    )
    layer.add_method("forward", ir.Function("__torch__.Layer.forward", forward))
    outer = ir.parse(
        'graph(%self : __torch__.Net, %x : Tensor):\n  %fc : __torch__.Layer = prim::GetAttr[name="fc"](%self)\n'
        '  %y : Tensor = prim::CallMethod[name="forward"](%fc, %x) # net.py:9:8\n  return (%y)',
        types.get,
    )
    net.add_method("forward", ir.Function("__torch__.Net.forward", outer))
    return net


def test_methods_and_functions() -> None:
    graph = ir.copy_graph(linear_net().methods["forward"].graph)
    assert inline_calls(graph)
    ir.verify(graph)
    FileCheck().check('GetAttr[name="fc"]').check('GetAttr[name="weight"](%fc)').check("aten::mul(%x, %w)").check(
        "%y : Tensor = aten::relu"
    ).check_not("Call").check("return (%y)").run(graph)
    assert not inline_calls(graph)


def test_inlined_nodes_remember_the_calls() -> None:
    net = linear_net()
    graph = ir.copy_graph(net.methods["forward"].graph)
    inline_calls(graph)
    (relu,) = graph.find_nodes("aten::relu")
    assert relu.call is not None
    frames = relu.call.frames()
    assert [(f.function, str(f.range), f.instance_name, f.instance_type) for f in frames] == [
        ("forward", "net.py:9:8", "fc", "__torch__.Layer"),
        ("act", "layer.py:3:4", "", ""),
    ]
    (mul,) = graph.find_nodes("aten::mul")
    assert mul.call is not None
    assert [f.function for f in mul.call.frames()] == ["forward"]


def test_callees_are_not_changed() -> None:
    net = linear_net()
    fc = net.attributes[0].type
    assert isinstance(fc, ir.ClassType)
    before = str(fc.methods["forward"].graph)
    inline_calls(ir.copy_graph(net.methods["forward"].graph))
    assert str(fc.methods["forward"].graph) == before


def test_recursion_stays_a_call() -> None:
    functions: dict[str, ir.Function] = {}

    def find(name: str) -> ir.Function:
        return functions.setdefault(name, ir.Function(name))

    call = (
        'graph(%x : int):\n  %f : Function = prim::Constant[name="{}"]()\n'
        "  %y : int = prim::CallFunction(%f, %x)\n  return (%y)"
    )
    find("even").graph = ir.parse(call.format("odd"), find_function=find)
    find("odd").graph = ir.parse(call.format("even"), find_function=find)
    graph = ir.parse(call.format("even"), find_function=find)
    assert inline_calls(graph)
    ir.verify(graph)
    assert len(graph.find_nodes("prim::CallFunction")) == 1


def test_long_chains_of_calls() -> None:
    functions: dict[str, ir.Function] = {}
    for index in range(150):
        callee = f"f{index - 1}"
        text = (
            f'graph(%x : int):\n  %f : Function = prim::Constant[name="{callee}"]()\n'
            "  %y : int = prim::CallFunction(%f, %x)\n  return (%y)"
            if index
            else "graph(%x : int):\n  %y : int = aten::neg(%x)\n  return (%y)"
        )
        functions[f"f{index}"] = ir.Function(f"f{index}", ir.parse(text, find_function=functions.get))
    graph = ir.copy_graph(functions["f149"].graph)
    inline_calls(graph)
    assert same_graphs(graph, ir.parse("graph(%x : int):\n  %y : int = aten::neg(%x)\n  return (%y)"))


PROGRAM = """
def g(x, k: int):
    y = x + k
    if k > 2:
        y = y * 2
    return y

def same(x):
    return x

def f(x):
    y = g(x, 3)
    z = g(y, 4)
    w = same(z)
    return w + z
"""


def test_names_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    unit = torch.jit.CompilationUnit(PROGRAM)
    functions: dict[str, ir.Function] = {}

    def find(name: str) -> ir.Function:
        if name not in functions:
            text = str(getattr(unit, name).graph)
            functions[name] = ir.Function(name, ir.parse(text, find_function=find))
        return functions[name]

    ours = ir.copy_graph(find("f").graph)
    inline_calls(ours)
    theirs = ir.parse(str(unit.f.inlined_graph), find_function=find)

    def named(graph: ir.Graph) -> list[Any]:
        """Every node but constants, which PyTorch inlines in another order."""
        kept = [n for n in graph.walk() if n.kind != "prim::Constant"]
        return [(n.kind, [v.debug_name for v in n.outputs if v.has_debug_name]) for n in kept]

    assert named(ours) == named(theirs)


def test_a_graph_without_calls_is_not_prepared_for_inlining() -> None:
    graphs: list[ir.Graph] = []

    def note(graph: ir.Graph) -> bool:
        graphs.append(graph)
        return False

    plain = ir.parse("graph(%x : Tensor):\n  %y : Tensor = aten::relu(%x)\n  return (%y)")
    assert not inline_specialised(plain, before=note, after=note)
    assert not graphs
    calling = ir.copy_graph(linear_net().methods["forward"].graph)
    assert inline_specialised(calling, before=note, after=note)
    assert graphs[0] is calling
