"""Gradients through scripts, as eager has them: modes, views and writes, hooks, higher derivatives, other transforms.

Each program returns what it computed and what became of its inputs; results, gradients and errors must be eager's, and
those of PyTorch's TorchScript where that runs the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError


@pytest.fixture(params=["interpreter", "python"], autouse=True)
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    with settings.override(tier=request.param):
        yield request.param


# --- modes, detaching, requires_grad_


def without(x: Tensor, w: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * w
    return y + x


def within_without(x: Tensor, w: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * w
        with torch.enable_grad():
            z = x * w * 2
        u = z * x
    return y + z + u + w


def turned_off_by_hand(x: Tensor, w: Tensor) -> Tensor:
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    y = x * w
    torch.set_grad_enabled(before)
    return y * x


def early_return(x: Tensor, w: Tensor) -> Tensor:
    with torch.no_grad():
        if bool(x.sum() > 1000):
            return x * w
    return x * w


def detached(x: Tensor, w: Tensor) -> Tensor:
    y = (x * w).detach()
    z = x.detach() * w
    return y * x + z


def asked_for(x: Tensor, w: Tensor) -> Tensor:
    leaf = torch.ones_like(x).requires_grad_()
    y = (leaf * x * w).sum()
    found = torch.autograd.grad([y], [leaf], create_graph=True)[0]
    assert found is not None
    return found * 2


def asked_for_with_vector(x: Tensor, w: Tensor) -> Tensor:
    y = x * x * w
    weights: list[Tensor | None] = [torch.arange(3.0)]
    found = torch.autograd.grad([y], [x, w], weights, create_graph=True)
    a, b = found[0], found[1]
    assert a is not None
    assert b is not None
    return a * b


def backward_inside(x: Tensor, w: Tensor) -> Tensor:
    leaf = x.detach().clone().requires_grad_()
    (leaf * leaf * w.detach()).sum().backward()
    found = leaf.grad
    assert found is not None
    return found * x


def accumulated(x: Tensor, w: Tensor) -> Tensor:
    leaf = w.detach().requires_grad_(True)
    for i in range(3):
        (leaf * float(i) * x.detach()).sum().backward(retain_graph=False)
    found = leaf.grad
    assert found is not None
    return found + x


def switched(x: Tensor, w: Tensor) -> tuple[bool, bool, bool, bool]:
    y = x.detach()
    z = x * w
    with torch.no_grad():
        u = x * w
    return x.requires_grad, y.requires_grad, z.requires_grad, u.requires_grad


# --- views and writes


def views(x: Tensor, w: Tensor) -> Tensor:
    y = x * 1
    y[1:] *= w[1:]
    y.view(-1)[0] = w[2]
    y.narrow(0, 1, 1).add_(x[0])
    return y * x


def write_into_zeros(x: Tensor, w: Tensor) -> Tensor:
    y = torch.zeros(3)
    for i in range(3):
        y[i] = x[i] * w[2 - i]
    return y.exp()


def masked_write(x: Tensor, w: Tensor) -> Tensor:
    y = x.clone()
    y[w > 0] = 2.0
    return y * w


def relu_in_place(x: Tensor, w: Tensor) -> Tensor:
    y = x * w
    return F.relu(y, inplace=True) + F.dropout(y, 0.0, True)


def expanded(x: Tensor, w: Tensor) -> Tensor:
    return (x.unsqueeze(0).expand(2, 3) * w).sum(0) + torch.stack([x, w]).unbind(0)[1]


def copied(x: Tensor, w: Tensor) -> Tensor:
    y = torch.empty(3)
    y.copy_(x)
    y.mul_(w)
    return y


# --- control flow


def branch(x: Tensor, w: Tensor) -> Tensor:
    if bool(x[0] > 0):
        y = x * w
    else:
        y = w.exp()
    while bool(y.sum() < 3):
        y = y * 1.5 + x
    return y


def through_lists(x: Tensor, w: Tensor) -> Tensor:
    parts = [x, w]
    for i in range(2):
        parts.append(parts[i] * parts[i + 1])
    table = {"a": parts[-1], "b": x}
    return table["a"] + table["b"].sum()


def unused(x: Tensor, w: Tensor) -> Tensor:
    return x.sin()


PROGRAMS: list[Callable[..., Any]] = [
    *(without, within_without, turned_off_by_hand, early_return, detached, asked_for, asked_for_with_vector),
    *(backward_inside, accumulated, switched, views, write_into_zeros, masked_write, relu_in_place, expanded, copied),
    *(branch, through_lists, unused),
]


def inputs() -> tuple[Tensor, Tensor]:
    return torch.tensor([0.5, -1.0, 2.0], requires_grad=True), torch.tensor([1.5, 0.5, -0.25], requires_grad=True)


def observed(function: Callable[..., Any]) -> list[object]:
    """Result, first and second gradients."""
    x, w = inputs()
    result = function(x, w)
    if not isinstance(result, Tensor):
        return [result]
    seen: list[object] = [result.detach(), result.requires_grad]
    if result.requires_grad:
        first = torch.autograd.grad(result.sum(), (x, w), create_graph=True, allow_unused=True, materialize_grads=True)
        seen += [g.detach() for g in first]
        total = sum((g * g).sum() for g in first)
        if isinstance(total, Tensor) and total.requires_grad:
            second = torch.autograd.grad(total, (x, w), allow_unused=True, materialize_grads=True)
            seen += [g.detach() for g in second]
    return seen


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradients_of_every_order_are_eagers(program: Callable[..., Any]) -> None:
    expected = observed(program)
    scripted = flambeau.script(program)
    for _ in range(3):  # first calls and later ones may run differently
        torch.testing.assert_close(observed(scripted), expected)
    if program not in (within_without, switched):  # which PyTorch does not compile; whose `x * w` it computes once
        torch.testing.assert_close(observed(torch.jit.script(program)), expected)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_modes_are_as_they_were(program: Callable[..., Any]) -> None:
    scripted = flambeau.script(program)
    scripted(*inputs())
    assert torch.is_grad_enabled()
    if program in (asked_for, asked_for_with_vector, backward_inside, accumulated):
        return  # need gradients
    with torch.no_grad():
        result = scripted(*inputs())
        assert not torch.is_grad_enabled()
    if isinstance(result, Tensor):
        with torch.no_grad():
            assert result.requires_grad == program(*inputs()).requires_grad


# --- errors


def writes_leaf(x: Tensor, w: Tensor) -> Tensor:
    x.add_(1)
    return x * w


def writes_view_of_leaf(x: Tensor, w: Tensor) -> Tensor:
    x[0] = 1.0
    return x * w


def writes_what_backward_needs(x: Tensor, w: Tensor) -> Tensor:
    y = x.exp()
    z = y * w
    y.add_(1)
    return z + y


def writes_one_of_several_views(x: Tensor, w: Tensor) -> Tensor:
    a, b = (x * w).split([1, 2])
    a.mul_(2)
    return torch.cat([a, b])


def twice(x: Tensor, w: Tensor) -> Tensor:
    y = (x.exp() * w).sum()
    y.backward()
    y.backward()
    return y


def not_a_number(x: Tensor, w: Tensor) -> Tensor:
    (x * w).backward()
    return x


def requires_on_result(x: Tensor, w: Tensor) -> Tensor:
    return (x * w).requires_grad_(False)


def of_ints(x: Tensor, w: Tensor) -> Tensor:
    return torch.ones(3, dtype=torch.int64).requires_grad_()


def nothing_to_differentiate(x: Tensor, w: Tensor) -> Tensor:
    found = torch.autograd.grad([(x.detach() * 2).sum()], [x])[0]
    assert found is not None
    return found


def unused_input(x: Tensor, w: Tensor) -> Tensor:
    found = torch.autograd.grad([(x * 2).sum()], [w])[0]
    assert found is not None
    return found


FAILING = [
    *(writes_leaf, writes_view_of_leaf, writes_what_backward_needs, writes_one_of_several_views, twice, not_a_number),
    *(requires_on_result, of_ints, nothing_to_differentiate, unused_input),
]


@pytest.mark.parametrize("program", FAILING, ids=lambda f: f.__name__)
def test_errors_are_eagers(program: Callable[..., Any]) -> None:
    scripted = flambeau.script(program)

    def outcome(function: Callable[..., Any]) -> str:
        try:
            observed(function)
        except RuntimeError as error:
            in_script = function is scripted and "TorchScript" in str(error)  # the backward pass's errors are PyTorch's
            if in_script and not isinstance(error, ExecutionError):
                raise
            return str(error.__cause__ or error).strip().splitlines()[-1].removeprefix("RuntimeError: ")
        return ""

    expected = outcome(program)
    assert expected != ""
    assert outcome(scripted).casefold()[:30] == expected.casefold()[:30]


# --- hooks


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


def nets() -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    net = Net()
    scripted = flambeau.script(net)
    reference = Net()
    reference.load_state_dict(net.state_dict())
    return reference, scripted


def test_hooks_on_parameters_and_results() -> None:
    seen: list[list[Tensor]] = []
    for module in nets():
        found: list[Tensor] = []
        module.first.weight.register_hook(found.append)
        module.second.bias.register_hook(lambda g, found=found: found.append(g) or g * 2)
        module.second.weight.register_post_accumulate_grad_hook(lambda p, found=found: found.append(p.grad.clone()))
        result = module(torch.linspace(-1, 1, 6).reshape(2, 3))
        result.register_hook(found.append)
        result.retain_grad()
        result.pow(2).sum().backward()
        found += [result.grad, module.second.bias.grad]
        seen.append(found)
    torch.testing.assert_close(seen[1], seen[0])


def test_hooks_on_modules() -> None:
    calls: list[list[object]] = []
    for module in nets():
        found: list[object] = []
        module.register_forward_pre_hook(lambda m, args, found=found: found.append(args[0].clone()))
        module.register_forward_hook(lambda m, args, result, found=found: found.append(result.detach().clone()))
        module.register_full_backward_hook(lambda m, before, after, found=found: found.append(after[0].clone()))
        x = torch.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()
        module(x).sum().backward()
        calls.append([*found, x.grad])
    assert len(calls[0]) == 4
    torch.testing.assert_close(calls[1], calls[0])


def test_hooks_on_saved_tensors() -> None:
    counts = []
    for function in (branch, flambeau.script(branch)):
        packed: list[object] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, packed=packed: (packed.append(t), t)[1], lambda t: t):
            function(*inputs()).sum().backward()
        counts.append(len(packed))
    assert counts[0] == counts[1] > 0


def test_anomaly_mode_names_a_function_of_autograd() -> None:
    def root(x: Tensor, w: Tensor) -> Tensor:
        return (x - x).sqrt() * 0.0 + w

    with torch.autograd.detect_anomaly(check_nan=True), pytest.raises(RuntimeError, match="SqrtBackward0"):
        flambeau.script(root)(*inputs()).sum().backward()


# --- other transforms


def smooth(x: Tensor, w: Tensor) -> Tensor:
    y = x
    for _i in range(2):
        y = torch.sin(y) * w + y * y
    return y


def test_checkpointing() -> None:
    from torch.utils.checkpoint import checkpoint

    results = []
    for function in (smooth, flambeau.script(smooth)):
        x, w = inputs()
        checkpoint(function, x, w, use_reentrant=False).sum().backward()
        results.append([x.grad, w.grad])
    torch.testing.assert_close(results[1], results[0])


def test_forward_mode() -> None:
    x, w = inputs()
    scripted = flambeau.script(smooth)
    tangents = (torch.ones(3), torch.arange(3.0))
    torch.testing.assert_close(
        torch.func.jvp(scripted, (x.detach(), w.detach()), tangents),
        torch.func.jvp(smooth, (x.detach(), w.detach()), tangents),
    )


def test_functional_transforms() -> None:
    scripted = flambeau.script(smooth)
    x, w = (t.detach() for t in inputs())
    torch.testing.assert_close(torch.func.jacrev(scripted)(x, w), torch.func.jacrev(smooth)(x, w))
    total = torch.func.hessian(lambda a: scripted(a, w).sum())(x)
    torch.testing.assert_close(total, torch.func.hessian(lambda a: smooth(a, w).sum())(x))
    batch = torch.stack([x, w, x + w])
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(lambda a: scripted(a, w).sum()))(batch),
        torch.func.vmap(torch.func.grad(lambda a: smooth(a, w).sum()))(batch),
    )


def test_gradcheck() -> None:
    x, w = (t.detach().double().requires_grad_() for t in inputs())
    scripted = flambeau.script(smooth)
    assert torch.autograd.gradcheck(scripted, (x, w))
    assert torch.autograd.gradgradcheck(scripted, (x, w))


def test_inference_mode() -> None:
    scripted = flambeau.script(smooth)
    with torch.inference_mode():
        result = scripted(*inputs())
    assert result.is_inference()
    x, w = inputs()
    scripted(x, w).sum().backward()  # and the next call records again
    assert x.grad is not None
