"""Modules: the hierarchy stays, each submodule has the methods that were called, parameters are where they were."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import flambeau
from examples.resnet import resnet18
from flambeau.errors import TracingError
from flambeau.ir import Graph
from flambeau.python import TracedModule
from tests.python.tracing.oracle import assert_same, check, oracle_trace, our_kinds, run, trace

R = torch.randn

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], list[tuple[Any, ...]]]] = {
    "Linear": (lambda: nn.Linear(3, 4), (R(2, 3),), [(R(5, 3),)]),
    "Bilinear": (lambda: nn.Bilinear(3, 4, 5), (R(2, 3), R(2, 4)), [(R(3, 3), R(3, 4))]),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3), (R(2, 3, 8),), [(R(1, 3, 6),)]),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, padding=1), (R(2, 3, 8, 8),), [(R(1, 3, 6, 5),)]),
    "Conv2d same": (lambda: nn.Conv2d(3, 4, 3, padding="same"), (R(2, 3, 8, 8),), [(R(1, 3, 6, 5),)]),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3), (R(2, 3, 4, 4),), [(R(1, 3, 6, 5),)]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (R(2, 3, 4, 4),), [(R(4, 3, 6, 6),)]),
    "BatchNorm2d eval": (lambda: nn.BatchNorm2d(3).eval(), (R(2, 3, 4, 4),), [(R(4, 3, 6, 6),)]),
    "LayerNorm": (lambda: nn.LayerNorm(3), (R(2, 3),), [(R(5, 2, 3),)]),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (R(2, 4, 3),), [(R(3, 4, 5),)]),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3), (R(2, 3, 4, 4),), [(R(1, 3, 5, 5),)]),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), (R(2, 4, 3, 3),), [(R(1, 4, 5, 5),)]),
    "LSTM": (lambda: nn.LSTM(3, 4, 2), (R(5, 2, 3),), [(R(3, 4, 3),)]),
    "LSTM both ways": (lambda: nn.LSTM(3, 4, batch_first=True, bidirectional=True), (R(5, 2, 3),), [(R(3, 4, 3),)]),
    "LSTM with state": (
        lambda: nn.LSTM(3, 4),
        (R(5, 2, 3), (R(1, 2, 4),) * 2),
        [(R(3, 4, 3), (R(1, 4, 4),) * 2)],
    ),
    "GRU": (lambda: nn.GRU(3, 4), (R(5, 2, 3),), [(R(3, 4, 3),)]),
    "RNN": (lambda: nn.RNN(3, 4), (R(5, 2, 3),), [(R(3, 4, 3),)]),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), (R(2, 3, 4),) * 3, [(R(5, 2, 4),) * 3]),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        (R(2, 3, 4),),
        [(R(5, 2, 4),)],
    ),
    "Transformer": (
        lambda: nn.Transformer(4, 2, 1, 1, 8, batch_first=True).eval(),
        (R(2, 3, 4),) * 2,
        [(R(5, 2, 4),) * 2],
    ),
    "Embedding": (lambda: nn.Embedding(5, 3), (torch.tensor([1, 2]),), [(torch.tensor([[1], [4]]),)]),
    "EmbeddingBag": (
        lambda: nn.EmbeddingBag(5, 3),
        (torch.tensor([[1, 2]]),),
        [(torch.tensor([[1, 2, 3], [3, 4, 0]]),)],
    ),
    "Softmax": (lambda: nn.Softmax(-1), (R(2, 3),), [(R(4, 3),)]),
    "GELU": (nn.GELU, (R(2, 3),), [(R(4, 3),)]),
    "PReLU": (nn.PReLU, (R(2, 3),), [(R(4, 3),)]),
    "RReLU": (nn.RReLU, (R(2, 3),), [(R(4, 3),)]),
    "Identity": (nn.Identity, (R(2, 3),), [(R(4, 3),)]),
    "Flatten": (nn.Flatten, (R(2, 3, 4),), [(R(5, 2, 2),)]),
    "Dropout": (lambda: nn.Dropout(0.5), (R(2, 3),), [(R(4, 3),)]),
    "Dropout2d": (lambda: nn.Dropout2d(0.5), (R(2, 3, 4, 4),), [(R(4, 3, 2, 2),)]),
    "AlphaDropout": (nn.AlphaDropout, (R(2, 3),), [(R(4, 3),)]),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "MaxPool2d with indices": (lambda: nn.MaxPool2d(2, return_indices=True), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((1, None)), (R(2, 3, 4, 4),), [(R(1, 3, 6, 4),)]),
    "FractionalMaxPool2d": (lambda: nn.FractionalMaxPool2d(2, output_size=2), (R(2, 3, 6, 6),), [(R(1, 3, 8, 8),)]),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (R(2, 4, 3, 3),), [(R(1, 8, 2, 2),)]),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "Unfold": (lambda: nn.Unfold(2), (R(2, 3, 4, 4),), [(R(1, 3, 6, 6),)]),
    "CosineSimilarity": (nn.CosineSimilarity, (R(2, 3), R(2, 3)), [(R(4, 5), R(4, 5))]),
    "PairwiseDistance": (nn.PairwiseDistance, (R(2, 3), R(2, 3)), [(R(4, 5), R(4, 5))]),
    "CrossEntropyLoss": (nn.CrossEntropyLoss, (R(2, 3), torch.tensor([1, 2])), [(R(4, 3), torch.tensor([0, 1, 2, 0]))]),
    "BCELoss": (
        lambda: nn.BCELoss(weight=torch.rand(3)),
        (torch.rand(2, 3), torch.rand(2, 3)),
        [(torch.rand(4, 3),) * 2],
    ),
    "TripletMarginLoss": (nn.TripletMarginLoss, (R(2, 3),) * 3, [(R(4, 3),) * 3]),
    "KLDivLoss": (
        lambda: nn.KLDivLoss(reduction="batchmean"),
        (R(2, 3), torch.rand(2, 3)),
        [(R(4, 3), torch.rand(4, 3))],
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, inputs, others = LAYERS[name]
    torch.manual_seed(0)
    check(make(), *inputs, others=others, same_operators=name != "BCELoss")


@pytest.mark.parametrize(
    ("make", "inputs", "kind"),
    [
        (lambda: nn.LSTMCell(3, 4), (R(2, 3),), "aten::lstm_cell"),
        (lambda: nn.GRUCell(3, 4), (R(2, 3), R(2, 4)), "aten::gru_cell"),
        (lambda: nn.RNNCell(3, 4), (R(2, 3), R(2, 4)), "aten::rnn_tanh_cell"),
        (lambda: nn.Conv2d(3, 4, 3), (R(2, 3, 4, 4),), "aten::conv2d"),
        (lambda: nn.Linear(3, 4), (R(2, 3),), "aten::linear"),
        (lambda: nn.LayerNorm(3), (R(2, 3),), "aten::layer_norm"),
        (lambda: nn.Dropout(), (R(2, 3),), "aten::dropout"),
    ],
)
def test_operators_are_the_ones_that_the_program_calls(make: Any, inputs: tuple[Any, ...], kind: str) -> None:
    traced = check(make(), *inputs, same_operators=False)
    assert kind in [node.kind for node in traced.inlined_graph.nodes()]


# --- hierarchy


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        self.count.add_(1)
        return self.linear(x), {"twice": x * 2}, x.size(0)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Identity()
        self.inner = Inner()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.shared = self.layers[0]
        self.tied = nn.Linear(3, 3)
        self.tied.weight = self.inner.linear.weight
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor, unused: Tensor) -> Tensor:
        a, b, n = self.inner(self.same(x))
        c = F.relu(self.shared(self.layers[0](self.tied(a))))
        return self.layers[1](c).view(n, -1) + b["twice"] + self.inner.linear.bias


def test_calls_of_submodules_are_calls() -> None:
    torch.manual_seed(0)
    traced = check(Outer(), R(2, 3), R(1), others=[(R(5, 3), R(2))])
    calls = [
        (n.string_attribute("name"), str(n.inputs[0].debug_name)) for n in traced.graph.find_nodes("prim::CallMethod")
    ]
    assert calls == [
        ("forward", "same"),
        ("forward", "inner"),
        ("forward", "tied"),
        ("forward", "_0"),
        ("forward1", "_0"),
        ("forward", "_1"),
    ]
    assert traced.unused._c.method_names() == []


def test_graphs_of_submodules() -> None:
    traced = trace(Outer(), R(2, 3), R(1))
    linear = traced.inner.linear.graph
    assert [node.kind for node in linear.nodes()] == ["prim::GetAttr", "prim::GetAttr", "aten::linear"]
    (call,) = linear.find_nodes("aten::linear")
    assert call.scope == "__module.inner/__module.inner.linear"
    assert str(traced.inner._c.get_method("forward").schema) == (
        f"forward({traced.inner._c.type.qualified_name} self, Tensor x) -> ((Tensor, Tensor, Tensor))"
    )


def test_a_submodule_runs_by_itself() -> None:
    module = Outer()
    traced = trace(module, R(2, 3), R(1))
    x = R(4, 3)
    torch.testing.assert_close(traced.layers[1](x), module.layers[1](x))


def test_the_graph_reads_as_pytorchs_does() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            return self.body(self.linear(x)) + x

    net = Net()
    mine, theirs = trace(net, R(2, 3)), oracle_trace(net, R(2, 3))
    assert [v.debug_name for v in mine.graph.inputs] == ["self", "x"]
    assert [n.kind for n in mine.graph.nodes()] == [n.kind() for n in theirs.graph.nodes()]
    assert [n.kind for n in mine.body.graph.nodes()] == [n.kind() for n in theirs.body.graph.nodes()]
    assert [n.kind for n in mine.linear.graph.nodes()] == [n.kind() for n in theirs.linear.graph.nodes()]
    assert repr(mine) == repr(theirs)


def test_parameters_are_the_modules_own() -> None:
    module = Outer()
    traced = flambeau.trace(module, (R(2, 3), R(1)), check_trace=False)
    assert isinstance(traced, flambeau.ScriptModule)
    assert isinstance(traced.inner, TracedModule)
    assert {n: id(p) for n, p in traced.named_parameters()} == {n: id(p) for n, p in module.named_parameters()}
    assert traced.inner.count is module.inner.count
    assert traced.shared is traced.layers[0]
    with torch.no_grad():
        module.tied.bias.fill_(7)
    assert traced.tied.bias[0] == 7


def test_gradients_reach_the_parameters() -> None:
    module, x = Outer(), R(4, 3)
    traced = trace(module, R(2, 3), R(1))
    for program in (module, traced):
        program(x, x).sum().backward()
    for p, q in zip(module.parameters(), traced.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            torch.testing.assert_close(p.grad, q.grad)


def test_state_changes_with_each_run() -> None:
    module = nn.BatchNorm1d(3)
    traced, fresh = trace(module, R(4, 3)), copy.deepcopy(module)
    x = R(6, 3)
    torch.testing.assert_close(traced(x), fresh(x))
    assert_same(dict(traced.named_buffers()), dict(fresh.named_buffers()))


def test_a_buffer_that_is_assigned_is_assigned_in_each_run() -> None:
    class Average(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.mean = 0.5 * self.mean + x.mean()
            return x - self.mean

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.average = Average()

        def forward(self, x: Tensor) -> Tensor:
            return self.average(self.average(x))

    module = Holder()
    traced, fresh = trace(copy.deepcopy(module), R(3)), module
    for x in (torch.ones(2), R(4)):
        torch.testing.assert_close(traced(x), fresh(x))
        torch.testing.assert_close(traced.average.mean, fresh.average.mean)


def test_a_module_that_calls_itself() -> None:
    class Nested(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.depth = 2

        def forward(self, x: Tensor) -> Tensor:
            if self.depth == 0:
                return x
            self.depth -= 1
            y = self(x)
            self.depth += 1
            return self.linear(y)

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nested = Nested()

        def forward(self, x: Tensor) -> Tensor:
            return self.nested(x)

    check(Nested(), R(2, 3), others=[(R(4, 3),)], same_operators=False)
    check(Holder(), R(2, 3), others=[(R(4, 3),)], same_operators=False)


def test_an_error_that_the_program_handles_does_not_disturb_the_hierarchy() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no")

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.failing, self.linear = Failing(), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            try:
                x = self.failing(x + 1)
            except ValueError:
                pass
            return self.linear(x)

    check(Holder(), R(2, 3), others=[(R(4, 3),)], same_operators=False)


def _hooked() -> nn.Module:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.linear.register_forward_pre_hook(_plus_one)
            self.linear.register_forward_hook(_times_two)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x)

    return Holder()


def _plus_one(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    return inputs[0] + 1


def _times_two(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output * 2


def _pruned() -> nn.Module:
    return prune.random_unstructured(nn.Linear(3, 3), "weight", 0.3)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_hooked, id="hooks"),
        pytest.param(_pruned, id="pruning"),
        pytest.param(lambda: parametrizations.weight_norm(nn.Linear(3, 3)), id="weight norm"),
        pytest.param(lambda: parametrizations.spectral_norm(nn.Linear(3, 3)).eval(), id="spectral norm"),
    ],
)
def test_what_runs_around_forward_is_recorded(make: Callable[[], nn.Module]) -> None:
    module = make()
    traced = trace(module, R(2, 3))
    x = R(4, 3)
    torch.testing.assert_close(traced(x), module(x))


# --- several methods


class TwoWays(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def both(self, x: Tensor, y: Tensor) -> Tensor:
        return self.linear(x) + self.linear(y)


def test_trace_module() -> None:
    module = TwoWays()
    traced = flambeau.trace_module(module, {"forward": R(2, 3), "both": (R(2, 3), R(2, 3))})
    x, y = R(4, 3), R(4, 3)
    torch.testing.assert_close(traced.both(x, y), module.both(x, y))
    torch.testing.assert_close(traced(x), module(x))
    assert traced.linear._c.method_names() == ["forward", "forward1", "forward2"]


def test_trace_module_with_inputs_by_name_and_inputs_to_check() -> None:
    module = TwoWays()
    inputs = {"both": {"y": R(2, 3), "x": R(2, 3)}}
    traced = flambeau.trace_module(module, inputs, example_inputs_is_kwarg=True, check_inputs=[inputs])
    x = R(4, 3)
    torch.testing.assert_close(traced.both(x=x, y=x * 2), module.both(x, x * 2))


def test_a_bound_forward_is_its_module() -> None:
    module = TwoWays()
    traced = flambeau.trace(module.forward, R(2, 3))
    assert isinstance(traced, TracedModule)


def test_a_scripted_module_is_given_back() -> None:
    scripted = flambeau.script(TwoWays())
    with pytest.warns(UserWarning, match="already a ScriptModule"):
        assert flambeau.trace(scripted, R(2, 3)) is scripted


# --- what is refused


@pytest.mark.parametrize(
    ("refused", "kind", "message"),
    [
        (lambda: flambeau.trace(TwoWays().both, (R(2, 3), R(2, 3))), AttributeError, "Please use trace_module"),
        (lambda: flambeau.trace_module(lambda x: x, {"forward": R(1)}), AttributeError, "expected torch.nn.Module"),
        (lambda: flambeau.trace_module(TwoWays(), R(1)), AttributeError, "expected a dictionary of"),
        (lambda: flambeau.trace(3, R(1)), AttributeError, "expected a function or a module"),
        (lambda: flambeau.trace(TwoWays(), example_kwarg_inputs={"z": R(2, 3)}), NameError, "'z' is not in forward"),
        (lambda: flambeau.trace(TwoWays()), RuntimeError, "example_kwarg_inputs should be a dict"),
    ],
)
def test_refused(refused: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(TracingError, match=message) as caught:
        refused()
    assert isinstance(caught.value, kind)


def test_backward_hooks_are_refused() -> None:
    module = nn.Linear(3, 3)
    module.register_full_backward_hook(lambda *_: None)
    with pytest.raises(ValueError, match="backward hooks assigned can't be compiled"):
        flambeau.trace(module, R(2, 3))


class Exporting(nn.Module):
    """Exported methods beside a traced one, in it and below."""

    names: list[str]

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = 3
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x) + self.step

        @torch.jit.export
        def get(self) -> int:
            return self.step

    def __init__(self) -> None:
        super().__init__()
        self.inner = Exporting.Inner()
        self.not_traced = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.names = ["a"]
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * 2

    @torch.jit.export
    def masked(self, times: int, x: Tensor) -> Tensor:
        self.count += 1
        for _ in range(times):
            x = self.not_traced(x)
        return self.forward(x) + self.inner.get() + self.helper()

    def helper(self) -> int:
        return len(self.names)


def test_exported_methods_are_compiled() -> None:
    module, x = Exporting(), R(1, 2)
    traced = flambeau.trace(module, x)
    expected = module.masked(2, x)
    assert torch.equal(traced.masked(2, x), expected)
    assert (traced.count, traced.inner.get()) == (1, 3)
    loaded = torch.jit.load(io.BytesIO(traced.save_to_buffer()))
    assert torch.equal(loaded.masked(2, x), expected)
    assert torch.equal(loaded(x), module(x))


def test_an_exported_method_that_is_traced_is_the_trace() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

        @torch.jit.export
        def other(self, x: Tensor) -> Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.warns(flambeau.TracerWarning):
        traced = flambeau.trace_module(Two(), {"forward": R(1), "other": torch.ones(1)})
    assert torch.equal(traced.other(-torch.ones(1)), torch.zeros(1))


def test_parameters_of_a_module_that_is_not_below_are_refused() -> None:
    outside = nn.Linear(3, 3)
    with pytest.raises(TracingError, match="Cannot insert a Tensor that requires grad as a constant"):
        flambeau.trace(lambda x: outside(x), R(2, 3))


# --- archives


def test_archives_load_in_pytorch_and_here() -> None:
    module = Outer().eval()
    traced = trace(module, R(2, 3), R(1))
    buffer = io.BytesIO()
    traced.save(buffer)
    x = R(4, 3)
    for load in (torch.jit.load, flambeau.load):
        buffer.seek(0)
        torch.testing.assert_close(load(buffer)(x, x), module(x, x))


def test_resnet() -> None:
    torch.manual_seed(0)
    module = resnet18().eval()
    traced = check(module, R(1, 3, 64, 64), others=[(R(2, 3, 80, 80),)])
    assert isinstance(traced.graph, Graph)
    assert our_kinds(traced.inlined_graph).count("convolution") == 20


def test_the_check_of_a_module_passes() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    traced = flambeau.trace(module, R(2, 3), check_inputs=[R(5, 3), (R(1, 3),)])
    assert_same(run(traced, (R(3, 3),)).shape, ())
