"""einops in scripts: the text that a pattern becomes, scripts and archives of it, against einops itself."""

from __future__ import annotations

import io
import random
from typing import Any, List

import einops
import einops.layers.torch as layers
import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ExecutionError, ScriptError
from flambeau.python.values import einops_source

X = torch.arange(2 * 3 * 8 * 12, dtype=torch.float32).reshape(2, 3, 8, 12) / 100

PATTERNS: list[tuple[str, str, str, dict[str, int]]] = [
    ("rearrange", "b c h w -> b h w c", "", {}),
    ("rearrange", "b c (h p) (w q) -> b (h w) (p q c)", "", {"p": 4, "q": 3}),
    ("rearrange", "b ... w -> (b w) ...", "", {}),
    ("rearrange", "... h w -> ... (h w)", "", {}),
    ("rearrange", "b c h w -> b (c h) w 1", "", {}),
    ("rearrange", "b c h w -> (b c h w)", "", {}),
    ("rearrange", "b size h rest -> rest b size h", "", {}),
    ("rearrange", "b ... -> b (...)", "", {}),
    ("rearrange", "b c h (w n) -> n b c h w ()", "", {"w": 4, "n": 3}),
    ("repeat", "b c h w -> b (c r) h w n", "", {"r": 2, "n": 3}),
    ("repeat", "b c h w -> b c (h 2) (w 2)", "", {}),
    ("repeat", "... -> ... 2", "", {}),
    ("reduce", "b c h w -> b c", "mean", {}),
    ("reduce", "b c (h 2) (w 2) -> b c h w", "max", {}),
    ("reduce", "b c (h k) w -> k b", "prod", {"k": 2}),
    ("reduce", "b c h w -> b () () w", "sum", {}),
    ("reduce", "... -> ", "min", {}),
    ("reduce", "b ... w -> b w", "sum", {}),
]


def _text(operation: str, pattern: str, reduction: str, lengths: dict[str, int]) -> str:
    return einops_source.transformation(
        pattern, list(lengths), reduction or None, of_list=False, adds_axes=operation == "repeat"
    )


def _as_python(text: str) -> Any:
    namespace: dict[str, Any] = {"torch": torch, "Tensor": Tensor, "List": List}
    exec(text, namespace)
    return namespace["transform"]


class Apply(nn.Module):
    """One operation whose pattern and lengths are attributes."""

    def __init__(self, operation: str, pattern: str, reduction: str, lengths: dict[str, int]) -> None:
        super().__init__()
        self.operation, self.pattern, self.reduction, self.lengths = operation, pattern, reduction, lengths

    def forward(self, x):
        if self.operation == "rearrange":
            return einops.rearrange(x, self.pattern, **self.lengths)
        if self.operation == "repeat":
            return einops.repeat(x, self.pattern, **self.lengths)
        return einops.reduce(x, self.pattern, self.reduction, **self.lengths)


@pytest.mark.parametrize(("operation", "pattern", "reduction", "lengths"), PATTERNS, ids=lambda part: str(part))
def test_patterns(operation: str, pattern: str, reduction: str, lengths: dict[str, int]) -> None:
    expected = getattr(einops, operation)(X, pattern, *filter(None, [reduction]), **lengths)
    torch.testing.assert_close(_as_python(_text(operation, pattern, reduction, lengths))(X, **lengths), expected)
    scripted = flambeau.script(Apply(operation, pattern, reduction, lengths))
    torch.testing.assert_close(scripted(X), expected)
    stored = io.BytesIO()
    scripted.save(stored)
    stored.seek(0)
    torch.testing.assert_close(torch.jit.load(stored)(X), expected)


@pytest.mark.parametrize("seed", range(200))
def test_random_patterns(seed: int) -> None:
    drawn = random.Random(seed)
    axes = {name: drawn.choice((1, 2, 3)) for name in "abcdef"[: drawn.randint(1, 6)]}
    names = list(axes)

    def side() -> tuple[str, list[list[str]]]:
        order = drawn.sample(names, len(names))
        cuts = sorted(drawn.sample(range(1, len(names)), drawn.randint(0, len(names) - 1)))
        groups = [order[i:j] for i, j in zip([0, *cuts], [*cuts, len(names)], strict=True)]
        return " ".join(group[0] if len(group) == 1 else f"({' '.join(group)})" for group in groups), groups

    (left, groups), (right, _) = side(), side()
    given = {name: axes[name] for group in groups for name in group[1:]}
    x = torch.randn([torch.Size([axes[name] for name in group]).numel() for group in groups])
    text = _text("rearrange", f"{left} -> {right}", "", given)
    expected = einops.rearrange(x, f"{left} -> {right}", **given)
    torch.testing.assert_close(_as_python(text)(x, **given), expected, rtol=0, atol=0)


def _all_of_them(x: Tensor, ys: List[Tensor], h: int):
    stacked = einops.rearrange(ys, "n b c -> b (n c)")
    packed, shapes = einops.pack([x, x.flatten(2)], "b c *")
    first, second = einops.unpack(packed * 2, shapes, "b c *")
    product = einops.einsum(x, x, "b chan i j, b chan k j -> b chan i k")
    heads = einops.rearrange(x, "b (h d) ... -> b h d ...", h=h)
    flat = einops.rearrange(x, "b c h w -> b c (h w)", **einops.parse_shape(x, "b _ _ w"))
    return stacked, packed, first, second, product, heads, flat, einops.parse_shape(x, "b c _ _")["c"]


def test_the_other_functions() -> None:
    ys = [torch.randn(2, 3) for _ in range(4)]
    scripted = flambeau.script(_all_of_them)
    for ours, expected in zip(scripted(X, ys, 3), _all_of_them(X, ys, 3), strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=4, q=3),
        layers.Reduce("b c h w -> b c", "mean"),
        nn.Sequential(layers.Rearrange("b c h w -> b (c h w)"), nn.LayerNorm(288)),
    ],
    ids=["rearrange", "reduce", "in a container"],
)
def test_layers(layer: nn.Module) -> None:
    torch.testing.assert_close(flambeau.script(layer)(X), layer(X))


def _unknown_pattern(x: Tensor, pattern: str):
    return einops.rearrange(x, pattern)


def _axis_is_lost(x: Tensor):
    return einops.rearrange(x, "b (c d) e -> b c d")


def _no_length(x: Tensor):
    return einops.rearrange(x, "b (c d) e -> b c d e")


def _unbalanced(x: Tensor):
    return einops.rearrange(x, "b (c d -> b c d")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_unknown_pattern, "must be known when the script is compiled"),
        (_axis_is_lost, "axes ['e'] are only on the left of 'b (c d) e -> b c d'"),
        (_no_length, "the lengths of ['c', 'd'] are not given"),
        (_unbalanced, "is no pattern of einops"),
    ],
)
def test_what_does_not_compile(function: Any, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(function)
    assert message in str(caught.value)
    assert "einops.rearrange(" in str(caught.value)


def _by_five(x: Tensor):
    return einops.rearrange(x, "b (c d) h w -> b c d h w", c=5)


def test_lengths_that_do_not_divide() -> None:
    with pytest.raises(ExecutionError, match="an axis cannot be divided as 'b"):
        flambeau.script(_by_five)(X)
    with pytest.raises(ExecutionError, match="expects 4 dimensions"):
        flambeau.script(_by_five)(X[0])
