"""What of `torch`, `torch.nn.functional`, `torch.jit`, `math` and the like a script may call, against eager."""

import math
import warnings
from typing import Any, List, Optional, Tuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau
from flambeau.python import markers
from tests.python.differential import check_function, check_module


def annotated(x: Tensor) -> List[int]:
    y = torch.jit.annotate(List[int], [])
    y.append(3)
    return y


def container_isinstance(x: Any) -> int:
    if torch.jit.isinstance(x, List[int]):
        return x[0]
    if isinstance(x, int):
        return x
    return -1


def no_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * 2
    return y + x


def enable_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        with torch.enable_grad():
            y = x * 2
    return y


def record_function(x: Tensor) -> Tensor:
    with torch.autograd.profiler.record_function("name"):
        return x + 1


def devices(x: Tensor) -> Tensor:
    return torch.zeros(2, device=torch.device("cpu"), dtype=torch.float32).to(x)


def mathematics(x: float) -> Tuple[float, int, float, float]:
    return math.sqrt(x), math.floor(x), math.inf, math.pi * math.e


def operator_namespaces(x: Tensor) -> Tensor:
    return torch.ops.aten.add(x, x) + torch.ops.aten.mul.Tensor(x, x) + torch.ops.aten.relu.default(x)


def modules_of_torch(x: Tensor) -> Tensor:
    return torch.linalg.norm(x) + torch.fft.fft(x).abs().sum() + torch.special.expit(x).sum()


def unwrapped(x: Optional[Tensor]) -> Tensor:
    return torch.jit._unwrap_optional(x) + 1


def norms(x: Tensor) -> Tensor:
    return torch.norm(x) + torch.functional.norm(x, p=1.0) + torch.stack([x, x]).sum()


def made_tensors(n: int) -> Tensor:
    return torch.tensor([1.0, 2.0]) + torch.tensor(n) + torch.as_tensor([1, 2])


def einsum(x: Tensor) -> Tensor:
    return torch.einsum("ij,kj->ik", x, x)


def chunks(x: Tensor) -> Tensor:
    a, b = torch.chunk(x, 2, dim=0)
    c, d = x.split(1)
    return a + b + c + d


def tolist(x: Tensor) -> List[List[float]]:
    y: List[List[float]] = x.tolist()
    return y


def shapes(x: Tensor) -> Tuple[int, int]:
    n, c = x.shape
    return n, c


def texts(x: int) -> str:
    return f"{x} a" + "%d" % x + "{}".format(x)


def uniques(x: Tensor) -> Tensor:
    values, _ = torch.unique(x, return_inverse=True)
    return values


def grids(x: Tensor) -> Tensor:
    a, b = torch.meshgrid(x[0], x[1], indexing="ij")
    return a + b


def interpolated(x: Tensor) -> Tuple[Tensor, Tensor]:
    image = x[None, None]
    return F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False), F.interpolate(
        image, size=[4, 4]
    )


def like(x: Tensor) -> Tensor:
    return x.new_zeros(2, 2) + x.new_ones([2, 2]) + torch.randn_like(x) * 0


def attention(x: Tensor) -> Tensor:
    q = x[None, None]
    return F.scaled_dot_product_attention(q, q, q, is_causal=True)


def padded(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1), "constant", 0.0) + F.pad(x, [1, 1])


def losses(x: Tensor) -> Tensor:
    return F.cross_entropy(x, torch.tensor([0, 1])) + F.binary_cross_entropy_with_logits(x, x.sigmoid())


def gumbel(x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return F.gumbel_softmax(x, tau=1.0, hard=True)


def one_hot(x: Tensor) -> Tensor:
    return F.one_hot(torch.tensor([0, 1]), 3).float() @ torch.ones(3, 2) + F.normalize(x, dim=1)


def sampled(x: Tensor) -> Tensor:
    theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    grid = F.affine_grid(theta, [1, 1, 2, 2], align_corners=False)
    return F.grid_sample(x[None, None], grid, align_corners=False)


def normalised(x: Tensor) -> Tensor:
    y = F.layer_norm(x, [2]) + F.softmax(x, dim=-1) + F.log_softmax(x, 1)
    mean, variance = torch.zeros(2), torch.ones(2)
    return y + F.batch_norm(x, mean, variance) + F.group_norm(x, 1)


def convolved(x: Tensor) -> Tensor:
    weight = torch.ones(1, 1, 2)
    return F.conv1d(x.unsqueeze(1), weight, padding="same") + F.linear(x, torch.ones(1, 2)).unsqueeze(1)


def dropped(x: Tensor) -> Tensor:
    return F.dropout(x, 0.5, training=False) + F.dropout2d(x[None, None], training=False)[0, 0]


def embedded(x: Tensor) -> Tensor:
    return F.embedding(torch.tensor([0, 1]), x) + F.embedding_bag(torch.tensor([[0, 1]]), x)


X = torch.tensor([[1.0, 2.0], [3.0, 4.5]])
REJECTED_BY_PYTORCH = (enable_grad, operator_namespaces)
CALLS = [
    (annotated, X),
    (container_isinstance, [3]),
    (container_isinstance, 4),
    (container_isinstance, "a"),
    (no_grad, X),
    (enable_grad, X),
    (record_function, X),
    (devices, X),
    (mathematics, 2.5),
    (operator_namespaces, X),
    (modules_of_torch, X),
    (unwrapped, X),
    (norms, X),
    (made_tensors, 2),
    (einsum, X),
    (chunks, X),
    (tolist, X),
    (shapes, X),
    (texts, 3),
    (uniques, X),
    (grids, X),
    (interpolated, X),
    (like, X),
    (attention, X),
    (padded, X),
    (losses, X),
    (gumbel, X),
    (one_hot, X),
    (sampled, X),
    (normalised, X),
    (convolved, X),
    (dropped, X),
    (embedded, X),
]


@pytest.mark.parametrize(("function", "argument"), CALLS, ids=lambda v: getattr(v, "__name__", type(v).__name__))
def test_call_equals_eager(function: object, argument: object) -> None:
    check_function(function, argument, oracle=function not in REJECTED_BY_PYTORCH)


def test_grad_mode_is_kept_by_with() -> None:
    x = torch.ones(2, requires_grad=True)
    assert flambeau.script(enable_grad)(x).requires_grad
    assert torch.is_grad_enabled()


class Forks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Tanh()

    def helper(self, x: Tensor, n: int) -> Tensor:
        return x + n

    def forward(self, x: Tensor) -> Tensor:
        a = torch.jit.fork(self.inner, x)
        b = torch.jit.fork(self.helper, x, 2)
        c = torch.jit.fork(no_grad, x)
        return torch.jit.wait(a) + b.wait() + torch.jit.wait(c)


def test_fork_and_wait() -> None:
    check_module(Forks(), X)


def test_warnings_reach_python() -> None:
    def f(x: Tensor) -> Tensor:
        warnings.warn("careful")
        return x

    scripted = flambeau.script(f)
    with pytest.warns(UserWarning, match="careful"):
        scripted(X)


PUBLIC = sorted(
    name
    for name in dir(F)
    if not name.startswith("_") and getattr(getattr(F, name), "__module__", None) == "torch.nn.functional"
)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_function_that_pytorch_compiles_compiles(name: str) -> None:
    function = getattr(F, name)
    if not hasattr(function, "__code__") or markers.find_boolean_dispatch(function):
        pytest.skip("not a function by itself")
    if markers.overloads_of(function):
        pytest.skip("called by its overloads")
    try:
        theirs = torch.jit.script(function)
    except Exception:
        pytest.skip("PyTorch does not compile it")
    scripted = flambeau.script(function)
    assert [a.name for a in scripted.schema.arguments] == [a.name for a in theirs.schema.arguments]
    assert scripted.schema.return_type.annotation() == str(theirs.schema.returns[0].type)
