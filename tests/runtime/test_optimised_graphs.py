"""Graphs as PyTorch's optimiser leaves them run here, and give what PyTorch gives.

Profiling marks, guards, and groups that stand for their graphs: PyTorch's executor puts them into its own copies of
graphs, which users see when they print them (`graph_for`). Every such graph here was made by PyTorch just before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from flambeau import ir
from flambeau.runtime import interpret
from flambeau.runtime.aten import tensor_data
from flambeau.runtime.python_tier import compile_plan
from flambeau.runtime.registry import kernel_of_node
from tests.runtime.oracle import ours

TEXT = """
def f(x, y):
    a = (x * y).tanh() + x.sigmoid()
    return a.sum(0) + a.exp()
"""
X, Y = torch.linspace(-1, 1, 6).reshape(2, 3), torch.linspace(0, 2, 6).reshape(2, 3)


@pytest.fixture(autouse=True)
def fusion() -> Iterator[None]:
    """PyTorch's fuser makes groups of any size, without LLVM, and leaves them in sight."""
    fuse = torch._C._jit_can_fuse_on_cpu()
    needs_llvm = torch._C._jit_get_te_must_use_llvm_cpu()
    torch._C._jit_override_can_fuse_on_cpu(True)
    torch._C._jit_set_te_must_use_llvm_cpu(False)
    torch._C._debug_set_fusion_group_inlining(False)
    torch._C._debug_set_autodiff_subgraph_inlining(False)
    strategy = torch.jit.set_fusion_strategy([("STATIC", 2), ("DYNAMIC", 10)])
    yield
    torch.jit.set_fusion_strategy(strategy)
    torch._C._debug_set_autodiff_subgraph_inlining(True)
    torch._C._debug_set_fusion_group_inlining(True)
    torch._C._jit_set_te_must_use_llvm_cpu(needs_llvm)
    torch._C._jit_override_can_fuse_on_cpu(fuse)


def optimised(runs: int, *arguments: Tensor) -> str:
    """The graph that PyTorch ran last, after some calls of the function."""
    function = torch.jit.CompilationUnit(TEXT).f
    for _ in range(runs):
        function(*arguments)
    return str(torch._C._last_executed_optimized_graph())


def profiled() -> str:
    return optimised(1, X, Y)


def fused() -> str:
    return optimised(3, X, Y)


def fused_for_any_size() -> str:
    torch.jit.set_fusion_strategy([("DYNAMIC", 10)])
    return optimised(3, X, Y)


def differentiated() -> str:
    return optimised(3, X.clone().requires_grad_(), Y)


def static() -> str:
    class Net(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            a = (x * y).tanh() + x.sigmoid()
            return a.sum(0) + a.exp()

    module = torch.jit.freeze(torch.jit.script(Net().eval()))
    torch._C._fuse_to_static_module(module._c, 1)
    return re.sub(r"graph\(%self : [^,]*,\s*", "graph(", str(module.graph), count=1)


GRAPHS: dict[Callable[[], str], tuple[str, ...]] = {
    profiled: ("prim::profile",),
    fused: ("prim::TypeCheck", "prim::TensorExprGroup"),
    fused_for_any_size: ("prim::TensorExprDynamicGuard", "prim::TensorExprGroup"),
    differentiated: ("prim::RequiresGradCheck", "prim::DifferentiableGraph"),
    static: ("prim::StaticSubgraph",),
}


def kinds(text: str) -> set[str]:
    return {re.sub(r"_\d+$", "", kind) for kind in re.findall(r"prim::\w+", text)}


def compiled(text: str) -> Callable[..., object]:
    """The graph by the Python tier."""
    return compile_plan(ir.parse(text), "optimised", no_calls).run


def no_calls(*_: object) -> Callable[..., object]:
    raise AssertionError("these graphs call no functions, and their groups go another way")


@pytest.mark.parametrize("make", [ours, compiled], ids=["interpreter", "python"])
@pytest.mark.parametrize("optimise", GRAPHS, ids=lambda f: f.__name__)
def test_graphs_of_pytorchs_optimiser(
    optimise: Callable[[], str], make: Callable[[str], Callable[..., object]]
) -> None:
    text = optimise()
    assert kinds(text) >= set(GRAPHS[optimise]), text
    run = make(text)
    expected = torch.jit.CompilationUnit(TEXT).f(X, Y)
    x = X.clone().requires_grad_(optimise is differentiated)
    result = run(x, Y)
    torch.testing.assert_close(result, expected, check_stride=False)
    assert result.requires_grad == x.requires_grad  # type: ignore[attr-defined]  # a tensor


def test_gradients_flow_through_a_differentiated_group() -> None:
    run = ours(differentiated())
    x, reference = X.clone().requires_grad_(), X.clone().requires_grad_()
    run(x, Y).sum().backward()  # type: ignore[operator,attr-defined]
    torch.jit.CompilationUnit(TEXT).f(reference, Y).sum().backward()
    torch.testing.assert_close(x.grad, reference.grad)


GROUPS = ("prim::FallbackGraph", "prim::FusionGroup", "prim::TensorExprDynamicGroup", "prim::oneDNNFusionGroup")
"""Groups of kinds that this PyTorch makes with a GPU, with oneDNN, or not any more."""


@pytest.mark.parametrize("kind", GROUPS)
def test_a_group_of_any_kind_is_its_graph(kind: str) -> None:
    text = fused()
    assert "prim::TensorExprGroup" in text
    result = ours(text.replace("prim::TensorExprGroup", kind))(X, Y)  # type: ignore[operator]
    torch.testing.assert_close(result, torch.jit.CompilationUnit(TEXT).f(X, Y))


def test_profiling_of_any_value_passes_it_on() -> None:
    graph = ir.parse("graph(%a : int):\n  %b : int = prim::profile_ivalue(%a)\n  return (%b)\n")
    assert interpret(graph, [3]) == [3]


def test_an_old_guard_passes_its_tensor_on() -> None:
    """PyTorch refuses: it replaces guards by bailouts before it runs a graph."""
    text = "graph(%a : Tensor):\n  %b : Float(2, 3) = prim::Guard(%a)\n  return (%b)\n"
    with pytest.raises(RuntimeError, match="Should be replaced by prim::BailOut"):
        torch._C._create_function_from_graph("f", torch._C.parse_ir(text))(X)
    assert ours(text)(X) is X  # type: ignore[operator]


def test_constants_in_the_layout_of_mkldnn() -> None:
    theirs = torch._C.Graph()
    node = theirs.create("prim::ConstantMKLDNNTensor")
    node.t_("value", X.to_mkldnn())
    theirs.appendNode(node)
    theirs.registerOutput(node.output())
    graph = ir.Graph()
    mine = graph.create("prim::ConstantMKLDNNTensor")
    mine.set_attribute("value", "t", tensor_data(X.to_mkldnn()))
    result = kernel_of_node(mine)()
    expected = torch._C._create_function_from_graph("f", theirs)()
    assert result.is_mkldnn
    torch.testing.assert_close(result.to_dense(), expected.to_dense())


KINDS = frozenset(
    {
        *(kind for found in GRAPHS.values() for kind in found),
        *GROUPS,
        *("prim::profile_ivalue", "prim::Guard", "prim::ConstantMKLDNNTensor"),
    }
)
"""The operators that this module calls."""
