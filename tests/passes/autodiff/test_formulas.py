"""Every derivative formula: against numerical derivatives, and against PyTorch's own gradients."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from flambeau import ir  # noqa: E402
from flambeau.passes.autodiff import FORMULAS  # noqa: E402
from tests.passes.autodiff.differentiated import differentiated, graph_of_call  # noqa: E402

torch.manual_seed(0)


def tensor(*sizes: int, low: float = -2.0, high: float = 2.0) -> Any:
    return torch.rand(*sizes, dtype=torch.float64) * (high - low) + low


def positive(*sizes: int) -> Any:
    return tensor(*sizes, low=0.3, high=2.0)


SQUARE = tensor(2, 3)
SMALL = tensor(2, 3, low=-0.9, high=0.9)
AWAY = torch.tensor([[-2.4, -0.7, 0.4], [0.8, 1.7, 3.6]], dtype=torch.float64)
"""Between the places where activations have kinks."""
IMAGE = tensor(2, 3, 5, 5)
MASK = torch.tensor([[True, False, True], [False, False, True]])
INDEX = torch.tensor([[0, 2, 1], [1, 0, 0]])
CHOSEN = torch.tensor([1, 0, 1])

UNARY = {
    **dict.fromkeys(("ceil", "floor", "round", "trunc", "sign", "abs", "frac", "neg", "square"), AWAY),
    **dict.fromkeys("acos asin atanh".split(), SMALL),
    **dict.fromkeys(
        "asinh atan cos cosh erf erfc exp exp2 expm1 sin sinh tan tanh sigmoid log_sigmoid".split(), SQUARE
    ),
    **dict.fromkeys("log log10 log1p log2 reciprocal rsqrt sqrt".split(), positive(2, 3)),
    **dict.fromkeys("relu relu6 silu mish hardswish hardsigmoid".split(), AWAY),
    "acosh": positive(2, 3) + 1,
    "t": SQUARE,
    "squeeze": tensor(2, 1, 3),
    "sum": SQUARE,
    "mean": SQUARE,
}
PAIRS = [(SQUARE, tensor(2, 3)), (SQUARE, tensor(3)), (tensor(2, 1), tensor(3)), (tensor(3), SQUARE)]
CONVOLUTION = [(IMAGE, tensor(4, 3, 3, 3), tensor(4))]

SAMPLES: dict[str, list[tuple[object, ...]]] = {
    **{f"aten::{name}": [(value,)] for name, value in UNARY.items()},
    "aten::gelu": [(SQUARE, "none"), (SQUARE, "tanh")],
    "aten::elu": [(AWAY, 1.5, 1.0, 1.0)],
    "aten::hardtanh": [(AWAY, -1.0, 2.0)],
    "aten::hardshrink": [(AWAY, 0.5)],
    "aten::softshrink": [(AWAY, 0.5)],
    "aten::leaky_relu": [(AWAY, 0.1)],
    "aten::softplus": [(AWAY, 1.0, 20.0)],
    "aten::threshold": [(AWAY, 0.5, 2.0)],
    "aten::clamp": [(AWAY, -1.0, 2.0), (AWAY, None, 1.0), (AWAY, 0.1, None)],
    "aten::clamp_min": [(AWAY, 0.1)],
    "aten::clamp_max": [(AWAY, 0.1)],
    "aten::contiguous": [(SQUARE.t(), 0)],
    "aten::clone": [(SQUARE, None)],
    "aten::type_as": [(SQUARE, SQUARE)],
    "aten::to.dtype": [(SQUARE, 7, False, True, None)],
    "aten::dropout": [(SQUARE, 0.5, False)],
    "aten::masked_fill.Scalar": [(SQUARE, MASK, 1.5)],
    **{f"aten::{n}.Tensor": [(a, b, 2) for a, b in PAIRS] + [(*PAIRS[0], 1)] for n in ("add", "sub", "rsub")},
    **{f"aten::{n}.Scalar": [(SQUARE, 1.5, 2), (SQUARE, 1.5, 1)] for n in ("add", "sub", "rsub")},
    "aten::mul.Tensor": list(PAIRS),
    "aten::mul.Scalar": [(SQUARE, 1.5)],
    "aten::div.Tensor": [(a, b.abs() + 0.5) for a, b in PAIRS],
    "aten::div.Scalar": [(SQUARE, 1.5)],
    "aten::pow.Tensor_Scalar": [(positive(2, 3), 2.5), (SQUARE, 3), (SQUARE, 0), (SQUARE, 1)],
    "aten::pow.Tensor_Tensor": [(a.abs() + 0.5, b) for a, b in PAIRS],
    "aten::pow.Scalar": [(1.5, SQUARE)],
    "aten::fmod.Scalar": [(AWAY, 1.0)],
    "aten::remainder.Scalar": [(AWAY, 1.0)],
    "aten::atan2": list(PAIRS),
    "aten::addcmul": [(SQUARE, tensor(3), tensor(2, 1), 1.5)],
    "aten::addcdiv": [(SQUARE, tensor(3), positive(2, 1), 1.5)],
    "aten::lerp.Scalar": [(SQUARE, tensor(2, 3), 0.3)],
    "aten::lerp.Tensor": [(SQUARE, tensor(2, 3), tensor(3))],
    "aten::where.self": [(MASK, a, b) for a, b in PAIRS],
    **{f"aten::{name}": list(PAIRS) for name in ("max.other", "min.other", "maximum", "minimum")},
    "aten::mm": [(SQUARE, tensor(3, 4))],
    "aten::bmm": [(tensor(2, 3, 4), tensor(2, 4, 2))],
    "aten::mv": [(SQUARE, tensor(3))],
    "aten::dot": [(tensor(3), tensor(3))],
    "aten::outer": [(tensor(3), tensor(2))],
    "aten::addmm": [(tensor(4), SQUARE, tensor(3, 4), 2.0, 0.5), (tensor(2, 4), SQUARE, tensor(3, 4), 1, 1)],
    "aten::baddbmm": [(tensor(3, 1), tensor(2, 3, 4), tensor(2, 4, 2), 2.0, 0.5)],
    "aten::matmul": [
        (tensor(*a), tensor(*b))
        for a, b in (
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((3,), (5, 3, 2)),
            ((5, 2, 3), (3,)),
            ((5, 1, 2, 3), (4, 3, 2)),
        )
    ],
    "aten::linear": [
        (SQUARE, tensor(4, 3), tensor(4)),
        (tensor(5, 2, 3), tensor(4, 3), None),
        (tensor(3), tensor(4, 3), tensor(4)),
    ],
    "aten::conv1d": [(tensor(2, 3, 6), tensor(4, 3, 3), tensor(4), [2], [1], [1], 1)],
    "aten::conv2d": [(*c, [1, 1], [1, 0], [1, 1], 1) for c in CONVOLUTION]
    + [(IMAGE, tensor(3, 1, 2, 2), None, [1, 1], [0, 0], [2, 2], 3)],
    "aten::conv3d": [(tensor(1, 2, 3, 3, 3), tensor(2, 2, 2, 2, 2), tensor(2), [1], [0], [1], 1)],
    "aten::convolution": [(*c, [2, 2], [1, 1], [1, 1], False, [0, 0], 1) for c in CONVOLUTION]
    + [(IMAGE, tensor(3, 2, 2, 2), tensor(2), [2, 2], [0, 0], [1, 1], True, [1, 1], 1)],
    "aten::transpose.int": [(tensor(2, 3, 4), 0, -1)],
    "aten::permute": [(tensor(2, 3, 4), [2, 0, 1]), (tensor(2, 3, 4), [-1, 0, -2])],
    "aten::view": [(SQUARE, [3, 2]), (SQUARE, [-1])],
    "aten::reshape": [(SQUARE.t(), [2, 3])],
    "aten::view_as": [(SQUARE, torch.ones(3, 2, dtype=torch.bool))],
    "aten::flatten.using_ints": [(tensor(2, 3, 4), 1, -1)],
    "aten::squeeze.dim": [(tensor(2, 1, 3), 1), (tensor(2, 1, 3), 0)],
    "aten::squeeze.dims": [(tensor(2, 1, 1), [1, 2])],
    "aten::unsqueeze": [(SQUARE, 0), (SQUARE, -1)],
    "aten::expand": [(tensor(2, 1), [4, 2, 3], False)],
    "aten::expand_as": [(tensor(3), MASK)],
    "aten::_grad_sum_to_size": [(SQUARE, [3]), (SQUARE, [2, 1])],
    "aten::flip": [(SQUARE, [0, 1])],
    "aten::select.int": [(SQUARE, 1, 2), (SQUARE, 0, -1)],
    "aten::slice.Tensor": [
        (SQUARE, 1, 1, None, 1),
        (SQUARE, 1, None, 2, 1),
        (tensor(7), 0, 1, 6, 2),
        (SQUARE, 1, -2, 99, 1),
    ],
    "aten::narrow": [(SQUARE, 1, 1, 2)],
    "aten::index_select": [(SQUARE, 1, torch.tensor([2, 0, 2]))],
    "aten::gather": [(SQUARE, 1, INDEX, False)],
    "aten::embedding": [(tensor(4, 3), INDEX, -1, False, False), (tensor(4, 3), INDEX, 3, False, False)],
    "aten::cat": [([SQUARE, tensor(2, 2)], 1), ([SQUARE, SQUARE], 0)],
    "aten::stack": [([SQUARE, tensor(2, 3)], 1)],
    "aten::split.Tensor": [(SQUARE, 2, 1)],
    "aten::split_with_sizes": [(SQUARE, [1, 2], 1)],
    "aten::chunk": [(SQUARE, 2, 1)],
    "aten::unbind.int": [(SQUARE, 0), (SQUARE, -1)],
    "aten::sum": [(SQUARE, None)],
    "aten::sum.dim_IntList": [(SQUARE, d, k, None) for d in ([0], [0, 1], None) for k in (True, False)],
    "aten::mean": [(SQUARE, None)],
    "aten::mean.dim": [(SQUARE, d, k, None) for d in ([0], [-1, 0], None) for k in (True, False)],
    "aten::var": [(SQUARE, True), (SQUARE, False)],
    "aten::std": [(SQUARE, True), (SQUARE, False)],
    "aten::var.dim": [(SQUARE, [1], flag, not flag) for flag in (True, False)],
    "aten::std.dim": [(SQUARE, [1], flag, not flag) for flag in (True, False)],
    "aten::logsumexp": [(SQUARE, [1], False), (SQUARE, [0, 1], True)],
    "aten::amax": [(SQUARE, [1], False)],
    "aten::amin": [(SQUARE, [0], True)],
    "aten::cumsum": [(SQUARE, 1, None)],
    "aten::softmax.int": [(SQUARE, 1, None)],
    "aten::log_softmax.int": [(SQUARE, 0, None)],
    "aten::layer_norm": [(SQUARE, [3], tensor(3), tensor(3), 1e-5, True), (SQUARE, [2, 3], None, None, 1e-5, True)],
    "aten::batch_norm": [
        (IMAGE, tensor(3), tensor(3), torch.zeros(3).double(), torch.ones(3).double(), flag, 0.0, 1e-5, True)
        for flag in (True, False)
    ],
    "aten::max_pool2d": [(IMAGE, [2, 2], [2, 2], [0, 0], [1, 1], False)],
    "aten::avg_pool2d": [(IMAGE, [2, 2], [], [1, 1], False, True, None)],
    "aten::adaptive_avg_pool2d": [(IMAGE, [2, 3])],
    "aten::mse_loss": [(SQUARE, tensor(2, 3), reduction) for reduction in (0, 1, 2)],
    "aten::smooth_l1_loss": [(SQUARE, torch.zeros(2, 3).double(), 1, 1.0)],
    "aten::binary_cross_entropy": [(tensor(2, 3, low=0.1, high=0.9), MASK.double(), None, 1)],
    "aten::nll_loss": [(tensor(3, 2), CHOSEN, None, 1, -100), (tensor(3, 2), CHOSEN, positive(2), 2, 1)],
}
CONSTANT = {
    "aten::batch_norm": (3, 4),
    "aten::smooth_l1_loss": (1,),
    "aten::binary_cross_entropy": (1,),
    "aten::nll_loss": (2,),
    "aten::type_as": (1,),
}
"""Floating point arguments without a derivative, by index among the tensors given."""


def test_every_formula_has_samples() -> None:
    assert set(SAMPLES) == set(FORMULAS)


@pytest.mark.parametrize("name", SAMPLES)
def test_formula(name: str) -> None:
    for arguments in SAMPLES[name]:
        graph, tensors = graph_of_call(ir.operator(name), arguments)
        wanted = [
            i for i, (t, index) in enumerate(tensors) if t.is_floating_point() and index not in CONSTANT.get(name, ())
        ]
        values = [t.detach().clone().requires_grad_(i in wanted) for i, (t, _) in enumerate(tensors)]
        function = differentiated(graph, wanted)
        assert torch.autograd.gradcheck(function, values)
