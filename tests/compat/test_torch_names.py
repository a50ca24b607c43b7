"""Graphs, types, schemas, passes and switches of `torch._C` under the drop-in, beside PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, List, Optional  # what scripts are written with

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.compat import installed
from flambeau.compat.torch_functions import CLASSES
from flambeau.errors import UnsupportedError


def program(x: Tensor, sizes: List[int], n: int = 2, scale: Optional[float] = None) -> Tensor:
    y = x + x
    if n > 1:
        y = y * 2 + (x + x)
    for _ in range(n):
        y = y.relu()
    return y.view(sizes)


TEXT = """graph(%x : Tensor, %n : int):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=1]()
  %a : Tensor = aten::add(%x, %x, %one)
  %b : Tensor = aten::add(%x, %x, %two)
  %unused : Tensor = aten::relu(%a)
  %c : Tensor = aten::mul(%a, %b)
  return (%c)
"""


def kinds(graph: Any) -> list[str]:
    return [node.kind() for node in graph.nodes()]


def without_duplicates(C: Any) -> list[str]:
    graph = C.parse_ir(TEXT)
    C._jit_pass_cse(graph)
    C._jit_pass_constant_pooling(graph)
    C._jit_pass_dce(graph)
    C._jit_pass_lint(graph)
    return kinds(graph)


def built(C: Any) -> list[Any]:
    graph = C.Graph()
    x = graph.addInput()
    node = graph.insertNode(graph.create("aten::relu", [x], 1))
    node.output().setType(C.TensorType.get())
    constant = graph.insertConstant(3)
    graph.registerOutput(node.output())
    return [kinds(graph), str(node.output().type()), constant.toIValue(), x.uses()[0].user.kind(), x.uses()[0].offset]


def edited(C: Any) -> list[Any]:
    graph = C.parse_ir(TEXT)
    relu, mul = graph.findNode("aten::relu"), graph.findNode("aten::mul")
    order = relu.isBefore(mul), mul.isAfter(relu)
    mul.replaceInput(0, relu.output())
    first = next(iter(graph.nodes()))
    first.i_("value", 5)
    with graph.insert_point_guard(mul):
        graph.insertConstant(7)
    relu.moveBefore(mul)
    return [order, kinds(graph), first.i("value"), first.kindOf("value"), mul.inputsAt(0).node().kind()]


def rewritten(C: Any) -> list[str]:
    graph = C.parse_ir(TEXT)
    pattern = "graph(%a, %b):\n  %r = aten::mul(%a, %b)\n  return (%r)\n"
    C._jit_pass_custom_pattern_based_rewrite_graph(pattern, pattern.replace("mul", "div"), graph)
    return sorted(kinds(graph))


def compatible(C: Any) -> list[Any]:
    old = C.parse_schema("aten::foo(Tensor x, int n) -> Tensor")
    news = [
        "aten::foo(Tensor x, int n) -> Tensor",
        "aten::foo(Tensor x, int n, int m=1) -> Tensor",
        "aten::foo(Tensor x, int n, int m) -> Tensor",
        "aten::foo(Tensor x, int n, *, int[] m=[1]) -> Tensor",
        "aten::foo(Tensor x) -> Tensor",
        "aten::foo(Tensor x, float n) -> Tensor",
        "aten::foo(Tensor x, int k) -> Tensor",
        "aten::bar(Tensor x, int n) -> Tensor",
        "aten::foo(Tensor x, int n) -> (Tensor, Tensor)",
        "aten::foo(Tensor x, int? n) -> Tensor",
        "aten::foo(Tensor x, int n=1) -> Tensor",
        "aten::foo(Tensor x, int n, *, Tensor out) -> Tensor",
        "aten::foo(Tensor x, int n, *, Tensor(a!) out) -> Tensor(a!)",
    ]
    return [
        (
            C.parse_schema(new).is_backward_compatible_with(old),
            C.parse_schema(new).check_forward_compatible_with(old)[0],
        )
        for new in news
    ]


def schema_facts(C: Any) -> list[Any]:
    schema = C.parse_schema("aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)")
    return [
        (schema.name, schema.overload_name, schema.is_mutable, str(schema)),
        [
            (a.name, str(a.type), a.kwarg_only, a.has_default_value(), a.default_value, a.is_out)
            for a in schema.arguments
        ],
        [a.alias_info is not None and a.alias_info.is_write for a in schema.arguments],
        [str(r.type) for r in schema.returns],
    ]


def types(C: Any) -> list[Any]:
    made = [
        C.IntType.get(),
        C.TensorType.get(),
        C.ListType.ofInts(),
        C.ListType(C.StringType.get()),
        C.DictType(C.StringType.get(), C.ListType.ofTensors()),
        C.TupleType([C.IntType.get(), C.FloatType.get()]),
        C.OptionalType(C.BoolType.get()),
        C.FutureType(C.NoneType.get()),
        C.UnionType([C.IntType.get(), C.StringType.get()]),
        C.AnyType.get(),
        C.NumberType.get(),
        C.DeviceObjType.get(),
    ]
    return [
        [(str(t), t.kind(), t.annotation_str, t.str(), len(t.containedTypes())) for t in made],
        [isinstance(t, C.Type) for t in made],
        made[2].getElementType() == C.IntType.get(),
        (str(made[4].getKeyType()), str(made[4].getValueType())),
        [str(t) for t in made[5].elements()],
        made[0].isSubtypeOf(made[10]),
        made[6].isSubtypeOf(made[0]),
        [str(C.TensorType.get().with_sizes([2, 3]).sizes()), C.TensorType.get().dim()],
        C.TensorType.create_from_tensor(torch.ones(2, 3)).sizes(),
    ]


OBSERVATIONS: dict[str, Callable[[Any], Any]] = {
    "kinds of a parsed graph": lambda C: kinds(C.parse_ir(TEXT)),
    "passes": without_duplicates,
    "building": built,
    "editing": edited,
    "rewriting": rewritten,
    "constants": lambda C: [
        n.output().toIValue() for g in [C.parse_ir(TEXT)] for n in g.findAllNodes("prim::Constant")
    ],
    "inputs": lambda C: [(v.debugName(), str(v.type()), len(v.uses())) for v in C.parse_ir(TEXT).inputs()],
    "nodes": lambda C: [
        (n.inputsSize(), n.outputsSize(), n.hasUses(), n.hasMultipleOutputs(), n.attributeNames(), n.mustBeNone())
        for n in C.parse_ir(TEXT).nodes()
    ],
    "schemas of nodes": lambda C: [n.schema() for n in C.parse_ir(TEXT).nodes() if "add" in n.kind()],
    "copies": lambda C: kinds(C.parse_ir(TEXT).copy()),
    "compatible schemas": compatible,
    "facts of schemas": schema_facts,
    "types": types,
    "unification": lambda C: str(C.unify_type_list([C.IntType.get(), C.IntType.get()])),
    "schemas by name": lambda C: sorted(s.overload_name for s in C._jit_get_schemas_for_operator("aten::relu")),
    "a schema": lambda C: str(C._get_schema("aten::add", "Tensor")),
    "a function of a graph": lambda C: C._create_function_from_graph("f", C.parse_ir(TEXT))(torch.ones(2), 1).tolist(),
    "a graph that is run": lambda C: C._jit_interpret_graph(C.parse_ir(TEXT), (torch.ones(2), 1)).tolist(),
    "a switch": lambda C: [
        C._jit_set_num_profiled_runs(3),
        C._jit_get_num_profiled_runs(),
        C._jit_set_num_profiled_runs(1),
    ],
    "aliases": lambda C: [
        g.alias_db().may_contain_alias(next(g.inputs()), next(g.outputs())) for g in [C.parse_ir(TEXT)]
    ],
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_as_with_torch(name: str) -> None:
    observe = OBSERVATIONS[name]
    theirs = observe(torch._C)
    with installed():
        ours = observe(torch._C)
    assert ours == theirs


def test_programs_look_at_the_graphs_of_scripts() -> None:
    def look() -> list[Any]:
        function = torch.jit.script(program)
        module = torch.jit.script(nn.Linear(2, 2))
        graph = function.graph
        found = graph.findNode("prim::If")
        blocks = [[n.kind() for n in b.nodes()] for b in found.blocks()]
        return [
            isinstance(graph, torch._C.Graph),
            isinstance(graph, torch.Graph),
            blocks,
            sorted(n.kind() for n in graph.findAllNodes("aten::relu", recurse=True)),
            graph.findNode("aten::relu", recurse=False) is None,
            [v.debugName() for v in graph.inputs()],
            isinstance(next(graph.inputs()).type(), torch._C.TensorType),
            str(function.schema),
            [a.name for a in function.schema.arguments],
            module.graph.findNode("aten::linear").kind(),
            [n.kind() for n in module.inlined_graph.nodes()],
            module.forward.schema.name,
        ]

    theirs = look()
    with installed():
        ours = look()
    assert ours == theirs


def test_each_class_stands_for_torchs_too() -> None:
    theirs = torch.ops.aten.relu.default._schema
    with installed():
        for name in CLASSES:
            if hasattr(torch._C, name):
                assert getattr(torch._C, name) is CLASSES[name], name
        assert isinstance(theirs, torch._C.FunctionSchema)
        assert isinstance(theirs.arguments[0].type, torch._C.TensorType)
        assert not isinstance(theirs.arguments[0].type, torch._C.ListType)


def test_pytorch_goes_on_working() -> None:
    with installed():
        name = "flambeau_compat::increased"

        @torch.library.custom_op(name, mutates_args=())
        def increased(x: Tensor, by: Optional[List[int]] = None) -> Tensor:
            return x + 1

        assert torch.equal(increased(torch.zeros(2)), torch.ones(2))
        exported = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
        assert any("linear" in str(n.target) for n in exported.graph.nodes)
        inside: dict[str, Any] = {"__name__": "torch.library", "torch": torch}
        exec("made = torch._C.parse_schema('aten::f(Tensor x) -> Tensor'), torch._C.ListType.ofInts()", inside)
        assert [type(m).__module__ for m in inside["made"]] == ["torch", "torch"]
        assert not any(hasattr(m, "ir") for m in inside["made"])


def test_what_is_not_there_says_so_when_it_is_used() -> None:
    with installed():
        for name in ("_jit_pass_onnx", "_jit_pass_insert_observers", "_jit_script_compile", "_jit_to_backend"):
            with pytest.raises(UnsupportedError, match=rf"torch\._C\.{name} is not available"):
                getattr(torch._C, name)()
        with pytest.raises(UnsupportedError, match=r"torch\._C\.ClassType"):
            torch._C.ClassType("a.b")


def test_views_of_one_thing_are_equal() -> None:
    with installed():
        graph = torch._C.parse_ir(TEXT)
        assert next(graph.inputs()) == next(graph.inputs())
        assert next(graph.nodes()) != graph.findNode("aten::mul")
        assert len({next(graph.nodes()), next(graph.nodes())}) == 1
        assert torch._C.ListType.ofInts() == torch._C.ListType(torch._C.IntType.get())
        assert isinstance(graph.ir, flambeau.ir.Graph)
        assert [n.kind for n in graph.walk()] == kinds(graph)
        with pytest.raises(AttributeError):
            _ = graph.no_such_name


def test_graphs_are_flambeaus_again_afterwards() -> None:
    with installed():
        function = torch.jit.script(program)
        assert not isinstance(function.graph, flambeau.ir.Graph)
    assert isinstance(function.graph, flambeau.ir.Graph)
    assert isinstance(function.schema, flambeau.ir.FunctionSchema)
