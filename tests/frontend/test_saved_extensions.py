"""Forms that PyTorch's compiler does not have are saved as ordinary code, which PyTorch runs."""

from __future__ import annotations

import io

import pytest
import torch

import flambeau


def formats(n: int, x: float, s: str):
    return f"{n:d}|{n:03d}|{n:5}|{n:<6d}|{x:f}|{x:e}|{x:>16f}|{n:f}", f"{s:>6}|{s:*>9s}|{s:.3}|{s!s}|{n!r:>4}"


def cases(n: int, x: float, s: str):
    result = 0
    match s:
        case "ab" | "abc" as name:
            result = len(name)
        case text if n > 5:
            result = len(text) + n
        case _:
            result = -1
    return result


def signs(n: int, x: float, s: str):
    return +n, +x, +(n > 3)


def _add(a: int, b: int = 2, c: int = 3) -> int:
    return a * 100 + b * 10 + c


def keywords(n: int, x: float, s: str):
    return _add(**{"a": n, "c": 7})


@pytest.mark.parametrize("function", [formats, cases, signs, keywords])
def test_saved(function: object) -> None:
    scripted = flambeau.script(function)
    buffer = io.BytesIO()
    scripted.save(buffer)
    buffer.seek(0)
    loaded = torch.jit.load(buffer)
    for arguments in [(1, 2.5, "ab"), (-7, 1e10, "abcdefghijk"), (100, float("inf"), "")]:
        assert callable(function)
        expected = function(*arguments)
        assert scripted(*arguments) == expected
        assert loaded(*arguments) == expected


class Numbered(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = torch.nn.Linear(3, 3)
        self.conv1 = torch.nn.Linear(3, 3)
        self.acts = torch.nn.ModuleList([torch.nn.ReLU(), torch.nn.Tanh()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, act in enumerate(self.acts):
            x = act(getattr(self, f"conv{i}")(x))
        return x


def test_attributes_named_by_f_strings() -> None:
    module = Numbered()
    scripted = flambeau.script(module)
    buffer = io.BytesIO()
    scripted.save(buffer)
    buffer.seek(0)
    x = torch.randn(2, 3)
    assert torch.equal(scripted(x), module(x))
    assert torch.equal(torch.jit.load(buffer)(x), module(x))
