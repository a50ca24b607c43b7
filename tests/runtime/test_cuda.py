"""Scripts on a GPU give what eager gives, in every tier: values, dtypes, devices, gradients and errors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import List, Optional

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError
from tests.marks import requires_cuda
from tests.runtime.test_training import losses

pytestmark = requires_cuda

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, the oracle."""
CALLS = settings.PROFILED_RUNS.value + 3
"""So many that a specialised form would have been made."""


def same(actual: object, expected: object) -> None:
    """Same values, dtypes, devices and strides."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=0, equal_nan=True)
    if isinstance(expected, Tensor):
        assert actual.stride() == expected.stride()  # type: ignore[attr-defined]


def agree(program: Callable[..., object], *arguments: object) -> None:
    """The scripted program gives what eager gives, in each of several calls, with and without gradients recorded."""
    scripted = flambeau.script(program)
    for recorded in (True, False):
        with torch.set_grad_enabled(recorded):
            for _ in range(CALLS):
                torch.manual_seed(0)
                expected = program(*copy.deepcopy(arguments))
                torch.manual_seed(0)
                same(scripted(*copy.deepcopy(arguments)), expected)


def random(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*sizes, device="cuda").mul(4).to(dtype)


# --- operators


def chain(x: Tensor, y: Tensor) -> Tensor:
    a = x * y
    b = torch.sigmoid(a) + y
    return torch.tanh(b * 0.5) - x


def arithmetic(x: Tensor, y: Tensor) -> List[Tensor]:
    a = x + y * 2
    a += x
    parts = [a, a - 1, -a, a.t(), a[0], a[:, 1:], a.sum(), a.sum(0), torch.cat([x, y], 1), a == y]
    if x.is_floating_point():
        parts.append(a / 3)
        parts.append(a.mean(1, keepdim=True))
    return parts


def masked(x: Tensor, y: Tensor) -> Tensor:
    found = x[x > 0]
    y[x > 1] = 0
    y[0, 1:] = 7
    return found.sum() + y.sum() + x.masked_fill(x > 0, 1.0).sum()


def matrices(x: Tensor, y: Tensor) -> Tensor:
    total = x @ y.t()
    for i in range(x.size(0)):
        total = total + torch.mm(x, y.t()) * i - x[i].dot(y[i])
    return total.softmax(-1)


@pytest.mark.usefixtures("each_tier")
@pytest.mark.parametrize("program", [chain, arithmetic, masked, matrices])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided"])
def test_operators(program: Callable[..., object], layout: str) -> None:
    x, y = random(4, 4), random(4, 4)
    if layout == "transposed":
        x = x.t()
    elif layout == "strided":
        x, y = random(8, 4)[::2], random(4, 8)[:, ::2]
    agree(program, x, y)


@pytest.mark.usefixtures("each_tier")
@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.complex64],
    ids=str,
)
def test_dtypes(dtype: torch.dtype) -> None:
    agree(arithmetic, random(3, 4, dtype=dtype), random(3, 4, dtype=dtype))


def classify(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y = F.conv2d(x, weight, bias, padding=1)
    y = F.max_pool2d(F.relu(y), 2)
    y = F.layer_norm(y, y.shape[1:])
    return F.log_softmax(y.flatten(1), 1)


@pytest.mark.usefixtures("each_tier")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_convolutional_net(dtype: torch.dtype) -> None:
    given = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(4)
    agree(classify, *(t.to("cuda", dtype) for t in given))


def with_numbers_on_the_cpu(x: Tensor, number: Tensor) -> List[Tensor]:
    rows = torch.tensor([1, 0])
    return [x * number, number + x, x[number.long()], x[rows], torch.where(x > 0, x, number), x.add(number, alpha=2)]


@pytest.mark.usefixtures("each_tier")
def test_tensors_of_one_number_on_the_cpu_join_in() -> None:
    agree(with_numbers_on_the_cpu, random(3, 4), torch.tensor(1.0))
    agree(with_numbers_on_the_cpu, random(3, 4).half(), torch.tensor(1.0, dtype=torch.float64))


# --- values that leave the GPU


def numbers(x: Tensor) -> tuple[float, int, bool, list[float]]:
    listed: List[float] = x[0].tolist()
    rounds = 0
    while bool(x.abs().sum() > 1):
        x = x / 2
        rounds += 1
    if x[0, 0] > 5:
        rounds = -1
    return float(x.sum()), rounds + int(x.max()), bool((x > 3).any()), listed


@pytest.mark.usefixtures("each_tier")
def test_numbers_leave_the_gpu() -> None:
    scripted, x = flambeau.script(numbers), random(3, 4)
    for _ in range(CALLS):
        assert scripted(x) == numbers(x)


# --- devices


def devices(x: Tensor) -> tuple[str, str, int | None, bool, bool, bool, bool]:
    where = x.device
    other = torch.device("cuda", 0)
    return (
        str(where),
        where.type,
        where.index,
        x.is_cuda,
        x.is_cpu,
        where == torch.device("cuda:0") and other == where,
        where == torch.device("cpu"),
    )


def moves(x: Tensor, like: Tensor) -> List[Tensor]:
    y = x.cuda()
    here: Optional[torch.device] = None
    if x.is_cuda:
        here = x.device
    return [
        *[y, y.cpu(), x.to("cuda"), x.to("cuda:0"), x.to(device=torch.device("cuda"), dtype=torch.float16)],
        *[x.to(like), x.to(like.device), x.to(like.device, torch.float64), x.to("cpu", torch.int32), x.to(here)],
        *[torch.zeros(2, device="cuda"), torch.ones(2, device=like.device), torch.arange(3, device="cuda:0")],
        *[torch.tensor([1, 2], device="cuda"), torch.full((2,), 3.0, device=like.device), torch.zeros_like(y)],
        *[y.new_zeros(2), y.new_ones([2], dtype=torch.int64), torch.empty(0, device=y.device), like.type_as(y)],
    ]


def test_attributes_of_devices(each_tier: None) -> None:
    scripted, x = flambeau.script(devices), random(2)
    for given in (x, x.cpu(), x):
        assert scripted(given) == devices(given)


def test_moves_between_devices(each_tier: None) -> None:
    x = random(3)
    for pair in ((x, x), (x.cpu(), x), (x, x.cpu()), (x.cpu(), x.cpu())):
        agree(moves, *pair)


def refused(x: Tensor, y: Tensor) -> Tensor:
    a = x + 1
    return a * 2 + y


@pytest.mark.usefixtures("each_tier")
def test_tensors_on_different_devices_are_refused_by_name() -> None:
    scripted = flambeau.script(refused)
    x, y = random(3), torch.ones(3)
    for _ in range(CALLS):
        for first, second in ((x, y), (y, x)):
            with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
                refused(first, second)
            with pytest.raises(ExecutionError, match="Expected all tensors to be on the same device") as raised:
                scripted(first, second)
            text = str(raised.value)
            assert "a * 2 + y" in text
            assert "aten::add(" in text
            assert "float32[3] cuda:0" in text
        same(scripted(x, x), refused(x, x))


@pytest.mark.parametrize("changes", [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cpu", "cuda", "cpu")])
def test_forms_for_one_device_do_not_serve_another(changes: tuple[str, ...]) -> None:
    scripted = flambeau.script(chain)
    x, y = torch.randn(3, 4), torch.randn(3, 4)
    with torch.no_grad():
        for device in changes:
            for _ in range(CALLS):
                same(scripted(x.to(device), y.to(device)), chain(x.to(device), y.to(device)))
        number = torch.tensor(2.0)
        for pair in ((x.cuda(), number), (number, x.cuda()), (x.cuda(), y), (x, y.cuda())):
            try:
                expected = chain(*pair)
            except RuntimeError:
                with pytest.raises(ExecutionError, match="same device"):
                    scripted(*pair)
            else:
                same(scripted(*pair), expected)


# --- modes and random numbers


def half_inside(x: Tensor, y: Tensor) -> List[Tensor]:
    with torch.autocast("cuda"):
        a = x @ y
        with torch.autocast("cuda", enabled=False):
            b = x @ y
        c = a.softmax(0)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        d = x @ y
    return [a, b, c, d, x @ y]


def product(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y).exp() + x


@pytest.mark.usefixtures("each_tier")
def test_autocast() -> None:
    x, y = random(4, 4), random(4, 4)
    agree(half_inside, x, y)
    assert [t.dtype for t in flambeau.script(half_inside)(x, y)] == [
        *(torch.float16, torch.float32, torch.float32, torch.bfloat16, torch.float32)
    ]
    scripted = flambeau.script(product)
    with torch.no_grad():
        for dtype in (torch.float16, torch.bfloat16):
            for _ in range(CALLS):
                same(scripted(x, y), product(x, y))
                with torch.autocast("cuda", dtype=dtype):
                    same(scripted(x, y), product(x, y))


def random_numbers(x: Tensor) -> List[Tensor]:
    return [
        *[torch.rand(3, device=x.device), torch.randn_like(x), F.dropout(x, 0.5, True), torch.bernoulli(x.sigmoid())],
        *[torch.randint(0, 10, [4], device="cuda"), torch.randperm(5, device=x.device), x.clone().normal_()],
    ]


def seeded(x: Tensor) -> Tensor:
    generator = torch.Generator(device="cuda")
    generator.manual_seed(7)
    return x + torch.rand(x.shape, device="cuda", generator=generator)


@pytest.mark.usefixtures("each_tier")
def test_random_numbers() -> None:
    agree(random_numbers, random(3))
    agree(seeded, random(3))


@pytest.mark.usefixtures("each_tier")
def test_inference_mode() -> None:
    scripted, x = flambeau.script(chain), random(3)
    with torch.inference_mode():
        for _ in range(CALLS):
            result = scripted(x, x)
            same(result, chain(x, x))
            assert result.is_inference()


# --- gradients


def gradients_of(function: Callable[..., Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    """First and second derivatives."""
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    first = torch.autograd.grad(function(x, y).pow(2).sum(), (x, y), create_graph=True)
    return [*first, *torch.autograd.grad(first[0].sin().sum() + first[1].sum(), (x, y))]


@pytest.mark.usefixtures("each_tier")
@pytest.mark.parametrize("program", [chain, matrices])
def test_gradients_of_first_and_second_order(program: Callable[..., Tensor]) -> None:
    x, y = random(4, 4), random(4, 4)
    torch.testing.assert_close(gradients_of(flambeau.script(program), x, y), gradients_of(program, x, y))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.recurrent = nn.GRU(16, 8, batch_first=True)
        self.head = nn.Linear(8, 3)
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.first(x))) * self.scale
        steps, _ = self.recurrent(self.drop(y.flatten(1).reshape(x.size(0), -1, 16)))
        return self.head(steps[:, -1])


@pytest.mark.usefixtures("each_tier")
def test_training_follows_eager() -> None:
    model = Net().cuda()
    x, y = torch.randn(8, 1, 8, 8, device="cuda"), torch.randint(0, 3, (8,), device="cuda")
    scripted = flambeau.script(copy.deepcopy(model))
    with torch.backends.cudnn.flags(enabled=True, deterministic=True):
        expected = losses(model, x, y, 20)
        found = losses(scripted, x, y, 20)
    assert found == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < expected[0]


# --- modules


def test_modules_move_between_devices() -> None:
    model = Net().eval()
    scripted = flambeau.script(model)
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        for device in ("cpu", "cuda", "cpu", "cuda"):
            scripted.to(device)
            model.to(device)
            assert {t.device.type for t in scripted.state_dict().values()} == {device}
            for _ in range(CALLS):
                torch.testing.assert_close(scripted(x.to(device)), model(x.to(device)))
        with pytest.raises(ExecutionError, match="cuda"):
            scripted(x)
    half, module = scripted.half(), model.half()
    with torch.no_grad():
        torch.testing.assert_close(half(x.half().cuda()), module(x.half().cuda()))


class Constants(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.arange(4.0))
        self.where = torch.device("cuda")

    def forward(self, x: Tensor) -> Tensor:
        shift = torch.ones(4, device=self.where)
        return x * self.table + shift


@pytest.mark.usefixtures("each_tier")
def test_attributes_that_are_devices() -> None:
    model = Constants().cuda()
    agree(model, random(3, 4))


# --- several threads


def forked(x: Tensor, n: int) -> Tensor:
    tasks = [torch.jit.fork(chain, x, x + i) for i in range(n)]
    total = torch.zeros_like(x)
    for task in tasks:
        total = total + torch.jit.wait(task)
    return total


@pytest.mark.usefixtures("each_tier")
def test_fork_and_wait() -> None:
    scripted, x = flambeau.script(forked), random(64, 64)
    expected = torch.zeros_like(x)
    for i in range(8):
        expected = expected + chain(x, x + i)
    for _ in range(CALLS):
        same(scripted(x, 8), expected)


@pytest.mark.usefixtures("each_tier")
def test_many_threads_call_a_cold_function() -> None:
    for recorded in (True, False):
        scripted = flambeau.script(matrices)
        given = [(random(4, 4), random(4, 4)) for _ in range(16)]

        def called(pair: tuple[Tensor, Tensor]) -> Tensor:
            with torch.set_grad_enabled(recorded), torch.cuda.stream(torch.cuda.Stream()):
                result = scripted(*pair)
                torch.cuda.current_stream().synchronize()
                return result

        torch.cuda.synchronize()
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(called, given * 8, timeout=120))
        for result, pair in zip(results, given * 8, strict=True):
            same(result, matrices(*pair))


def test_calls_are_captured_in_a_graph_of_kernels() -> None:
    """Nothing that a call does besides its operators makes the program wait for the GPU."""
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)).cuda().eval()
    scripted, x = flambeau.script(model), random(2, 8)
    function = flambeau.script(chain)
    with torch.no_grad():
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(CALLS):
                scripted(x)
                function(x, x)
        torch.cuda.current_stream().wait_stream(side)
        recording = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recording):
            y, z = scripted(x), function(x, x)
        x.copy_(random(2, 8))
        recording.replay()
        torch.testing.assert_close(y, model(x))
        same(z, chain(x, x))
