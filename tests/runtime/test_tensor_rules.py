"""What the tables say of operators is what PyTorch's operators do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flambeau.passes.specialization.tensor_rules import BINARY, EXACT, SCALAR, UNARY

ARGUMENTS: dict[str, tuple[object, ...]] = {"clamp": (-0.5, 0.75), "clamp_min": (0,), "clamp_max": (1,)}
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
SHAPES = ((), (5,), (3, 4), (1, 7), (2, 3, 4), (3, 33))


def row_major(dtype: torch.dtype, shape: tuple[int, ...]) -> list[Tensor]:
    """Tensors in row-major order: one without gaps, one with, and a piece of a larger one."""
    torch.manual_seed(len(shape))
    plain = torch.randn(shape).to(dtype)
    found = [plain]
    if shape:
        wide = torch.randn(*shape[:-1], 2 * shape[-1]).to(dtype)
        found += [wide[..., ::2], wide.chunk(2, -1)[1]]
    return found


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype is b.dtype and a.shape == b.shape and bits(a.nan_to_num()) == bits(b.nan_to_num())


def copied(tensor: Tensor) -> Tensor:
    """A copy that lies in a storage as the original does: how elements are computed depends on their distance."""
    storage = tensor.untyped_storage().clone()
    return torch.empty(0, dtype=tensor.dtype).set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())


def in_place(operator: str) -> object:
    return getattr(torch.ops.aten, f"{operator.removeprefix('aten::').partition('.')[0]}_", None)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operator", sorted(UNARY))
def test_operators_on_each_element(operator: str, dtype: torch.dtype) -> None:
    name = operator.removeprefix("aten::")
    function, other = getattr(torch.ops.aten, name), in_place(operator)
    arguments = ARGUMENTS.get(name, ())
    for shape in SHAPES:
        for x in row_major(dtype, shape):
            found = function(x, *arguments)
            assert found.dtype is dtype
            assert found.shape == x.shape
            assert found.is_contiguous()
            assert found.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
            if callable(other):
                assert same(other(copied(x), *arguments), found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operator", sorted(BINARY | SCALAR))
def test_operators_on_two(operator: str, dtype: torch.dtype) -> None:
    name, _, overload = operator.removeprefix("aten::").partition(".")
    function, other = getattr(getattr(torch.ops.aten, name), overload), getattr(torch.ops.aten, f"{name}_")
    for shape in SHAPES:
        for x in row_major(dtype, shape):
            for y in row_major(dtype, shape) if overload == "Tensor" else (0.375, 3):
                found = function(x, y)
                assert found.dtype is dtype
                assert found.is_contiguous()
                assert same(other(copied(x), y), found)


@pytest.mark.parametrize("operator", ["add", "mul"])
def test_the_second_operand_may_be_written_to_where_order_does_not_matter(operator: str) -> None:
    for shape in SHAPES:
        for x in row_major(torch.float32, shape):
            for y in row_major(torch.float32, shape):
                expected = getattr(torch, operator)(x, y)
                assert same(getattr(y.clone(), f"{operator}_")(x), expected)


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "div", "lt", "le", "gt", "ge", "eq", "ne"])
@pytest.mark.parametrize("number", [0.1, -0.0, 1e300, float("inf"), float("nan"), 3, -(1 << 24), 1e-40])
def test_a_tensor_says_the_same_as_a_number(operator: str, number: float) -> None:
    function = getattr(torch, operator)
    for shape in SHAPES:
        for x in row_major(torch.float32, shape):
            assert same(function(x, torch.tensor(number, dtype=torch.float32)).float(), function(x, number).float())
            assert function(x, torch.tensor(number, dtype=torch.float32)).dtype is function(x, number).dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operator", sorted(EXACT))
def test_exact_operators_do_not_care_how_elements_lie(operator: str, dtype: torch.dtype) -> None:
    name = operator.removeprefix("aten::")
    for shape in SHAPES:
        for x in row_major(dtype, shape):
            function, arguments = getattr(torch.ops.aten, name), ARGUMENTS.get(name, ())
            assert same(function(x.contiguous(), *arguments), function(x, *arguments))
