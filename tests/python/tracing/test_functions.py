"""Functions: each operator that the program calls is one node, and the recording runs on other inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import flambeau
from tests.python.tracing.oracle import check, our_kinds, run, their_kinds, trace

R = torch.randn

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], list[tuple[Any, ...]]]] = {}


def case(inputs: tuple[Any, ...], others: list[tuple[Any, ...]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES[function.__name__] = (function, inputs, others)
        return function

    return add


@case((R(2, 2),), [(R(3, 3),)])
def arithmetic(x):
    return x + 1, 1 - x, x * 2.5, x / 2, 5 / x, x**2, 2**x, -x, abs(x), x // 2, 5 // x, x % 2, x @ x, x.pow(0.5)


@case((R(2, 2),), [(R(3, 3),)])
def comparison(x):
    return (
        x > 0,
        x == 1,
        ~(x > 0),
        (x > 0) & (x < 1),
        torch.where(x > 0, x, 0.0),
        x.clamp(min=0),
        x.masked_fill(x > 0, -1e9),
    )


@case((R(2, 3),), [(R(5, 4),)])
def reductions(x):
    return (
        x.sum(),
        x.mean(0),
        x.max(),
        x.max(0),
        x.std(),
        x.var(dim=0),
        x.norm(),
        x.argmax(),
        x.sort(),
        x.cumsum(0),
        x.topk(1),
    )


@case((R(2, 3),), [(R(5, 4),)])
def conversions(x):
    return x.float(), x.double(), x.to(torch.int32), x.bool(), x.type_as(x.double()), x.half().float(), x.to("cpu")


@case((R(2, 3),), [(R(5, 4),)])
def views(x):
    return (
        x.T,
        x.t(),
        x.mT,
        x.permute(1, 0),
        x.unsqueeze(0),
        x.view(-1),
        x.reshape(-1, 1),
        x.expand(2, -1, -1),
        x.flatten(),
    )


@case((R(2, 3),), [(R(2, 4),)])
def pieces(x):
    a, b = x.split(1)
    return (
        a,
        b,
        x.chunk(2)[0],
        torch.stack([x, x]),
        torch.cat((x, x), 1),
        x.unbind(0)[1],
        torch.broadcast_tensors(x, x[0])[1],
    )


@case((R(2, 3),), [(R(4, 3),)])
def layers(x):
    return (
        F.softmax(x, -1),
        F.relu(x),
        F.gelu(x),
        F.layer_norm(x, (3,)),
        F.normalize(x),
        F.linear(x, x),
        F.log_softmax(x, 0),
    )


@case((R(2, 3),), [(R(4, 3),)])
def losses(x):
    y = torch.zeros_like(x)
    return (
        F.mse_loss(x, y),
        F.l1_loss(x, y),
        F.smooth_l1_loss(x, y),
        F.binary_cross_entropy_with_logits(x, y),
        F.pdist(x),
    )


@case((R(2, 3, 4, 5),), [(R(3, 2, 4, 5).transpose(0, 1),), (R(2, 5, 3, 4).permute(0, 2, 3, 1),)])
def contiguous(x):
    """Of tensors that are contiguous, PyTorch's binding gives the tensor itself, without any operator."""
    y = x.contiguous()
    return y.view(-1), torch.Tensor.contiguous(x) + 1, x.contiguous(memory_format=torch.channels_last) * 2, y


@case((R(2, 3, 4),), [(R(3, 5, 4),)])
def attention(x):
    return (
        F.scaled_dot_product_attention(x, x, x),
        F.dropout(x, 0.0),
        torch.einsum("bnd,bmd->bnm", x, x),
        torch.bmm(x, x.mT),
    )


@case((R(1, 2, 4, 4),), [(R(2, 2, 6, 6),)])
def images(x):
    y = F.conv2d(x, torch.ones(3, 2, 3, 3))
    return (
        y,
        F.max_pool2d(x, 2),
        F.pad(x, (1, 1)),
        F.interpolate(x, scale_factor=2.0),
        F.adaptive_avg_pool2d(x, 1),
        F.unfold(x, 2),
    )


@case((R(2, 3),), [(R(4, 3),)])
def factories(x):
    return (
        x + torch.ones(3),
        torch.zeros(2, 3),
        torch.arange(5),
        torch.full((2,), 7.0),
        torch.eye(3),
        torch.ones_like(x),
    )


@case((R(2, 3),), [(R(4, 3),)])
def random(x):
    return x + torch.rand_like(x), torch.randn(2), torch.randint(0, 5, (3,)), F.dropout(x, 0.5), torch.randperm(4)


@case((torch.tensor([[1, 2, 0], [3, 0, 0]]),), [(torch.tensor([[1, 2, 4, 0]]),)])
def integers(x):
    m = x != 0
    f = x.float().masked_fill(~m, float("-inf")).softmax(-1)
    return (
        m,
        m.sum(1),
        f,
        x.masked_select(m),
        m.nonzero(),
        torch.where(m)[0],
        x.scatter(1, x % 2, 1),
        x.gather(1, x % 2),
    )


@case((R(2, 3),), [(R(3, 3),)])
def complex_numbers(x):
    y = torch.complex(x, x)
    return y.real, y.imag, y.abs(), torch.view_as_real(y), torch.fft.fft(x).abs(), y.conj().real


@case((R(2, 3),), [(R(4, 3),)])
def out_argument(x):
    o = torch.empty(0)
    torch.add(x, 1, out=o)
    return o


@case((R(2, 3),), [(R(2, 3),)])  # PyTorch's backward of `sum` knows the size only
def gradients(x):
    y = x.detach().requires_grad_(True)
    (g,) = torch.autograd.grad((y * y).sum(), y)
    return g


@case((R(4, 4),), [(R(3, 3),)])
def without_gradients(x):
    with torch.no_grad():
        y = x * 2
    return y + x


@case((R(4, 4),), [(R(3, 3),)])
def autocast(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = torch.mm(x, x)
        w = F.linear(x, x)
    return z, w, z.float().sum(), F.softmax(z, -1)


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    function, inputs, others = CASES[name]
    check(function, *inputs, others=others)


def test_casts_within_composite_operators_are_recorded() -> None:
    def f(x: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return torch.einsum("ij,kj->ik", x, x), torch.inner(x, x), torch.tensordot(x, x, 1)

    traced = check(f, R(3, 3), others=[(R(5, 5),)], same_operators=False)
    assert [t.dtype for t in traced(R(2, 2))] == [torch.bfloat16] * 3


def test_weights_that_were_cast_before_are_cast_in_the_trace() -> None:
    layer = torch.nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(R(2, 3))
        traced = check(layer, R(2, 3), others=[(R(4, 3),)], same_operators=False)
    assert traced.graph.find_nodes("aten::linear")


def test_writes_and_views_are_replayed() -> None:
    def f(x: Tensor) -> Tensor:
        y = x * 1
        z = y.view(-1)
        z.add_(1)
        y.mul_(2).relu_()
        y += x
        y[0] += 1
        return y

    check(f, R(2, 4), others=[(R(3, 6),)])


def test_writes_to_inputs_reach_the_caller() -> None:
    def f(x: Tensor) -> Tensor:
        x[0] = 0
        x.t()[1] += 1
        return x.sum()

    traced, given, expected = trace(f, R(3, 3)), torch.ones(4, 3), torch.ones(4, 3)
    torch.testing.assert_close(traced(given), f(expected))
    torch.testing.assert_close(given, expected)


def test_a_constant_that_is_written_to_is_new_in_each_run() -> None:
    def f(x: Tensor) -> Tensor:
        total = torch.tensor(0.0)
        for _ in range(3):
            total += x.sum()
        return total

    traced = check(f, R(2), others=[(R(3),)], same_operators=False)
    assert traced(torch.ones(2)).item() == traced(torch.ones(2)).item() == 6


def test_a_constant_that_is_returned_cannot_be_changed_by_the_caller() -> None:
    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        return x, torch.tensor([1.0])

    traced = trace(f, R(2))
    traced(R(2))[1].zero_()
    assert traced(R(2))[1].item() == 1


def test_one_tensor_is_one_constant() -> None:
    weight = R(3, 3)
    traced = check(lambda x: x @ weight + weight[0] @ weight, R(2, 3), others=[(R(4, 3),)])
    assert (
        len([n for n in traced.graph.find_nodes("prim::Constant") if "t" in {a.kind for a in n.attributes.values()}])
        == 1
    )


@pytest.mark.parametrize(
    "make", [lambda: torch.tensor(3.0), lambda: torch.tensor(3), lambda: torch.ones(2, dtype=torch.int32)]
)
def test_numbers_promote_as_they_do_in_the_program(make: Callable[[], Tensor]) -> None:
    def f(x: Tensor) -> tuple[Tensor, ...]:
        return x * 2.5, x / 3, x + 1, x + True, 1.5 - x, torch.maximum(x, x * 0.5)

    x = make()
    traced = trace(f, x)
    for found, expected in zip(traced(x), f(x), strict=True):
        torch.testing.assert_close(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(lambda x: x.data * 2, id="data"),
        pytest.param(lambda x: torch.nn.Parameter(x * 2).detach() + 1, id="parameter"),
        pytest.param(lambda x: __import__("copy").deepcopy(x) + 1, id="deep copy"),
        pytest.param(lambda x: torch.vmap(lambda row: row.sum() * 2)(x), id="vmap"),
        pytest.param(lambda x: torch.func.grad(lambda a: (a * a).sum())(x), id="grad"),
        pytest.param(lambda x: x.to_sparse().to_dense() * 2, id="sparse"),
        pytest.param(lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8).dequantize(), id="quantized"),
    ],
)
def test_what_is_no_plain_operator_depends_on_the_input(f: Callable[[Tensor], Tensor]) -> None:
    check(f, R(3, 4), others=[(R(3, 4),)], same_operators=False)


def test_printing_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Tensor) -> Tensor:
        print(x)
        return x + 1

    assert our_kinds(trace(f, R(2, 3)).graph) == ["aten::add"]
    assert capsys.readouterr().out.startswith("tensor(")


def test_bools_among_numbers() -> None:
    def f(x: Tensor) -> tuple[Tensor, ...]:
        return torch.full((2,), True), torch.full_like(x, True), x.masked_fill(x > 0, True), x == True  # noqa: E712

    traced, x = trace(f, R(2)), R(2)
    for found, expected in zip(traced(x), f(x), strict=True):
        torch.testing.assert_close(found, expected)
        assert found.dtype == expected.dtype


def test_what_nothing_reads_is_left_out() -> None:
    def f(x: Tensor) -> Tensor:
        x.exp()
        torch.rand(3)
        sizes = x.size(0) * x.size(1)
        sizes *= 2
        assert sizes > 0
        return x + 1

    assert [n.kind for n in trace(f, R(2, 3)).graph.nodes()] == ["prim::Constant", "prim::Constant", "aten::add"]


def test_a_write_that_a_view_shows_is_kept() -> None:
    def f(x: Tensor) -> Tensor:
        y = torch.zeros(3)
        z = y[1:]
        y += x
        return z

    check(f, R(3), others=[(R(3),)])


def test_a_traced_function_is_a_script_function_with_the_names_of_its_parameters() -> None:
    def scaled(x: Tensor, factor: Tensor) -> Tensor:
        return x * factor

    traced = flambeau.trace(scaled, (R(2), R(2)))
    assert isinstance(traced, flambeau.ScriptFunction)
    assert str(traced.schema) == "scaled(Tensor x, Tensor factor) -> Tensor"
    torch.testing.assert_close(traced(factor=torch.ones(3) * 2, x=torch.ones(3)), torch.ones(3) * 2)


def test_values_have_complete_types_and_names_of_variables() -> None:
    def f(x: Tensor) -> Tensor:
        hidden = x + x
        return hidden.relu()

    text = str(trace(f, torch.ones(2, 3)).graph)
    assert "%x : Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu)" in text
    assert "%hidden : Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu) = aten::add(%x, %x, " in text


def test_nodes_know_their_line() -> None:
    def f(x: Tensor) -> Tensor:
        return x.relu()

    (node,) = trace(f, R(2)).graph.find_nodes("aten::relu")
    assert node.range is not None
    assert node.range.text.strip() == "return x.relu()"
    assert node.range.filename == __file__


def test_the_program_runs_on_its_own_inputs() -> None:
    seen = []

    def f(x: Tensor) -> Tensor:
        seen.append(x)
        return x + 1

    given = R(2)
    flambeau.trace(f, given, check_trace=False)
    assert seen[0] is given


def test_an_error_of_the_program_comes_through_and_leaves_nothing_behind() -> None:
    def f(x: Tensor) -> Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        flambeau.trace(f, R(2))
    assert not flambeau.is_tracing()
    assert torch.overrides.has_torch_function.__module__ == "torch._C"
    assert run(lambda x: x.shape, (R(2, 3),)) == (2, 3)


def test_is_tracing() -> None:
    answers = []

    def f(x: Tensor) -> Tensor:
        answers.append(flambeau.is_tracing())
        return x + 1

    f(R(1))
    traced = flambeau.trace(f, R(1), check_trace=False)
    traced(R(1))
    assert answers == [False, True]


def in_place(x: Tensor) -> Tensor:
    y = x * 2
    y.add_(1)
    y.relu_()
    y.zero_()
    z = torch.empty(2).fill_(3)
    z.clamp_(0, 1).mul_(y + 1)
    return y + x.mul_(2) + z


def test_operators_in_place_recorded_as_those_that_are_not() -> None:
    options: dict[str, Any] = {"check_trace": False, "_force_outplace": True}
    traced = flambeau.trace(in_place, torch.ones(2), **options)
    theirs = torch.jit.trace(in_place, torch.ones(2), **options)
    assert our_kinds(traced.inlined_graph) == their_kinds(theirs)
    assert not any(node.kind.endswith("_") for node in traced.graph.walk())
    x = torch.full((2,), 3.0)
    assert torch.equal(traced(x), in_place(x.clone()))
    assert torch.equal(x, torch.full((2,), 3.0))


def test_without_it_they_are_recorded_as_they_are() -> None:
    traced = flambeau.trace(in_place, torch.ones(2), check_trace=False)
    assert any(node.kind == "aten::mul_" for node in traced.graph.walk())


def test_regions_of_autocast_within_each_other_in_a_module() -> None:
    class Regions(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                low = self.layer(x)
                with torch.autocast("cpu", enabled=False):
                    full = self.layer(low.float())
                again = self.layer(full)
            return low, full, again, self.layer(full)

    traced = check(Regions(), R(2, 3), others=[(R(4, 3),)], same_operators=False)
    assert [t.dtype for t in traced(R(5, 3))] == [torch.bfloat16, torch.float32, torch.bfloat16, torch.float32]
