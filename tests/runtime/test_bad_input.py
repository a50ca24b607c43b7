"""Scripts that are given what they were not written for: the same result as TorchScript's, or an error of flambeau.

Every script is called with every kind of tensor, and with things that are no tensors, by PyTorch's TorchScript and by
both tiers here. Where TorchScript has a result, ours is the same; where it fails, ours fails with an error of
`flambeau.errors`, or gives what eager gives.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError, FlambeauError

# --- scripts


def arithmetic(x: Tensor) -> Tensor:
    return (x + 1) * 2 - x / 3


def compared(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, -x)


def product(x: Tensor) -> Tensor:
    return x @ x.t()


def normalised(x: Tensor) -> Tensor:
    return torch.softmax(x, -1).log() + F.layer_norm(x, [x.size(-1)])


def reduced(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return x.sum(), x.mean(0), x.max()


def sliced(x: Tensor) -> Tensor:
    return x[1:, ::2] + x[0]


def joined(x: Tensor) -> Tensor:
    return torch.cat([x, x], 0) + torch.stack([x, x]).flatten(0, 1)


def reshaped(x: Tensor) -> Tensor:
    return x.view(-1).reshape(x.size(0), -1).transpose(0, 1)


def written(x: Tensor) -> Tensor:
    y = x.clone()
    y[0] = 1
    y.add_(x)
    return y


def written_to(x: Tensor) -> Tensor:
    return x.mul_(2)


def into(x: Tensor) -> Tensor:
    return torch.add(x, x, alpha=2, out=torch.empty_like(x))


def branch(x: Tensor) -> int:
    if x.sum() > 0:
        return 1
    return 0


def branch_on_itself(x: Tensor) -> int:
    return 1 if x else 0


def looped(x: Tensor) -> Tensor:
    total = torch.zeros_like(x[0])
    for row in x:
        total = total + row
    return total


def numbers(x: Tensor) -> tuple[int, float, bool]:
    return int(x), float(x), bool(x)


def length(x: Tensor) -> int:
    return len(x) + x.dim() + x.numel() + x.size(0)


def item(x: Tensor) -> float:
    return float(x.sum().item())


def implicit(x: Tensor) -> Tensor:
    return torch.zeros([2, 3]) + torch.full([2, 3], float(x))


def attributes(x: Tensor) -> tuple[bool, bool, bool, bool, list[int]]:
    return x.is_sparse, x.is_quantized, x.requires_grad, x.is_cuda, x.shape


def converted(x: Tensor) -> Tensor:
    return x.to(torch.float64).contiguous()


def indexed(x: Tensor) -> Tensor:
    return x[torch.tensor([0, 0])]


def masked(x: Tensor) -> Tensor:
    return x[x > 0]


def convolved(x: Tensor) -> Tensor:
    return F.conv2d(x, x)


def embedded(x: Tensor) -> Tensor:
    return F.embedding(x, torch.ones(10, 3))


def formatted(x: Tensor) -> str:
    return f"{x}"


def sorted_(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sort(x, dim=-1, stable=True)


def dense(x: Tensor) -> Tensor:
    return x.to_dense() if x.is_sparse else x


def dropped(x: Tensor) -> Tensor:
    return F.dropout(x, 0.5, False).relu().clamp(0, 1)


SCRIPTS: list[Callable[..., object]] = [
    *(arithmetic, compared, product, normalised, reduced, sliced, joined, reshaped, written, written_to, into, branch),
    *(branch_on_itself, looped, numbers, length, item, implicit, attributes, converted, indexed, masked, convolved),
    *(embedded, formatted, sorted_, dense, dropped),
]


# --- what they are given


def _tensors() -> dict[str, Tensor]:
    plain = torch.arange(6.0).reshape(2, 3) - 2
    found = {
        "plain": plain,
        "one element": torch.tensor([2.0]),
        "no dimension": torch.tensor(3.0),
        "no elements": torch.zeros(0),
        "no rows": torch.zeros(0, 3),
        "no columns": torch.zeros(2, 0),
        "four dimensions": torch.arange(16.0).reshape(1, 4, 2, 2),
        "transposed": plain.t(),
        "with gaps": torch.arange(12.0).reshape(2, 6)[:, ::2],
        "expanded": torch.ones(1, 3).expand(2, 3),
        "overlapping": torch.arange(6.0).as_strided((2, 3), (1, 1)),
        "channels last": torch.arange(16.0).reshape(1, 4, 2, 2).to(memory_format=torch.channels_last),
        "ints": torch.arange(6).reshape(2, 3),
        "indices": torch.tensor([1, 9]),
        "indices out of range": torch.tensor([1, 10]),
        "bools": torch.tensor([[True, False, True], [False, False, True]]),
        "bytes": torch.arange(6, dtype=torch.uint8).reshape(2, 3),
        "half": plain.half(),
        "bfloat16": plain.bfloat16(),
        "float8": plain.to(torch.float8_e4m3fn),
        "complex": torch.complex(plain, -plain),
        "conjugated": torch.complex(plain, -plain).conj(),
        "negated view": torch.complex(plain, -plain).conj().imag,
        "nan": torch.full((2, 3), float("nan")),
        "needs gradient": plain.clone().requires_grad_(),
        "result with gradient": plain.clone().requires_grad_() * 2,
        "meta": torch.zeros(2, 3, device="meta"),
        "meta scalar": torch.zeros((), device="meta"),
        "sparse": plain.to_sparse(),
        "compressed rows": plain.to_sparse_csr(),
        "mkldnn": plain.to_mkldnn(),
        "quantized": torch.quantize_per_tensor(plain, 0.5, 1, torch.qint8),
        "quantized by channel": torch.quantize_per_channel(
            plain, torch.tensor([0.5, 0.25]), torch.tensor([0, 1]), 0, torch.qint8
        ),
        "parameter": torch.nn.Parameter(plain.clone()),
        "inference": _inference(plain),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }
    return found


def _inference(tensor: Tensor) -> Tensor:
    with torch.inference_mode():
        return tensor.clone()


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    TENSORS = _tensors()

TEXTS = {(formatted, name) for name in ("meta", "meta scalar", "compressed rows")}
"""Tensors that TorchScript cannot print; we do, without their elements."""

UNDEFINED = {(embedded, name) for name in ("meta", "meta scalar")}
"""Tensors of which PyTorch makes one that holds memory as it was found."""


def outcome(function: Callable[..., object], value: object) -> object:
    """What a call gives on a copy, with what became of the copy; or the error."""
    given = value
    if isinstance(value, Tensor):
        given = _copied(value)
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(given), given
    except Exception as error:
        return error


def _copied(value: Tensor) -> Tensor:
    if value.is_inference() or value.is_nested or value.is_conj() or value.is_neg() or not value.is_leaf:
        return value.clone() if value.is_leaf and not value.is_inference() else value
    if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
        return value.clone()
    copy = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)
    copy.as_strided((copy.untyped_storage().nbytes() // copy.element_size(),), (1,)).copy_(
        value.detach().as_strided((copy.untyped_storage().nbytes() // copy.element_size(),), (1,))
    )
    return copy.requires_grad_(value.requires_grad)


def alike(a: Any, b: Any) -> bool:
    """Whether two results are the same, element by element and in kind."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(alike, a, b))
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return type(a) is type(b) and (a == b or (a != a and b != b))
    kinds = [
        (t.dtype, t.layout, t.device, t.is_quantized, t.requires_grad, t.is_nested, None if t.is_nested else t.shape)
        for t in (a, b)
    ]
    if kinds[0] != kinds[1]:
        return False
    if a.device.type == "meta" or a.is_nested:
        return True
    return torch.equal(_plain(a), _plain(b))


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_floating_point() or tensor.is_complex():
        return torch.nan_to_num(tensor.to(torch.complex128))
    return tensor


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda f: f.__name__)
def test_tensors_of_all_kinds(script: Callable[..., object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, mine = torch.jit.script(script), flambeau.script(script)
    found = []
    for name, value in TENSORS.items():
        expected = outcome(theirs, value)
        for tier in ("interpreter", "python"):
            with settings.override(tier=tier):
                got = outcome(mine, value)
            if not acceptable(expected, got, outcome(script, value)) and (script, name) not in TEXTS | UNDEFINED:
                found.append(f"{name}, {tier}: TorchScript gives {brief(expected)}, we give {brief(got)}")
    assert not found, "\n".join(found)


def acceptable(expected: object, got: object, eager: object) -> bool:
    """Whether ours is as TorchScript's, or as eager's where that differs; errors must be of flambeau."""
    if isinstance(got, Exception):
        return isinstance(got, FlambeauError) and (isinstance(expected, Exception) or isinstance(eager, Exception))
    return alike(eager if isinstance(expected, Exception) else expected, got)


def brief(value: object) -> str:
    if isinstance(value, Exception):
        return f"{type(value).__mro__[:3]}: {str(value).strip().splitlines()[-1]}"
    return repr(value)


# --- pairs of tensors


def summed(x: Tensor, y: Tensor) -> Tensor:
    return x + y


def multiplied(x: Tensor, y: Tensor) -> Tensor:
    return torch.matmul(x, y)


def linear(x: Tensor, y: Tensor) -> Tensor:
    return F.linear(x, y, None)


def concatenated(x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([x, y], dim=-1)


def chosen(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x > 0, x, y)


def added_to(x: Tensor, y: Tensor) -> Tensor:
    x += y
    return x


def stored(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()
    z[0] = y
    return z


def compared_pair(x: Tensor, y: Tensor) -> bool:
    return bool((x == y).all())


def gathered(x: Tensor, y: Tensor) -> Tensor:
    return torch.gather(x, 0, y) + x[y]


PAIRS: list[Callable[..., object]] = [
    *(summed, multiplied, linear, concatenated, chosen, added_to, stored, compared_pair, gathered),
]
PRODUCTS = (multiplied, linear)
"""PyTorch lets them mix `meta` with others, and gives memory as it finds it."""
SECONDS = (
    "plain",
    "no dimension",
    "no rows",
    "transposed",
    "indices",
    "half",
    "complex",
    "meta",
    "sparse",
    "quantized",
)


def outcome_of_pair(function: Callable[..., object], x: Tensor, y: Tensor) -> object:
    return outcome(lambda given: function(given, _copied(y)), x)


@pytest.mark.parametrize("script", PAIRS, ids=lambda f: f.__name__)
def test_pairs_of_tensors_of_all_kinds(script: Callable[..., object]) -> None:
    theirs, mine = torch.jit.script(script), flambeau.script(script)
    found = []
    for name, x in TENSORS.items():
        for second in SECONDS:
            y = TENSORS[second]
            if script in PRODUCTS and y.is_meta != x.is_meta:
                continue
            expected = outcome_of_pair(theirs, x, y)
            got = outcome_of_pair(mine, x, y)
            if not acceptable(expected, got, outcome_of_pair(script, x, y)):
                found.append(f"{name}, {second}: TorchScript gives {brief(expected)}, we give {brief(got)}")
    assert not found, "\n".join(found)


# --- what is no tensor, or of the wrong type


def takes_all(
    x: Tensor,
    n: int,
    r: float,
    b: bool,
    s: str,
    many: list[Tensor],
    sizes: list[int],
    table: dict[str, int],
    pair: tuple[int, str],
    maybe: Tensor | None,
    c: complex,
) -> str:
    return f"{x.size(0)} {n} {r} {b} {s} {len(many)} {sizes} {table} {pair} {maybe is None} {c}"


GOOD: dict[str, object] = {
    "x": torch.ones(2),
    "n": 3,
    "r": 2.5,
    "b": True,
    "s": "text",
    "many": [torch.ones(1)],
    "sizes": [1, 2],
    "table": {"a": 1},
    "pair": (1, "b"),
    "maybe": None,
    "c": 1j,
}


class Odd:
    """An object with nothing that scripts know."""


VALUES: list[object] = [
    *(
        None,
        0,
        3,
        -1,
        2**63,
        2.5,
        float("nan"),
        True,
        "",
        "5",
        b"bytes",
        1j,
        [],
        [1],
        [1, "a"],
        [2.5],
        [[1]],
        [None],
        (),
        (1,),
    ),
    *((1, "b"), (1, "b", 2), {}, {"a": 1}, {1: "a"}, {"a": None}, {1, 2}, range(3), Odd(), Odd, len, ...),
    *(torch.ones(2), torch.ones(()), torch.ones(1, dtype=torch.int64), torch.ones(2, device="meta"), [torch.ones(1)]),
    *((torch.ones(1), 2), torch.float32, torch.device("cpu"), torch.Size([1, 2]), torch.Generator()),
]


@pytest.mark.parametrize("name", GOOD)
def test_arguments_of_wrong_types(name: str) -> None:
    theirs, mine = torch.jit.script(takes_all), flambeau.script(takes_all)
    found = []
    for value in VALUES:
        if value is None and name in ("x", "b"):
            # The size of no tensor is 0 for PyTorch, which cannot run the function any more then; no bool is False.
            continue
        given = {**GOOD, name: value}
        expected = outcome(lambda _: theirs(**given), None)
        got = outcome(lambda _: mine(**given), None)
        if isinstance(expected, Exception):
            fine = isinstance(got, ExecutionError) and str(got) != ""
        else:
            fine = alike(expected, got)
        if not fine:
            found.append(f"{value!r}: TorchScript gives {brief(expected)}, we give {brief(got)}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((torch.ones(1),), {}),
        ((torch.ones(1),) * 3, {}),
        ((torch.ones(1),), {"z": 1}),
        ((torch.ones(1), torch.ones(1)), {"y": torch.ones(1)}),
        ((), {"x": torch.ones(1)}),
        ((), {"y": torch.ones(1), "x": torch.zeros(1)}),
        ((None, None), {}),
        ((torch.ones(1), None), {}),
    ],
)
def test_calls_of_the_wrong_form(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    theirs, mine = torch.jit.script(summed), flambeau.script(summed)
    expected, got = outcome(lambda _: theirs(*args, **kwargs), None), outcome(lambda _: mine(*args, **kwargs), None)
    if not isinstance(expected, Exception):
        assert alike(expected, got)
        return
    assert isinstance(got, ExecutionError)
    assert isinstance(got, RuntimeError)
    last = [str(error).strip().splitlines()[-1] for error in (expected, got)]
    assert last[0] == last[1]


# --- what the errors say


def test_errors_name_the_operator_its_arguments_and_their_sizes() -> None:
    scripted = flambeau.script(multiplied)
    for tier in ("interpreter", "python"):
        with settings.override(tier=tier), pytest.raises(ExecutionError) as caught:
            scripted(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.float64))
        assert caught.value.operator_call == "aten::matmul(self: float32[2, 3], other: float64[2, 3])"
        assert f"In the call {caught.value.operator_call}\n" in str(caught.value)


@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.parametrize(
    ("script", "args", "call"),
    [
        (concatenated, (torch.ones(2), torch.ones(2, 2)), "aten::cat(tensors: [float32[2], float32[2, 2]], dim: -1)"),
        (summed, (None, torch.ones(2)), "aten::add(self: None, other: float32[2], alpha: 1)"),
        (
            summed,
            (torch.ones(2).to_sparse(), torch.ones(3)),
            "aten::add(self: float32[2] sparse_coo, other: float32[3], alpha: 1)",
        ),
        (reshaped, (torch.ones(2, 3).t(),), "aten::view(self: float32[3, 2], size: [-1])"),
        (branch_on_itself, (torch.zeros(2, device="meta"),), "aten::Bool(a: float32[2] meta)"),
    ],
)
def test_calls_in_errors(script: Callable[..., object], args: tuple[object, ...], call: str, tier: str) -> None:
    with settings.override(tier=tier), pytest.raises(ExecutionError) as caught:
        flambeau.script(script)(*args)
    assert caught.value.operator_call == call
    again = caught.value.again()
    assert again.operator_call == call


def test_what_a_script_raises_names_no_operator() -> None:
    def refuse(n: int) -> int:
        if n > 0:
            raise ValueError("no")
        return n

    with pytest.raises(ExecutionError) as caught:
        flambeau.script(refuse)(1)
    assert caught.value.operator_call == ""


def test_nothing_is_no_bool() -> None:
    """PyTorch takes None for False."""
    with pytest.raises(ExecutionError, match="argument 'b'"):
        flambeau.script(takes_all)(**{**GOOD, "b": None})


def test_calls_of_long_and_deep_values_by_the_python_tier() -> None:
    def pick(table: dict[str, list[list[list[list[int]]]]], names: list[str], name: str) -> list[list[list[list[int]]]]:
        return [table[names[7]], table[name]][len(names)]

    names = ["a" * 100, *map(str, range(9))]
    with pytest.raises(ExecutionError) as caught:
        flambeau.script(pick)({"6": [[[[1]]]], "b": []}, names, "b")
    # The index is part of an expression, and not to be had any more.
    assert caught.value.operator_call == "aten::__getitem__(list: [[[[...]]], []])"
    with pytest.raises(ExecutionError) as caught:
        flambeau.script(pick)({"x": []}, names, "y" * 100)
    assert caught.value.operator_call == "aten::__getitem__(self: dict of 1, key: '6')"


class Silent(Tensor):
    """A tensor that tells nothing about itself."""

    @classmethod
    def __torch_function__(cls, func: object, types: object, args: Any = (), kwargs: Any = None) -> object:
        raise RuntimeError("not for you")


def test_a_tensor_that_tells_nothing() -> None:
    with pytest.raises(ExecutionError) as caught:
        flambeau.script(product)(torch.ones(2).as_subclass(Silent))
    assert "not for you" in str(caught.value)
