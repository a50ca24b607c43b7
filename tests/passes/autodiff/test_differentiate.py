"""Forward and backward graphs of whole programs: gradients are eager's, no more is saved than needed, refusals."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from flambeau import ir  # noqa: E402
from flambeau.api import CompilationUnit  # noqa: E402
from flambeau.errors import UnsupportedError  # noqa: E402
from flambeau.passes import optimize, simplify  # noqa: E402
from flambeau.passes.autodiff import differentiate, is_differentiable  # noqa: E402
from tests.passes.autodiff.differentiated import differentiated  # noqa: E402

PROGRAMS = {
    "lstm cell": """
def f(x, h, c, wi, wh, b):
    gates = torch.mm(x, wi.t()) + torch.mm(h, wh.t()) + b
    i, f, g, o = torch.unbind(gates.view(2, 4, 5), 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
""",
    "attention": """
def f(q, k, v):
    scores = torch.matmul(q, k.transpose(-2, -1)) / 2.0
    return torch.matmul(torch.softmax(scores, -1), v)
""",
    "classifier": """
def f(x, w1, b1, w2):
    hidden = torch.gelu(torch.addmm(b1, x, w1))
    scores = torch.log_softmax(torch.mm(hidden, w2), 1)
    return torch.cat([scores, hidden], 1).pow(2).mean()
""",
    "a value used by several nodes": """
def f(x, y):
    z = x * y
    return z * z + z.exp() - x, z.sum()
""",
}
SHAPES = {
    "lstm cell": [(2, 3), (2, 5), (2, 5), (20, 3), (20, 5), (20,)],
    "attention": [(2, 4, 3, 4), (2, 4, 5, 4), (2, 4, 5, 6)],
    "classifier": [(3, 4), (4, 5), (5,), (5, 2)],
    "a value used by several nodes": [(2, 3), (3,)],
}


def compiled(text: str) -> tuple[Any, ir.Graph]:
    """A function, and its graph; a result that is a tuple becomes several outputs."""
    function = CompilationUnit(text).f
    graph = ir.copy_graph(function.graph)
    optimize(graph)
    (output,) = graph.outputs
    if output.node.kind == "prim::TupleConstruct":
        made = output.node
        graph.return_node.set_inputs(list(made.inputs))
        made.destroy()
    return function, graph


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_eagers(name: str) -> None:
    torch.manual_seed(0)
    function, graph = compiled(PROGRAMS[name])
    ours = differentiated(graph, range(len(graph.inputs)))
    values = [torch.randn(*shape, dtype=torch.float64).requires_grad_() for shape in SHAPES[name]]
    expected, actual = function(*values), ours(*values)
    torch.testing.assert_close(actual, expected)
    weights = [torch.randn_like(o) for o in (expected if isinstance(expected, tuple) else (expected,))]

    def gradients(outputs: Any) -> Any:
        whole = outputs if isinstance(outputs, tuple) else (outputs,)
        return torch.autograd.grad(whole, values, weights)

    torch.testing.assert_close(gradients(actual), gradients(expected))
    assert torch.autograd.gradcheck(ours, values)


def gradient_of(body: str, wanted: tuple[int, ...] | None = None) -> Any:
    return differentiate(ir.parse(f"graph(%x : Tensor, %y : Tensor):\n{body}"), simplify, wanted)


def test_only_sizes_are_saved_where_only_sizes_are_read() -> None:
    gradient = gradient_of(
        "  %one : int = prim::Constant[value=1]()\n  %r : Tensor = aten::add(%x, %y, %one)\n  return (%r)"
    )
    saved = list(gradient.forward.outputs)[gradient.outputs :]
    assert {str(v.type) for v in saved} == {"int[]"}
    assert len(saved) == 2


def test_what_is_not_wanted_is_not_computed() -> None:
    body = "  %r : Tensor = aten::mul(%x, %y)\n  return (%r)"
    gradient = gradient_of(body, (1,))
    assert gradient.wanted == (1,)
    assert len(gradient.backward.find_nodes("aten::mul")) == 1
    assert len(gradient.backward.outputs) == 1


def test_what_nothing_depends_on_has_a_gradient_of_zero() -> None:
    gradient = gradient_of("  %r : Tensor = aten::neg(%x)\n  return (%r)")
    assert len(gradient.backward.find_nodes("aten::zeros_like")) == 1
    cut = gradient_of("  %z : Tensor = aten::detach(%x)\n  %r : Tensor = aten::mul(%z, %y)\n  return (%r)")
    assert len(cut.backward.find_nodes("aten::zeros_like")) == 1
    whole = gradient_of("  %r : Tensor = aten::gt(%x, %y)\n  return (%r)")
    assert whole.differentiated == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("  %r : Tensor = aten::erfinv(%x)\n  return (%r)", "aten::erfinv has no derivative formula"),
        (
            "  %c : bool = prim::Constant[value=1]()\n  %r : Tensor = prim::If(%c)\n    block0():\n      -> (%x)\n"
            "    block1():\n      -> (%y)\n  return (%r)",
            "prim::If has no derivative formula: only straight-line graphs have",
        ),
        (
            "  %one : int = prim::Constant[value=1]()\n  %r : Tensor = aten::add_(%x, %y, %one)\n  return (%r)",
            "aten::add_ has no derivative formula",
        ),
    ],
)
def test_refusals(body: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        gradient_of(body)
    with pytest.raises(UnsupportedError, match="input 0 of the graph is not a tensor"):
        differentiate(ir.parse("graph(%x : int):\n  return (%x)"), wanted=(0,))


def test_dropout_only_outside_training() -> None:
    text = (
        "graph(%x : Tensor):\n  %p : float = prim::Constant[value=0.5]()\n  %t : bool = prim::Constant[value={}]()\n"
        "  %r : Tensor = aten::dropout(%x, %p, %t)\n  return (%r)"
    )
    for flag in (0, 1):
        (node,) = ir.parse(text.format(flag)).find_nodes("aten::dropout")
        assert is_differentiable(node) == (not flag)
